"""One figure for several seeds, and how far it depends on which were drawn."""

import numpy as np
import numpy.typing as npt

from rookery.evaluation.report.estimate import Estimate
from rookery.measures import Floats

# S seeds, K tasks, R resamples
_CHUNK_VALUES = 2_000_000
_LEAST_SEEDS = 3


def interquartile_mean(scores: npt.ArrayLike, *, seed: int, resamples: int = 10_000, level: float = 0.95) -> Estimate:
    """Mean of the middle half of all scores (S, K), seeds by tasks, or (S) for one task (Agarwal et al. 2021).

    A quarter of the scores, rounded down, is cut at each end. The interval is the percentile interval of a bootstrap
    stratified by task: each task's seeds are drawn again by themselves. Few seeds give too narrow an interval, and
    under three none. Raises ValueError when a score is not finite.
    """
    scores_SK = np.asarray(scores, dtype=np.float64)
    scores_SK = scores_SK[:, None] if scores_SK.ndim == 1 else scores_SK
    if scores_SK.ndim != 2 or not np.isfinite(scores_SK).all():
        raise ValueError("scores must be finite numbers, seeds by tasks")
    if not scores_SK.size:
        return Estimate.absent("there is no score")
    value = float(_middle(scores_SK.reshape(1, -1))[0])
    seeds, tasks = scores_SK.shape
    if seeds < _LEAST_SEEDS:
        return Estimate(value=value, note=f"no interval: {seeds} seeds, fewer than {_LEAST_SEEDS}")
    if not np.ptp(scores_SK, axis=0).any():
        return Estimate(value=value, note="no interval: every seed scored the same")
    generator = np.random.default_rng(seed)
    size = max(1, _CHUNK_VALUES // scores_SK.size)
    drawn = []
    for start in range(0, resamples, size):
        rows_RSK = generator.integers(0, seeds, (min(size, resamples - start), seeds, tasks))
        sample_RSK = scores_SK[rows_RSK, np.arange(tasks)]
        drawn.append(_middle(sample_RSK.reshape(len(rows_RSK), -1)))
    low, high = np.quantile(np.concatenate(drawn), ((1 - level) / 2, (1 + level) / 2))
    return Estimate(value=value, low=float(low), high=float(high))


def _middle(scores: Floats) -> Floats:
    """Interquartile mean on the last axis."""
    cut = scores.shape[-1] // 4
    ordered = np.partition(scores, (cut, scores.shape[-1] - cut - 1), axis=-1)
    return np.asarray(ordered[..., cut : scores.shape[-1] - cut].mean(axis=-1))
