"""An agent for swaps, on bars."""

from collections.abc import Sequence

import numpy as np
import pytest

from rookery.agents.agent import Agent
from rookery.agents.spot import SpotAgent
from rookery.evaluation.bar_backtest import backtest_agent
from rookery.market.bars import bars_of_closes
from rookery.market.execution import BarTimes
from rookery.market.terms import Instrument
from rookery.types import Observation, Order, Side

MINUTE = 60_000_000_000


def minutes(count: int) -> BarTimes:
    open_ns_T = np.arange(count, dtype=np.int64) * MINUTE
    return BarTimes(open_ns_T=open_ns_T, close_ns_T=open_ns_T + MINUTE)


class Contrarian:
    """Buys with half its cash what fell, sells all of what rose."""

    def __init__(self, deadline_s: float = 60.0) -> None:
        self.seen: list[Observation] = []
        self._deadline_s = deadline_s

    def decide(self, observation: Observation) -> Sequence[Order]:
        self.seen.append(observation)
        change = observation.features["change"]
        side = Side.BUY if change < 0 else Side.SELL if change > 0 else Side.HOLD
        size = {Side.BUY: 0.5, Side.SELL: 1.0, Side.HOLD: 0.0}[side]
        return [Order(side=side, size=size, max_slippage_bps=100.0, deadline_s=self._deadline_s, reason="contrary")]


def test_shares_become_contracts_and_back():
    bars = bars_of_closes(np.array([[100.0], [80.0], [80.0], [100.0], [100.0]]))
    inner = Contrarian()
    agent = SpotAgent(inner, features=["change"])
    assert isinstance(agent, Agent)
    changes_TF = np.array([[0.0], [-0.2], [0.0], [0.25], [0.0]])
    result = backtest_agent(
        agent, bars, instruments=[Instrument(contract=2.0)], capital=1000.0, times=minutes(5), features_TF=changes_TF
    )
    # 500 buy 6.25 units, 3.125 contracts of 2, at 80; all are sold at 100.
    assert result.fills()["quantity"].to_list() == [3.125, -3.125]
    assert [seen.portfolio.base for seen in inner.seen] == [0.0, 0.0, 6.25, 6.25]
    assert [seen.portfolio.quote for seen in inner.seen] == [1000.0, 1000.0, 500.0, 500.0]
    assert result.totals().end == 1125.0
    assert result.orders is not None
    assert result.orders["reason"].to_list() == ["contrary"] * 2


def test_its_deadline_holds():
    bars = bars_of_closes(np.array([[100.0], [80.0], [80.0], [80.0]]))
    late_T = np.array([0, 1, 4, 5], np.int64) * MINUTE
    times = BarTimes(open_ns_T=late_T, close_ns_T=late_T + MINUTE)
    changes_TF = np.array([[0.0], [-0.2], [0.0], [0.0]])
    for deadline_s, status in ((119.0, "refused"), (120.0, "filled")):
        agent = SpotAgent(Contrarian(deadline_s), features=["change"])
        result = backtest_agent(agent, bars, times=times, features_TF=changes_TF)
        assert result.orders is not None
        assert result.orders["status"].to_list() == [status]
        assert result.orders["why"].to_list() == ["" if status == "filled" else "deadline"]


def test_bars_without_times_or_with_other_features_are_refused():
    bars = bars_of_closes(np.full((3, 1), 100.0))
    with pytest.raises(ValueError, match="needs the time of every bar"):
        backtest_agent(SpotAgent(Contrarian()), bars)
    with pytest.raises(ValueError, match="0 features, 1 names"):
        backtest_agent(SpotAgent(Contrarian(), features=["change"]), bars, times=minutes(3))
