"""What every agent is: something that sees an observation and answers with orders."""

from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

Seen_contra = TypeVar("Seen_contra", contravariant=True)
Sent_co = TypeVar("Sent_co", covariant=True)


@runtime_checkable
class Agent(Protocol[Seen_contra, Sent_co]):
    """Decides at one moment from what is known at that moment.

    A market has its own nouns: a pool of swaps is seen as `types.Observation` and sent `types.Order` (a share of what
    is held), bars of M instruments are seen as `BarObservation` and sent `BarOrder` (signed contracts).
    """

    def decide(self, observation: Seen_contra) -> Sequence[Sent_co]:
        """Orders to send now. Holding is the empty list; an order fills later than `observation.time_ns`."""
        ...
