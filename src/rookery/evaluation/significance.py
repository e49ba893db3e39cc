"""How sure a measure is: 95 % intervals by a block bootstrap, for an agent, its rivals and the differences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.resampling import (
    Blocks,
    block_deviation,
    block_length_of,
    long_run_deviation,
    resampled_rows,
    varies,
)
from rookery.measures import HEADLINE, LEAST_PERIODS, ROUNDING, Floats, Formula
from rookery.measures.measure import series

# N periods, S series (the agent first), R resamples, C resamples of one chunk; a column 1 + s of a difference table
# holds the agent minus series s.
Interval = Literal["studentised", "percentile"]

# A chunk that stays in the cache is twice as fast as one that does not.
_CHUNK_VALUES = 200_000
# A measure that fails in more resamples than this (no losing period, say) has no interval worth the name.
_MOST_UNDEFINED = 0.01
# An interval of logarithms that is wider than this has no number at its upper end.
_FARTHEST = 500.0


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
    blocks: Blocks = "circular"
    interval: Interval = "studentised"

    @property
    def method(self) -> str:
        """The bootstrap in words, such as `studentised circular block bootstrap`."""
        kind = "stationary" if self.blocks == "stationary" else "circular block"
        return f"{self.interval} {kind} bootstrap"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """One formula, resampled: its values, and where it is smooth the standard errors that go with them.

    `deviation_S` and `apart_S` are those of the record itself, of each series and of the agent minus each, of the
    logarithm where the formula has a floor; NaN where there is none, so that percentiles must do.
    """

    values_RS: Floats
    deviation_RS: Floats
    apart_RS: Floats
    deviation_S: Floats
    apart_S: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    returns_SN: Floats
    periods_per_year: float | None
    block_length: float
    resamples: int
    seed: int
    blocks: Blocks
    interval: Interval
    varies_S: np.ndarray[tuple[int], np.dtype[np.bool_]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "varies_S", varies(self.returns_SN))

    def influence(self, formula: Formula, returns: Floats, values: Floats) -> Floats:
        """Influences (..., S, N) on the values (..., S), or on their logarithms; what never varies has none."""
        found = formula.influence_over(returns, self.periods_per_year)
        if formula.floor is not None:
            with np.errstate(all="ignore"):
                found /= (formula.floor + values)[..., np.newaxis]
        found[..., ~self.varies_S, :] = 0.0
        return found


def significance(
    agent: Floats,
    rivals: Mapping[str, Floats],
    *,
    seed: int,
    periods_per_year: float | None = None,
    formulas: Sequence[Formula] = HEADLINE,
    resamples: int = 1_000,
    level: float = 0.95,
    blocks: Blocks = "circular",
    interval: Interval = "studentised",
) -> Significance:
    """Intervals of every formula over N returns of the agent and of each rival.

    All series are resampled together, so that a difference is paired. The block length is the largest that Politis and
    White (2004, corrected 2009) advise for any of the series. A studentised interval is symmetric, value +- q s, where
    s is the long-run standard error of the measure and q the `level` quantile of |resampled value - value| over the
    resample's own standard error (Goetze and Kuensch 1996, Ledoit and Wolf 2008); it needs circular blocks. A measure
    that is not smooth in the returns has a percentile interval instead. Under 30 returns nothing is resampled. Raises
    ValueError when the series differ in length or a return is not finite.
    """
    if len({agent.size, *map(np.size, rivals.values())}) != 1:
        raise ValueError("the agent's and the rivals' returns must be of the same periods")
    if interval == "studentised" and blocks != "circular":
        raise ValueError("a studentised interval needs blocks of one length: choose circular blocks, or percentiles")
    named = (("the agent", agent), *rivals.items())
    returns_SN = np.stack([series(returns, f"returns of {name}") for name, returns in named])
    enough = agent.size >= LEAST_PERIODS
    plan = _Plan(
        returns_SN=returns_SN,
        periods_per_year=periods_per_year,
        block_length=block_length_of(returns_SN, blocks) if enough else 1.0,
        resamples=resamples if enough else 0,
        seed=seed,
        blocks=blocks,
        interval=interval,
    )
    estimates = {
        formula.name: _estimates(plan, formula, sample, level)
        for formula, sample in zip(formulas, _resample(plan, formulas), strict=True)
    }
    return Significance(
        periods=agent.size,
        block_length=plan.block_length,
        resamples=plan.resamples,
        level=level,
        agent={name: one[0][0] for name, one in estimates.items()},
        rivals={rival: {name: one[0][1 + s] for name, one in estimates.items()} for s, rival in enumerate(rivals)},
        differences={rival: {name: one[1][s] for name, one in estimates.items()} for s, rival in enumerate(rivals)},
        blocks=blocks,
        interval=interval,
    )


def mean_estimate(values: Floats, *, seed: int, resamples: int = 1_000, level: float = 0.95) -> Estimate:
    """The mean of N values in time order (profit per trade, say) with its interval by the same bootstrap."""
    if not values.size:
        return Estimate.absent("there is none to take a mean of")
    if values.size < LEAST_PERIODS:
        return Estimate(value=float(values.mean()), note=f"no interval: {values.size}, fewer than {LEAST_PERIODS}")
    result = significance(values, {}, seed=seed, formulas=(_MEAN,), resamples=resamples, level=level)
    return result.agent[_MEAN.name]


_MEAN = Formula(
    name="mean",
    title="Mean",
    meaning="The mean.",
    text="sum / n",
    source="definition",
    rows=lambda values, periods: np.asarray(values.mean(axis=-1)),
    undefined="the values overflow",
    influence=lambda values, periods: np.asarray(values - values.mean(axis=-1, keepdims=True)),
)


def _resample(plan: _Plan, formulas: Sequence[Formula]) -> list[_Sample]:
    width, count = plan.returns_SN.shape
    samples = [_empty(plan, formula) for formula in formulas]
    if not plan.resamples:
        return samples
    rows = resampled_rows(
        count, block_length=plan.block_length, resamples=plan.resamples, seed=plan.seed, blocks=plan.blocks
    )
    size = max(1, _CHUNK_VALUES // (width * count))
    for start in range(0, plan.resamples, size):
        rows_CN = np.stack([next(rows) for _ in range(min(size, plan.resamples - start))])
        sample_CSN = np.ascontiguousarray(plan.returns_SN[:, rows_CN].swapaxes(0, 1))
        part = slice(start, start + len(rows_CN))
        for formula, sample in zip(formulas, samples, strict=True):
            if formula.refusal(count, plan.periods_per_year):
                continue
            values_CS = sample.values_RS[part] = formula.over(sample_CSN, plan.periods_per_year)
            if np.isfinite(sample.deviation_S).any():
                pull_CSN = plan.influence(formula, sample_CSN, values_CS)
                sample.deviation_RS[part] = block_deviation(pull_CSN, int(plan.block_length))
                sample.apart_RS[part, 1:] = block_deviation(pull_CSN[:, :1] - pull_CSN[:, 1:], int(plan.block_length))
    return samples


def _empty(plan: _Plan, formula: Formula) -> _Sample:
    """Nothing resampled yet, but the record's own standard errors, where the interval asks for them."""
    width, count = plan.returns_SN.shape
    deviation_S, apart_S = np.full((2, width), np.nan)
    smooth = plan.interval == "studentised" and formula.influence is not None
    if smooth and plan.resamples and not formula.refusal(count, plan.periods_per_year):
        pull_SN = plan.influence(formula, plan.returns_SN, formula.over(plan.returns_SN, plan.periods_per_year))
        deviation_S = np.array([long_run_deviation(one_N) for one_N in pull_SN])
        apart_S = np.array([long_run_deviation(pull_SN[0] - one_N) for one_N in pull_SN])
    values_RS, deviation_RS, apart_RS = np.full((3, plan.resamples, width), np.nan)
    return _Sample(
        values_RS=values_RS, deviation_RS=deviation_RS, apart_RS=apart_RS, deviation_S=deviation_S, apart_S=apart_S
    )


