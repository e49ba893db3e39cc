"""Columns computed within runs of rows that belong together: one market, one session, one record without a gap.

A segment is a run of equal values in the column `segment`. Kernels get the offsets of the runs and start afresh at
each, so that no value is carried from one market into the next. What is not defined yet, because the segment is too
young, is null.
"""

# R rows, S segments

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Offsets = npt.NDArray[np.int64]

SEGMENT = "segment"
CLOSE = pl.col("close")


def within_segments(kernel: Callable[..., None], columns: Sequence[pl.Expr], *settings: Any) -> pl.Expr:  # noqa: ANN401
    """`kernel(offsets_S, *columns_R, *settings, result_R)` over float64 columns; NaN in its result becomes null.

    `offsets_S` holds the first row of every segment and, last, the number of rows.
    """

    def apply(series: Sequence[pl.Series]) -> pl.Series:
        result = np.empty(series[0].len())
        kernel(segment_offsets(series[0]), *(_floats(column) for column in series[1:]), *settings, result)
        return pl.Series(result, nan_to_null=True)

    return pl.map_batches([pl.col(SEGMENT), *columns], apply, return_dtype=pl.Float64)


def segment_offsets(segment: pl.Series) -> Offsets:
    """The first row of every run of equal values, and the number of rows as the last offset."""
    changed = segment.ne_missing(segment.shift(1))
    starts = np.flatnonzero(changed.to_numpy())
    # A null first row equals the null that the shift puts before it.
    if segment.len() and (not starts.size or starts[0] != 0):
        starts = np.concatenate(([0], starts))
    return np.concatenate((starts, [segment.len()])).astype(np.int64)


def at_least(value: int, least: int, name: str) -> int:
    """`value`, or a ValueError naming what is too small."""
    if value < least:
        raise ValueError(f"{name} of {value} is too small; at least {least}")
    return value


def _floats(values: pl.Series) -> Floats:
    # One kind of array, so that numba compiles each kernel once.
    array: Floats = np.ascontiguousarray(values.cast(pl.Float64).to_numpy())
    array.flags.writeable = False
    return array
