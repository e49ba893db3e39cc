"""Invented markets of rising difficulty for phase 3, and when the next is due."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rookery.learning.curriculum import Curriculum, Promotion
from rookery.learning.reproducible import derive_seed
from rookery.market.bars import Bars
from rookery.market.scenarios import CURRICULUM, CURRICULUM_SHARE, LEVELS, Level, ScenarioName, generate
from rookery.pipelines.specialists.config import CurriculumConfig

# Length of the specification's episodes, which the published rule of promotion is about.
PUBLISHED_BARS = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenario:
    """Generated bars, and what they were generated as."""

    name: ScenarioName
    level: Level
    bars: Bars


class AdvancedCurriculumLearning:
    """Easy, medium and hard markets from `market.scenarios`, drawn in proportion 0.4, 0.4, 0.2 among levels reached.

    An episode's performance is its net return. `bars` is the length of a scenario, `episode_bars` that of an episode,
    `volatility` that of one bar's log return. The rule of promotion is that of episodes of 1,000 bars: of others it
    asks as much return a bar, and allows a bar's return as much deviation, whose squares add up over an episode. Equal
    seeds generate equal scenarios, in the order asked for.
    """

    def __init__(
        self,
        config: CurriculumConfig,
        *,
        instruments: int,
        bars: int,
        volatility: float,
        seed: int,
        episode_bars: int = PUBLISHED_BARS,
    ) -> None:
        length = episode_bars / PUBLISHED_BARS
        self._rule = Promotion(
            min_episodes=config.min_episodes,
            window=config.window,
            mean=config.promote_mean * length,
            std=config.promote_std * math.sqrt(length),
        )
        self._curriculum = Curriculum(LEVELS, {level: CURRICULUM_SHARE[level] for level in LEVELS}, self._rule)
        self._size, self._bars, self._volatility, self._seed = instruments, bars, volatility, seed
        self._made = 0

    @property
    def level(self) -> Level:
        """The highest level reached."""
        return _level(self._curriculum.level)

    def get_difficulty_level(self, training_step: int) -> Level:
        """The level in force at a training step."""
        return _level(self._curriculum.level_at(training_step))

    def generate_scenario(self, difficulty_level: Level) -> Scenario:
        """The next scenario of a level, its kind drawn from the level's. Raises ValueError for a level unknown."""
        level = _level(difficulty_level)
        draws = np.random.default_rng(derive_seed(self._seed, "scenario", self._made))
        name = CURRICULUM[level][int(draws.integers(len(CURRICULUM[level])))]
        self._made += 1
        made = generate(
            name,
            bars=self._bars,
            seed=derive_seed(self._seed, "bars", self._made) % 2**32,
            level=level,
            instruments=self._size,
            volatility=self._volatility,
        )
        return Scenario(name=name, level=level, bars=made)

    def update_curriculum(self, performance_metrics: Mapping[str, float]) -> bool:
        """Note one episode's `performance` at training step `step`; whether it earned the next level."""
        return self._curriculum.record(performance_metrics["performance"], step=int(performance_metrics["step"]))

    def standing(self) -> str:
        """The level in force, how it goes there, and what the next one asks for, in one line."""
        now, rule = self._curriculum.standing(), self._rule
        text = f"curriculum at '{self.level}': {now.episodes:,} episodes of scenarios ended there"
        if now.episodes:
            text += f", the last {min(now.episodes, rule.window)} gained {now.mean:.3f} (deviation {now.std:.3f})"
        if self.level == LEVELS[-1]:
            return text
        return (
            f"{text}; '{LEVELS[LEVELS.index(self.level) + 1]}' begins after {rule.min_episodes:,} of which the last "
            f"{rule.window} gain {rule.mean:.3f} (deviation {rule.std:.3f} at most)"
        )

    def draw_level(self, generator: np.random.Generator) -> Level:
        """A level among those reached."""
        return _level(self._curriculum.draw(generator))

    def state(self) -> dict[str, Any]:
        """All there is to restore, in JSON values."""
        return {"made": self._made, "curriculum": self._curriculum.state()}

    def restore(self, held: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._made = int(held["made"])
        self._curriculum.restore(held["curriculum"])


def _level(name: str) -> Level:
    for level in LEVELS:
        if level == name:
            return level
    raise ValueError(f"no level '{name}'; known: {', '.join(LEVELS)}")
