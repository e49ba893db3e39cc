"""Whether the learner finds what is known to be best: PPO against problems with known optima, and what it reached."""

# S seeds, B states, O observation, A action columns

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rookery.learning.ppo_config import PPOConfig

Floats = npt.NDArray[np.float64]
LEAST_SEEDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a problem is learnt: network, copies and PPO settings."""

    config: PPOConfig
    num_envs: int = 64
    hidden: tuple[int, ...] = (32, 32)
    log_std: float = -0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Mean over seeds with its 95 % interval by Student's t."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one problem's trial gave. `reached` is each seed's share of the optimum, or its trades per 100 steps."""

    name: str
    title: str
    source: str
    measure: str
    target: str
    reached: tuple[float, ...]
    estimate: Estimate
    passed: bool
    note: str
    steps: int
    seconds: float


def _ppo(total_steps: int, **changes: Any) -> PPOConfig:  # noqa: ANN401  settings of several types
    settings = {"rollout_steps": 64, "batch_size": 512, "num_epochs": 4, "learning_rate": 1e-3, "device": "cpu"}
    return PPOConfig.model_validate({"total_steps": total_steps, **settings, **changes})
