"""Sums, means and deviations over the last rows, each built from the rows of its own window alone.

A running sum that adds the new row and takes away the old one carries rounding from the first row to the last, so a
table cut elsewhere gives other bits. Here every window is put together from blocks of 1, 2, 4, ... rows, always the
same blocks counted back from its last row: O(log window) passes, and the value of a row depends on nothing outside
its window, bit for bit. Where fewer than `window` rows exist yet, the rows that exist make the window.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

Floats = npt.NDArray[np.float64]
Kernel = Callable[[Floats, Floats], None]

# Rows worked on at a time: the two or four buffers of a tile stay in the first-level cache.
_TILE = 2048


def trailing_sum(values: pl.Expr, window: int, *, lag: int = 0) -> pl.Expr:
    """Sum of the last `window` rows, this one included; with `lag` 1, of those before this one.

    A row with nothing before it at that lag takes its window at lag 0: the first row is all that it has.
    """
    return _over(values, partial(_trailing_sums, window=_at_least(1, window)), lag=lag)


def trailing_mean(values: pl.Expr, window: int, *, lag: int = 0) -> pl.Expr:
    """Mean of the last `window` rows; `lag` as in `trailing_sum`."""
    return _over(values, partial(_trailing_means, window=_at_least(1, window)), lag=lag)


def trailing_std(values: pl.Expr, window: int, *, lag: int = 0, skip: int = 0) -> pl.Expr:
    """Sample standard deviation (ddof 1) of the last `window` rows, 0 over a single one; `lag` as in `trailing_sum`.

    The first `skip` rows of the table do not count; their own value is 0. Blocks are merged by the update of Chan,
    Golub and LeVeque (1983), which never subtracts large squares: a deviation of 1e-4 of the level keeps 11 digits.
    """
    return _over(values, partial(_trailing_stds, window=_at_least(2, window)), lag=lag, skip=skip)


def trailing_to_running_mean(values: pl.Expr, window: int, *, rows: int = 0, total: float = 0.0) -> pl.Expr:
    """Mean of the last `window` rows over the mean of all so far, 1 while that is 0.

    `rows` rows that sum to `total` came before the first. The sum is taken row by row, so that going on from an
    earlier one gives the same bits.
    """
    return _over(values, partial(_trailing_to_running_means, window=_at_least(1, window), rows=rows, total=total))


def compile_kernels() -> None:
    """Compile the kernels of this module, or load them from numba's cache on disk, so that later calls do not wait."""
    one = pl.lit(1.0)
    pl.select(trailing_std(one, 2), trailing_to_running_mean(one, 2).alias("mean"))


def _at_least(least: int, window: int) -> int:
    if window < least:
        raise ValueError(f"a window of {window} rows is too short; at least {least}")
    return window


def _over(values: pl.Expr, kernel: Kernel, *, lag: int = 0, skip: int = 0) -> pl.Expr:
    return values.map_batches(partial(_apply, kernel=kernel, lag=lag, skip=skip), return_dtype=pl.Float64)


def _apply(values: pl.Series, kernel: Kernel, lag: int, skip: int) -> pl.Series:
    given: Floats = values.to_numpy()
    # One kind of array, so that numba compiles each kernel once.
    given.flags.writeable = False
    result = np.empty(given.size)
    result[: skip + lag] = 0.0
    kernel(given[skip : max(skip, given.size - lag)], result[skip + lag :])
    if lag > skip:
        kernel(given[skip:lag], result[skip:lag])
    return pl.Series(result)


def _trailing_sums(values: Floats, sums: Floats, window: int) -> None:
    _add_windows(values, sums, window, False)


def _trailing_means(values: Floats, means: Floats, window: int) -> None:
    _add_windows(values, means, window, True)


def _trailing_stds(values: Floats, stds: Floats, window: int) -> None:
    _deviate_windows(values, stds, window)
    _deviate_head(values, stds[: window - 1])


def _trailing_to_running_means(values: Floats, ratios: Floats, window: int, rows: int, total: float) -> None:
    _trailing_means(values, ratios, window)
    _divide_by_running_mean(values, ratios, rows, total)


