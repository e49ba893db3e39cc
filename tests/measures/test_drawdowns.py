"""Drawdowns one by one: where they start, how deep they go, when they end."""

import numpy as np
import pytest

from rookery.measures import drawdown_periods, drawdown_series, drawdowns, longest_drawdown, simple_returns

RETURNS = np.array([0.01, -0.02, 0.03, 0.005, -0.01, 0.015, -0.03, 0.02, 0.01, -0.005])
EQUITY = np.concatenate(([1.0], np.cumprod(1 + RETURNS)))


def test_the_three_drawdowns_of_ten_returns_are_those_of_quantstats():
    # quantstats 0.0.86, drawdown_details: returns 6 to 9 at -3 %, return 1 at -2 %, return 4 at -1 %.
    found = drawdowns(EQUITY)
    assert [one.depth for one in found] == pytest.approx([0.03, 0.02, 0.01])
    assert [(one.start, one.trough, one.end, one.periods) for one in found] == [
        (6, 7, None, 4),
        (1, 2, 3, 2),
        (4, 5, 6, 2),
    ]


def test_only_the_deepest_are_kept_and_equally_deep_ones_stay_in_order():
    equity = np.array([2.0, 1.0, 2.0, 1.0, 2.0, 1.5, 2.0])
    assert [one.start for one in drawdowns(equity, most=2)] == [0, 2]
    assert [one.start for one in drawdowns(equity)] == [0, 2, 4]


def test_equity_that_only_rises_has_none():
    assert drawdowns([1.0, 1.0, 2.0]) == ()
    assert longest_drawdown([1.0, 1.0, 2.0]).value == 0.0
    assert longest_drawdown([1.0]).reason == "needs 2 equities, there are 1"


def test_the_longest_need_not_be_the_deepest():
    equity = np.array([10.0, 5.0, 10.0, 9.9, 9.8, 9.9, 10.0, 11.0])
    assert longest_drawdown(equity).value == 4.0
    assert drawdowns(equity)[0].periods == 2


def test_depths_agree_with_the_series_and_with_empyrical():
    import empyrical

    returns = np.random.default_rng(2).normal(0, 0.01, 2_000)
    equity = np.concatenate(([1.0], np.cumprod(1 + returns)))
    found = drawdowns(equity, most=10_000)
    assert found[0].depth == pytest.approx(-empyrical.max_drawdown(returns), rel=1e-12)
    under = drawdown_series(equity) > 1e-15
    assert sum(one.periods - (one.end is not None) for one in found) == under.sum()
    for one in found:
        assert equity[one.start] == equity[: one.trough + 1].max()
        assert one.end is None or equity[one.end] >= equity[one.start] > equity[one.end - 1]


def test_the_formula_over_many_series_is_the_count_of_each():
    table = np.random.default_rng(3).normal(2e-3, 0.02, (30, 90))
    table[0] = 0.01
    lengths = drawdown_periods.over(table, None)
    for row, length in zip(table, lengths, strict=True):
        equity = np.concatenate(([1.0], np.cumprod(1 + row)))
        assert longest_drawdown(equity).value == length
        assert drawdown_periods(simple_returns(equity)).value == length