def _estimates(plan: _Plan, formula: Formula, drawn: _Sample, level: float) -> tuple[list[Estimate], list[Estimate]]:
    """Estimates of one formula: of each series, and of the first minus each other."""
    returns_SN, varying = plan.returns_SN, plan.varies_S
    found = [formula(returns, periods_per_year=plan.periods_per_year) for returns in returns_SN]
    values = []
    for s, measure in enumerate(found):
        if measure.value is None:
            values.append(Estimate.absent(measure.reason))
        elif not varying[s]:
            values.append(Estimate.exact(measure.value))
        else:
            values.append(_of_one(measure.value, drawn, s, formula.floor, level))
    differences = []
    for s in range(1, len(found)):
        ours, theirs = found[0], found[s]
        if ours.value is None or theirs.value is None:
            differences.append(Estimate.absent(ours.reason or theirs.reason))
        elif not (varying[0] or varying[s]) or np.abs(returns_SN[0] - returns_SN[s]).max() <= ROUNDING:
            differences.append(Estimate.exact(ours.value - theirs.value))
        elif not varying[s]:
            differences.append(_shifted(values[0], -theirs.value))
        elif not varying[0]:
            differences.append(_shifted(_mirrored(values[s]), ours.value))
        else:
            differences.append(_of_two(ours.value, theirs.value, drawn, s, formula.floor, level))
    return values, differences


