"""A strategy ported to backtesting.py 0.6.6 made the same trades and equity, which are kept here.

The port: cash 10,000, commission 0.001, each close buys or sells the difference to 10 units on the side of a mean of 3
over a mean of 8 closes; `benchmarks/bench_backtest.py` runs such a port afresh, on more bars.
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest

from rookery.agents.moving_average import moving_average_sides
from rookery.evaluation.bar_backtest import BarBacktest, backtest_agent, backtest_targets
from rookery.market.bar_orders import BarObservation, BarOrder, hold
from rookery.market.bars import Bars
from rookery.market.terms import Instrument

# Size, entry and exit bar, entry and exit price, profit after commission.
TRADES = [
    (-10, 8, 12, 98.55, 97.57, 7.8388),
    (10, 12, 15, 97.57, 96.2, -15.6377),
    (-10, 15, 40, 96.2, 72.93, 231.0087),
    (10, 40, 41, 72.93, 72.88, -1.9581),
    (-10, 41, 49, 72.88, 71.93, 8.0519),
    (10, 49, 64, 71.93, 75.57, 34.925),
    (-10, 64, 69, 75.57, 75.68, -2.6125),
    (10, 69, 71, 75.68, 75.35, -4.8103),
    (-10, 71, 77, 75.35, 73.82, 13.8083),
]
EQUITY = {10: 10014.7145, 40: 10223.7805, 79: 10285.7759}


def gapped_bars() -> Bars:
    """80 bars that open away from the last close."""
    draws = np.random.default_rng(7)
    close_T = np.round(100 * np.exp(np.cumsum(draws.normal(0, 0.02, 80))), 2)
    open_T = np.round(np.concatenate((close_T[:1], close_T[:-1])) + draws.normal(0, 0.3, 80), 2)
    return Bars(
        open_TM=open_T[:, None],
        high_TM=np.round(np.maximum(open_T, close_T) + 0.2, 2)[:, None],
        low_TM=np.round(np.minimum(open_T, close_T) - 0.2, 2)[:, None],
        close_TM=close_T[:, None],
        volume_TM=np.ones((80, 1)),
    )


class Cross:
    """The port itself, close by close."""

    def __init__(self) -> None:
        self._closes: list[float] = []

    def decide(self, observation: BarObservation) -> Sequence[BarOrder]:
        self._closes.append(float(observation.close_M[0]))
        if len(self._closes) < 8:
            return []
        gap = round(float(np.mean(self._closes[-3:]) - np.mean(self._closes[-8:])), 9)
        return hold(observation, [10.0 * np.sign(gap)])


def in_one_pass(bars: Bars) -> BarBacktest:
    sides_T = moving_average_sides(bars.close_TM[:, 0], 3, 8)[0]
    return backtest_targets(
        bars, 10 * sides_T, wish="contracts", instruments=[Instrument(fee_bps=10)], capital=10_000.0
    )


def event_by_event(bars: Bars) -> BarBacktest:
    return backtest_agent(Cross(), bars, instruments=[Instrument(fee_bps=10)], capital=10_000.0)


@pytest.mark.parametrize("path", [in_one_pass, event_by_event])
def test_the_trades_and_the_equity_are_those_of_backtesting_py(path: Callable[[Bars], BarBacktest]):
    result = path(gapped_bars())
    trades = result.trades().filter(pl.col("status") == "closed")
    side = np.where(trades["side"] == "long", 1.0, -1.0)
    columns = (side * trades["quantity"], *(trades[c] for c in ("entry_bar", "exit_bar", "entry_price", "exit_price")))
    np.testing.assert_allclose(np.column_stack((*columns, trades["pnl"])), TRADES, rtol=1e-12, atol=1e-10)
    equity = result.equity()["equity"]
    assert [equity[bar] for bar in EQUITY] == pytest.approx(list(EQUITY.values()), rel=1e-12)
