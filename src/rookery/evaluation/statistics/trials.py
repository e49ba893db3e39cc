"""How many different things were tried, when many trials are variants of each other."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.measures import ROUNDING, Floats, Ints, Measure

# T periods, N trials, K clusters

# Trials that share half of their variance or less are different ideas.
_LEAST_CORRELATION = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveTrials:
    """`trials` were made, in `clusters` families (`labels`, 0 to K - 1 by first member), worth `effective` trials.

    Variances are those of Sharpe ratios per period (n - 1): of all trials, and of the families' own returns. The larger
    of the two is `variance`, which with `effective` goes into the deflated Sharpe ratio.
    """

    trials: int
    clusters: int
    effective: float
    labels: Ints
    variance_of_trials: Measure
    variance_of_clusters: Measure

    @property
    def variance(self) -> Measure:
        """The larger variance; absent where there is neither."""
        known = [one for one in (self.variance_of_trials, self.variance_of_clusters) if one.value is not None]
        return max(known, key=lambda one: one.value or 0.0) if known else self.variance_of_trials


def effective_trials(returns: npt.ArrayLike) -> EffectiveTrials:
    """Families of N trials by the correlation of their returns (T, N), and how many independent trials they are worth.

    Average linkage on the distance sqrt((1 - correlation) / 2), cut where the correlation is 0.5: deterministic, and
    N families for N unrelated trials. A family of n with mean correlation r counts r + (1 - r) n, the average of
    Bailey and Lopez de Prado (2014, app. A.3) within the clusters of Lopez de Prado and Lewis (2019): 1 for copies, n
    for strangers. A family's returns are its members', weighted by inverse variance, as in the latter paper. Trials
    that never vary, such as those that never traded, are one family. Raises ValueError when a return is not finite.
    """
    returns_TN = np.asarray(returns, dtype=np.float64)
    if returns_TN.ndim != 2 or returns_TN.shape[0] < 2 or not returns_TN.shape[1]:
        raise ValueError(f"expected at least 2 periods of at least 1 trial, not shape {returns_TN.shape}")
    if not np.isfinite(returns_TN).all():
        raise ValueError("returns must be finite numbers")
    correlation_NN = _correlation(returns_TN)
    labels_N = _families(correlation_NN)
    members = [np.flatnonzero(labels_N == k) for k in range(labels_N.max() + 1)]
    worth = sum(_worth(correlation_NN[np.ix_(rows, rows)]) for rows in members)
    joint_TK = np.stack([_joint(returns_TN[:, rows]) for rows in members], axis=1)
    return EffectiveTrials(
        trials=returns_TN.shape[1],
        clusters=len(members),
        effective=worth,
        labels=labels_N,
        variance_of_trials=_variance(returns_TN, "trials"),
        variance_of_clusters=_variance(joint_TK, "families"),
    )


def _correlation(returns_TN: Floats) -> Floats:
    away_TN = returns_TN - returns_TN.mean(axis=0)
    length_N = np.sqrt(np.square(away_TN).sum(axis=0))
    still = np.ptp(returns_TN, axis=0) <= ROUNDING
    scaled_TN = np.divide(away_TN, length_N, out=np.zeros_like(away_TN), where=~still)
    found_NN: Floats = np.clip(scaled_TN.T @ scaled_TN, -1.0, 1.0)
    found_NN[np.ix_(still, still)] = 1.0
    np.fill_diagonal(found_NN, 1.0)
    return found_NN


def _families(correlation_NN: Floats) -> Ints:
    if len(correlation_NN) == 1:
        return np.zeros(1, dtype=np.int64)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    apart_NN = np.sqrt((1 - correlation_NN) / 2)
    tree = linkage(squareform(apart_NN, checks=False), method="average")
    found_N = fcluster(tree, t=((1 - _LEAST_CORRELATION) / 2) ** 0.5, criterion="distance")
    # Numbered by first member, so that the labels do not depend on how the tree is stored.
    _, first, inverse = np.unique(found_N, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], dtype=np.int64)


def _worth(correlation_nn: Floats) -> float:
    count = len(correlation_nn)
    if count == 1:
        return 1.0
    mean = float((correlation_nn.sum() - count) / (count * (count - 1)))
    mean = max(0.0, mean)
    return mean + (1 - mean) * count


def _joint(returns_Tn: Floats) -> Floats:
    variance_n = returns_Tn.var(axis=0)
    if (np.ptp(returns_Tn, axis=0) <= ROUNDING).any():
        return np.asarray(returns_Tn.mean(axis=1))
    weight_n = 1 / variance_n
    return np.asarray(returns_Tn @ (weight_n / weight_n.sum()))


def _variance(returns_TN: Floats, name: str) -> Measure:
    """Of the columns' Sharpe ratios; columns that do not vary have none."""
    moving_TN = returns_TN[:, np.ptp(returns_TN, axis=0) > ROUNDING]
    if moving_TN.shape[1] < 2:
        return Measure(value=None, reason=f"fewer than two {name} have a Sharpe ratio")
    return Measure(value=float(np.var(moving_TN.mean(axis=0) / moving_TN.std(axis=0, ddof=1), ddof=1)))
