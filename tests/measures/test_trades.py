"""Measures of single trades."""

import numpy as np
import pytest

from rookery.measures import average_loss, average_win, payoff_ratio, streaks, trade_durations

PROFITS = [0.01, -0.02, 0.03, 0.005, -0.01, 0.015, -0.03, 0.02, 0.01, -0.005]


def test_averages_are_those_of_quantstats():
    # quantstats 0.0.86: avg_win 0.015, avg_loss -0.01625, payoff_ratio 0.923076923076923
    assert average_win(PROFITS).value == pytest.approx(0.015)
    assert average_loss(PROFITS).value == pytest.approx(0.01625)
    assert payoff_ratio(PROFITS).value == pytest.approx(0.923076923076923)


def test_streaks_are_those_of_quantstats():
    # quantstats 0.0.86: consecutive_wins 2, consecutive_losses 1
    found = streaks(PROFITS)
    assert (found.wins, found.losses, found.current) == (2, 1, -1)


def test_a_trade_that_comes_out_even_ends_a_streak():
    found = streaks([1.0, 1.0, 0.0, 1.0, -1.0, -2.0, -3.0, 4.0])
    assert (found.wins, found.losses, found.current) == (2, 3, 1)
    assert streaks([]).wins == streaks([0.0]).current == streaks([-1.0]).wins == streaks([1.0]).losses == 0


def test_trades_without_a_win_or_a_loss_say_so():
    assert average_win([-1.0, 0.0]).reason == "no trade won"
    assert average_loss([1.0]).reason == payoff_ratio([1.0]).reason == "no trade lost"
    assert average_win([]).reason == average_loss([]).reason == "no trade was closed"


def test_durations_of_three_trades():
    second = 10**9
    found = trade_durations(np.array([0, 10, 20]) * second, np.array([60, 10, 50]) * second)
    assert [one.value for one in (found.mean_s, found.median_s, found.shortest_s, found.longest_s)] == [30, 30, 0, 60]
    assert trade_durations([], []).longest_s.reason == "no trade was closed"
    with pytest.raises(ValueError, match="trade 1 closes before it opens"):
        trade_durations([0, 5], [1, 4])
    with pytest.raises(ValueError, match="an exit for each entry"):
        trade_durations([0, 5], [1])
