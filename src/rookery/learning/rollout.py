"""What acting leaves behind, and the sampler that acts with any torch policy in any gymnasium VectorEnv."""

# T steps, N environments, O observation, L policy outputs, A action columns (choices or amounts), S samples

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from torch import Tensor, nn

from rookery.learning.spaces import action_space, environment_actions, environment_bounds, observation_size
from rookery.models.action_distribution import ActionDistribution, Choices
from rookery.models.actor_critic import ActorCritic

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
MASK = "action_mask"
JUDGED_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """T steps of N environments. `acted_TN` is false where an environment only started its next episode.

    `final_values_TN` holds, where an episode was truncated, the value of the observation that it was cut at.
    Choices are indices in float32. The arrays are the sampler's own until it collects again.
    """

    observations_TNO: Floats
    masks_TNL: Flags | None
    actions_TNA: Floats
    log_probs_TN: Floats
    values_TN: Floats
    last_values_N: Floats
    rewards_TN: Floats
    terminated_TN: Flags
    truncated_TN: Flags
    final_values_TN: Floats
    acted_TN: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """A rollout's steps one under another, those in which nobody acted left out."""

    observations_SO: Floats
    masks_SL: Flags | None
    actions_SA: Floats
    log_probs_S: Floats
    values_S: Floats
    advantages_S: Floats
    returns_S: Floats


class Policy(Protocol):
    """Any actor-critic: raw observations (and masks) in, action distribution and values (B,) out."""

    def __call__(self, observation_BO: Tensor, mask_BL: Tensor | None = None) -> tuple[ActionDistribution, Tensor]: ...


def samples(rollout: Rollout, *, advantages_TN: Floats, returns_TN: Floats) -> Samples:
    """Flatten a rollout, step after step."""
    return Samples(
        observations_SO=_acted(rollout.observations_TNO, rollout),
        masks_SL=None if rollout.masks_TNL is None else _acted(rollout.masks_TNL, rollout),
        actions_SA=_acted(rollout.actions_TNA, rollout),
        log_probs_S=_acted(rollout.log_probs_TN, rollout),
        values_S=_acted(rollout.values_TN, rollout),
        advantages_S=_acted(advantages_TN, rollout),
        returns_S=_acted(returns_TN, rollout),
    )


def _acted(values: NDArray[Any], rollout: Rollout) -> NDArray[Any]:
    if rollout.acted_TN.all():
        return values.reshape(-1, *values.shape[2:])
    return values[rollout.acted_TN]


