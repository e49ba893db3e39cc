"""Rewards are the formulas that they name."""

import math

import numpy as np
import pytest

from rookery.market.rewards import RewardName, begin_rewards, reward, step_reward

RETURNS = (0.01, -0.02, 0.03, 0.005, -0.01, 0.015, -0.03, 0.02, 0.01, -0.005)


def paid(name: RewardName, returns: tuple[float, ...], *, cost: float = 0.0, decay: float = 0.01) -> list[float]:
    memory_N3, worth, rewards = np.zeros((1, 3)), 1000.0, []
    begin_rewards(memory_N3, 0, worth)
    for gained in returns:
        after = worth * (1.0 + gained)
        rewards.append(step_reward(reward(name, decay=decay), memory_N3, 0, worth, after, cost, 1000.0))
        memory_N3[0, 2] = max(memory_N3[0, 2], after)
        worth = after
    return rewards


def test_log_returns_sum_to_the_log_of_the_growth():
    assert sum(paid("log_return", RETURNS)) == pytest.approx(math.log(1.0236896994), abs=1e-10)


def test_the_differential_sharpe_ratio_is_the_derivative_of_the_moving_sharpe_ratio():
    # dS / d(decay) at 0 of S = A / sqrt(B - A^2), by a small decay from the moments that two returns left.
    decay, small = 0.5, 1e-7
    mean = square = 0.0
    for gained in RETURNS[:2]:
        mean, square = mean + decay * (gained - mean), square + decay * (gained**2 - square)
    moved, moved_square = mean + small * (RETURNS[2] - mean), square + small * (RETURNS[2] ** 2 - square)
    before, after = mean / math.sqrt(square - mean**2), moved / math.sqrt(moved_square - moved**2)
    found = paid("differential_sharpe", RETURNS[:3], decay=decay)[2]
    assert found == pytest.approx((after - before) / small, rel=1e-5)


@pytest.mark.parametrize("last", [0.01, -0.01])
def test_the_sortino_reward_is_the_derivative_of_the_downside_deviation_ratio(last: float):
    decay, small = 0.5, 1e-7
    mean = square = 0.0
    for gained in RETURNS[:2]:
        mean, square = mean + decay * (gained - mean), square + decay * (min(gained, 0.0) ** 2 - square)
    moved, moved_square = mean + small * (last - mean), square + small * (min(last, 0.0) ** 2 - square)
    found = paid("sortino", (*RETURNS[:2], last), decay=decay)[2]
    assert found == pytest.approx((moved / math.sqrt(moved_square) - mean / math.sqrt(square)) / small, rel=1e-5)


def test_the_drawdown_reward_takes_off_what_the_drawdown_grew_by():
    # 1000 -> 1010 -> 989.8: a fall of 2 % from the peak.
    assert paid("drawdown", (0.01, -0.02)) == pytest.approx([math.log(1.01), math.log(0.98) - 0.02])


def test_the_cost_aware_reward_counts_costs_again():
    assert paid("cost_aware", (0.01,), cost=5.0) == pytest.approx([math.log(1.01) - 0.005])


def test_ruin_has_a_finite_reward_and_ratios_are_bounded():
    assert paid("log_return", (-1.5,)) == pytest.approx([math.log(1e-6)])
    assert max(map(abs, paid("differential_sharpe", (0.01, 0.0100001, 0.5)))) <= 10.0


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="decay 0"):
        reward("sortino", decay=0.0)
