"""Sums, means and deviations over the last rows, each built from the rows of its own window alone.

A running sum that adds the new row and takes away the old one carries rounding from the first row to the last, so a
table cut elsewhere gives other bits. Here every window is put together from blocks of 1, 2, 4, ... rows, always the
same blocks counted back from its last row: O(log window) passes, and the value of a row depends on nothing outside
its window, bit for bit. Where fewer than `window` rows exist yet, the rows that exist make the window.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Kernel = Callable[[Floats, Floats], None]

# Rows worked on at a time: the two or four buffers of a tile stay in the first-level cache.
_TILE = 2048


def trailing_sum(values: pl.Expr, window: int, *, lag: int = 0) -> pl.Expr:
    """Sum of the last `window` rows, this one included; with `lag` 1, of those before this one.

    A row with nothing before it at that lag takes its window at lag 0: the first row is all that it has.
    """
    return _over(values, partial(_sums, windows=_checked([window], 1)), lag=lag)


def trailing_mean(values: pl.Expr, window: int, *, lag: int = 0) -> pl.Expr:
    """Mean of the last `window` rows; `lag` as in `trailing_sum`."""
    return _over(values, partial(_means, windows=_checked([window], 1)), lag=lag)


def trailing_std(values: pl.Expr, window: int, *, lag: int = 0, skip: int = 0) -> pl.Expr:
    """Sample standard deviation (ddof 1) of the last `window` rows, 0 over a single one; `lag` as in `trailing_sum`.

    The first `skip` rows of the table do not count; their own value is 0. Blocks are merged by the update of Chan,
    Golub and LeVeque (1983), which never subtracts large squares: a deviation of 1e-4 of the level keeps 11 digits.
    """
    return _over(values, partial(_stds, windows=_checked([window], 2)), lag=lag, skip=skip)


def trailing_means(values: pl.Expr, windows: Sequence[int], name: str) -> pl.Expr:
    """`trailing_mean` over several windows for little more than the work of one: a struct of `name`_`window`."""
    return _over_several(values, partial(_means, windows=_checked(windows, 1)), windows, name)


def trailing_stds(values: pl.Expr, windows: Sequence[int], name: str) -> pl.Expr:
    """`trailing_std` over several windows for little more than the work of one: a struct of `name`_`window`."""
    return _over_several(values, partial(_stds, windows=_checked(windows, 2)), windows, name)


def trailing_to_running_mean(values: pl.Expr, window: int, *, rows: int = 0, total: float = 0.0) -> pl.Expr:
    """Mean of the last `window` rows over the mean of all so far, 1 while that is 0.

    `rows` rows that sum to `total` came before the first. The sum is taken row by row, so that going on from an
    earlier one gives the same bits.
    """
    kernel = partial(_to_running_means, windows=_checked([window], 1), rows=rows, total=total)
    return _over(values, kernel)


def compile_kernels() -> None:
    """Compile the kernels of this module, or load them from numba's cache on disk, so that later calls do not wait."""
    one = pl.lit(1.0)
    pl.select(trailing_std(one, 2), trailing_to_running_mean(one, 2).alias("mean"))


def _checked(windows: Sequence[int], least: int) -> Rows:
    if min(windows) < least:
        raise ValueError(f"a window of {min(windows)} rows is too short; at least {least}")
    return np.array(windows, dtype=np.int64)


def _over(values: pl.Expr, kernel: Kernel, *, lag: int = 0, skip: int = 0) -> pl.Expr:
    def apply(series: pl.Series) -> pl.Series:
        given, result = _read_only(series), np.empty((1, series.len()))
        result[:, : skip + lag] = 0.0
        kernel(given[skip : max(skip, given.size - lag)], result[:, skip + lag :])
        if lag > skip:
            kernel(given[skip:lag], result[:, skip:lag])
        return pl.Series(result[0])

    return values.map_batches(apply, return_dtype=pl.Float64)


def _over_several(values: pl.Expr, kernel: Kernel, windows: Sequence[int], name: str) -> pl.Expr:
    names = [f"{name}_{window}" for window in windows]

    def apply(series: pl.Series) -> pl.Series:
        results = np.empty((len(names), series.len()))
        kernel(_read_only(series), results)
        return pl.DataFrame([pl.Series(*column) for column in zip(names, results, strict=True)]).to_struct(name)

    return values.map_batches(apply, return_dtype=pl.Struct(dict.fromkeys(names, pl.Float64))).alias(name)


def _read_only(values: pl.Series) -> Floats:
    # One kind of array, so that numba compiles each kernel once.
    array: Floats = values.to_numpy()
    array.flags.writeable = False
    return array


def _sums(values: Floats, sums: Floats, windows: Rows) -> None:
    _add_windows(values, sums, windows, False)


