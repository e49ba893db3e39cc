"""Whether losses stayed within a forecast of value at risk as often, and as evenly, as it promised."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.measures.measure import Measure, series

# N periods
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRatio:
    """A test: its statistic, and the chance of one so large if the forecast were right. Both absent for one reason."""

    statistic: Measure
    p_value: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    """`compliance` is the share of periods that lost no more than the forecast; `expected` is what was promised.

    `coverage` tests the number of exceedances (Kupiec 1995), `independence` whether one makes the next more likely
    (Christoffersen 1998), `conditional` both at once.
    """

    periods: int
    exceedances: int
    compliance: Measure
    expected: float
    coverage: LikelihoodRatio
    independence: LikelihoodRatio
    conditional: LikelihoodRatio


def value_at_risk_compliance(returns: npt.ArrayLike, value_at_risk: npt.ArrayLike, *, tail: float = 0.05) -> Compliance:
    """Tests N returns against forecasts of their value at risk: one loss (positive) per period, or one for all.

    A period exceeds when its return lies below -value_at_risk. The forecast must have been made before the period, as
    a value at risk of the same returns complies with itself. Statistics are likelihood ratios, chi-squared with 1, 1
    and 2 degrees of freedom; conditional = coverage + independence. Raises ValueError when lengths differ.
    """
    values, limits = series(returns, "returns"), np.atleast_1d(np.asarray(value_at_risk, dtype=np.float64))
    if not 0 < tail < 1:
        raise ValueError(f"tail is {tail}, expected a share between 0 and 1")
    if limits.size not in (1, values.size) or not np.isfinite(limits).all():
        raise ValueError(f"expected 1 or {values.size} finite values at risk, there are {limits.size}")
    exceeded = values < -limits
    count, times = values.size, int(exceeded.sum())
    coverage = _ratio(_coverage(times, count, tail), 1, "there are no returns")
    dependence, reason = _independence(exceeded)
    both = None if coverage.statistic.value is None or dependence is None else coverage.statistic.value + dependence
    return Compliance(
        periods=count,
        exceedances=times,
        compliance=Measure(value=1 - times / count) if count else Measure(value=None, reason="there are no returns"),
        expected=1 - tail,
        coverage=coverage,
        independence=_ratio(dependence, 1, reason),
        conditional=_ratio(both, 2, reason),
    )


def _coverage(times: int, count: int, tail: float) -> float | None:
    if not count:
        return None
    return 2 * (_log_likelihood(times, count, times / count) - _log_likelihood(times, count, tail))


def _independence(exceeded: Bools) -> tuple[float | None, str]:
    if exceeded.size < 2:
        return None, "fewer than two returns"
    after, before = exceeded[1:], exceeded[:-1]
    calm, shaken = int((~before).sum()), int(before.sum())
    if not shaken:
        return None, "no exceedance has a period after it"
    if not calm:
        return None, "every period but the last exceeded"
    from_calm, from_shaken = int((after & ~before).sum()), int((after & before).sum())
    apart = _log_likelihood(from_calm, calm, from_calm / calm)
    apart += _log_likelihood(from_shaken, shaken, from_shaken / shaken)
    times = from_calm + from_shaken
    together = _log_likelihood(times, calm + shaken, times / (calm + shaken))
    return max(0.0, 2 * (apart - together)), ""


def _log_likelihood(times: int, count: int, chance: float) -> float:
    # 0 log 0 is 0
    hit = times * math.log(chance) if times else 0.0
    return hit + ((count - times) * math.log1p(-chance) if count > times else 0.0)


def _ratio(statistic: float | None, degrees: int, reason: str) -> LikelihoodRatio:
    if statistic is None:
        none = Measure(value=None, reason=reason)
        return LikelihoodRatio(statistic=none, p_value=none)
    statistic = max(0.0, statistic)
    # Closed forms of the chi-squared tail; scipy would take half a second to import.
    p_value = math.erfc(math.sqrt(statistic / 2)) if degrees == 1 else math.exp(-statistic / 2)
    return LikelihoodRatio(statistic=Measure(value=statistic), p_value=Measure(value=p_value))
