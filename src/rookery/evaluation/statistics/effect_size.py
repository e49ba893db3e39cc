"""How far two groups lie apart, in units that do not depend on how many were measured."""

import math

import numpy as np
import numpy.typing as npt

from rookery.evaluation.report.estimate import Estimate
from rookery.measures import ROUNDING, Floats
from rookery.measures.measure import series

# A ours, B theirs. Groups are independent draws, such as one figure per seed: episodes of one price path are not.


def cohens_d(ours: npt.ArrayLike, theirs: npt.ArrayLike, *, level: float = 0.95) -> Estimate:
    """Mean of ours less mean of theirs over the pooled standard deviation (Cohen 1988).

    The interval is that of the non-centrality of t (Steiger and Fouladi 1997), exact for normal groups of one variance.
    """
    ours_A, theirs_B = _groups(ours, theirs, level)
    if min(ours_A.size, theirs_B.size) < 2:
        return Estimate.absent(f"needs 2 of each group, there are {ours_A.size} and {theirs_B.size}")
    free = ours_A.size + theirs_B.size - 2
    squares = float(((ours_A - ours_A.mean()) ** 2).sum() + ((theirs_B - theirs_B.mean()) ** 2).sum())
    pooled = math.sqrt(squares / free)
    if pooled <= ROUNDING:
        return Estimate.absent("the groups do not vary within")
    value = float(ours_A.mean() - theirs_B.mean()) / pooled
    scale = math.sqrt(1 / ours_A.size + 1 / theirs_B.size)
    low, high = _noncentrality(value / scale, free, level)
    if not math.isfinite(low) or not math.isfinite(high):
        return Estimate(value=value, note="no interval: too far apart for the non-central t")
    return Estimate(value=value, low=low * scale, high=high * scale)


def hedges_g(ours: npt.ArrayLike, theirs: npt.ArrayLike, *, level: float = 0.95) -> Estimate:
    """Cohen's d and its interval times 1 - 3 / (4 (A + B - 2) - 1), free of its bias in small groups (Hedges 1981)."""
    found = cohens_d(ours, theirs, level=level)
    if found.value is None:
        return found
    shrunk = 1 - 3 / (4 * (np.size(ours) + np.size(theirs) - 2) - 1)
    if found.low is None or found.high is None:
        return Estimate(value=found.value * shrunk, note=found.note)
    return Estimate(value=found.value * shrunk, low=found.low * shrunk, high=found.high * shrunk)


def cliffs_delta(ours: npt.ArrayLike, theirs: npt.ArrayLike, *, level: float = 0.95) -> Estimate:
    """Share of pairs where ours is larger less the share where it is smaller, -1 to 1 (Cliff 1993).

    The interval is Cliff's (1996), asymmetric and with the unbiased variance, as Feng and Cliff (2004) advise.
    """
    ours_A, theirs_B = _groups(ours, theirs, level)
    if not ours_A.size or not theirs_B.size:
        return Estimate.absent("a group is empty")
    sign_AB = np.sign(ours_A[:, None] - theirs_B)
    value = float(sign_AB.mean())
    count, other = sign_AB.shape
    if min(count, other) < 2:
        return Estimate(value=value, note="no interval: a group of one")
    if abs(value) == 1:
        return Estimate(value=value, note="no interval: the groups do not overlap")
    across_A, across_B = sign_AB.mean(axis=1) - value, sign_AB.mean(axis=0) - value
    sums = other**2 * float(across_A @ across_A) + count**2 * float(across_B @ across_B)
    variance = (sums - float(((sign_AB - value) ** 2).sum())) / (count * other * (count - 1) * (other - 1))
    # The unbiased variance can fall below 0; Cliff's least value stands in.
    variance = max(variance, (1 - value**2) / (count * other - 1))
    return _bounded(value, variance, level)


def _bounded(value: float, variance: float, level: float) -> Estimate:
    from statistics import NormalDist

    z = NormalDist().inv_cdf((1 + level) / 2)
    reach = z * math.sqrt(variance) * math.sqrt((1 - value**2) ** 2 + z**2 * variance)
    divisor = 1 - value**2 + z**2 * variance
    low, high = (value - value**3 - reach) / divisor, (value - value**3 + reach) / divisor
    return Estimate(value=value, low=max(-1.0, low), high=min(1.0, high))


def _noncentrality(score: float, free: int, level: float) -> tuple[float, float]:
    """The non-centralities for which t lies at the two ends of its middle `level`; NaN where they are out of reach."""
    from scipy.optimize import brentq
    from scipy.stats import nct

    def bound(share: float) -> float:
        # The quantile of t falls within a few of its standard errors of the non-centrality.
        reach = 10.0 + 2.0 * abs(score)
        try:
            return float(brentq(lambda shift: float(nct.cdf(score, free, shift)) - share, score - reach, score + reach))
        except ValueError:
            return math.nan

    return bound((1 + level) / 2), bound((1 - level) / 2)


def _groups(ours: npt.ArrayLike, theirs: npt.ArrayLike, level: float) -> tuple[Floats, Floats]:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}, expected a share between 0 and 1")
    return series(ours, "ours"), series(theirs, "theirs")