def _of_one(value: float, drawn: _Sample, s: int, floor: float | None, level: float) -> Estimate:
    draws_R, error, error_R = drawn.values_RS[:, s], float(drawn.deviation_S[s]), drawn.deviation_RS[:, s]
    if not error > 0:
        return _percentile(value, draws_R, level)
    if floor is None:
        return _studentised(value, draws_R - value, error, error_R, level, lambda move: value + move)
    with np.errstate(all="ignore"):
        move_R = np.log(floor + draws_R) - np.log(floor + value)
    return _studentised(value, move_R, error, error_R, level, lambda move: (floor + value) * np.exp(move) - floor)


def _of_two(ours: float, theirs: float, drawn: _Sample, s: int, floor: float | None, level: float) -> Estimate:
    """The first minus series s. Where there is a floor, the difference of logarithms at the other's own value.

    So the interval holds 0 exactly when that of the logarithms does, however far both went.
    """
    value, first_R, other_R = ours - theirs, drawn.values_RS[:, 0], drawn.values_RS[:, s]
    error, error_R = float(drawn.apart_S[s]), drawn.apart_RS[:, s]
    if not error > 0:
        return _percentile(value, first_R - other_R, level)
    if floor is None:
        return _studentised(value, first_R - other_R - value, error, error_R, level, lambda move: value + move)
    with np.errstate(all="ignore"):
        ahead = float(np.log(floor + ours) - np.log(floor + theirs))
        move_R = np.log(floor + first_R) - np.log(floor + other_R) - ahead
    scale = floor + theirs
    return _studentised(value, move_R, error, error_R, level, lambda move: scale * np.expm1(ahead + move))


def _studentised(
    value: float, move_R: Floats, error: float, error_R: Floats, level: float, back: Callable[[float], float]
) -> Estimate:
    """Symmetric about the value on the scale of `move_R`, the resamples less the value; `back` leads to its own."""
    known = np.isfinite(move_R) & (error_R > 0)
    if _undefined(known):
        return Estimate(value=value, note=_undefined(known))
    reach = float(np.quantile(np.abs(move_R[known]) / error_R[known], level)) * error
    return Estimate(value=value, low=float(back(-reach)), high=float(back(min(reach, _FARTHEST))))


def _percentile(value: float, draws_R: Floats, level: float) -> Estimate:
    if not draws_R.size:
        return Estimate(value=value, note=f"no interval: fewer than {LEAST_PERIODS} returns")
    known = np.isfinite(draws_R)
    if _undefined(known):
        return Estimate(value=value, note=_undefined(known))
    low, high = np.quantile(draws_R[known], ((1 - level) / 2, (1 + level) / 2))
    return Estimate(value=value, low=float(low), high=float(high))


def _undefined(known_R: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    missing = 1 - known_R.mean()
    return f"no interval: undefined in {missing:.0%} of the resamples" if missing > _MOST_UNDEFINED else ""


def _shifted(one: Estimate, by: float) -> Estimate:
    """An estimate plus a number that is exact."""
    if one.value is None or one.low is None or one.high is None:
        return replace(one, value=None if one.value is None else one.value + by)
    return replace(one, value=one.value + by, low=one.low + by, high=one.high + by)


def _mirrored(one: Estimate) -> Estimate:
    if one.value is None or one.low is None or one.high is None:
        return replace(one, value=None if one.value is None else -one.value)
    return replace(one, value=-one.value, low=-one.high, high=-one.low)
