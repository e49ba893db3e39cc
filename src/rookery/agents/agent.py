"""What every agent is: something that sees an observation and answers with orders."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from rookery.types import Observation, Order


@runtime_checkable
class Agent(Protocol):
    """Decides at one moment from what is known at that moment."""

    def decide(self, observation: Observation) -> Sequence[Order]:
        """Orders to send now. Holding is the empty list; an order fills later than `observation.time_ns`."""
        ...
