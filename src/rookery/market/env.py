"""Trading over bars as a gymnasium environment: one account, the same compiled step as every other face."""

# O observation

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rookery.compiled_env import Arrays
from rookery.market.bars import Bars
from rookery.market.scenarios import Level, ScenarioName
from rookery.market.vector_env import SCENARIO_BARS, BarsVectorEnv, Settings, Singles


class BarsEnv(gymnasium.Env[Singles, Any]):
    """`rookery/Bars-v0`: see `BarsVectorEnv` for the arguments and `EnvConfig` for the settings."""

    metadata = {"render_modes": []}  # noqa: RUF012  gymnasium's own attribute

    def __init__(
        self,
        *,
        bars: Bars | None = None,
        features_TF: Singles | None = None,
        config: Settings = None,
        scenario: ScenarioName = "gbm",
        scenario_level: Level = "medium",
        scenario_seed: int = 0,
        scenario_bars: int = SCENARIO_BARS,
    ) -> None:
        self._copies = BarsVectorEnv(
            1,
            bars=bars,
            features_TF=features_TF,
            config=config,
            scenario=scenario,
            scenario_level=scenario_level,
            scenario_seed=scenario_seed,
            scenario_bars=scenario_bars,
        )
        self.observation_space = self._copies.single_observation_space
        self.action_space = self._copies.single_action_space
        self.render_mode = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Begin an episode; the same seed begins the same one."""
        super().reset(seed=seed)
        if seed is not None:
            self._copies.start(seed)
        observations_NO, _ = self._copies.reset()
        return observations_NO[0], {"net_worth": float(self._copies.state.worth_N[0])}

    def step(self, action: Any) -> tuple[Singles, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """Decide at this bar's close; observation, reward and net worth are those of the next bar's close."""
        observations_NO, rewards_N, terminated_N, truncated_N, info = self._copies.step(np.asarray(action)[None])
        shown = info["final_obs"][0] if info else observations_NO[0]
        net_worth = float(self._copies.state.closed_worth_N[0])
        return shown, float(rewards_N[0]), bool(terminated_N[0]), bool(truncated_N[0]), {"net_worth": net_worth}

    def get_state(self) -> Arrays:
        """Copies of every array that a later step depends on."""
        return self._copies.get_state()

    def set_state(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `get_state` returned, to the bit."""
        self._copies.set_state(arrays)
