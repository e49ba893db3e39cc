"""A regular clock over irregular events, on which returns can be compared."""

from dataclasses import dataclass

import numpy as np

from rookery.measures import Ints

INTERVALS_S = (60, 300, 900, 3_600, 14_400, 86_400)
MOST_POINTS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """G points, `interval_s` apart, from the first event to the first point at or after the last one.

    `time_ns_G1` are the G + 1 times that bound the G periods. `row_G` is the last event known at the end of each
    period: what was last known is carried forward, never back.
    """

    interval_s: int
    time_ns_G1: Ints
    row_G: Ints


def grid(time_ns_T: Ints, *, interval_s: int | None = None) -> Grid:
    """The clock of T events (ns, not falling). Without `interval_s`: the finest of 1, 5, 15 min, 1, 4 h, 1 d that
    gives at most 5000 periods; any span from 5 hours to 13 years then has at least 300.
    """
    first, span = int(time_ns_T[0]), int(time_ns_T[-1] - time_ns_T[0])
    step_s = interval_for(span / 1e9) if interval_s is None else interval_s
    if step_s <= 0:
        raise ValueError(f"interval is {step_s} s, expected above 0")
    step = step_s * 1_000_000_000
    count = max(-(-span // step), 1)
    times = first + step * np.arange(count + 1, dtype=np.int64)
    rows = np.searchsorted(time_ns_T, times[1:], side="right") - 1
    return Grid(interval_s=step_s, time_ns_G1=times, row_G=rows.astype(np.int64))


def interval_for(span_s: float) -> int:
    """The finest interval that cuts `span_s` into at most 5000 periods; a day when none does."""
    return next((step for step in INTERVALS_S if span_s <= step * MOST_POINTS), INTERVALS_S[-1])
