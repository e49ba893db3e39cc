"""What acting leaves behind when several learners act at once: one record each, over the same observations."""

# T steps, N environments, O observation, A action columns of one learner, J those of all, S specialists

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rookery.learning.reproducible import derive_seed
from rookery.learning.rollout import Flags, Floats, Rollout
from rookery.models.action_distribution import Categorical, Gaussian
from rookery.models.joint_policy import META, JointPolicy


class JointEnvironment(Protocol):
    """N copies of a world with one reward for all and one more for each specialist (N, S).

    `deciding` says where the meta-controller is heard (N,): elsewhere its last word stands, whatever it says. `step`
    returns observations, rewards of all, rewards of each, controls, terminated, truncated, and the observations that
    episodes ended with, where they did. A control (N,) is what was taken off the reward of all for what does not depend
    on the meta-controller's action, but on the specialists'. Ended copies start again within the step.
    """

    num_envs: int

    def observe(self) -> Floats: ...
    def deciding(self) -> Flags: ...
    def step(self, actions_NJ: Floats) -> tuple[Floats, Floats, Floats, Floats, Flags, Flags, Floats]: ...


def noise_of(policy: JointPolicy, steps: int, count: int, *, seed: int, update: int) -> dict[str, Floats]:
    """Random numbers for every learner's actions, (T, N, A), that hang on seed and update alone."""
    drawn: dict[str, Floats] = {}
    for learner in policy.learners:
        draws = np.random.default_rng(derive_seed(seed, "noise", learner, update))
        if learner == META:
            shape = (steps, count, policy.meta.specialists + 1)
            drawn[learner] = draws.standard_normal(shape, np.float32)
        else:
            shape = (steps, count, len(policy.groups[policy.names.index(learner)]))
            drawn[learner] = draws.random(shape, np.float32)
    return drawn


@torch.inference_mode()
def collect(
    policy: JointPolicy, env: JointEnvironment, noise: Mapping[str, Floats]
) -> tuple[dict[str, Rollout], dict[str, Floats]]:
    """Act for as many steps as there is noise: a record per learner, and what each was paid for itself alone (T, N).

    The networks stay where they are; the environment and the records are on the host.

    In the records every reward is the common one, the specialists' with the control given back: it takes the credit for
    their own actions away. The meta-controller acted only where it was heard.
    """
    steps, count, _ = noise[META].shape
    seen_NO = env.observe()
    observations_TNO = np.empty((steps, *seen_NO.shape), np.float32)
    rewards_TN, alone_TNS = (
        np.empty((steps, count), np.float32),
        np.empty((steps, count, len(policy.names)), np.float32),
    )
    controls_TN = np.empty((steps, count), np.float32)
    flags_2TN, heard_TN = np.empty((2, steps, count), np.bool_), np.empty((steps, count), np.bool_)
    records = {learner: _blank(noise[learner]) for learner in policy.learners}
    draws = {learner: torch.from_numpy(numbers).to(policy.device) for learner, numbers in noise.items()}
    for t in range(steps):
        observations_TNO[t], heard_TN[t] = seen_NO, env.deciding()
        actions: dict[str, Tensor] = {}
        for learner, (distribution, value_N) in _judged(policy, seen_NO).items():
            actions[learner] = distribution.sample(draws[learner][t])
            record = records[learner]
            record["actions"][t] = actions[learner].cpu().numpy()
            record["log_probs"][t] = distribution.log_prob(actions[learner]).cpu().numpy()
            record["values"][t] = value_N.cpu().numpy()
        joint_NJ = policy.joint(actions).cpu().numpy()
        seen_NO, rewards_TN[t], alone_TNS[t], controls_TN[t], *flags_TN, final_NO = env.step(joint_NJ)
        flags_2TN[:, t] = flags_TN
        cut = np.flatnonzero(flags_2TN[1, t] & ~flags_2TN[0, t])
        if len(cut):
            for learner, (_, value_C) in _judged(policy, final_NO[cut]).items():
                records[learner]["finals"][t, cut] = value_C.cpu().numpy()
    last = {learner: value_N.cpu().numpy() for learner, (_, value_N) in _judged(policy, seen_NO).items()}
    rollouts = {
        learner: Rollout(
            observations_TNO=observations_TNO,
            masks_TNL=None,
            actions_TNA=record["actions"],
            log_probs_TN=record["log_probs"],
            values_TN=record["values"],
            last_values_N=last[learner],
            rewards_TN=rewards_TN if learner == META else rewards_TN + controls_TN,
            terminated_TN=flags_2TN[0],
            truncated_TN=flags_2TN[1],
            final_values_TN=record["finals"],
            acted_TN=heard_TN if learner == META else np.ones((steps, count), np.bool_),
        )
        for learner, record in records.items()
    }
    return rollouts, {name: np.ascontiguousarray(alone_TNS[:, :, s]) for s, name in enumerate(policy.names)}


def _judged(policy: JointPolicy, seen_BO: Floats) -> dict[str, tuple[Gaussian | Categorical, Tensor]]:
    return policy(torch.from_numpy(seen_BO).to(policy.device))  # type: ignore[no-any-return]


def _blank(noise_TNA: Floats) -> dict[str, Floats]:
    steps, count, columns = noise_TNA.shape
    return {
        "actions": np.empty((steps, count, columns), np.float32),
        "log_probs": np.empty((steps, count), np.float32),
        "values": np.empty((steps, count), np.float32),
        "finals": np.zeros((steps, count), np.float32),
    }