@njit(cache=True, nogil=True)
def _add_windows(values: Floats, sums: Floats, window: int, mean: bool) -> None:
    """Put the sum or mean of each row's window into `sums`. `block[j]` is the sum of the `span` rows that end at j."""
    reach = window - 1
    block, wider = np.zeros(_TILE + reach), np.zeros(_TILE + reach)
    for first in range(0, values.size, _TILE):
        total = sums[first : first + _TILE]
        width = reach + total.size
        _load(values[max(0, first - reach) : first + _TILE], block[:width])
        total[:] = 0.0
        span, done = 1, 0
        while True:
            if window & span:
                _add(total, block[reach - done : width - done])
                done += span
            if 2 * span > window:
                break
            _double(block[: width - span], block[span:width], wider[span:width])
            block, wider = wider, block
            span *= 2
        if mean:
            _divide(total, first, window)


@njit(cache=True, nogil=True)
def _deviate_windows(values: Floats, stds: Floats, window: int) -> None:
    """Put the deviation of each row's window into `stds`; right from row `window - 1` on."""
    reach = window - 1
    mean, mean_wider = np.zeros(_TILE + reach), np.zeros(_TILE + reach)
    square, square_wider = np.zeros(_TILE + reach), np.zeros(_TILE + reach)
    level = np.zeros(_TILE)
    for first in range(0, values.size, _TILE):
        total = stds[first : first + _TILE]
        width = reach + total.size
        _load(values[max(0, first - reach) : first + _TILE], mean[:width])
        total[:] = 0.0
        square[:] = 0.0
        level[:] = 0.0
        span, done = 1, 0
        while True:
            if window & span:
                here = slice(reach - done, width - done)
                _merge(level[: total.size], total, done, mean[here], square[here], span)
                done += span
            if 2 * span > window:
                break
            near, far = slice(span, width), slice(0, width - span)
            _double_squares(
                mean[far], mean[near], square[far], square[near], span, mean_wider[near], square_wider[near]
            )
            mean, mean_wider = mean_wider, mean
            square, square_wider = square_wider, square
            span *= 2
        _root(total, reach)


@njit(cache=True, nogil=True)
def _deviate_head(values: Floats, stds: Floats) -> None:
    # Until a window is full its blocks are not; over the rows that exist, from the first on, Welford (1962) is right.
    mean, squares = 0.0, 0.0
    for i in range(stds.size):
        apart = values[i] - mean
        mean += apart / (i + 1.0)
        squares += apart * (values[i] - mean)
        stds[i] = math.sqrt(squares / max(i, 1))


@njit(cache=True, nogil=True)
def _divide_by_running_mean(values: Floats, ratios: Floats, rows: int, total: float) -> None:
    for i in range(values.size):
        total += values[i]
        ratios[i] = ratios[i] * (rows + i + 1) / total if total != 0.0 else 1.0


# The loops below stand alone because numba turns them into vector instructions so, and not inside the kernels.


@njit(cache=True, nogil=True)
def _load(rows: Floats, block: Floats) -> None:
    absent = block.size - rows.size
    block[:absent] = 0.0
    block = block[absent:]
    for j in range(rows.size):
        block[j] = rows[j]


@njit(cache=True, nogil=True)
def _double(far: Floats, near: Floats, wider: Floats) -> None:
    for j in range(near.size):
        wider[j] = near[j] + far[j]


@njit(cache=True, nogil=True)
def _add(total: Floats, part: Floats) -> None:
    for j in range(part.size):
        total[j] += part[j]


@njit(cache=True, nogil=True)
def _double_squares(
    far: Floats, near: Floats, far_square: Floats, near_square: Floats, span: int, wider: Floats, wider_square: Floats
) -> None:
    weight = 0.5 * span
    for j in range(near.size):
        apart = near[j] - far[j]
        wider[j] = 0.5 * (near[j] + far[j])
        wider_square[j] = near_square[j] + far_square[j] + apart * apart * weight


@njit(cache=True, nogil=True, error_model="numpy")
def _merge(level: Floats, total: Floats, done: int, part: Floats, part_square: Floats, span: int) -> None:
    share = span / (done + span)
    weight = done * share
    for j in range(part.size):
        apart = part[j] - level[j]
        level[j] += apart * share
        total[j] += part_square[j] + apart * apart * weight


@njit(cache=True, nogil=True, error_model="numpy")
def _divide(total: Floats, first: int, window: int) -> None:
    full = min(max(0, window - first), total.size)
    for j in range(full):
        total[j] /= first + j + 1.0
    rest, rows = total[full:], float(window)
    for j in range(rest.size):
        rest[j] /= rows


@njit(cache=True, nogil=True, error_model="numpy")
def _root(total: Floats, freedom: int) -> None:
    for j in range(total.size):
        total[j] = math.sqrt(total[j] / freedom)
