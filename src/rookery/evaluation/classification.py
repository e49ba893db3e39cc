"""How well a classifier's sides match its teacher's, beside what the simplest rival scores on the same rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.record import Bin, ClassScore, Score
from rookery.evaluation.resampling import resampled_rows
from rookery.measures import Floats, Ints

# N rows, K classes
_RESAMPLES = 500
_LEAST = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """True and predicted class numbers of N rows in time order, and the K probabilities behind each prediction."""

    truth_N: Ints
    called_N: Ints
    chances_NK: Floats
    prior_K: Floats

    def confusion(self) -> Ints:
        """counts[i, j]: rows of true class i that were called j."""
        return _confusion(self.truth_N, self.called_N, len(self.prior_K))


def class_scores(counts_KK: Ints, classes: Sequence[str]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each class; None where nothing was called or nothing was there."""
    scores = []
    for k, name in enumerate(classes):
        hit, called, there = int(counts_KK[k, k]), int(counts_KK[:, k].sum()), int(counts_KK[k].sum())
        scores.append(
            ClassScore(
                name=name,
                precision=hit / called if called else None,
                recall=hit / there if there else None,
                f1=2 * hit / (called + there) if called + there else None,
                support=there,
            )
        )
    return tuple(scores)


def scores(rows: Called, *, block_length: float, seed: int) -> tuple[Score, ...]:
    """Accuracy and macro-F1 against always saying the training majority, log loss against the training mix.

    Rows are not independent: intervals come from a stationary bootstrap with blocks of `block_length` rows.
    """
    classes = len(rows.prior_K)
    majority = np.full_like(rows.called_N, int(np.argmax(rows.prior_K)))
    surprise_N = -np.log(np.maximum(rows.chances_NK[np.arange(rows.truth_N.size), rows.truth_N], _LEAST))
    prior_surprise_N = -np.log(np.maximum(rows.prior_K[rows.truth_N], _LEAST))

    def accuracy(called: Ints) -> Callable[[Ints], float]:
        return lambda at: float((rows.truth_N[at] == called[at]).mean())

    def macro(called: Ints) -> Callable[[Ints], float]:
        return lambda at: macro_f1(_confusion(rows.truth_N[at], called[at], classes))

    def mean(values: Floats) -> Callable[[Ints], float]:
        return lambda at: float(values[at].mean())

    drawn = list(resampled_rows(rows.truth_N.size, block_length=block_length, resamples=_RESAMPLES, seed=seed))

    def score(name: str, ours: Callable[[Ints], float], rival: str, theirs: Callable[[Ints], float]) -> Score:
        return Score(
            name=name,
            style="percent" if name == "accuracy" else "number",
            digits=1 if name == "accuracy" else 3,
            model=_estimate(ours, rows.truth_N.size, drawn),
            rival_name=rival,
            rival=_estimate(theirs, rows.truth_N.size, drawn),
        )

    return (
        score("accuracy", accuracy(rows.called_N), "majority class", accuracy(majority)),
        score("macro F1", macro(rows.called_N), "majority class", macro(majority)),
        score("log loss", mean(surprise_N), "training mix", mean(prior_surprise_N)),
    )


def macro_f1(counts_KK: Ints) -> float:
    """Mean F1 over the classes that occur or were called (Sokolova and Lapalme 2009); a class never hit counts 0."""
    hits = np.diag(counts_KK)
    total = counts_KK.sum(axis=0) + counts_KK.sum(axis=1)
    there = total > 0
    return float((2 * hits[there] / total[there]).mean()) if there.any() else 0.0


def reliability(rows: Called, *, bins: int = 10) -> tuple[tuple[Bin, ...], float]:
    """Confidence in the called class against how often it was right, in equal bins, and their mean gap.

    The gap is the expected calibration error (Guo et al. 2017): |accuracy - confidence| weighted by rows.
    """
    confidence_N = rows.chances_NK[np.arange(rows.called_N.size), rows.called_N]
    right_N = rows.truth_N == rows.called_N
    bin_N = np.minimum((confidence_N * bins).astype(np.int64), bins - 1)
    made, gap = [], 0.0
    for b in range(bins):
        inside: npt.NDArray[np.bool_] = bin_N == b
        count = int(inside.sum())
        low, high = b / bins, (b + 1) / bins
        if not count:
            made.append(Bin(low=low, high=high, count=0))
            continue
        confidence, accuracy = float(confidence_N[inside].mean()), float(right_N[inside].mean())
        made.append(Bin(low=low, high=high, count=count, confidence=confidence, accuracy=accuracy))
        gap += count / rows.truth_N.size * abs(accuracy - confidence)
    return tuple(made), gap


def _confusion(truth_N: Ints, called_N: Ints, classes: int) -> Ints:
    return np.bincount(truth_N * classes + called_N, minlength=classes * classes).reshape(classes, classes)


def _estimate(figure: Callable[[Ints], float], count: int, drawn: Sequence[Ints]) -> Estimate:
    value = figure(np.arange(count))
    low, high = np.quantile([figure(at) for at in drawn], (0.025, 0.975))
    if high - low < 1e-12:
        return Estimate(value=value, note="no interval: the same in every resample")
    return Estimate(value=value, low=float(low), high=float(high))
