"""Compiled environments as gymnasium vector environments, among them trading over bars."""

# N copies, O observation, A action columns

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from rookery.market import bar_env
from rookery.market.bars import Bars
from rookery.market.env_config import EnvConfig
from rookery.market.observations import bar_features
from rookery.market.scenarios import Level, ScenarioName, generate

Singles = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]
Settings = EnvConfig | Mapping[str, Any] | None
SCENARIO_BARS = 20_000


class KernelVectorEnv(VectorEnv[Singles, NDArray[Any], NDArray[Any]]):
    """N copies of an environment that is two compiled functions; ended copies start again in the same step.

    `reset_kernel(state, params, observations_NO)` and `step_kernel(state, params, actions_NA, observations_NO,
    rewards_N, terminated_N, truncated_N, final_NO)` change the arrays of `state` in place; a learner may call them
    itself. `make_state(count, seed)` gives the state before the first reset; equal seeds give equal states.
    """

    def __init__(
        self,
        *,
        num_envs: int,
        observation_space: Box,
        action_space: gymnasium.Space[Any],
        make_state: Callable[[int, int], Any],
        params: Any,  # noqa: ANN401  a NamedTuple that only the kernels understand
        reset_kernel: Callable[..., None],
        step_kernel: Callable[..., None],
        seed: int = 0,
    ) -> None:
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}
        self.single_observation_space, self.single_action_space = observation_space, action_space
        self.observation_space = batch_space(observation_space, num_envs)
        self.action_space = batch_space(action_space, num_envs)
        self.reset_kernel, self.step_kernel, self.params = reset_kernel, step_kernel, params
        self._make_state = make_state
        self._lowest, self._highest = _bounds(action_space)
        self.state = make_state(num_envs, seed)

    def start(self, seed: int) -> None:
        """Make `state` that of freshly seeded copies."""
        self.state = self._make_state(self.num_envs, seed)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """First observations (N, O). With a `seed` all copies are seeded anew, else they draw on."""
        if seed is not None:
            self.start(seed)
        observations_NO = self._blank()
        self.reset_kernel(self.state, self.params, observations_NO)
        return observations_NO, {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Singles, Singles, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One step of every copy. `info["final_obs"]` holds the last observations where `info["_final_obs"]`."""
        actions_NA = np.asarray(actions, np.float32).reshape(self.num_envs, -1)
        rewards_N = np.zeros(self.num_envs, np.float32)
        terminated_N, truncated_N = np.zeros(self.num_envs, np.bool_), np.zeros(self.num_envs, np.bool_)
        observations_NO, final_NO = self._blank(), self._blank()
        self.step_kernel(
            self.state,
            self.params,
            np.clip(actions_NA, self._lowest, self._highest),
            observations_NO,
            rewards_N,
            terminated_N,
            truncated_N,
            final_NO,
        )
        ended_N = terminated_N | truncated_N
        info = {"final_obs": final_NO, "_final_obs": ended_N} if ended_N.any() else {}
        return observations_NO, rewards_N, terminated_N, truncated_N, info

    def get_state(self) -> Arrays:
        """Copies of every array that a later step depends on."""
        return {name: array.copy() for name, array in self.state._asdict().items()}

    def set_state(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `get_state` returned, to the bit. Raises ValueError when names, shapes or types differ."""
        for name, array in self.state._asdict().items():
            given = arrays.get(name)
            if given is None or given.shape != array.shape or given.dtype != array.dtype:
                raise ValueError(f"state lacks '{name}' of shape {array.shape} and type {array.dtype}")
            array[...] = given

    def _blank(self) -> Singles:
        return np.zeros((self.num_envs, *(self.single_observation_space.shape or ())), np.float32)


class BarsVectorEnv(KernelVectorEnv):
    """N accounts that trade over bars: `rookery/Bars-v0` as a vector environment.

    Without `bars` it generates `scenario_bars` of one instrument by `scenario` from `scenario_seed`; `features_TF`
    (T, F) defaults to `observations.bar_features`. `config` is an EnvConfig or its keys.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        bars: Bars | None = None,
        features_TF: Singles | None = None,
        config: Settings = None,
        scenario: ScenarioName = "gbm",
        scenario_level: Level = "medium",
        scenario_seed: int = 0,
        scenario_bars: int = SCENARIO_BARS,
        seed: int = 0,
    ) -> None:
        settings = config if isinstance(config, EnvConfig) else EnvConfig.model_validate(dict(config or {}))
        made = (
            generate(scenario, bars=scenario_bars, seed=scenario_seed, level=scenario_level) if bars is None else bars
        )
        params = bar_env.bar_params(made, bar_features(made) if features_TF is None else features_TF, settings)
        size, largest = bar_env.observation_size(params), float(np.finfo(np.float32).max)
        super().__init__(
            num_envs=num_envs,
            observation_space=Box(-largest, largest, (size,), np.float32),
            action_space=action_space(settings, made.shape[1]),
            make_state=lambda count, seed: bar_env.make_state(params, count, seed),
            params=params,
            reset_kernel=bar_env.reset,
            step_kernel=bar_env.step,
            seed=seed,
        )


def action_space(config: EnvConfig, instruments: int) -> gymnasium.Space[Any]:
    """Space of one copy's actions for the settings' `actions`."""
    if config.actions == "weight":
        return Box(-1.0, 1.0, (instruments,), np.float32)
    choices = 3 if config.actions == "side" else config.num_targets
    return Discrete(choices) if instruments == 1 else MultiDiscrete([choices] * instruments)


def _bounds(space: gymnasium.Space[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    if isinstance(space, Box):
        return space.low, space.high
    if isinstance(space, Discrete):
        return np.zeros(1, np.float32), np.full(1, int(space.n) - 1, np.float32)
    if isinstance(space, MultiDiscrete):
        return np.zeros(space.nvec.shape, np.float32), space.nvec.astype(np.float32) - 1.0
    raise ValueError(f"action space {space} is not Box, Discrete or MultiDiscrete")
