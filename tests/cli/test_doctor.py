"""`rookery doctor`: what it finds, how fast, and what it says when something is wrong."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rookery.cli import doctor

Call = Callable[..., Any]


def test_it_names_versions_device_threads_places_and_extras(rookery: Call) -> None:
    said = rookery("doctor")
    assert said.code == 0
    for word in ("rookery", "packages", "device", "cores", "memory", "kernels", "writes to", "extra"):
        assert any(line.startswith(word) for line in said.out.splitlines()), word


def test_the_document_has_every_needed_package_and_every_extra(rookery: Call) -> None:
    found = rookery("doctor", "--json").json
    assert found["packages"].keys() >= {"torch", "polars", "numba", "pydantic", "typer"}
    assert all(found["packages"].values())
    assert {extra["name"] for extra in found["extras"]} >= {"onchain", "oracles", "dev"}
    assert all(extra["enables"] and extra["enables"] != "see pyproject.toml" for extra in found["extras"])
    assert found["cores_usable"] >= 1
    assert found["problems"] == []


def test_a_folder_that_cannot_be_written_is_a_problem_and_exit_code_1(
    rookery: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/proc/nowhere")
    said = rookery("doctor", "--json")
    assert said.code == 1
    assert said.json["problems"] == ["compiled kernels: /proc/nowhere is not writable"]
    assert "problem     compiled kernels" in rookery("doctor").out


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_requirements", lambda: (["polars", "no-such-package"], {"dev": ["absent-one"]}))
    found = doctor.examine(deep=False)
    assert found.packages["no-such-package"] is None
    assert found.problems == ["package no-such-package is missing"]
    assert found.extras[0].missing == ["absent-one"]


def test_it_answers_within_a_second_and_a_half_without_loading_torch(
    cost_s: Callable[[Callable[[], object]], float],
) -> None:
    script = (
        "import sys\nfrom rookery.cli import main\ncode = main(['doctor', '--json'])\n"
        "print([name for name in ('torch', 'polars', 'numba', 'numpy') if name in sys.modules], file=sys.stderr)"
    )

    def examined() -> None:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stderr == "[]\n"

    assert cost_s(examined) <= 1.5


def test_threads_set_in_the_environment_are_shown(rookery: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert rookery("doctor", "--json").json["threads"]["OMP_NUM_THREADS"] == "3"


@pytest.mark.slow
def test_deep_asks_torch(rookery: Call, tmp_path: Path) -> None:
    assert "torch" in rookery("doctor", "--deep", "--json").json["device"]
