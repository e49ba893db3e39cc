"""`rookery bars check`: what a file of bars holds, or the one line that says what is wrong with it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


@pytest.fixture
def bars_csv(tmp_path: Path) -> Path:
    lines = [f"0{1 + hour // 24}/02/2024 {hour % 24:02}:00,10.{hour:02},11,9,10.{hour:02},5" for hour in range(48)]
    path = tmp_path / "gold.csv"
    path.write_text("\n".join(["when,open,high,low,Settle,volume", *lines]) + "\n")
    return path


STATED = ("--column", "time=when", "--column", "close=Settle", "--date-order", "month", "--tz", "America/New_York")


def test_check_tells_what_a_file_holds(rookery: Call, bars_csv: Path) -> None:
    said = rookery("bars", "check", bars_csv, *STATED)
    assert said.code == 0
    assert "48 kept of 48" in said.out
    assert "time zone     America/New_York, as given" in said.out
    assert "1 h, the most common step" in said.out
    document = rookery("bars", "check", bars_csv, *STATED, "--json").json
    assert document["source"]["rows_kept"] == 48
    assert document["quality"]["interval_s"] == 3600
    assert document["first"] == "2024-01-02T06:00:00+00:00"


def test_check_without_what_it_needs_says_what_to_give(rookery: Call, bars_csv: Path) -> None:
    said = rookery("bars", "check", bars_csv)
    assert said.code == 2
    assert said.err.splitlines()[0].endswith("gold.csv:1: bar table lacks 'time'")
    assert said.err.splitlines()[1].endswith("name it: --column time=NAME")
    said = rookery("bars", "check", bars_csv, *STATED[:4])
    assert "may have the day or the month first" in said.err
    assert said.err.splitlines()[1] == "help: give the date order: day or month"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--column", "close"), "error: --column: 'close' is not MEANING=NAME"),
        (("--tz", "Mars"), "error: --tz: 'Mars' is no time zone"),
        (("--interval", "soon"), "error: --interval: 'soon' is no interval"),
        (("--dialect", "mt6"), "error: --dialect: 'mt6' is not a choice"),
        (("--quarantine", "gold.csv"), "error: --quarantine: is the input itself"),
    ],
)
def test_wrong_options_are_named(rookery: Call, bars_csv: Path, words: tuple[str, str], error: str) -> None:
    said = rookery("bars", "check", bars_csv, *words)
    assert said.code == 2
    assert said.err.splitlines()[0] == error
    assert len(said.err.splitlines()) == 2


def test_a_missing_file_is_two_lines(rookery: Call, bars_csv: Path) -> None:
    said = rookery("bars", "check", bars_csv.with_name("glod.csv"))
    assert said.code == 2
    assert said.err.splitlines()[1] == "help: did you mean 'gold.csv'?"


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom rookery.cli import main\nmain(['bars', 'check', '--help'])\n"
        "print([name for name in ('polars', 'numpy', 'torch', 'numba') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
