"""Compiled rollouts against the torch path's, given the same noise."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from rookery.compiled_env import CompiledVectorEnv
from rookery.learning.fused.learner import FusedLearner
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.rollout import Rollout
from rookery.learning.torch_learner import TorchLearner
from rookery.models.action_distribution import Choices
from rookery.models.actor_critic import ActorCritic

CPU = torch.device("cpu")


def noise(space: str, policy: ActorCritic, steps: int = 40, num_envs: int = 4, seed: int = 0):
    generator = np.random.default_rng(seed)
    shape = (steps, num_envs, policy.actions.noise_size)
    choices = isinstance(policy.actions, Choices)
    return generator.random(shape, np.float32) if choices else generator.standard_normal(shape, np.float32)


def rollouts(
    arena: Callable[..., CompiledVectorEnv],
    policies: Callable[..., ActorCritic],
    space: str,
    *,
    normalise: bool = False,
    repeats: int = 1,
):
    config = PPOConfig(rollout_steps=40, device="cpu")
    ours, theirs = (
        policies(space, "separate tanh", normalise=normalise),
        policies(space, "separate tanh", normalise=normalise),
    )
    if normalise:
        for policy in (ours, theirs):
            policy.normaliser.update(np.random.default_rng(1).normal(0.2, 0.5, (50, 6)).astype(np.float32))
    pair = FusedLearner(ours, arena(space), config), TorchLearner(theirs, arena(space), config, CPU)
    for learner in pair:
        learner.restart(5)
    for repeat in range(repeats):
        result = tuple(learner.collect(noise(space, ours, seed=repeat)) for learner in pair)
    return result


@pytest.mark.parametrize("space", ["choice", "choices", "amounts"])
@pytest.mark.parametrize("normalise", [False, True])
def test_both_paths_record_the_same_rollout_to_a_millionth(
    arena: Callable[..., CompiledVectorEnv], policies: Callable[..., ActorCritic], space: str, normalise: bool
):
    ours, theirs = rollouts(arena, policies, space, normalise=normalise)
    assert theirs.terminated_TN.sum() > 1
    assert theirs.truncated_TN.sum() > 4
    cut = theirs.truncated_TN & ~theirs.terminated_TN
    for name in Rollout.__dataclass_fields__:
        left, right = getattr(ours, name), getattr(theirs, name)
        if name == "final_values_TN":
            assert np.abs(right[cut]).min() > 0
            left, right = left[cut], right[cut]
        if name != "masks_TNL":
            np.testing.assert_allclose(left, right, rtol=1e-6, atol=1e-6, err_msg=name)


def test_the_next_rollout_goes_on_where_the_last_one_ended(
    arena: Callable[..., CompiledVectorEnv], policies: Callable[..., ActorCritic]
):
    first_ours, _ = rollouts(arena, policies, "choice")
    last = first_ours.observations_TNO[-1].copy()
    second_ours, second_theirs = rollouts(arena, policies, "choice", repeats=2)
    np.testing.assert_allclose(second_ours.observations_TNO, second_theirs.observations_TNO, rtol=1e-6, atol=1e-6)
    assert not np.array_equal(second_ours.observations_TNO[0], last)


def test_every_choice_is_drawn_as_often_as_its_probability_says(
    arena: Callable[..., CompiledVectorEnv], policies: Callable[..., ActorCritic]
):
    config = PPOConfig(rollout_steps=5000, device="cpu")
    policy = policies("choice", "separate tanh")
    with torch.no_grad():
        policy.policy.weight.zero_()
        policy.policy.bias.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    learner = FusedLearner(policy, arena("choice"), config)
    learner.restart(0)
    actions = learner.collect(noise("choice", policy, steps=5000)).actions_TNA
    frequencies = np.bincount(actions.astype(int).ravel(), minlength=3) / actions.size
    np.testing.assert_allclose(frequencies, [0.5, 0.3, 0.2], rtol=0, atol=0.012)
