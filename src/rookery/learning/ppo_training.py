"""One run of PPO under way: all that an update needs and all that must survive a kill."""

# T steps, N environments, A action columns, S samples, E epochs

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from torch import Tensor, nn

from rookery.errors import UserError
from rookery.learning.checkpoint import Checkpoint
from rookery.learning.episodes import EpisodeTally, RewardScale
from rookery.learning.fused.learner import FusedLearner
from rookery.learning.gae import gae
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.ppo_history import Row, from_tensor, to_tensor
from rookery.learning.reproducible import derive_seed
from rookery.learning.rollout import Floats, Rollout, Samples, samples
from rookery.learning.spaces import action_space, observation_size
from rookery.learning.torch_learner import FIGURES, TorchLearner, under
from rookery.models.action_distribution import ActionSpace, Choices
from rookery.models.actor_critic import ActorCritic, ObservationNormaliser


class Learner(Protocol):
    """Policy, environment and optimizer: `TorchLearner` or `FusedLearner`."""

    def restart(self, seed: int) -> None: ...
    def collect(self, noise_TNA: Floats) -> Rollout: ...
    def improve(self, samples: Samples, order_ES: NDArray[np.int64], *, rate: float) -> dict[str, float]: ...
    def tensors(self) -> dict[str, Tensor]: ...
    def restore(self, held: Mapping[str, Tensor]) -> None: ...


