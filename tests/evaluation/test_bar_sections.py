"""Sections of an account over bars."""

import numpy as np
import pytest

from rookery.evaluation.bar_backtest import BarBacktest, backtest_targets
from rookery.evaluation.bar_sections import bar_costs, bar_risk, bar_trades
from rookery.market.bars import bars_of_closes
from rookery.market.execution import BarTimes
from rookery.market.terms import Account, Instrument

HOUR_NS = 3_600 * 10**9
COUNT = 400
CLOSED = np.arange(1, COUNT + 1, dtype=np.int64) * HOUR_NS
TIMES = BarTimes(open_ns_T=CLOSED - HOUR_NS, close_ns_T=CLOSED)


@pytest.fixture(scope="module")
def books() -> BarBacktest:
    close_TM = 100.0 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, (COUNT, 1)), axis=0))
    weight_TM = np.where(np.arange(COUNT) // 20 % 2 == 0, 0.5, -0.5)[:, None]
    return backtest_targets(
        bars_of_closes(close_TM),
        weight_TM,
        wish="weight",
        instruments=[Instrument(name="gold", half_spread_bps=2.0)],
        account=Account(fee_bps=1.0),
        times=TIMES,
    )


def test_costs_lead_from_gross_to_net_and_never_help(books: BarBacktest):
    totals = books.totals()
    costs = bar_costs(totals, unit="USD", note="")
    assert costs.gross + sum(part.amount for part in costs.parts) == pytest.approx(costs.net)
    nets = [level.net.value or 0.0 for level in costs.curve]
    assert nets == sorted(nets, reverse=True)
    assert nets[2] == pytest.approx(totals.net)
    assert nets[0] == pytest.approx(totals.gross - totals.carry)


def test_every_round_trip_is_a_row(books: BarBacktest):
    trades = bar_trades(books, unit="USD", csv="trades.csv")
    assert len(trades.rows) == books.trades().height
    assert trades.rows[0][1] == 2 * HOUR_NS // 10**6
    assert sum(float(row[-1]) for row in trades.rows) == pytest.approx(books.totals().net)  # type: ignore[arg-type]


def test_risk_tells_tails_exposure_and_falls(books: BarBacktest):
    risk = bar_risk(books, TIMES, interval_s=3_600, seed=0)
    assert "399 returns of 60 min" in risk.basis
    assert [figure.name for figure in risk.exposure][:2] == ["Mean exposure", "Time in the market"]
    assert risk.falls[0].depth == pytest.approx(float(books.equity()["drawdown"].max()))  # type: ignore[arg-type]
