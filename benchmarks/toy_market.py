"""One small trading environment, compiled and in plain Python, for measuring PPO: 30 numbers in, sell, hold or buy out.

Feature 0 foretells the next return a little (a planted edge), the other 27 are noise; then position and last reward.
"""

# R rows of the market, F features, N copies, O observation, A action columns

from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from numba import njit
from numpy.typing import NDArray

from rookery.compiled_env import CompiledVectorEnv, Floats
from rookery.randomness import Words, random_words, uniform

ROWS, FEATURES, EPISODE = 20_000, 28, 512
EDGE, NOISE, COST = 0.004, 0.01, 0.0005
OBSERVATIONS = Box(-np.inf, np.inf, (FEATURES + 2,), np.float32)
ACTIONS = Discrete(3)


class Position(NamedTuple):
    """Where every copy stands in the market, where its episode ends, what it holds, and its generator word."""

    row_N: NDArray[np.int64]
    end_N: NDArray[np.int64]
    held_N: NDArray[np.float64]
    words_N: Words


class Market(NamedTuple):
    """Growth of the price from each row to the next, and what is known at the row."""

    growth_R: NDArray[np.float64]
    features_RF: Floats
    episode: int
    cost: float


def make_market(seed: int = 0) -> Market:
    """A market of 20,000 rows."""
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((ROWS, FEATURES)).astype(np.float32)
    growth = np.exp(EDGE * features[:, 0] + NOISE * generator.standard_normal(ROWS))
    return Market(growth, features, EPISODE, COST)


def compiled_market(num_envs: int, market: Market) -> CompiledVectorEnv:
    """The environment for the fused path."""
    return CompiledVectorEnv(
        num_envs=num_envs,
        observation_space=OBSERVATIONS,
        action_space=ACTIONS,
        make_state=_make_state,
        params=market,
        reset_kernel=_reset,
        step_kernel=_step,
    )


class PlainMarket(gymnasium.Env[Floats, int]):
    """The same environment as anyone would write it in Python."""

    observation_space = OBSERVATIONS
    action_space = ACTIONS

    def __init__(self, market: Market) -> None:
        self.market = market
        self.row, self.end, self.held = 0, 0, 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Begin at a random row."""
        super().reset(seed=seed)
        self.row = int(self.np_random.integers(0, ROWS - EPISODE - 1))
        self.end, self.held = self.row + EPISODE, 0.0
        return self._seen(0.0), {}

    def step(self, action: int) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Hold -1, 0 or 1 until the next row; the reward is the log return after costs."""
        target = float(action) - 1.0
        growth = 1.0 + target * (self.market.growth_R[self.row] - 1.0) - abs(target - self.held) * COST
        reward = float(np.log(max(growth, 1e-6)))
        self.held = target
        self.row += 1
        return self._seen(reward), reward, False, self.row >= self.end, {}

    def _seen(self, reward: float) -> Floats:
        seen = np.empty(FEATURES + 2, np.float32)
        seen[:FEATURES] = self.market.features_RF[self.row]
        seen[FEATURES], seen[FEATURES + 1] = self.held, reward
        return seen


def _make_state(num_envs: int, seed: int) -> Position:
    whole = np.zeros(num_envs, np.int64)
    return Position(whole, whole.copy(), np.zeros(num_envs), random_words(num_envs, seed))


@njit(nogil=True, cache=True)
def _reset(state: Position, market: Market, observations_NO: Floats) -> None:
    for n in range(len(state.row_N)):
        _begin(state, market, n, observations_NO)


@njit(nogil=True, cache=True)
def _step(
    state: Position,
    market: Market,
    actions_NA: Floats,
    observations_NO: Floats,
    rewards_N: Floats,
    terminated_N: NDArray[np.bool_],
    truncated_N: NDArray[np.bool_],
    final_NO: Floats,
) -> None:
    for n in range(len(rewards_N)):
        target = np.float64(actions_NA[n, 0]) - 1.0
        growth = 1.0 + target * (market.growth_R[state.row_N[n]] - 1.0) - abs(target - state.held_N[n]) * market.cost
        rewards_N[n] = np.log(max(growth, 1e-6))
        state.held_N[n] = target
        state.row_N[n] += 1
        terminated_N[n], truncated_N[n] = False, state.row_N[n] >= state.end_N[n]
        _look(state, market, n, rewards_N[n], observations_NO)
        if truncated_N[n]:
            final_NO[n] = observations_NO[n]
            _begin(state, market, n, observations_NO)


@njit(nogil=True, cache=True)
def _begin(state: Position, market: Market, n: int, observations_NO: Floats) -> None:
    state.row_N[n] = int(uniform(state.words_N, n) * (len(market.growth_R) - market.episode - 1))
    state.end_N[n] = state.row_N[n] + market.episode
    state.held_N[n] = 0.0
    _look(state, market, n, np.float32(0.0), observations_NO)


@njit(nogil=True, cache=True)
def _look(state: Position, market: Market, n: int, reward: np.float32, observations_NO: Floats) -> None:
    features = market.features_RF.shape[1]
    observations_NO[n, :features] = market.features_RF[state.row_N[n]]
    observations_NO[n, features] = state.held_N[n]
    observations_NO[n, features + 1] = reward
