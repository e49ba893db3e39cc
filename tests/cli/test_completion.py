"""TAB: commands, options, run names and bundle paths, with nothing on stderr."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rookery.cli.completion import bundle_paths, run_names

BIN = str(Path(sys.executable).parent)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, one of them with a bundle, and a folder that is none."""
    monkeypatch.chdir(tmp_path)
    for name in ("demo", "demo-martingale"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text("{}")
    (tmp_path / "runs" / "notes").mkdir()
    bundle = tmp_path / "runs" / "demo" / "models" / "ETH_USDC"
    bundle.mkdir(parents=True)
    for name in ("norm.json", "schema.json", "model.safetensors"):
        (bundle / name).write_text("{}")
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "_ROOKERY_COMPLETE": "complete_bash", **more}


def offered(line: str) -> list[str]:
    """What bash is offered after `line`; a space at its end begins a new word."""
    words = line.split()
    position = len(words) if line.endswith(" ") else len(words) - 1
    done = subprocess.run(
        [f"{BIN}/rookery"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(COMP_WORDS=line, COMP_CWORD=str(position)),
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_run_names_and_bundle_paths_are_found_by_their_files(workplace: Path) -> None:
    assert run_names("") == ["demo", "demo-martingale"]
    assert run_names("runs/de") == ["runs/demo", "runs/demo-martingale"]
    assert bundle_paths("") == ["runs/demo/models/ETH_USDC"]
    assert bundle_paths("runs/demo/models/") == ["runs/demo/models/ETH_USDC"]


def test_without_runs_nothing_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_names("") == []
    assert bundle_paths("nowhere/") == []


def test_a_huge_tree_is_not_walked_to_its_end(workplace: Path) -> None:
    for index in range(3_000):
        (workplace / "runs" / f"x{index:05}" / "deep").mkdir(parents=True)
    started = time.perf_counter()
    bundle_paths("")
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rookery re", ["resume", "report"]),
        ("rookery rook tr", ["train"]),
        ("rookery resume ", ["demo", "demo-martingale"]),
        ("rookery compare demo ", ["demo", "demo-martingale"]),
        ("rookery report demo-", ["demo-martingale"]),
        ("rookery rook train --num", ["--num-epochs"]),
        ("rookery demo --data ", ["edge", "martingale"]),
        ("rookery rook backtest --model ", ["runs/demo/models/ETH_USDC"]),
    ],
)
def test_tab_offers(workplace: Path, line: str, words: list[str]) -> None:
    assert offered(line) == words


def test_tab_answers_within_four_tenths_of_a_second(
    workplace: Path, cost_s: Callable[[Callable[[], object]], float]
) -> None:
    assert cost_s(lambda: offered("rookery resume ")) <= 0.4


def test_bash_itself_completes_a_run_name(workplace: Path) -> None:
    asked = environment(_ROOKERY_COMPLETE="source_bash")
    script = subprocess.run([f"{BIN}/rookery"], capture_output=True, text=True, check=True, env=asked)
    words = (
        f"{script.stdout}\nCOMP_WORDS=(rookery report demo-)\nCOMP_CWORD=2\n"
        "_rookery_completion rookery\nprintf '%s\\n' \"${COMPREPLY[@]}\""
    )
    bash = {name: value for name, value in environment().items() if name != "_ROOKERY_COMPLETE"}
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=True, env=bash)
    assert (done.stdout.split(), done.stderr) == (["demo-martingale"], "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_calls_back_and_is_valid_where_the_shell_is(shell: str, tmp_path: Path) -> None:
    asked = environment(_ROOKERY_COMPLETE=f"source_{shell}")
    script = subprocess.run([f"{BIN}/rookery"], capture_output=True, text=True, check=True, env=asked)
    assert script.stderr == ""
    assert f"_ROOKERY_COMPLETE=complete_{shell}" in script.stdout
    if shutil.which(shell) is not None:
        (tmp_path / "script").write_text(script.stdout)
        subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True, check=True)


def test_zsh_and_fish_are_offered_run_names_too(workplace: Path) -> None:
    zsh = environment(_ROOKERY_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="rookery report demo-")
    fish = {**zsh, "_ROOKERY_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    for shell in (zsh, fish):
        done = subprocess.run([f"{BIN}/rookery"], capture_output=True, text=True, check=True, env=shell)
        assert "demo-martingale" in done.stdout
        assert done.stderr == ""
