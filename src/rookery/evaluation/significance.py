"""How sure a measure is: 95 % intervals by the stationary bootstrap, for an agent, its rivals and the differences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rookery.evaluation.report.estimate import Estimate
from rookery.measures import HEADLINE, LEAST_PERIODS, ROUNDING, Floats, Formula, Ints

# N periods, S series (the agent first), R resamples
_CHUNK_VALUES = 2_000_000
# A measure that fails in more resamples than this (no losing period, say) has no interval worth the name.
_MOST_UNDEFINED = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Significance:
    """Estimates by measure name. `differences[rival][measure]` is agent minus rival, from the same resamples."""

    periods: int
    block_length: float
    resamples: int
    level: float
    agent: Mapping[str, Estimate]
    rivals: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Mapping[str, Estimate]]


def significance(
    agent: Floats,
    rivals: Mapping[str, Floats],
    *,
    seed: int,
    periods_per_year: float | None = None,
    formulas: Sequence[Formula] = HEADLINE,
    resamples: int = 1_000,
    level: float = 0.95,
) -> Significance:
    """Percentile intervals of every formula over N returns of the agent and of each rival.

    All series are resampled together, so that a difference is paired. Blocks have a geometric length (Politis and
    Romano 1994) with the largest mean that Politis and White (2004, corrected 2009) advise for any of the series. Under
    30 returns nothing is resampled. Raises ValueError when the series differ in length.
    """
    returns_SN = np.stack([agent, *rivals.values()]) if len({agent.size, *map(np.size, rivals.values())}) == 1 else None
    if returns_SN is None:
        raise ValueError("the agent's and the rivals' returns must be of the same periods")
    enough = agent.size >= LEAST_PERIODS
    block = _block_length(returns_SN) if enough else 1.0
    estimates = {}
    draws_FRS = _resample(returns_SN, formulas, periods_per_year, block, resamples if enough else 0, seed)
    for formula, draws_RS in zip(formulas, draws_FRS, strict=True):
        estimates[formula.name] = _estimates(returns_SN, formula, periods_per_year, draws_RS, level)
    return Significance(
        periods=agent.size,
        block_length=block,
        resamples=resamples if enough else 0,
        level=level,
        agent={name: one[0][0] for name, one in estimates.items()},
        rivals={rival: {name: one[0][1 + s] for name, one in estimates.items()} for s, rival in enumerate(rivals)},
        differences={rival: {name: one[1][s] for name, one in estimates.items()} for s, rival in enumerate(rivals)},
    )


def mean_estimate(values: Floats, *, seed: int, resamples: int = 1_000, level: float = 0.95) -> Estimate:
    """The mean of N values in time order (profit per trade, say) with its interval by the same bootstrap."""
    if not values.size:
        return Estimate.absent("there is none to take a mean of")
    if values.size < LEAST_PERIODS:
        return Estimate(value=float(values.mean()), note=f"no interval: {values.size}, fewer than {LEAST_PERIODS}")
    block = _block_length(values[np.newaxis])
    rows = resampled_rows(values.size, block_length=block, resamples=resamples, seed=seed)
    draws = np.array([values[row].mean() for row in rows])
    return _estimate(float(values.mean()), draws, level, exact=not _varies(values[np.newaxis])[0])


def resampled_rows(count: int, *, block_length: float, resamples: int, seed: int) -> Iterator[Ints]:
    """Row numbers of each stationary-bootstrap resample of `count` rows, as arch draws them."""
    from arch.bootstrap import StationaryBootstrap  # two seconds to import

    # arch asks for a whole number and uses 1 / block_length as a probability: any length of at least 1 will do.
    length: Any = block_length
    drawn = StationaryBootstrap(length, np.arange(count), seed=np.random.default_rng(seed))
    for positional, _ in drawn.bootstrap(resamples):
        yield positional[0]


def _block_length(returns_SN: Floats) -> float:
    from arch.bootstrap import optimal_block_length

    varying = returns_SN[_varies(returns_SN)]
    if not varying.size:
        return 1.0
    return max(1.0, float(np.nanmax(optimal_block_length(varying.T)["stationary"].to_numpy())))


def _varies(returns_SN: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(np.ptp(returns_SN, axis=-1) > ROUNDING)


def _resample(
    returns_SN: Floats,
    formulas: Sequence[Formula],
    periods_per_year: float | None,
    block_length: float,
    resamples: int,
    seed: int,
) -> Floats:
    """Every formula on every resample of every series, in chunks that fit the cache: shape F, R, S."""
    series, count = returns_SN.shape
    draws_FRS = np.full((len(formulas), resamples, series), np.nan)
    if not resamples:
        return draws_FRS
    rows = resampled_rows(count, block_length=block_length, resamples=resamples, seed=seed)
    size = max(1, _CHUNK_VALUES // (series * count))
    for start in range(0, resamples, size):
        rows_CN = np.stack([next(rows) for _ in range(min(size, resamples - start))])
        sample_CSN = returns_SN[:, rows_CN].swapaxes(0, 1)
        for f, formula in enumerate(formulas):
            if not formula.refusal(count, periods_per_year):
                draws_FRS[f, start : start + len(rows_CN)] = formula.over(sample_CSN, periods_per_year)
    return draws_FRS


def _estimates(
    returns_SN: Floats, formula: Formula, periods_per_year: float | None, draws_RS: Floats, level: float
) -> tuple[list[Estimate], list[Estimate]]:
    """Estimates of one formula: of each series, and of the first minus each other."""
    found = [formula(returns, periods_per_year=periods_per_year) for returns in returns_SN]
    varies = _varies(returns_SN)
    values = [
        Estimate.absent(measure.reason)
        if measure.value is None
        else _estimate(measure.value, draws_RS[:, s], level, exact=not varies[s])
        for s, measure in enumerate(found)
    ]
    differences = []
    for s in range(1, len(found)):
        ours, theirs = found[0], found[s]
        if ours.value is None or theirs.value is None:
            differences.append(Estimate.absent(ours.reason or theirs.reason))
            continue
        paired = draws_RS[:, 0] - draws_RS[:, s]
        certain = not (varies[0] or varies[s]) or np.abs(returns_SN[0] - returns_SN[s]).max() <= ROUNDING
        differences.append(_estimate(ours.value - theirs.value, paired, level, exact=bool(certain)))
    return values, differences


def _estimate(value: float, draws_R: Floats, level: float, *, exact: bool) -> Estimate:
    if exact:
        return Estimate.exact(value)
    if not draws_R.size:
        return Estimate(value=value, note=f"no interval: fewer than {LEAST_PERIODS} returns")
    known = draws_R[np.isfinite(draws_R)]
    missing = 1 - known.size / draws_R.size
    if missing > _MOST_UNDEFINED:
        return Estimate(value=value, note=f"no interval: undefined in {missing:.0%} of the resamples")
    tail = (1 - level) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    return Estimate(value=value, low=float(low), high=float(high))
