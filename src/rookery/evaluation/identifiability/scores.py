"""How well a model foretells actions: log loss, accuracy, macro-F1 and calibration, with intervals over markets."""

# R rows, K kinds of action, M markets, B draws, C bins of confidence

from dataclasses import dataclass

import numpy as np

from rookery.evaluation.classification import Called, class_scores, reliability
from rookery.evaluation.identifiability.resampling import estimate, mean_over_rows, sums_by_market
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.learned import Bin, ClassScore
from rookery.measures import Floats, Ints

LEAST = 1e-7
BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionScores:
    """Log loss in nats a row, share right, mean F1 over classes, and expected calibration error."""

    log_loss: Estimate
    accuracy: Estimate
    macro_f1: Estimate
    calibration_error: Estimate


def surprise(chances_RK: Floats, actions_R: Ints) -> Floats:
    """(R,) -ln of the chance that was given to what was done, in nats; no chance counts as less than 1e-7."""
    given_R = chances_RK[np.arange(actions_R.size), actions_R]
    return np.asarray(-np.log(np.maximum(given_R, LEAST)))


def action_scores(chances_RK: Floats, actions_R: Ints, market_R: Ints, draws_BM: Floats) -> ActionScores:
    """Every score of one model on the same rows; equal `draws_BM` make the scores of several models comparable."""
    called_R, markets = chances_RK.argmax(axis=1), draws_BM.shape[1]
    return ActionScores(
        log_loss=mean_over_rows(surprise(chances_RK, actions_R), market_R, draws_BM),
        accuracy=mean_over_rows((called_R == actions_R).astype(np.float64), market_R, draws_BM),
        macro_f1=_macro_f1(called_R, actions_R, market_R, chances_RK.shape[1], draws_BM),
        calibration_error=_calibration(_gaps(chances_RK, called_R, actions_R), market_R, markets, draws_BM),
    )


def paired(ours_R: Floats, theirs_R: Floats, market_R: Ints, draws_BM: Floats) -> Estimate:
    """Mean of ours less theirs row by row: what both share in a market cancels."""
    return mean_over_rows(ours_R - theirs_R, market_R, draws_BM)


def reliability_bins(chances_RK: Floats, actions_R: Ints) -> tuple[Bin, ...]:
    """Confidence in the likeliest action against how often it was right, in ten equal bins."""
    return reliability(_called(chances_RK, actions_R), bins=BINS)[0]


def confusion(chances_RK: Floats, actions_R: Ints) -> tuple[tuple[int, ...], ...]:
    """counts[i][j]: rows of true action i whose likeliest action was j."""
    counts = _called(chances_RK, actions_R).confusion()
    return tuple(tuple(int(count) for count in row) for row in counts)


def by_action(chances_RK: Floats, actions_R: Ints, names: tuple[str, ...]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each action."""
    return class_scores(_called(chances_RK, actions_R).confusion(), names)


def _called(chances_RK: Floats, actions_R: Ints) -> Called:
    kinds = chances_RK.shape[1]
    return Called(
        truth_N=actions_R, called_N=chances_RK.argmax(axis=1), chances_NK=chances_RK, prior_K=np.full(kinds, 1.0)
    )


def _macro_f1(called_R: Ints, actions_R: Ints, market_R: Ints, kinds: int, draws_BM: Floats) -> Estimate:
    cell_R = np.eye(kinds * kinds)[actions_R * kinds + called_R]

    def figure(sums: Floats) -> Floats:
        counts = sums.reshape(*sums.shape[:-1], kinds, kinds)
        hits, total = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1) + counts.sum(axis=-2)
        each = np.divide(2 * hits, total, out=np.zeros_like(total), where=total > 0)
        return np.asarray(each.sum(axis=-1) / (total > 0).sum(axis=-1))

    return estimate(sums_by_market(cell_R, market_R, draws_BM.shape[1]), figure, draws_BM)


def _gaps(chances_RK: Floats, called_R: Ints, actions_R: Ints) -> Floats:
    """(R, C + 1) Right less confidence in the column of the row's bin, and a 1 for the row."""
    confidence_R = chances_RK[np.arange(called_R.size), called_R]
    bin_R = np.minimum((confidence_R * BINS).astype(np.int64), BINS - 1)
    gap_R = (called_R == actions_R) - confidence_R
    return np.concatenate((np.eye(BINS)[bin_R] * gap_R[:, None], np.ones((called_R.size, 1))), axis=1)


def _calibration(gaps_RC: Floats, market_R: Ints, markets: int, draws_BM: Floats) -> Estimate:
    """Expected calibration error (Guo et al. 2017). A mean of absolute gaps is too large in every draw, by as much as
    the record's own is, so the interval is turned round (basic bootstrap, Davison and Hinkley 1997), and not below 0.
    """

    def figure(sums: Floats) -> Floats:
        return np.asarray(np.abs(sums[..., :-1]).sum(axis=-1) / sums[..., -1])

    found = estimate(sums_by_market(gaps_RC, market_R, markets), figure, draws_BM)
    if found.value is None or found.low is None or found.high is None:
        return found
    low, high = (max(0.0, 2 * found.value - bound) for bound in (found.high, found.low))
    return Estimate(value=found.value, low=low, high=high)
