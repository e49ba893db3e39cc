"""How well anybody could foretell the actions: what was reached bounds it from one side, neighbours from the other.

- Reached. A log loss that a model reaches on rows that it has not seen is an upper bound of the entropy of the actions
  given the inputs, in expectation (Gibbs' inequality), and its accuracy a lower bound of the best accuracy.
- Neighbours. Cover and Hart (1967): with many rows the error e of the nearest neighbour and the least error r of K
  kinds obey r <= e <= r (2 - K r / (K - 1)), hence r >= (K - 1) / K (1 - sqrt(1 - K e / (K - 1))). Neighbours are
  looked for among the chances that the model gives, K - 1 numbers instead of all inputs: it bounds whoever sees no more
  in the inputs than that model does, so for all others it is an estimate, as it is with few rows.
- Entropy from error. Of all distributions with least error r the entropy is at least the line through the points
  (r, H) = (1 - 1/i, ln i), i = 1, 2, ... (Feder and Merhav 1994): a floor of the log loss under that same estimate.
"""

# R training rows, N judged rows, K kinds of action

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rookery.evaluation.identifiability.resampling import mean_over_rows
from rookery.evaluation.identifiability.scores import surprise
from rookery.evaluation.report.estimate import Estimate
from rookery.measures import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """`model` names whose it is. `log_loss` and `accuracy` are what it reached: bounds in expectation.

    `neighbour_error` is that of the nearest neighbour, `best_accuracy` and `least_log_loss` what follows from it: an
    estimate of the ceiling, and of the floor. `holds` is False where the model's accuracy is above that ceiling, so
    that there are too few rows for the neighbours to say anything.
    """

    model: str
    log_loss: Estimate
    accuracy: Estimate
    neighbour_error: Estimate
    best_accuracy: Estimate
    least_log_loss: Estimate
    holds: bool


def ceiling(
    model: str,
    crossed_RK: Floats,
    train_actions_R: Ints,
    judged_NK: Floats,
    actions_N: Ints,
    market_N: Ints,
    draws_BM: Floats,
) -> Ceiling:
    """The ceiling by one model's chances: `crossed_RK` on training rows from folds without their market."""
    wrong_N = _nearest(crossed_RK, train_actions_R, judged_NK) != actions_N
    error = mean_over_rows(wrong_N.astype(np.float64), market_N, draws_BM)
    right_N = judged_NK.argmax(axis=1) == actions_N
    accuracy = mean_over_rows(right_N.astype(np.float64), market_N, draws_BM)
    kinds = judged_NK.shape[1]
    least = least_error(error.value or 0.0, kinds)
    return Ceiling(
        model=model,
        log_loss=mean_over_rows(surprise(judged_NK, actions_N), market_N, draws_BM),
        accuracy=accuracy,
        neighbour_error=error,
        best_accuracy=_mapped(error, lambda e: 1.0 - least_error(e, kinds)),
        least_log_loss=_mapped(error, lambda e: least_entropy(least_error(e, kinds))),
        holds=(accuracy.value or 0.0) <= 1.0 - least,
    )


def least_error(neighbour_error: float, kinds: int) -> float:
    """Cover and Hart's lower bound of the least error, from the nearest neighbour's."""
    most = (kinds - 1) / kinds
    return most * (1.0 - math.sqrt(max(0.0, 1.0 - neighbour_error / most)))


def least_entropy(error: float) -> float:
    """Feder and Merhav's lower bound of the entropy (nats), from the least error."""
    i = max(1, math.floor(1.0 / (1.0 - error) + 1e-12)) if error < 1.0 else 1
    slope = i * (i + 1) * math.log((i + 1) / i)
    return slope * (error - (i - 1) / i) + math.log(i)


def _nearest(known_RK: Floats, actions_R: Ints, asked_NK: Floats) -> Ints:
    from scipy.spatial import cKDTree

    _, place_N = cKDTree(known_RK).query(asked_NK)
    return np.asarray(actions_R[place_N])


def _mapped(one: Estimate, change: Callable[[float], float]) -> Estimate:
    """A falling or rising function of an estimate, its bounds put in order."""
    if one.value is None or one.low is None or one.high is None:
        return Estimate(value=None if one.value is None else change(one.value), note=one.note)
    low, high = sorted((change(one.low), change(one.high)))
    return Estimate(value=change(one.value), low=low, high=high)
