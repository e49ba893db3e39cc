"""From easy to hard: which level a learner is on, and when it has earned the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The next level is earned by `min_episodes` at this one of which the last `window` have a mean of at least `mean`
    and a deviation (population) of at most `std`.
    """

    min_episodes: int = 100
    window: int = 50
    mean: float = 0.1
    std: float = 0.05

    def __post_init__(self) -> None:
        if min(self.min_episodes, self.window) < 1 or not self.std >= 0:
            raise ValueError(f"no rule for promotion: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Episodes at a level, and mean and deviation (population) of the last of them; 0 where there are none."""

    episodes: int
    mean: float
    std: float


class Curriculum:
    """Levels in order of difficulty. Episodes are drawn from those reached, in proportion to `shares`."""

    def __init__(self, levels: Sequence[str], shares: Mapping[str, float], rule: Promotion) -> None:
        if not levels or any(not shares.get(level, 0.0) > 0 for level in levels):
            raise ValueError(f"every level of {tuple(levels)} needs a share above 0")
        self.levels = tuple(levels)
        self._shares, self._rule = dict(shares), rule
        self._place, self._episodes = 0, 0
        self._recent: list[float] = []
        self._promotions: list[int] = []

    @property
    def level(self) -> str:
        """The highest level reached."""
        return self.levels[self._place]

    def level_at(self, step: int) -> str:
        """The level that was in force at a training step."""
        return self.levels[sum(promoted <= step for promoted in self._promotions)]

    def mixture(self) -> dict[str, float]:
        """The probability of each level reached; sums to 1."""
        reached = self.levels[: self._place + 1]
        total = sum(self._shares[level] for level in reached)
        return {level: self._shares[level] / total for level in reached}

    def draw(self, generator: np.random.Generator) -> str:
        """A level by `mixture`."""
        chances = self.mixture()
        return str(generator.choice(list(chances), p=list(chances.values())))

    def record(self, performance: float, *, step: int) -> bool:
        """One episode at the level in force has ended; whether it earned the next level, from training step `step` on.

        Raises ValueError for a performance that is not finite.
        """
        if not np.isfinite(performance):
            raise ValueError(f"a performance of {performance} says nothing")
        self._episodes += 1
        self._recent = [*self._recent, float(performance)][-self._rule.window :]
        if self._place + 1 == len(self.levels) or not self._earned():
            return False
        self._place, self._episodes, self._recent = self._place + 1, 0, []
        self._promotions.append(step)
        return True

    def _earned(self) -> bool:
        full = len(self._recent) == self._rule.window and self._episodes >= self._rule.min_episodes
        # The deviation last: an exact one takes half a millisecond, and every episode asks.
        return full and fmean(self._recent) >= self._rule.mean and pstdev(self._recent) <= self._rule.std

    def standing(self) -> Standing:
        """How the level in force goes."""
        if not self._recent:
            return Standing(episodes=self._episodes, mean=0.0, std=0.0)
        # Exact sums: fifty times 0.1 must have a mean of 0.1.
        return Standing(episodes=self._episodes, mean=fmean(self._recent), std=pstdev(self._recent))

    def state(self) -> dict[str, Any]:
        """All there is to restore, in JSON values."""
        return {
            "place": self._place,
            "episodes": self._episodes,
            "recent": list(self._recent),
            "promotions": list(self._promotions),
        }

    def restore(self, held: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._place, self._episodes = int(held["place"]), int(held["episodes"])
        self._recent, self._promotions = list(held["recent"]), list(held["promotions"])
