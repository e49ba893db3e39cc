"""The loop in which an agent meets a venue."""

from typing import TypeVar

from rookery.agents.agent import Agent
from rookery.trading.venue import Venue

Seen = TypeVar("Seen")
Sent = TypeVar("Sent")
Filled = TypeVar("Filled")


def trade(agent: Agent[Seen, Sent], venue: Venue[Seen, Sent, Filled]) -> None:
    """Let `agent` decide at every moment that `venue` has left."""
    while (observation := venue.observe()) is not None:
        venue.submit(agent.decide(observation))
