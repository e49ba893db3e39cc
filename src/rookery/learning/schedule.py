"""How fast to learn at which step."""

import math
from dataclasses import dataclass


def warm_up(step: int, steps: int) -> float:
    """Factor that rises in a line to 1 over the first `steps` steps (step counts from 0)."""
    return min(1.0, (step + 1) / steps) if steps else 1.0


def cosine(step: int, *, start: int, total: int, floor: float) -> float:
    """Factor that falls from 1 at `start` to `floor` at `total` along half a cosine (Loshchilov and Hutter 2017)."""
    share = min(1.0, max(0.0, (step - start) / max(1, total - start)))
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """Factor that shrinks when a score has stood still for more than `patience` epochs."""

    factor: float = 1.0
    waited: int = 0

    def after(self, *, improved: bool, patience: int, shrink: float) -> "Plateau":
        """The state after one more epoch."""
        if improved:
            return Plateau(factor=self.factor)
        if self.waited >= patience:
            return Plateau(factor=self.factor * shrink)
        return Plateau(factor=self.factor, waited=self.waited + 1)
