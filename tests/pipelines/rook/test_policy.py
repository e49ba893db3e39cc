"""From a network's answers to what may be done."""

import numpy as np
import pytest

from rookery.pipelines.rook.config import TradingConfig
from rookery.pipelines.rook.policy import REASONS, Answers, Choices, choose

LIMITS = TradingConfig(max_position_size=0.1, min_position_size=0.02, max_slippage_bps=50.0, confidence_threshold=0.6)


def _choose(chances: list[float], amounts: tuple[float, float, float] = (0.05, 30.0, 120.0)) -> Choices:
    answers = Answers(chances_NK=np.array([chances]), amounts_NA=np.array([amounts]))
    return choose(answers, LIMITS, longest_deadline_s=300.0)


@pytest.mark.parametrize(
    ("chances", "side", "reason"),
    [
        ([0.7, 0.2, 0.1], 0, "signal"),
        ([0.1, 0.2, 0.7], 2, "signal"),
        ([0.6, 0.4, 0.0], 0, "signal"),
        ([0.59, 0.4, 0.01], 1, "below_threshold"),
        ([0.2, 0.5, 0.3], 1, "hold"),
        ([0.3, 0.4, 0.3], 1, "hold"),
        ([np.nan, 0.5, 0.5], 1, "bad_input"),
    ],
)
def test_the_likeliest_side_is_taken_where_it_is_likely_enough(chances: list[float], side: int, reason: str):
    choice = _choose(chances)
    assert choice.side_N.tolist() == [side]
    assert REASONS[choice.reason_N[0]] == reason


def test_amounts_are_held_within_their_limits():
    assert _choose([0.9, 0.1, 0.0], (0.3, 80.0, 900.0)).amounts_NA.tolist() == [[0.1, 50.0, 300.0]]
    assert _choose([0.9, 0.1, 0.0], (0.05, 30.0, 120.0)).amounts_NA.tolist() == [[0.05, 30.0, 120.0]]


def test_a_hold_has_no_amounts_and_keeps_its_confidence():
    choice = _choose([0.5, 0.3, 0.2])
    assert choice.amounts_NA.tolist() == [[0.0, 0.0, 0.0]]
    assert choice.confidence_N.tolist() == [0.5]


def test_a_size_too_small_to_send_is_a_hold():
    assert REASONS[_choose([0.9, 0.1, 0.0], (0.019, 30.0, 120.0)).reason_N[0]] == "below_min_size"


@pytest.mark.parametrize("amounts", [(np.nan, 1.0, 1.0), (0.05, np.inf, 1.0), (0.05, 1.0, -np.inf)])
def test_an_amount_that_is_not_finite_is_a_hold_without_confidence(amounts: tuple[float, float, float]):
    choice = _choose([0.9, 0.1, 0.0], amounts)
    assert REASONS[choice.reason_N[0]] == "bad_input"
    assert choice.confidence_N.tolist() == [0.0]
    assert choice.amounts_NA.tolist() == [[0.0, 0.0, 0.0]]
