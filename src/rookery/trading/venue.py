"""Where agents act: a venue shows what is known now, and takes orders."""

from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

Seen_co = TypeVar("Seen_co", covariant=True)
Sent_contra = TypeVar("Sent_contra", contravariant=True)
Filled_co = TypeVar("Filled_co", covariant=True)


@runtime_checkable
class Venue(Protocol[Seen_co, Sent_contra, Filled_co]):
    """A market as one agent meets it, moment by moment. A backtest is a venue, and so is paper."""

    def observe(self) -> Seen_co | None:
        """What is known now, the same until orders are submitted; None when there is nothing left to decide."""
        ...

    def submit(self, orders: Sequence[Sent_contra]) -> Sequence[Filled_co]:
        """Send the orders decided now (none is the empty list) and go on to the next moment; fills made by then."""
        ...
