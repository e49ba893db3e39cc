"""How far a stage is: one live line on a terminal, one plain line per stage in a pipe, always on stderr."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

Advance = Callable[[int], None]

_REDRAW_S = 0.1
_WORTH_TELLING_S = 1.0
_CLEAR = "\r\x1b[2K"


@dataclass(slots=True, kw_only=True, eq=False)
class _Line:
    """One stage under way."""

    name: str
    total: int | None
    unit: str
    started: float
    done: int = 0
    steps: int = 0
    drawn: float = 0.0


class Progress:
    """Shows stages one at a time. `clock` (seconds) is an argument so that tests need not wait.

    A stage inside a stage takes the live line over until it ends: there are never two.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._clock = clock
        self._live = not quiet and self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._open: list[_Line] = []

    def say(self, line: str) -> None:
        """One line of plain text, above the live line if there is one."""
        if self._quiet:
            return
        if self._live and self._open:
            self._stream.write(_CLEAR)
        self._stream.write(line + "\n")
        if self._live and self._open:
            self._draw(self._open[-1])
        self._stream.flush()

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "rows") -> Iterator[Advance]:
        """Show `name` until the block ends; call the yielded function with the number of units just done."""
        line = _Line(name=name, total=total, unit=unit, started=self._clock())
        self._open.append(line)
        if self._live:
            self._draw(line)

        def advance(count: int) -> None:
            line.done += count
            line.steps += 1
            # Drawing costs more than many a step; ten times a second is as often as an eye can follow.
            if self._live and self._open[-1:] == [line] and self._clock() - line.drawn >= _REDRAW_S:
                self._draw(line)

        try:
            yield advance
        except BaseException:
            self._close(line)
            elapsed = self._clock() - line.started
            # A file that is refused at once needs no line of its own besides the refusal.
            if elapsed >= _WORTH_TELLING_S:
                self.say(f"{name:<11} stopped after {_duration(elapsed)}")
            raise
        self._close(line)
        self.say(_finished(line, self._clock() - line.started))

    def _close(self, line: _Line) -> None:
        self._open.remove(line)
        if self._live:
            self._stream.write(_CLEAR)

    def _draw(self, line: _Line) -> None:
        line.drawn = self._clock()
        text = _running(line, line.drawn - line.started)
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"{_CLEAR}{text[:width]}")
        self._stream.flush()


def _running(line: _Line, elapsed: float) -> str:
    if not line.done:
        return f"{line.name:<11} ..."
    text = f"{line.name:<11} {_count(line)}{_rate(line, elapsed)}"
    # The first steps carry what is only done once, so an estimate from them misleads.
    if line.total and line.steps >= 3 and line.done < line.total:
        text += f"  {_duration(elapsed * (line.total - line.done) / line.done)} left"
    return text


def _finished(line: _Line, elapsed: float) -> str:
    counted = f"{_count(line)}{_rate(line, elapsed)}  " if line.done else ""
    return f"{line.name:<11} {counted}{_duration(elapsed)}"


def _count(line: _Line) -> str:
    total = f"/{line.total:,}" if line.total else ""
    return f"{line.done:,}{total} {line.unit}".rstrip()


def _rate(line: _Line, elapsed: float) -> str:
    if elapsed <= 0.05 or not line.unit:
        return ""
    rate = line.done / elapsed
    return f"  {rate:,.0f} {line.unit}/s" if rate >= 10 else f"  {rate:.2g} {line.unit}/s"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
