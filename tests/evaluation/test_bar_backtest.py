"""A backtest over bars: its tables, its totals and its measures."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from rookery.evaluation.bar_backtest import BarBacktest, backtest_agent, backtest_targets
from rookery.market.bar_orders import BarObservation, BarOrder, rebalance
from rookery.market.bars import Bars, bars_of_closes
from rookery.market.execution import BarTimes, Execution
from rookery.market.scenarios import generate
from rookery.market.terms import Account, Instrument
from rookery.measures import sharpe, simple_returns

HOUR = 3_600_000_000_000
FIRST = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 10**9
COSTLY = [
    Instrument(name="gold", fee_bps=5, half_spread_bps=2, impact_root=0.05, funding_bps=0.5, contract=2.0),
    Instrument(name="oil", fee_bps=3, fee_fixed=0.1, borrow_bps=0.3, tick=0.01),
]
STRICT = Account(leverage=2, maintenance=0.1, stop_loss_pct=0.03, take_profit_pct=0.04)


def hours(count: int) -> BarTimes:
    open_ns_T = FIRST + np.arange(count, dtype=np.int64) * HOUR
    return BarTimes(open_ns_T=open_ns_T, close_ns_T=open_ns_T + HOUR)


def wild(count: int = 400) -> tuple[Bars, np.ndarray]:
    bars = generate("high_volatility", bars=count, seed=5, instruments=2, volatility=0.02)
    return bars, np.random.default_rng(5).uniform(-1, 1, (count, 2))


@pytest.fixture(scope="module")
def result() -> BarBacktest:
    bars, weights_TM = wild()
    return backtest_targets(
        bars, weights_TM, wish="weight", instruments=COSTLY, account=STRICT, times=hours(400), min_trade=0.2
    )


class Weights:
    """Rebalances to its table."""

    def __init__(self, weights_TM: np.ndarray) -> None:
        self._weights_TM = weights_TM

    def decide(self, observation: BarObservation) -> Sequence[BarOrder]:
        return rebalance(observation, self._weights_TM[observation.bar], reason="table")


def test_one_trade_by_hand():
    bars = bars_of_closes(np.array([[100.0], [100.0], [110.0], [120.0]]))
    plain = backtest_targets(
        bars, [5.0, 5.0, 0.0, 0.0], wish="contracts", instruments=[Instrument(name="x", fee_bps=10)], capital=1000.0
    )
    # In at 100, out at 110 (the open of bar 3): 50 less fees of 0.5 and 0.55.
    row = plain.trades().row(0, named=True)
    assert (row["instrument"], row["side"], row["status"], row["exit_cause"]) == ("x", "long", "closed", "order")
    assert (row["entry_bar"], row["exit_bar"], row["duration_bars"]) == (1, 3, 2)
    assert (row["entry_price"], row["exit_price"], row["gross"]) == (100.0, 110.0, 50.0)
    assert row["pnl"] == pytest.approx(48.95)
    assert row["return"] == pytest.approx(0.0979)
    assert (row["mae"], row["mfe"], row["mfe_share"]) == (0.0, 50.0, 0.1)
    assert plain.equity()["equity"].to_list() == pytest.approx([1000, 999.5, 1049.5, 1048.95])
    assert plain.equity()["exposure"].to_list() == pytest.approx([0, 500 / 999.5, 550 / 1049.5, 0])
    totals = plain.totals()
    assert (totals.traded, totals.time_in_market) == (1050.0, 0.5)
    assert (totals.gross, totals.fees, totals.net) == pytest.approx((50.0, 1.05, 48.95))
    assert totals.turnover == pytest.approx(1050 / np.mean([1000, 999.5, 1049.5, 1048.95]))


def test_profit_is_divided_without_remainder(result: BarBacktest):
    totals, trades, equity = result.totals(), result.trades(), result.equity()
    assert totals.gross - totals.slippage - totals.fees - totals.carry == pytest.approx(totals.net, abs=1e-9)
    # No interest on cash here, so that round trips, open ones included, hold all profit.
    assert trades["pnl"].sum() == pytest.approx(totals.net, rel=1e-12)
    assert set(trades["status"]) == {"closed", "open"}
    assert set(result.fills()["cause"]) == {"order", "stop", "take"}
    for kind in ("fees", "slippage", "carry"):
        assert equity[kind].sum() == pytest.approx(getattr(totals, kind), rel=1e-9)
        assert trades[kind].sum() == pytest.approx(getattr(totals, kind), rel=1e-9)
    assert equity["traded"].sum() == pytest.approx(totals.traded, rel=1e-12)
    assert result.fills()["fee"].sum() == pytest.approx(totals.fees, rel=1e-12)


def test_costs_are_told_apart_by_kind():
    bars = bars_of_closes(np.full((4, 1), 100.0), volume=1e4)
    terms = Instrument(half_spread_bps=60, slippage_bps=40, impact_linear=1.0, funding_bps=10)
    paid = backtest_targets(
        bars,
        [1500.0, 1500.0, 0.0, 0.0],
        wish="contracts",
        instruments=[terms],
        account=Account(leverage=2, cash_bps=20),
    )
    totals = paid.totals()
    # Bought at 100 x (1 + 0.01 + 0.15), sold at 100 / 1.16; of each 0.01 and 1 - 1 / 1.01 are spread.
    assert totals.slippage == pytest.approx(1500 * (16 + 100 - 100 / 1.16))
    assert totals.spread == pytest.approx(1500 * (1 + 100 - 100 / 1.01))
    # Over the closes of bars 1 and 2 the account holds 150,000 and owes 74,000; interest joins the debt.
    assert totals.interest == pytest.approx(74_000 * 0.002 + (74_000 + 148 + 150) * 0.002)
    assert totals.carry - totals.interest == pytest.approx(2 * 150.0)
    assert paid.equity()["spread"].sum() == pytest.approx(totals.spread)
    assert paid.fills()["spread"].sum() == pytest.approx(totals.spread)


def test_every_trade_lies_within_its_excursions(result: BarBacktest):
    trades = result.trades()
    slack = 1e-9 * trades["gross"].abs().max()
    assert (trades["mae"] <= trades["gross"] + slack).all()
    assert (trades["mfe"] >= trades["gross"] - slack).all()
    assert (trades["mae"] <= 0).all()
    assert (trades["mfe"] >= 0).all()


def test_tables_fit_each_other(result: BarBacktest):
    equity, positions = result.equity(), result.positions()
    assert positions.columns == ["bar", "time", "gold", "oil"]
    bars, _ = wild()
    value = positions["gold"] * 2.0 * bars.close_TM[:, 0] + positions["oil"] * bars.close_TM[:, 1]
    np.testing.assert_allclose(equity["cash"] + value, equity["equity"], rtol=1e-12)
    closed = result.trades().filter(pl.col("status") == "closed")
    assert (closed["duration_s"] == closed["duration_bars"] * 3600.0).all()
    assert closed["exit_time"][0] == equity["time"][closed["exit_bar"][0]]
    still = result.trades().filter(pl.col("status") == "open")
    assert still["exit_bar"].is_null().all()
    assert still["exit_cause"].is_null().all()


def test_an_agent_and_its_table_have_one_backtest(result: BarBacktest):
    bars, weights_TM = wild()
    one_pass = backtest_targets(bars, weights_TM, wish="weight", instruments=COSTLY, account=STRICT, times=hours(400))
    events = backtest_agent(Weights(weights_TM), bars, instruments=COSTLY, account=STRICT, times=hours(400))
    for name in ("equity", "positions", "fills", "trades"):
        assert getattr(events, name)().equals(getattr(one_pass, name)()), name
    assert events.totals() == one_pass.totals()
    assert one_pass.orders is None
    assert events.orders is not None
    assert events.orders["filled"].sum() == pytest.approx(
        events.fills().filter(pl.col("cause") == "order")["quantity"].sum(), rel=1e-9
    )
    assert set(events.orders["reason"]) == {"table"}


def test_measures_are_those_of_the_house_and_annualised_by_the_bars_own_times():
    bars, weights_TM = wild(2_000)
    timed = backtest_targets(bars, weights_TM, wish="weight", size=0.2, times=hours(2_000))
    returns = simple_returns(timed.equity()["equity"].to_numpy())
    assert timed.measures()["sharpe"].value == pytest.approx(sharpe(returns, periods_per_year=8760.0).value, rel=1e-9)
    untimed = backtest_targets(bars, weights_TM, wish="weight", size=0.2)
    assert untimed.measures()["sharpe"].value == pytest.approx(sharpe(returns).value, rel=1e-9)
    assert untimed.measures()["cagr"].value is None


def test_without_a_trade_there_is_nothing_to_show():
    still = backtest_targets(bars_of_closes(np.full((3, 1), 100.0)), np.zeros(3), wish="order")
    assert still.trades().is_empty()
    assert still.fills().is_empty()
    assert still.totals().net == 0.0
    assert still.measures()["sharpe"].value is None


def test_a_delay_and_a_warm_up_hold_for_both_paths():
    bars, weights_TM = wild()
    late = Execution(latency_ms=1.0, warmup_bars=10, unfilled="carry")
    one_pass = backtest_targets(bars, weights_TM, wish="weight", execution=late, times=hours(400))
    events = backtest_agent(Weights(weights_TM), bars, execution=late, times=hours(400))
    assert events.equity().equals(one_pass.equity())
    assert one_pass.fills()["bar"].min() == 12


def test_ruin_is_shown_and_not_divided_by():
    flat_TM = np.array([[100.0], [100.0], [50.0], [50.0]])
    bars = Bars(open_TM=flat_TM, high_TM=flat_TM, low_TM=flat_TM, close_TM=flat_TM, volume_TM=flat_TM)
    ruined = backtest_targets(
        bars, [30.0, np.nan, np.nan, np.nan], wish="contracts", account=Account(leverage=3), capital=1000.0
    )
    assert ruined.equity()["equity"].to_list() == [1000.0, 1000.0, -500.0, -500.0]
    assert ruined.equity()["exposure"].to_list() == [0.0, 3.0, None, None]
    assert ruined.totals().exposure is None
    with pytest.raises(ValueError, match="negative"):
        ruined.measures()


def test_one_bar_is_a_backtest_of_nothing():
    one = bars_of_closes(np.array([[100.0]]))
    for result in (backtest_targets(one, [5.0], wish="order"), backtest_agent(Weights(np.array([[1.0]])), one)):
        assert result.equity()["equity"].to_list() == [100_000.0]
        assert result.trades().is_empty()
        assert result.measures()["sharpe"].reason == "needs 2 returns, there are 0"
