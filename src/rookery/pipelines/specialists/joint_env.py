"""The world of phase 3: portfolios on the bars themselves beside portfolios on generated scenarios."""

# N copies, O observation, J action columns, S specialists, R copies on real bars

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rookery.learning.reproducible import derive_seed
from rookery.learning.rollout import Flags, Floats
from rookery.market.bars import CLOSE
from rookery.market.portfolio_vector_env import PortfolioVectorEnv
from rookery.market.scenarios import Level, ScenarioName


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScenarioWorld:
    """Portfolios on one generated scenario."""

    name: ScenarioName
    level: Level
    env: PortfolioVectorEnv


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedEpisode:
    """A scenario's episode that is over: its level and its net return per unit of `full_exposure`."""

    level: Level
    gained: float


class JointTrainingEnv:
    """R copies on real bars, always, and as many as a scenario has on the one that `visit` chose.

    Every world keeps its episodes while another is visited. The meta-controller is heard at every `decision_bars`-th
    bar of an episode, as in phase 2; between, its last word stands. Implements `learning.joint_rollout`'s
    JointEnvironment: the common reward is the portfolio's, its control what equal allocations took off it, each
    specialist's own the differential Sharpe ratio of what its stances earned.
    """

    def __init__(self, real: PortfolioVectorEnv, scenarios: Sequence[ScenarioWorld], *, decision_bars: int = 1) -> None:
        self.real, self.scenarios = real, tuple(scenarios)
        self.visited = 0
        self.ended: list[EndedEpisode] = []
        self.num_envs = real.num_envs + (self.scenarios[0].env.num_envs if self.scenarios else 0)
        self._decision_bars = decision_bars
        self._full_exposures = [full_exposure(world.env) for world in self.scenarios]
        self._now = [np.zeros(env.observation_space.shape or (), np.float32) for env in self._every()]
        self._words = [np.zeros((env.num_envs, self._amounts()), np.float32) for env in self._every()]

    def visit(self, level: Level, generator: np.random.Generator) -> None:
        """Take up one of a level's scenarios. Raises ValueError when there is none."""
        places = [place for place, world in enumerate(self.scenarios) if world.level == level]
        if not places:
            raise ValueError(f"there is no scenario of level '{level}'")
        self.visited = places[int(generator.integers(len(places)))]

    def reset(self, seed: int) -> None:
        """Begin new episodes everywhere."""
        self._now = [
            env.reset(seed=derive_seed(seed, "world", place) % 2**31)[0] for place, env in enumerate(self._every())
        ]

    def observe(self) -> Floats:
        """What all copies see: those on real bars first."""
        if not self.scenarios:
            return self._now[0]
        return np.concatenate((self._now[0], self._now[1 + self.visited]))

    def deciding(self) -> Flags:
        """Where the meta-controller is heard (N,)."""
        return np.concatenate([self._deciding(env) for env in self._every_visited()])

    def step(self, actions_NJ: Floats) -> tuple[Floats, Floats, Floats, Floats, Flags, Flags, Floats]:
        """One bar of every copy (see JointEnvironment); scenario episodes that end are added to `ended`."""
        count = self.real.num_envs
        parts = [self._step(0, self.real, actions_NJ[:count])]
        if self.scenarios:
            world = self.scenarios[self.visited]
            parts.append(self._step(1 + self.visited, world.env, actions_NJ[count:]))
            done_N = parts[1][3] | parts[1][4]
            growth_N = world.env.state.closed_worth_N / world.env.params.capital - 1.0
            gained_N = growth_N / self._full_exposures[self.visited]
            self.ended += [EndedEpisode(level=world.level, gained=float(gained_N[n])) for n in np.flatnonzero(done_N)]
        rewards, alone, controls, terminated, truncated, final = (
            _joined([part[k] for part in parts]) for k in range(len(parts[0]))
        )
        return self.observe(), rewards, alone, controls, terminated, truncated, final

    def _step(self, place: int, env: PortfolioVectorEnv, actions_NJ: Floats) -> tuple[NDArray[Any], ...]:
        amounts = self._amounts()
        self._words[place] = np.where(self._deciding(env)[:, None], actions_NJ[:, :amounts], self._words[place])
        said_NJ = np.concatenate((self._words[place], actions_NJ[:, amounts:]), axis=1)
        seen_NO, rewards_N, terminated_N, truncated_N, info = env.step(said_NJ)
        self._now[place] = seen_NO
        final_NO = info.get("final_obs", seen_NO)
        alone_NS, control_N = (one.astype(np.float32) for one in (env.state.paid_NS, env.state.control_N))
        return rewards_N, alone_NS, control_N, terminated_N, truncated_N, final_NO

    def _deciding(self, env: PortfolioVectorEnv) -> Flags:
        elapsed_N = env.state.bar_N - env.state.start_N
        return np.asarray(elapsed_N % self._decision_bars == 0)

    def _amounts(self) -> int:
        return int(self.real.state.share_NS.shape[1]) + 1

    def _every_visited(self) -> tuple[PortfolioVectorEnv, ...]:
        return (self.real, self.scenarios[self.visited].env) if self.scenarios else (self.real,)

    def _every(self) -> tuple[PortfolioVectorEnv, ...]:
        return (self.real, *(world.env for world in self.scenarios))

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Copies of every array that a later step depends on."""
        held: dict[str, NDArray[Any]] = {"visited": np.array([self.visited])}
        for place, env in enumerate(self._every()):
            held[f"{place}.now"] = self._now[place].copy()
            held[f"{place}.words"] = self._words[place].copy()
            held |= {f"{place}.state.{name}": values for name, values in env.get_state().items()}
        return held

    def set_state(self, held: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `get_state` returned."""
        self.visited = int(held["visited"][0])
        for place, env in enumerate(self._every()):
            self._now[place] = held[f"{place}.now"].copy()
            self._words[place] = held[f"{place}.words"].copy()
            prefix = f"{place}.state."
            env.set_state({name.removeprefix(prefix): v for name, v in held.items() if name.startswith(prefix)})


def full_exposure(env: PortfolioVectorEnv) -> float:
    """Gross value over net worth that equal allocations and a risk appetite of 1 ask for.

    It is the sum over specialists of `max_position_size` x instruments / specialists, each within `max_sector`. A
    curriculum asks for returns as of capital that is all at work, of which the limits on sizes allow a part.
    """
    params, specialists = env.params, env.state.share_NS.shape[1]
    counts_S = np.bincount(params.group_M[params.traded_TM.any(axis=0)], minlength=specialists)
    return float(np.minimum(counts_S * params.size / specialists, params.max_sector).sum())


def within_reach(env: PortfolioVectorEnv) -> float:
    """Mean return of an episode that holds full exposure to every instrument, from its start on the side that is right
    at its end, before costs, per unit of exposure: no side that is kept earns more.
    """
    params, bars = env.params, env.params.episode_length
    close_TM = params.market.quotes_TMQ[:, params.traded_TM.any(axis=0), CLOSE]
    return float(np.abs(close_TM[bars:] / close_TM[:-bars] - 1.0).mean())


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
