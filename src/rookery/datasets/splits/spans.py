"""From when to when each row's label looks at the market: what a train row may not share with a test row."""

from collections.abc import Sized
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

# N rows
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelSpans:
    """The closed interval [start, end] of each of N rows, starts in order: row numbers, or nanoseconds.

    A row's span runs from the first thing its features saw to the last thing its label saw. Labels alone are the usual
    choice (Lopez de Prado 2018, ch. 7); where features look back over a window, start the span there. Raises ValueError
    when starts run backwards or a span ends before it starts.
    """

    start: Ints
    end: Ints

    def __post_init__(self) -> None:
        start, end = np.asarray(self.start), np.asarray(self.end)
        if start.ndim != 1 or start.shape != end.shape:
            raise ValueError(f"starts and ends must be two equally long series, not {start.shape} and {end.shape}")
        for name, values in (("starts", start), ("ends", end)):
            if values.dtype.kind not in "iuM":
                raise ValueError(f"{name} must be whole numbers or times, not {values.dtype}")
        object.__setattr__(self, "start", start.astype(np.int64))
        object.__setattr__(self, "end", end.astype(np.int64))
        late = np.flatnonzero(np.diff(self.start) < 0)
        if late.size:
            raise ValueError(f"starts[{late[0] + 1}] lies before the one above it: sort the rows by start")
        short = np.flatnonzero(self.end < self.start)
        if short.size:
            raise ValueError(f"ends[{short[0]}] lies before its start")

    @classmethod
    def of_horizon(cls, count: int, horizon: int, *, lookback: int = 0) -> Self:
        """Spans in row numbers where row i was seen through rows i - lookback and its label ends at row i + horizon."""
        if min(count, horizon, lookback) < 0:
            raise ValueError(f"count ({count}), horizon ({horizon}) and lookback ({lookback}) may not be negative")
        rows = np.arange(count, dtype=np.int64)
        return cls(start=rows - lookback, end=rows + horizon)

    def __len__(self) -> int:
        return self.start.size

    def meets(self, first: int, stop: int) -> npt.NDArray[np.bool_]:
        """Which rows share a moment with the time from the earliest start to the latest end of rows first:stop."""
        return np.asarray((self.start <= self.end[first:stop].max()) & (self.end >= self.start[first]))

    def first_after(self, first: int, stop: int) -> int:
        """The first row that starts when all labels of rows first:stop have ended."""
        return int(np.searchsorted(self.start, self.end[first:stop].max(), side="right"))


def spans_of(spans: LabelSpans | None, table: Sized) -> LabelSpans:
    """`spans`, which must have a span per row of `table`; without any, each row ends where it starts."""
    shape = getattr(table, "shape", None)
    count = int(shape[0]) if shape else len(table)
    if spans is None:
        return LabelSpans.of_horizon(count, 0)
    if len(spans) != count:
        raise ValueError(f"there are {len(spans)} label spans for {count} rows")
    return spans
