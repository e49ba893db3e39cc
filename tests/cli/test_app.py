"""What the bare command shows, what it costs to start, and how faults become exit codes."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rookery.cli import faults
from rookery.cli.app import PIPELINES
from rookery.errors import UserError

Call = Callable[..., Any]
HEAVY = ("torch", "sklearn", "scipy", "polars", "numba", "tensorboard", "pydantic", "numpy", "rich", "arch")


def test_alone_it_tells_every_pipelines_state_and_what_to_type_first(rookery: Call) -> None:
    said = rookery()
    assert said.code == 0
    lines = said.out.splitlines()
    assert len(lines) <= 40
    assert all(len(line) <= 120 for line in lines)
    for name, (state, _) in PIPELINES.items():
        assert sum(line.split()[:2] == [name, state] for line in lines) == 1
    assert next(line.strip() for line in lines if "rookery " in line).startswith("rookery demo")


def test_only_what_is_built_is_said_to_work(rookery: Call) -> None:
    for name, (state, _) in PIPELINES.items():
        built = rookery("demo", "--pipeline", name, "--output", "../x")
        assert ("not built yet" in built.err) == (state == "planned")


def test_version_and_help_of_every_command_answer(rookery: Call) -> None:
    assert rookery("version").out == "rookery 0.1.0\n"
    top = ("demo", "runs", "resume", "report", "audit", "compare", "doctor", "rook")
    steps = ("features", "label", "dataset", "train", "backtest", "run", "check")
    for words in [(name,) for name in top] + [("rook", name) for name in steps]:
        said = rookery(*words, "--help")
        assert said.code == 0
        assert f"Usage: rookery {' '.join(words)}" in said.out


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("features", "--input --output"),
        ("label", "--features --conditions --output --config"),
        ("dataset", "--labeled-data --conditions --output --seq-len"),
        ("train", "--data-dir --output-dir --num-epochs --batch-size --hidden-dim"),
    ],
)
def test_the_specifications_command_lines_are_all_there(rookery: Call, command: str, options: str) -> None:
    text = rookery("rook", command, "--help").out
    assert all(option in text for option in options.split())


def test_help_loads_nothing_heavy_and_answers_within_three_tenths_of_a_second(
    cost_s: Callable[[Callable[[], object]], float],
) -> None:
    script = (
        "import sys\nfrom rookery.cli import main\ncode = main(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\nsys.exit(code)"
    )

    def help_said() -> None:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stderr == "[]\n"

    assert cost_s(help_said) <= 0.3


def test_python_m_rookery_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "rookery", "version"], capture_output=True, text=True, check=True)
    assert done.stdout == "rookery 0.1.0\n"


def told(fault: BaseException, capsys: pytest.CaptureFixture[str], *, debug: bool = False) -> tuple[int, list[str]]:
    code = faults.tell(fault, command="rookery runs", debug=debug)
    return code, capsys.readouterr().err.splitlines()


def test_a_fault_of_ours_is_one_line_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = told(ZeroDivisionError("division by zero, see https://example.org/why"), capsys)
    assert code == 1
    assert lines == [
        "error: internal fault: ZeroDivisionError: division by zero, see",
        "help: run again with --debug and report what it prints",
    ]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EROFS])
def test_what_the_system_refuses_is_one_line_that_names_the_file(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = told(OSError(number, os.strerror(number), "runs/a/weights.bin"), capsys)
    assert code == 1
    assert lines[0].lower() == f"error: runs/a/weights.bin: {os.strerror(number)}".lower()
    assert len(lines) == 2


def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = told(UserError("is empty", place="a.csv"), capsys, debug=True)
    assert code == 2
    assert lines[-2:] == ["error: a.csv: is empty", "help: see: rookery runs --help"]
    assert len(lines) > 2


def test_line_breaks_and_control_characters_in_names_cannot_forge_a_line(rookery: Call) -> None:
    said = rookery("runs", "a\nerror: forged\x1b[31m")
    assert said.code == 2
    assert len(said.err.splitlines()) == 2
    assert "\x1b" not in said.err


def test_debug_may_stand_anywhere(tmp_path: Path) -> None:
    for words in (["--debug", "runs", "nowhere"], ["runs", "nowhere", "--debug"]):
        done = subprocess.run([sys.executable, "-m", "rookery", *words], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback" in done.stderr
        assert done.stderr.splitlines()[-2] == "error: nowhere: no such folder"


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    for index in range(300):
        (tmp_path / f"run{index}").mkdir()
        (tmp_path / f"run{index}" / "run.json").write_text("{}")
    line = f"{sys.executable} -m rookery runs . | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split()[:3] == ["name", "state", "pipeline"]
    assert done.stderr == ""


def test_colours_are_for_terminals_that_want_them(capsys: pytest.CaptureFixture[str]) -> None:
    told(UserError("x"), capsys)
    faults.tell(UserError("is empty"), command="rookery", debug=False)
    assert "\x1b" not in capsys.readouterr().err


def test_every_json_answer_is_one_document(rookery: Call) -> None:
    for words in (("doctor",), ("runs",)):
        said = rookery(*words, "--json")
        assert isinstance(json.loads(said.out), dict)
        assert said.err == ""
