"""Progress: one live line on a terminal, plain lines elsewhere, never two displays."""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rookery.progress import Progress


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(text: str) -> list[str]:
    """What a terminal shows in the end: a carriage return with `erase line` starts the line anew."""
    return [re.split(r"\r\x1b\[2K", line)[-1] for line in text.split("\n")]


def test_in_a_pipe_each_stage_is_one_plain_line() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    with progress.stage("data", 12_000) as advance:
        for _ in range(4):
            clock.now += 0.5
            advance(3_000)
    with progress.stage("compiling kernels (first time only)"):
        clock.now += 61.0
    assert stream.getvalue().splitlines() == [
        "data        12,000/12,000 rows  6,000 rows/s  2.0 s",
        "compiling kernels (first time only) 1 min 01 s",
    ]
    assert "\x1b" not in stream.getvalue()


def test_on_a_terminal_the_line_is_live_and_tells_what_is_left_after_three_steps() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock=clock)
    seen: list[str] = []
    with progress.stage("train", 10, "epochs") as advance:
        for _ in range(4):
            clock.now += 2.0
            advance(1)
            seen.append(screen(stream.getvalue())[-1])
    assert seen == [
        "train       1/10 epochs  0.5 epochs/s",
        "train       2/10 epochs  0.5 epochs/s",
        "train       3/10 epochs  0.5 epochs/s  14.0 s left",
        "train       4/10 epochs  0.5 epochs/s  12.0 s left",
    ]
    assert screen(stream.getvalue()) == ["train       4/10 epochs  0.5 epochs/s  8.0 s", ""]


def test_a_stage_within_a_stage_takes_the_live_line_over() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock=clock)
    with progress.stage("train", 2, "epochs") as outer:
        clock.now += 1.0
        outer(1)
        with progress.stage("kernels") as inner:
            clock.now += 1.0
            inner(1)
            outer(1)
            assert screen(stream.getvalue())[-1].startswith("kernels")
    assert [line.split()[0] for line in screen(stream.getvalue()) if line] == ["kernels", "train"]


def test_a_line_said_meanwhile_stands_above_the_live_one() -> None:
    stream = Terminal()
    progress = Progress(stream, clock=Clock())
    with progress.stage("train", 2, "epochs"):
        progress.say("stopping early")
        assert screen(stream.getvalue()) == ["stopping early", "train       ..."]


def test_a_stage_that_fails_says_so_and_leaves_a_clean_line() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock=clock)
    with pytest.raises(KeyboardInterrupt):
        fails(progress, clock)
    assert screen(stream.getvalue()) == ["train       stopped after 3.0 s", ""]


def fails(progress: Progress, clock: Clock) -> None:
    with progress.stage("train"):
        clock.now += 3.0
        raise KeyboardInterrupt


def test_a_million_small_steps_are_drawn_ten_times_a_second() -> None:
    stream, clock = Terminal(), Clock()
    with Progress(stream, clock=clock).stage("rows", 10_000) as advance:
        for _ in range(10_000):
            clock.now += 0.0001
            advance(1)
    assert stream.getvalue().count("\r") <= 14


def test_quiet_prints_nothing() -> None:
    stream = Terminal()
    progress = Progress(stream, quiet=True)
    progress.say("words")
    with progress.stage("data") as advance:
        advance(1)
    assert stream.getvalue() == ""


def test_a_long_line_is_cut_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    with Progress(stream, clock=Clock()).stage("a name that is much longer than the line"):
        pass
    drawn = re.split(r"\r\x1b\[2K", stream.getvalue())[1]
    assert len(drawn) == 19


def test_a_dumb_terminal_gets_no_escape_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Progress(stream, clock=Clock()).stage("data"):
        pass
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (61, "1 min 01 s"), (3_599, "59 min 59 s"), (7_260, "2 h 01 min")],
)
def test_durations_read_like_a_clock(seconds: float, text: str) -> None:
    stream, clock = io.StringIO(), Clock()
    with Progress(stream, clock=clock).stage("data"):
        clock.now += seconds
    assert stream.getvalue() == f"data        {text}\n"


SCRIPT = """
from rookery.progress import Progress
progress = Progress()
with progress.stage("data", 3) as advance:
    for _ in range(3):
        advance(1)
"""


def test_a_real_terminal_gets_the_live_line_and_a_real_pipe_does_not(tmp_path: Path) -> None:
    piped = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    assert b"\x1b" not in piped.stderr
    assert piped.stderr.count(b"\n") == 1
    assert piped.stdout == b""
    leader, follower = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stderr=follower, env={**os.environ, "TERM": "xterm"}):
        os.close(follower)
        shown = b""
        while True:
            try:
                part = os.read(leader, 4_096)
            except OSError:  # Linux says so when the other side has closed
                break
            if not part:
                break
            shown += part
    os.close(leader)
    assert b"\r\x1b[2Kdata" in shown
    assert screen(shown.decode().replace("\r\n", "\n"))[0].startswith("data        3/3 rows")
