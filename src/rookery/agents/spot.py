"""An agent made for one pool of swaps, at work on bars: its orders are shares of the cash or the base it holds."""

from collections.abc import Sequence

from rookery.agents.agent import Agent
from rookery.market.bar_orders import BarObservation, BarOrder
from rookery.types import Observation, Order, Portfolio, Side


class SpotAgent:
    """Shows `agent` the bars of one instrument as a pair, and turns its orders into contracts.

    BUY spends `size` x cash at the close's price (nothing when there is no cash), SELL sells `size` x what is held.
    Slippage limit and deadline hold; HOLD orders nothing. `features` names the columns of the venue's features.
    """

    def __init__(self, agent: Agent[Observation, Order], *, instrument: int = 0, features: Sequence[str] = ()) -> None:
        self._agent, self._instrument, self._features = agent, instrument, tuple(features)

    def decide(self, observation: BarObservation) -> Sequence[BarOrder]:
        """What the agent decides. Raises ValueError for bars without times, or other features than were named."""
        if observation.time_ns is None:
            raise ValueError("an agent for swaps needs the time of every bar: give the venue the bars' times")
        if len(self._features) != len(observation.features_F):
            raise ValueError(f"{len(observation.features_F)} features, {len(self._features)} names")
        m = self._instrument
        contract = float(observation.unit_M[m] / observation.close_M[m])
        seen = Observation(
            time_ns=observation.time_ns,
            price=float(observation.close_M[m]),
            features=dict(zip(self._features, observation.features_F.tolist(), strict=True)),
            portfolio=Portfolio(base=float(observation.quantity_M[m]) * contract, quote=observation.cash),
        )
        return [
            BarOrder(
                quantity=_contracts(order, observation, m),
                instrument=m,
                max_slippage_bps=order.max_slippage_bps,
                deadline_s=order.deadline_s,
                reason=order.reason,
            )
            for order in self._agent.decide(seen)
            if order.side != Side.HOLD
        ]


def _contracts(order: Order, observation: BarObservation, m: int) -> float:
    if order.side == Side.BUY:
        return order.size * max(observation.cash, 0.0) / float(observation.unit_M[m])
    return -order.size * float(observation.quantity_M[m])
