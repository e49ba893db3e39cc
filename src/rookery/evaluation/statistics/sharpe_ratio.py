"""What a Sharpe ratio is worth, given its length, its tails and how many were tried for it."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from rookery.measures import Measure, sharpe

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeMoments:
    """A Sharpe ratio per period (never per year) with the moments that its error depends on.

    Skewness and kurtosis are the plain sample moments; kurtosis is raw, 3 for a normal law, not the excess.
    """

    periods: int
    sharpe: float
    skewness: float = 0.0
    kurtosis: float = 3.0

    def __post_init__(self) -> None:
        figures = (self.sharpe, self.skewness, self.kurtosis)
        if self.periods < 2 or not all(map(math.isfinite, figures)):
            raise ValueError(f"needs at least 2 periods and finite moments, not {self}")
        if self.kurtosis < 1 + self.skewness**2 - 1e-9:
            raise ValueError(
                f"kurtosis {self.kurtosis:g} cannot go with skewness {self.skewness:g}: raw kurtosis is at least "
                "1 + skewness^2, 3 for a normal law; add 3 to an excess kurtosis"
            )

    @property
    def variance(self) -> float:
        """That of SR times (periods - 1): 1 - skewness SR + (kurtosis - 1) / 4 SR^2 (Mertens 2002)."""
        return max(0.0, 1 - self.skewness * self.sharpe + (self.kurtosis - 1) / 4 * self.sharpe**2)


def sharpe_moments(returns: npt.ArrayLike) -> SharpeMoments | None:
    """The moments of N simple returns per period, or None where they have no Sharpe ratio, for `sharpe`'s reason."""
    found = sharpe(returns)
    if found.value is None:
        return None
    values = np.asarray(returns, dtype=np.float64)
    scores = (values - values.mean()) / values.std()
    return SharpeMoments(
        periods=values.size,
        sharpe=found.value,
        skewness=float((scores**3).mean()),
        kurtosis=float((scores**4).mean()),
    )


def probabilistic_sharpe(moments: SharpeMoments, *, benchmark: float = 0.0) -> Measure:
    """The confidence that the true Sharpe ratio exceeds `benchmark`, per period (Bailey and Lopez de Prado 2012).

    Phi((SR - benchmark) sqrt(T - 1) / sqrt(1 - skewness SR + (kurtosis - 1) / 4 SR^2)).
    """
    if moments.variance <= 1e-12:
        return Measure(value=None, reason="the returns take two values only: the Sharpe ratio has no error")
    score = (moments.sharpe - benchmark) * math.sqrt(moments.periods - 1) / math.sqrt(moments.variance)
    return Measure(value=_NORMAL.cdf(score))


def expected_maximum_sharpe(*, trials: float, variance: float) -> float:
    """The Sharpe ratio that the best of `trials` is expected to reach when every true one is 0 (Bailey et al. 2014).

    sqrt(variance) ((1 - g) z(1 - 1 / N) + g z(1 - 1 / (N e))), g Euler's constant, z the normal quantile; `variance`
    is that of the trials' Sharpe ratios, whose unit squared it has. One trial: 0. `trials` may be an effective number.
    """
    if not trials >= 1 or not math.isfinite(trials):
        raise ValueError(f"there must be at least one trial, not {trials}")
    if not 0 <= variance < math.inf:
        raise ValueError(f"the variance of the trials' Sharpe ratios is {variance}")
    return math.sqrt(variance) * _expected_maximum(trials)


def deflated_sharpe(moments: SharpeMoments, *, trials: float, variance: float) -> Measure:
    """The probabilistic Sharpe ratio against the best that `trials` are expected to give by luck.

    `variance` is that of the trials' Sharpe ratios per period (n - 1). Bailey and Lopez de Prado 2014, The Deflated
    Sharpe Ratio. With one trial it is the probabilistic Sharpe ratio against 0.
    """
    return probabilistic_sharpe(moments, benchmark=expected_maximum_sharpe(trials=trials, variance=variance))


def minimum_track_record(moments: SharpeMoments, *, benchmark: float = 0.0, confidence: float = 0.95) -> Measure:
    """Periods needed to say with `confidence` that the true Sharpe ratio exceeds `benchmark` (per period).

    1 + (1 - skewness SR + (kurtosis - 1) / 4 SR^2) (z(confidence) / (SR - benchmark))^2, Bailey and Lopez de Prado
    2012. Absent when the Sharpe ratio is not above the benchmark: no length would do.
    """
    _check_confidence(confidence)
    ahead = moments.sharpe - benchmark
    if ahead <= 0:
        return Measure(value=None, reason="the Sharpe ratio is not above the benchmark")
    needed = 1 + moments.variance * (_NORMAL.inv_cdf(confidence) / ahead) ** 2
    return Measure(value=needed) if math.isfinite(needed) else Measure(value=None, reason="too large for a number")


def minimum_backtest_years(*, trials: float, sharpe_per_year: float = 1.0) -> Measure:
    """Years below which the best of `trials` strategies without skill is expected to show `sharpe_per_year`.

    (((1 - g) z(1 - 1 / N) + g z(1 - 1 / (N e))) / sharpe_per_year)^2, Bailey, Borwein, Lopez de Prado and Zhu 2014,
    Pseudo-Mathematics and Financial Charlatanism. It is at most 2 ln(N) / sharpe_per_year^2. Absent for one trial.
    """
    if not trials >= 1 or not math.isfinite(trials):
        raise ValueError(f"there must be at least one trial, not {trials}")
    if not sharpe_per_year > 0:
        raise ValueError(f"the yearly Sharpe ratio must be above 0, not {sharpe_per_year}")
    if trials == 1:
        return Measure(value=None, reason="one trial is not chosen among others")
    return Measure(value=(_expected_maximum(trials) / sharpe_per_year) ** 2)


def _expected_maximum(trials: float) -> float:
    if trials == 1:
        return 0.0
    first = _NORMAL.inv_cdf(1 - 1 / trials)
    second = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    # The approximation is of large numbers: it dips below 0 between one trial and two.
    return max(0.0, (1 - _EULER) * first + _EULER * second)


def _check_confidence(confidence: float) -> None:
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, expected a share above one half and below 1")
