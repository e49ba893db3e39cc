"""Compiled epochs of minibatches against the torch path and torch's own Adam."""

from collections.abc import Callable

import gymnasium
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rookery.compiled_env import Compiled, CompiledVectorEnv
from rookery.learning.fused.learner import FusedLearner
from rookery.learning.fused.update import Adam, adam_step
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.rollout import Samples
from rookery.learning.torch_learner import TorchLearner
from rookery.models.action_distribution import Choices
from rookery.models.actor_critic import ActorCritic

CPU = torch.device("cpu")


def weights(policy: ActorCritic):
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in policy.parameters()])


def learners(
    arena: Callable[..., CompiledVectorEnv],
    space: str,
    shape: str,
    config: PPOConfig,
    policies: Callable[..., ActorCritic],
):
    """The same policy on both paths."""
    ours, theirs = policies(space, shape), policies(space, shape)
    return FusedLearner(ours, arena(space), config), TorchLearner(theirs, arena(space), config, CPU), ours, theirs


def improve_both(
    arena: Callable[..., CompiledVectorEnv],
    policies: Callable[..., ActorCritic],
    batches: Callable[..., Samples],
    space: str,
    shape: str,
    *,
    order: NDArray[np.int64],
    **settings: object,
):
    config = PPOConfig(batch_size=64, device="cpu", **settings)
    fused, plain, ours, theirs = learners(arena, space, shape, config, policies)
    figures = [learner.improve(batches(space), order, rate=1e-3) for learner in (fused, plain)]
    return weights(ours), weights(theirs), weights(policies(space, shape)), *figures


@pytest.mark.parametrize("space", ["choice", "choices", "amounts"])
@pytest.mark.parametrize("shape", ["separate tanh", "shared tanh", "separate relu"])
def test_three_steps_leave_the_same_weights_to_a_millionth(
    arena: Callable[..., CompiledVectorEnv],
    policies: Callable[..., ActorCritic],
    batches: Callable[..., Samples],
    space: str,
    shape: str,
):
    order = np.random.default_rng(0).permutation(192).reshape(1, -1)
    ours, theirs, before, ours_figures, figures = improve_both(
        arena, policies, batches, space, shape, order=order, entropy_coefficient=0.01
    )
    assert figures["minibatches"] == 3
    assert np.abs(theirs - before).max() > 1e-3
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    for name, value in figures.items():
        assert ours_figures[name] == pytest.approx(value, rel=1e-5, abs=2e-6)


def test_a_last_minibatch_may_be_smaller(
    arena: Callable[..., CompiledVectorEnv], policies: Callable[..., ActorCritic], batches: Callable[..., Samples]
):
    order = np.random.default_rng(0).permutation(150).reshape(1, -1)
    ours, theirs, _, _, figures = improve_both(arena, policies, batches, "choice", "separate tanh", order=order)
    assert figures["minibatches"] == 3
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


def test_both_paths_stop_at_the_same_divergence(
    arena: Callable[..., CompiledVectorEnv], policies: Callable[..., ActorCritic], batches: Callable[..., Samples]
):
    order = np.stack([np.random.default_rng(e).permutation(192) for e in range(4)])
    ours, theirs, before, ours_figures, figures = improve_both(
        arena, policies, batches, "amounts", "separate tanh", order=order, target_kl=0.01
    )
    assert figures["minibatches"] == ours_figures["minibatches"] == 0
    np.testing.assert_array_equal(ours, before)
    np.testing.assert_array_equal(theirs, before)


def test_adam_takes_the_steps_of_torchs():
    generator = np.random.default_rng(0)
    ours = generator.standard_normal(37).astype(np.float32)
    theirs = torch.nn.Parameter(torch.from_numpy(ours.copy()))
    optimizer = torch.optim.Adam([theirs], lr=1e-2, eps=1e-5)
    adam = Adam(np.zeros(37, np.float32), np.zeros(37, np.float32), 0.9, 0.999, np.float32(1e-5))
    for step in range(1, 21):
        gradients = generator.standard_normal(37).astype(np.float32)
        theirs.grad = torch.from_numpy(gradients * np.float32(0.5))
        optimizer.step()
        adam_step(ours, gradients, adam, step, 1e-2, np.float32(0.5))
    np.testing.assert_allclose(ours, theirs.detach(), rtol=0, atol=1e-6)


def test_the_fused_path_refuses_an_environment_that_is_not_compiled(policies: Callable[..., ActorCritic]):
    env = gymnasium.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync")
    assert not isinstance(env, Compiled)
    policy = ActorCritic(observation_size=4, actions=Choices(sizes=(2,)), seed=0)
    with pytest.raises(TypeError, match="compiled environment"):
        FusedLearner(policy, env, PPOConfig())