class PPOTraining:
    """A policy, its environment and what they have been through. `update` counts the updates done."""

    def __init__(
        self,
        policy: nn.Module,
        env: VectorEnv[Any, Any, Any],
        config: PPOConfig,
        *,
        seed: int,
        fused: bool,
        device: torch.device,
    ) -> None:
        self.config = config
        self.update = 0
        self.rows: list[Row] = []
        self._env, self._seed = env, seed
        self._actions = action_space(env.single_action_space)
        if isinstance(policy, ActorCritic):
            _refuse_misfit(policy, self._actions, observation_size(env.single_observation_space))
        self._learner = _learner(policy, env, config, fused=fused, device=device)
        self._normaliser: ObservationNormaliser | None = getattr(policy, "normaliser", None)
        self._tally = EpisodeTally(env.num_envs)
        self._scale = RewardScale(env.num_envs, config.gamma) if config.normalise_rewards else None
        self._steps_per_update = config.rollout_steps * env.num_envs
        self._updates = -(-config.total_steps // self._steps_per_update)

    @property
    def steps(self) -> int:
        """Environment steps done, over all copies."""
        return self.update * self._steps_per_update

    @property
    def total_steps(self) -> int:
        """Environment steps of the whole run: whole rollouts."""
        return self._updates * self._steps_per_update

    @property
    def done(self) -> bool:
        """Whether the last update is done."""
        return self.update >= self._updates

    @property
    def at_checkpoint(self) -> bool:
        """Whether the update just done is one after which a checkpoint is due."""
        return self.update % self.config.checkpoint_updates == 0

    def restart(self) -> None:
        """Reset every environment from a seed of this update's own."""
        # Some environments take no seed of more than 31 bits.
        self._learner.restart(derive_seed(self._seed, "environment", self.update) % 2**31)
        self._tally.restart()
        if self._scale is not None:
            self._scale.restart()

    def advance(self) -> None:
        """One update: act, estimate advantages, improve."""
        rollout = self._learner.collect(_noise(self._actions, self._shape(), self._seeded("noise")))
        _refuse_bad_numbers(rollout)
        rate = self.config.learning_rate * (1.0 - self.update / self._updates if self.config.anneal else 1.0)
        figures: dict[str, float | None] = dict.fromkeys(("explained_variance", "minibatches", *FIGURES))
        if self._normaliser is None or float(self._normaliser.count):
            figures |= self._improve(rollout, rate)
        if self._normaliser is not None:
            self._normaliser.update(rollout.observations_TNO[rollout.acted_TN])
        self.update += 1
        self.rows.append({"steps": float(self.steps), "learning_rate": rate, **figures, **self._episodes(rollout)})
        if self.at_checkpoint and not _restorable(self._env):
            self.restart()

    def _improve(self, rollout: Rollout, rate: float) -> dict[str, float | None]:
        advantages_TN, returns_TN = gae(
            rollout.rewards_TN if self._scale is None else self._scale.scaled(rollout),
            rollout.values_TN,
            rollout.last_values_N,
            terminated_TN=rollout.terminated_TN,
            truncated_TN=rollout.truncated_TN,
            final_values_TN=rollout.final_values_TN,
            gamma=self.config.gamma,
            gae_lambda=self.config.gae_lambda,
        )
        batch = samples(rollout, advantages_TN=advantages_TN, returns_TN=returns_TN)
        rows_ES = np.broadcast_to(np.arange(len(batch.returns_S)), (self.config.num_epochs, len(batch.returns_S)))
        order_ES = self._seeded("order").permuted(rows_ES, axis=1)
        figures = self._learner.improve(batch, order_ES, rate=rate)
        for name, value in figures.items():
            if not math.isfinite(value):
                raise UserError(
                    f"{name} is not a finite number in update {self.update + 1}",
                    place="training",
                    remedy="lower learning_rate, or normalise observations and rewards",
                )
        return {"explained_variance": explained_variance(batch), **figures}

    def _episodes(self, rollout: Rollout) -> dict[str, float | None]:
        returns_E, lengths_E = self._tally.finished(rollout)
        if not len(returns_E):
            return {"episodes": 0.0, "mean_return": None, "mean_length": None}
        return {
            "episodes": float(len(returns_E)),
            "mean_return": float(returns_E.mean()),
            "mean_length": float(lengths_E.mean()),
        }

    def _shape(self) -> tuple[int, int]:
        return self.config.rollout_steps, self._env.num_envs

    def _seeded(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng(derive_seed(self._seed, purpose, self.update))

    def snapshot(self) -> Checkpoint:
        """All of this as tensors. Noise and order hang on seed and update, so no generator is kept."""
        parts = {"learner": self._learner.tensors(), "tally": self._tally.tensors()}
        if self._scale is not None:
            parts["scale"] = self._scale.tensors()
        if _restorable(self._env):
            arrays: Mapping[str, NDArray[Any]] = self._env.get_state()  # type: ignore[attr-defined]
            parts["env"] = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        tensors = {f"{part}.{name}": value for part, held in parts.items() for name, value in held.items()}
        return Checkpoint(epoch=self.update, batch=0, state={}, tensors={**tensors, "rows": to_tensor(self.rows)})

    def restore(self, moment: Checkpoint) -> None:
        """Go on from a snapshot of a run with the same policy, environment, settings and seed."""
        self.update, self.rows = moment.epoch, from_tensor(moment.tensors["rows"])
        if _restorable(self._env):
            self._learner.restart(0)
            arrays = {name: value.numpy() for name, value in under("env", moment.tensors).items()}
            self._env.set_state(arrays)  # type: ignore[attr-defined]
        else:
            self.restart()
        self._learner.restore(under("learner", moment.tensors))
        self._tally.restore(under("tally", moment.tensors))
        if self._scale is not None:
            self._scale.restore(under("scale", moment.tensors))


def explained_variance(batch: Samples) -> float | None:
    """1 - Var(return - value) / Var(return): 1 is a perfect critic, 0 a constant one. None for equal returns."""
    spread = float(batch.returns_S.astype(np.float64).var())
    if spread == 0.0:
        return None
    return 1.0 - float((batch.returns_S - batch.values_S).astype(np.float64).var()) / spread


def _learner(
    policy: nn.Module, env: VectorEnv[Any, Any, Any], config: PPOConfig, *, fused: bool, device: torch.device
) -> Learner:
    if not fused:
        return TorchLearner(policy, env, config, device)
    if not isinstance(policy, ActorCritic):
        raise TypeError(f"the fused path trains an ActorCritic, not a {type(policy).__name__}")
    return FusedLearner(policy, env, config)


def _refuse_misfit(policy: ActorCritic, actions: ActionSpace, size: int) -> None:
    # Compiled code does not check its indices, so a policy made for another environment must not reach it.
    if policy.observation_size != size:
        raise ValueError(f"the policy observes {policy.observation_size} numbers, the environment shows {size}")
    alike = type(policy.actions) is type(actions) and policy.actions.outputs == actions.outputs
    if not alike or (isinstance(policy.actions, Choices) and policy.actions != actions):
        raise ValueError(f"the policy acts by {policy.actions}, the environment takes {actions}")


def _noise(actions: ActionSpace, shape: tuple[int, int], generator: np.random.Generator) -> Floats:
    if isinstance(actions, Choices):
        return generator.random((*shape, actions.noise_size), np.float32)
    return generator.standard_normal((*shape, actions.noise_size), np.float32)


def _refuse_bad_numbers(rollout: Rollout) -> None:
    kinds = {
        "observation": (rollout.observations_TNO, "environment"),
        "reward": (rollout.rewards_TN, "environment"),
        "value": (rollout.values_TN, "training"),
    }
    for name, (numbers, place) in kinds.items():
        if not np.isfinite(numbers).all():
            t, n = np.argwhere(~np.isfinite(numbers))[0][:2]
            raise UserError(f"{name} is not a finite number at step {t} of environment {n}", place=place)


def _restorable(env: VectorEnv[Any, Any, Any]) -> bool:
    return hasattr(env, "get_state") and hasattr(env, "set_state")
