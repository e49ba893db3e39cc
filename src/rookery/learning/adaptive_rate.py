"""A learning rate that follows performance, within bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRule:
    """A rate moves by `step` (0.1: 10 %) when the mean of the last `window` performances differs by more than
    `threshold` from that of the `window` before: up when it rose, down when it fell. It stays within `bounds`. Windows
    do not overlap: each is compared once with the one before, so that one change of performance moves a rate twice at
    most.
    """

    step: float = 0.1
    window: int = 10
    threshold: float = 0.01
    bounds: tuple[float, float] = (1e-4, 1e-3)

    def __post_init__(self) -> None:
        low, high = self.bounds
        if not 0 < low <= high or not 0 <= self.step < 1 or self.window < 1 or not self.threshold >= 0:
            raise ValueError(f"no rule for a learning rate: {self}")


class AdaptiveRate:
    """One learning rate and the performances that it has seen."""

    def __init__(self, rate: float, rule: RateRule) -> None:
        self._rule = rule
        self.rate = _within(rate, rule.bounds)
        self._seen: list[float] = []

    def after(self, performance: float) -> float:
        """The rate after one more performance. Raises ValueError for one that is not finite."""
        if not np.isfinite(performance):
            raise ValueError(f"a performance of {performance} says nothing")
        window = self._rule.window
        self._seen.append(performance)
        if len(self._seen) == 2 * window:
            moved = float(np.mean(self._seen[window:]) - np.mean(self._seen[:window]))
            if abs(moved) > self._rule.threshold:
                self.rate = _within(self.rate * (1.0 + np.sign(moved) * self._rule.step), self._rule.bounds)
            self._seen = self._seen[window:]
        return self.rate

    def state(self) -> dict[str, Any]:
        """All there is to restore, in JSON values."""
        return {"rate": self.rate, "seen": list(self._seen)}

    def restore(self, held: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.rate, self._seen = float(held["rate"]), [float(value) for value in held["seen"]]


def _within(rate: float, bounds: tuple[float, float]) -> float:
    return float(min(max(rate, bounds[0]), bounds[1]))