class VectorSampler:
    """An environment's current observations, and the means to act on. Raises ValueError for spaces it cannot use.

    All three of gymnasium's autoreset modes are understood. Under NEXT_STEP the step after an episode's end ignores its
    action and only resets: it is marked as not acted. Masks are read from `info["action_mask"]`, (N, L) bool.
    """

    def __init__(self, policy: nn.Module, env: VectorEnv[Any, Any, Any], device: torch.device) -> None:
        if "autoreset_mode" not in env.metadata:
            raise ValueError("env.metadata has no 'autoreset_mode'; say whether ended episodes restart by themselves")
        self._policy: Policy = policy
        self._actor = policy if isinstance(policy, ActorCritic) else None
        self._env = env
        self._device = device
        self._mode = AutoresetMode(env.metadata["autoreset_mode"])
        self._actions = action_space(env.single_action_space)
        self._bounds = environment_bounds(env.single_action_space)
        self._size = observation_size(env.single_observation_space)
        self._now_NO = np.zeros((env.num_envs, self._size), np.float32)
        self._mask_NL: Flags | None = None
        self._ended_N = np.zeros(env.num_envs, np.bool_)

    def restart(self, seed: int) -> None:
        """Begin new episodes everywhere, from `seed` alone."""
        observation, info = self._env.reset(seed=seed)
        self._take(observation, info)
        self._ended_N = np.zeros(self._env.num_envs, np.bool_)

    def collect(self, noise_TNA: Floats) -> Rollout:
        """Act for as many steps as there is noise."""
        steps, num_envs, columns = noise_TNA.shape
        record = Rollout(
            observations_TNO=np.empty((steps, num_envs, self._size), np.float32),
            masks_TNL=None if self._mask_NL is None else np.empty((steps, *self._mask_NL.shape), np.bool_),
            actions_TNA=np.empty((steps, num_envs, columns), np.float32),
            log_probs_TN=np.empty((steps, num_envs), np.float32),
            values_TN=np.empty((steps, num_envs), np.float32),
            last_values_N=np.empty(num_envs, np.float32),
            rewards_TN=np.empty((steps, num_envs), np.float32),
            terminated_TN=np.empty((steps, num_envs), np.bool_),
            truncated_TN=np.empty((steps, num_envs), np.bool_),
            final_values_TN=np.zeros((steps, num_envs), np.float32),
            acted_TN=np.empty((steps, num_envs), np.bool_),
        )
        noise = torch.from_numpy(noise_TNA).to(self._device)
        with torch.inference_mode():
            for t in range(steps):
                self._step(record, t, noise[t])
            self._judge(record)
        if self._mode is AutoresetMode.NEXT_STEP:
            # The next row is the observation that the episode ended with.
            record.final_values_TN[:-1] = record.values_TN[1:]
            record.final_values_TN[-1] = record.last_values_N
        return record

    def _step(self, record: Rollout, t: int, noise: Tensor) -> None:
        mask = None if self._mask_NL is None else torch.from_numpy(self._mask_NL).to(self._device)
        seen = torch.from_numpy(self._now_NO).to(self._device)
        actor = self._actor
        actions = (self._policy(seen, mask)[0] if actor is None else actor.distribution(seen, mask)).sample(noise)
        record.observations_TNO[t] = self._now_NO
        if record.masks_TNL is not None and self._mask_NL is not None:
            record.masks_TNL[t] = self._mask_NL
        record.actions_TNA[t] = actions.cpu().numpy()
        record.acted_TN[t] = ~self._ended_N if self._mode is AutoresetMode.NEXT_STEP else True
        taken = environment_actions(record.actions_TNA[t], self._env.single_action_space, self._bounds)
        observation, rewards, terminated, truncated, info = self._env.step(taken)
        record.rewards_TN[t], record.terminated_TN[t], record.truncated_TN[t] = rewards, terminated, truncated
        self._ended_N = np.logical_or(terminated, truncated)
        if self._ended_N.any() and self._mode is not AutoresetMode.NEXT_STEP:
            observation, info = self._finish(record, t, observation, info)
        self._take(observation, info)

    def _judge(self, record: Rollout) -> None:
        """Log probabilities and values of all steps at once, which is cheaper than one step at a time."""
        chunk = max(1, JUDGED_AT_ONCE // len(self._now_NO))
        for start in range(0, len(record.rewards_TN), chunk):
            rows = slice(start, start + chunk)
            mask = None if record.masks_TNL is None else self._tensor(record.masks_TNL[rows])
            distribution, values = self._policy(self._tensor(record.observations_TNO[rows]), mask)
            actions = self._tensor(record.actions_TNA[rows])
            log_probs = distribution.log_prob(actions.long() if isinstance(self._actions, Choices) else actions)
            shape = record.rewards_TN[rows].shape
            record.log_probs_TN[rows] = log_probs.cpu().numpy().reshape(shape)
            record.values_TN[rows] = values.cpu().numpy().reshape(shape)
        record.last_values_N[:] = self._values(self._now_NO)

    def _tensor(self, values_TNX: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values_TNX.reshape(-1, values_TNX.shape[-1])).to(self._device)

    def _finish(
        self, record: Rollout, t: int, observation: NDArray[Any], info: dict[str, Any]
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Note the values of observations that episodes were cut at; restart the ended ones if that is left to us."""
        final = observation
        if self._mode is AutoresetMode.SAME_STEP:
            final = info["final_obs"]
        cut = np.flatnonzero(record.truncated_TN[t] & ~record.terminated_TN[t])
        if len(cut):
            final_CO = np.stack([np.asarray(final[n], np.float32).reshape(-1) for n in cut])
            record.final_values_TN[t, cut] = self._values(final_CO)
        if self._mode is AutoresetMode.DISABLED:
            self._take(observation, info)
            return self._env.reset(options={"reset_mask": self._ended_N})
        return observation, info

    def _values(self, observation_NO: Floats) -> Floats:
        _, values = self._policy(torch.from_numpy(observation_NO).to(self._device))
        result: Floats = values.cpu().numpy()
        return result

    def _take(self, observation: NDArray[Any], info: Mapping[str, Any]) -> None:
        self._now_NO = np.array(observation, np.float32).reshape(self._env.num_envs, self._size)
        if MASK in info:
            self._take_mask(np.array(info[MASK], np.bool_), np.array(info.get(f"_{MASK}", True), np.bool_))

    def _take_mask(self, mask: Flags, given_N: Flags) -> None:
        if not isinstance(self._actions, Choices):
            raise ValueError("the environment masks amounts; only choices can be masked")
        mask_NL = mask.reshape(self._env.num_envs, self._actions.outputs)
        before_NL = mask_NL if self._mask_NL is None else self._mask_NL
        # A reset of some environments says nothing of the others' masks.
        self._mask_NL = np.where(given_N.reshape(-1, 1), mask_NL, before_NL)

    def tensors(self) -> dict[str, Tensor]:
        """What `collect` depends on beside policy and environment."""
        held = {"now": torch.from_numpy(self._now_NO), "ended": torch.from_numpy(self._ended_N)}
        return held if self._mask_NL is None else held | {"mask": torch.from_numpy(self._mask_NL)}

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned."""
        self._now_NO, self._ended_N = held["now"].numpy().copy(), held["ended"].numpy().copy()
        self._mask_NL = held["mask"].numpy().copy() if "mask" in held else None
