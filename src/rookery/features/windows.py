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
Kernel = Callable[[Floats], Floats]

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
    one = pl.lit(0.0)
    pl.select(trailing_sum(one, 2).alias("sum"), trailing_mean(one, 2).alias("mean"), trailing_std(one, 2).alias("std"))


def _at_least(least: int, window: int) -> int:
    if window < least:
        raise ValueError(f"a window of {window} rows is too short; at least {least}")
    return window


def _over(values: pl.Expr, kernel: Kernel, *, lag: int = 0, skip: int = 0) -> pl.Expr:
    return values.map_batches(partial(_apply, kernel=kernel, lag=lag, skip=skip), return_dtype=pl.Float64)


def _apply(values: pl.Series, kernel: Kernel, lag: int, skip: int) -> pl.Series:
    result = kernel(_floats(values)[skip:])
    if skip:
        result = np.concatenate([np.zeros(values.len() - result.size), result])
    if lag:
        result = np.concatenate([result[:lag], result[:-lag]])
    return pl.Series(result)


def _floats(values: pl.Series) -> Floats:
    array: Floats = values.to_numpy()
    # One kind of array, so that numba compiles each kernel once.
    array.flags.writeable = False
    return array


def _trailing_to_running_means(values: Floats, window: int, rows: int, total: float) -> Floats:
    running = values.copy()
    running[:1] += total
    np.cumsum(running, out=running)
    running /= np.arange(rows + 1, rows + 1 + running.size)
    return np.divide(_trailing_means(values, window), running, out=np.ones_like(running), where=running != 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _trailing_means(values: Floats, window: int) -> Floats:
    means = _trailing_sums(values, window)
    growing = min(window, means.size)
    for i in range(growing):
        means[i] /= i + 1.0
    for i in range(growing, means.size):
        means[i] /= window
    return means


@njit(cache=True, nogil=True)
def _trailing_sums(values: Floats, window: int) -> Floats:
    count, reach = values.size, window - 1
    sums = np.zeros(count)
    block, doubled = np.zeros(_TILE + reach), np.zeros(_TILE + reach)
    for first in range(0, count, _TILE):
        rows = min(_TILE, count - first)
        width = reach + rows
        absent = max(0, reach - first)
        for j in range(absent):
            block[j] = 0.0
        for j in range(absent, width):
            block[j] = values[first - reach + j]
        total = sums[first : first + rows]
        # `block[j]` is the sum of the `span` rows that end at j; `done` rows of the window are in `total` already.
        span, done = 1, 0
        while True:
            if window & span:
                part = block[reach - done : width - done]
                for j in range(rows):
                    total[j] += part[j]
                done += span
            if 2 * span > window:
                break
            near, far, wider = block[span:width], block[: width - span], doubled[span:width]
            for j in range(width - span):
                wider[j] = near[j] + far[j]
            block, doubled = doubled, block
            span *= 2
    return sums


@njit(cache=True, nogil=True)
def _trailing_stds(values: Floats, window: int) -> Floats:
    count, reach = values.size, window - 1
    spread = np.empty(count)
    mean, mean_2 = np.zeros(_TILE + reach), np.zeros(_TILE + reach)
    square, square_2 = np.zeros(_TILE + reach), np.zeros(_TILE + reach)
    level = np.zeros(_TILE)
    for first in range(0, count, _TILE):
        rows = min(_TILE, count - first)
        width = reach + rows
        absent = max(0, reach - first)
        for j in range(width):
            mean[j] = values[first - reach + j] if j >= absent else 0.0
            square[j] = 0.0
        total = spread[first : first + rows]
        for j in range(rows):
            level[j] = 0.0
            total[j] = 0.0
        # Mean and sum of squares about it, of the `span` rows that end at j; of `done` rows in `level` and `total`.
        span, done = 1, 0
        while True:
            if window & span:
                part, part_square = mean[reach - done : width - done], square[reach - done : width - done]
                share = span / (done + span)
                for j in range(rows):
                    apart = part[j] - level[j]
                    level[j] += apart * share
                    total[j] += part_square[j] + apart * apart * (done * share)
                done += span
            if 2 * span > window:
                break
            near, far, wider = mean[span:width], mean[: width - span], mean_2[span:width]
            near_square, far_square, wider_square = square[span:width], square[: width - span], square_2[span:width]
            for j in range(width - span):
                apart = near[j] - far[j]
                wider[j] = 0.5 * (near[j] + far[j])
                wider_square[j] = near_square[j] + far_square[j] + apart * apart * (0.5 * span)
            mean, mean_2 = mean_2, mean
            square, square_2 = square_2, square
            span *= 2
        for j in range(rows):
            total[j] = math.sqrt(total[j] / reach)
    _growing_stds(values, min(reach, count), spread)
    return spread


@njit(cache=True, nogil=True, error_model="numpy")
def _growing_stds(values: Floats, rows: int, spread: Floats) -> None:
    # Until a window is full its blocks are not; over the rows that exist, from the first on, Welford (1962) is right.
    mean, total = 0.0, 0.0
    for i in range(rows):
        apart = values[i] - mean
        mean += apart / (i + 1.0)
        total += apart * (values[i] - mean)
        spread[i] = math.sqrt(total / i) if i else 0.0
