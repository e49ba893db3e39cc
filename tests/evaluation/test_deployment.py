"""The metrics of deployment: frequency, mix, profit per action, confidence, costs."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from rookery.agents.baselines import always_hold
from rookery.evaluation.backtest import Backtest, Totals, backtest
from rookery.evaluation.deployment import (
    activity,
    break_even_fee_bps,
    confidence_bins,
    cost_curve,
    forward_moves,
    profit_by,
)
from rookery.market.costs import Costs
from rookery.types import Pair

MakeSwaps = Callable[..., pl.DataFrame]

PRICE = [100.0, 100.0, 110.0, 110.0, 99.0, 120.0]


@pytest.fixture
def swaps(make_swaps: MakeSwaps) -> pl.DataFrame:
    return make_swaps(PRICE, seconds=[0, 3_600, 7_200, 10_800, 14_400, 86_400])


@pytest.fixture
def decisions(swaps: pl.DataFrame) -> pl.DataFrame:
    """BUY of half after row 0 (met at 100), SELL of all after row 2 (met at 110), a BUY too late after row 4."""
    row = pl.col("row")
    return always_hold(swaps).with_columns(
        side=row.replace_strict({0: "BUY", 2: "SELL", 4: "BUY"}, default="HOLD", return_dtype=pl.String),
        size=row.replace_strict({0: 0.5, 2: 1.0, 4: 1.0}, default=0.0, return_dtype=pl.Float64),
        slippage_bps=pl.lit(100.0),
        deadline_s=pl.lit(4_000.0),
        confidence=row.replace_strict({0: 0.5, 2: 0.7, 4: 1.0}, default=0.0, return_dtype=pl.Float64),
        reason=row.replace_strict({0: "DIP", 2: "PEAK", 4: "DIP"}, default="NO_SIGNAL", return_dtype=pl.String),
    )


@pytest.fixture
def result(swaps: pl.DataFrame, decisions: pl.DataFrame) -> Backtest:
    costs = Costs(fee_bps=10, gas_quote=1, impact=False)
    return backtest(swaps, decisions, costs=costs, pair=Pair())


def test_activity_counts_decisions_orders_and_fills(decisions: pl.DataFrame, result: Backtest):
    counted = activity(decisions, result)
    assert (counted.decisions, counted.orders, counted.fills, counted.closed) == (6, 3, 2, 1)
    assert (counted.orders_per_day.value, counted.fills_per_day.value) == (3.0, 2.0)
    assert counted.sides == {"BUY": 2, "HOLD": 3, "SELL": 1}
    assert counted.outcomes["BUY"] == {"filled": 1, "expired": 1, "reverted": 0, "no_balance": 0, "too_small": 0}
    assert counted.win_rate.value == 1.0
    assert counted.profit_factor.reason == "no trade lost"
    assert counted.turnover.value == pytest.approx(
        (4_999.5 * 0.999 * 2.1) / result.equity["equity"].mean()  # type: ignore[operator]
    )


def test_an_agent_that_never_trades_has_no_rates(swaps: pl.DataFrame):
    table = always_hold(swaps)
    counted = activity(table, backtest(swaps, table, costs=Costs(), pair=Pair()))
    assert (counted.fills, counted.fills_per_day.value, counted.turnover.value) == (0, 0.0, 0.0)
    assert counted.win_rate.reason == "no trade was closed"


def test_profit_per_action_is_marked_ahead_and_net_of_its_costs(result: Backtest):
    buy, sell = profit_by(result, "side", seed=0, horizon=1)
    base = 4_999.5 * 0.999 / 100
    assert (buy.name, buy.trades, sell.name, sell.trades) == ("BUY", 1, "SELL", 1)
    # Bought at 100 and marked one swap on, at 110; sold at 110, marked at 99.
    assert buy.gross == pytest.approx(base * 10)
    assert buy.net == pytest.approx(base * 10 - 4_999.5 * 0.001 - 1)
    assert sell.gross == pytest.approx(base * 11)
    assert sell.net == pytest.approx(base * 11 - base * 110 * 0.001 - 1)
    assert sell.each_bps.value == pytest.approx(sell.net / (base * 110) * 1e4)
    assert sell.each_bps.note == "no interval: 1, fewer than 30"


def test_the_last_fills_are_marked_at_the_last_swap(result: Backtest):
    assert profit_by(result, "side", seed=0)[0].gross == pytest.approx(4_999.5 * 0.999 / 100 * 20)


def test_profit_per_rule_uses_the_reason(result: Backtest):
    assert [(one.name, one.trades) for one in profit_by(result, "reason", seed=0)] == [("DIP", 1), ("PEAK", 1)]


def test_profits_per_action_over_the_whole_span_sum_to_net(make_swaps: MakeSwaps):
    generator = np.random.default_rng(2)
    swaps = make_swaps((2_000 * np.exp(np.cumsum(generator.normal(0, 1e-3, 500)))).tolist(), liquidity=10**16)
    sides = generator.choice(["BUY", "SELL", "HOLD"], 500)
    table = always_hold(swaps).with_columns(
        side=pl.Series(sides), size=pl.lit(0.1), slippage_bps=pl.lit(1e3), deadline_s=pl.lit(60.0)
    )
    result = backtest(swaps, table, costs=Costs(), pair=Pair())
    profits = profit_by(result, "side", seed=0, horizon=500)
    assert sum(one.net for one in profits) == pytest.approx(result.totals.net, rel=1e-9)
    assert sum(one.gross for one in profits) == pytest.approx(result.totals.gross, rel=1e-9)
    assert all(one.each_bps.low is not None for one in profits)


def test_forward_moves_are_those_of_the_price_and_leave_out_the_end(decisions: pl.DataFrame):
    buy, sell = forward_moves(decisions, pl.Series(PRICE), seed=0, horizon=2)
    # BUY after row 0: 100 -> 110. The BUY after row 4 has no second row to come. SELL after row 2: 110 -> 99.
    assert (buy.count, buy.move_bps.value) == (1, pytest.approx(1_000))
    assert (sell.count, sell.move_bps.value) == (1, pytest.approx(-1_000))
    assert buy.rows == 2


def test_confidence_falls_into_bins_and_one_into_the_last():
    bins = confidence_bins(pl.Series([0.0, 0.04, 0.05, 0.5, 1.0]))
    assert len(bins) == 20
    assert [one.count for one in bins[:2]] == [2, 1]
    assert (bins[10].count, bins[19].count) == (1, 1)
    assert bins[0].confidence == pytest.approx(0.02)
    assert bins[3].confidence is None
    with pytest.raises(ValueError, match="within 0 and 1"):
        confidence_bins(pl.Series([1.1]))


def test_the_cost_curve_never_rises_and_goes_through_net(result: Backtest):
    curve = cost_curve(result.totals)
    nets = [one.net.value or 0.0 for one in curve]
    assert [one.multiple for one in curve] == [0.0, 0.5, 1.0, 2.0, 4.0]
    assert nets == sorted(nets, reverse=True)
    assert nets[2] == pytest.approx(result.totals.net)
    assert nets[0] == pytest.approx(result.totals.gross - result.totals.delay)


def test_at_the_break_even_fee_nothing_is_earned(swaps: pl.DataFrame, decisions: pl.DataFrame, result: Backtest):
    fee = break_even_fee_bps(result.totals)
    assert fee.value is not None
    left = result.totals.net + result.totals.fees - fee.value * 1e-4 * result.totals.notional
    assert left == pytest.approx(0.0, abs=1e-9)


def test_a_loser_has_no_break_even_fee():
    totals = Totals(gross=-5, delay=0, impact=0, fees=1, gas=0, net=-6, start=100, end=94, notional=10)
    assert break_even_fee_bps(totals).note == "it loses money even without a fee"
    idle = Totals(gross=0, delay=0, impact=0, fees=0, gas=0, net=0, start=100, end=100, notional=0)
    assert break_even_fee_bps(idle).note == "no order was filled"