def _means(values: Floats, means: Floats, windows: Rows) -> None:
    _add_windows(values, means, windows, True)


def _stds(values: Floats, stds: Floats, windows: Rows) -> None:
    _deviate_windows(values, stds, windows)
    for k, window in enumerate(windows):
        _deviate_head(values, stds[k, : window - 1])


def _to_running_means(values: Floats, ratios: Floats, windows: Rows, rows: int, total: float) -> None:
    _add_windows(values, ratios, windows, True)
    _divide_by_running_mean(values, ratios[0], rows, total)


@njit(cache=True, nogil=True)
def _add_windows(values: Floats, sums: Floats, windows: Rows, mean: bool) -> None:
    """Put the sum or mean of each row's k-th window into `sums[k]`.

    `block[j]` is the sum of the `span` rows that end at j; `done[k]` rows of the k-th window are added already.
    """
    longest = _longest(windows)
    reach = longest - 1
    block, wider = np.zeros(_TILE + reach), np.zeros(_TILE + reach)
    for first in range(0, values.size, _TILE):
        last = min(first + _TILE, values.size)
        width = reach + last - first
        _load(values[max(0, first - reach) : last], block[:width])
        done = np.zeros(windows.size, np.int64)
        for power in range(_bits(longest)):
            span = 1 << power
            for k in range(windows.size):
                if windows[k] & span:
                    _add(sums[k, first:last], block[reach - done[k] : width - done[k]], done[k] == 0)
                    done[k] += span
            if 2 * span <= longest:
                _double(block[: width - span], block[span:width], wider[span:width])
                block, wider = wider, block
        if mean:
            for k in range(windows.size):
                _divide(sums[k, first:last], first, windows[k])


@njit(cache=True, nogil=True)
def _deviate_windows(values: Floats, stds: Floats, windows: Rows) -> None:
    """Put the deviation of each row's k-th window into `stds[k]`; right from row `windows[k] - 1` on.

    `mean` and `square` are of the `span` rows that end at j; `level[k]` and `stds[k]` of the `done[k]` rows merged.
    """
    longest = _longest(windows)
    reach = longest - 1
    mean, mean_wider = np.zeros(_TILE + reach), np.zeros(_TILE + reach)
    level = np.zeros((windows.size, _TILE))
    for first in range(0, values.size, _TILE):
        last = min(first + _TILE, values.size)
        width = reach + last - first
        _load(values[max(0, first - reach) : last], mean[:width])
        square, square_wider = np.zeros(width), np.zeros(width)
        done = np.zeros(windows.size, np.int64)
        for power in range(_bits(longest)):
            span = 1 << power
            for k in range(windows.size):
                if windows[k] & span:
                    at, to = reach - done[k], width - done[k]
                    _merge(level[k, : last - first], stds[k, first:last], done[k], mean[at:to], square[at:to], span)
                    done[k] += span
            if 2 * span <= longest:
                _double_squares(mean[: width - span], mean[span:width], square, span, mean_wider[span:], square_wider)
                mean, mean_wider = mean_wider, mean
                square, square_wider = square_wider, square
        for k in range(windows.size):
            _root(stds[k, first:last], windows[k] - 1)


@njit(cache=True, nogil=True)
def _longest(windows: Rows) -> int:
    longest = 1
    for window in windows:
        longest = max(longest, window)
    return longest


@njit(cache=True, nogil=True)
def _bits(number: int) -> int:
    bits = 0
    while number >> bits:
        bits += 1
    return bits


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
    for j in range(absent):
        block[j] = 0.0
    present = block[absent:]
    for j in range(rows.size):
        present[j] = rows[j]


@njit(cache=True, nogil=True)
def _double(far: Floats, near: Floats, wider: Floats) -> None:
    for j in range(near.size):
        wider[j] = near[j] + far[j]


@njit(cache=True, nogil=True)
def _add(total: Floats, part: Floats, is_first: bool) -> None:
    if is_first:
        for j in range(part.size):
            total[j] = part[j]
    else:
        for j in range(part.size):
            total[j] += part[j]


@njit(cache=True, nogil=True)
def _double_squares(far: Floats, near: Floats, square: Floats, span: int, wider: Floats, square_wider: Floats) -> None:
    weight = 0.5 * span
    near_square, wider_square = square[span:], square_wider[span:]
    for j in range(near.size):
        apart = near[j] - far[j]
        wider[j] = 0.5 * (near[j] + far[j])
        wider_square[j] = near_square[j] + square[j] + apart * apart * weight


@njit(cache=True, nogil=True, error_model="numpy")
def _merge(level: Floats, total: Floats, done: int, part: Floats, part_square: Floats, span: int) -> None:
    if done == 0:
        for j in range(part.size):
            level[j], total[j] = part[j], part_square[j]
        return
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
