"""Whether two Sharpe ratios of the same time differ."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.evaluation.resampling import block_deviation, block_length_of, long_run_deviation, resampled_rows
from rookery.measures import LEAST_PERIODS, Floats, Measure, sharpe
from rookery.measures.measure import series

# N periods, R resamples, C resamples of one chunk
_CHUNK_VALUES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeDifference:
    """Ours minus theirs, per period unless periods_per_year was given, its standard error, interval and p-value.

    All are absent for one reason when there is no test.
    """

    difference: Measure
    standard_error: Measure
    p_value: Measure
    low: Measure
    high: Measure
    block_length: int
    resamples: int


def sharpe_difference(
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    *,
    seed: int,
    periods_per_year: float | None = None,
    resamples: int = 4_999,
    level: float = 0.95,
    block_length: int | None = None,
) -> SharpeDifference:
    """Test of equal Sharpe ratios by a studentised circular block bootstrap of the pairs (Ledoit and Wolf 2008).

    The standard error is that of the prewhitened quadratic spectral kernel in the record, and of the block sums in each
    resample; p = (1 + number of |d* - d| / s* at least |d| / s) / (1 + resamples), two-sided. The block length is the
    longer that Politis and White advise for the two series, where the paper calibrates it by a second bootstrap. Absent
    for fewer than 30 returns, for a series that does not vary, and for series whose Sharpe ratios differ by no chance
    at all. Raises ValueError when the series differ in length.
    """
    returns_2N = np.stack(_pair(ours, theirs))
    count = returns_2N.shape[1]
    reason = _refusal(returns_2N)
    pull_N = np.subtract(*sharpe.influence_over(returns_2N, None)) if not reason else np.zeros(count)
    error = long_run_deviation(pull_N)
    if not reason and not error > 0:
        reason = "the two Sharpe ratios differ by no chance"
    if reason:
        none = Measure(value=None, reason=reason)
        return SharpeDifference(
            difference=none, standard_error=none, p_value=none, low=none, high=none, block_length=0, resamples=0
        )
    length = int(block_length_of(returns_2N, "circular")) if block_length is None else block_length
    if not 1 <= length <= count // 2:
        raise ValueError(f"block_length is {length}, expected 1 to half of {count} returns")
    difference = float(np.subtract(*sharpe.over(returns_2N, None)))
    scores_R = _scores(returns_2N, difference, length, resamples, seed)
    reach = float(np.quantile(scores_R, level)) * error
    scale = 1.0 if periods_per_year is None else periods_per_year**0.5
    return SharpeDifference(
        difference=Measure(value=difference * scale),
        standard_error=Measure(value=error * scale),
        p_value=Measure(value=float((1 + (scores_R >= abs(difference) / error).sum()) / (1 + resamples))),
        low=Measure(value=(difference - reach) * scale),
        high=Measure(value=(difference + reach) * scale),
        block_length=length,
        resamples=resamples,
    )


def _pair(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> tuple[Floats, Floats]:
    first, second = series(ours, "ours"), series(theirs, "theirs")
    if first.size != second.size:
        raise ValueError(f"there are {first.size} returns of ours and {second.size} of theirs")
    return first, second


def _refusal(returns_2N: Floats) -> str:
    if returns_2N.shape[1] < LEAST_PERIODS:
        return f"there are {returns_2N.shape[1]} returns, at least {LEAST_PERIODS} are needed"
    return next((found.reason for found in map(sharpe, returns_2N) if found.value is None), "")


def _scores(returns_2N: Floats, difference: float, length: int, resamples: int, seed: int) -> Floats:
    """|d* - d| / s* of every resample; one that does not vary is as far off as can be."""
    count = returns_2N.shape[1]
    rows = resampled_rows(count, block_length=length, resamples=resamples, seed=seed, blocks="circular")
    size = max(1, _CHUNK_VALUES // count)
    found = []
    for start in range(0, resamples, size):
        rows_CN = np.stack([next(rows) for _ in range(min(size, resamples - start))])
        sample_2CN = returns_2N[:, rows_CN]
        drawn_C = np.subtract(*sharpe.over(sample_2CN, None))
        error_C = block_deviation(np.subtract(*sharpe.influence_over(sample_2CN, None)), length)
        with np.errstate(all="ignore"):
            found.append(np.abs(drawn_C - difference) / error_C)
    return np.asarray(np.nan_to_num(np.concatenate(found), nan=np.inf, posinf=np.inf))
