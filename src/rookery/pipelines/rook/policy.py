"""From a network's answers to what may be done: threshold, limits, and a reason for every row."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.datasets.sequences import SIDES, Float64
from rookery.pipelines.rook.config import TradingConfig

# N rows, K classes in the order of SIDES, A amounts in the order of AMOUNTS

SIGNAL, HOLD, BELOW_THRESHOLD, BELOW_MIN_SIZE, BAD_INPUT = range(5)
AMOUNTS = ("size", "slippage_bps", "deadline_s")
REASONS = ("signal", "hold", "below_threshold", "below_min_size", "bad_input")
_HOLD_CLASS = SIDES.index("HOLD")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What a network says of N rows: the chance of each class, and size (share of balance), slippage and deadline."""

    chances_NK: Float64
    amounts_NA: Float64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choices:
    """What is done on N rows: class, amounts (0 on HOLD), confidence, and a number into REASONS."""

    side_N: npt.NDArray[np.int64]
    amounts_NA: Float64
    confidence_N: Float64
    reason_N: npt.NDArray[np.int64]


def choose(answers: Answers, limits: TradingConfig, *, longest_deadline_s: float) -> Choices:
    """The likeliest side where it is at least as likely as the threshold, within the limits; else a HOLD.

    `confidence_N` is the chance of the likeliest side, also where the threshold turned it into a HOLD. A row with an
    answer that is not finite is a HOLD with confidence 0.
    """
    bounds_A = np.array([limits.max_position_size, limits.max_slippage_bps, longest_deadline_s])
    amounts_NA = np.minimum(answers.amounts_NA, bounds_A)
    finite_N = np.isfinite(answers.chances_NK).all(axis=1) & np.isfinite(answers.amounts_NA).all(axis=1)
    likeliest_N = answers.chances_NK.argmax(axis=1)
    confidence_N = np.where(finite_N, answers.chances_NK.max(axis=1), 0.0)
    reason_N = np.select(
        [
            ~finite_N,
            likeliest_N == _HOLD_CLASS,
            confidence_N < limits.confidence_threshold,
            amounts_NA[:, 0] < limits.min_position_size,
        ],
        [BAD_INPUT, HOLD, BELOW_THRESHOLD, BELOW_MIN_SIZE],
        default=SIGNAL,
    )
    acts_N = reason_N == SIGNAL
    return Choices(
        side_N=np.where(acts_N, likeliest_N, _HOLD_CLASS),
        amounts_NA=np.where(acts_N[:, None], amounts_NA, 0.0),
        confidence_N=confidence_N,
        reason_N=reason_N,
    )
