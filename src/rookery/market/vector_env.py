"""Trading over bars as a gymnasium vector environment."""

# T bars, F features

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from numpy.typing import NDArray

from rookery.compiled_env import CompiledVectorEnv
from rookery.market import bar_env
from rookery.market.bars import Bars
from rookery.market.env_config import EnvConfig
from rookery.market.execution import BarTimes
from rookery.market.observations import bar_features
from rookery.market.scenarios import Level, ScenarioName, generate

Singles = NDArray[np.float32]
Settings = EnvConfig | Mapping[str, Any] | None
SCENARIO_BARS = 20_000


class BarsVectorEnv(CompiledVectorEnv):
    """N accounts that trade over bars: `rookery/Bars-v0` as a vector environment.

    Without `bars` it generates `scenario_bars` of one instrument by `scenario` from `scenario_seed`; `features_TF`
    (T, F) defaults to `observations.bar_features`. Circuit breakers count by `times` where they are given. `config` is
    an EnvConfig or its keys.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        bars: Bars | None = None,
        features_TF: Singles | None = None,
        times: BarTimes | None = None,
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
        features = bar_features(made) if features_TF is None else features_TF
        params = bar_env.bar_params(made, features, settings, times)
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
