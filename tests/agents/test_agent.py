"""What every agent is."""

from collections.abc import Sequence

from rookery.agents.agent import Agent
from rookery.types import Observation, Order, Portfolio, Side


class Follower:
    """Buys whatever rose."""

    def decide(self, observation: Observation) -> Sequence[Order]:
        if observation.features["price_change"] <= 0:
            return []
        return [Order(side=Side.BUY, size=0.05, max_slippage_bps=50.0, deadline_s=300.0)]


def test_a_class_with_decide_is_an_agent_without_inheriting():
    agent: Agent = Follower()
    assert isinstance(agent, Agent)
    assert not isinstance(object(), Agent)


def test_holding_is_the_empty_list():
    portfolio = Portfolio(base=0.0, quote=100.0)
    flat, risen = (
        Observation(time_ns=0, price=1.0, features={"price_change": change}, portfolio=portfolio)
        for change in (0.0, 0.1)
    )
    assert list(Follower().decide(flat)) == []
    assert [order.side for order in Follower().decide(risen)] == [Side.BUY]
