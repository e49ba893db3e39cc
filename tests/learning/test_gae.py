"""Generalised advantage estimation against hand-made figures and Stable-Baselines3."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from rookery.learning.gae import gae

REWARDS = [1.0, 0.0, -1.0, 2.0]
VALUES = [0.5, 0.4, 0.3, 0.2]


def column(numbers: Sequence[float]):
    return np.array(numbers, np.float32).reshape(-1, 1)


def flags(*steps: int, length: int = 4):
    return np.isin(np.arange(length), steps).reshape(-1, 1)


def advantages(
    *,
    terminated: Sequence[int] = (),
    truncated: Sequence[int] = (),
    final_values: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
):
    advantages_TN, returns_TN = gae(
        column(REWARDS),
        column(VALUES),
        np.array([0.1], np.float32),
        terminated_TN=flags(*terminated),
        truncated_TN=flags(*truncated),
        final_values_TN=column(final_values),
        gamma=0.99,
        gae_lambda=0.95,
    )
    np.testing.assert_allclose(returns_TN, advantages_TN + column(VALUES), rtol=0, atol=1e-7)
    return advantages_TN[:, 0]


def test_an_unbroken_rollout_bootstraps_from_the_last_value():
    expected = [1.4041624341, 0.54031093475, 0.6840095, 1.899]
    np.testing.assert_allclose(advantages(), expected, rtol=0, atol=1e-6)


def test_a_termination_neither_bootstraps_nor_lets_later_steps_through():
    expected = [0.5198, -0.4, 0.6840095, 1.899]
    np.testing.assert_allclose(advantages(terminated=[1]), expected, rtol=0, atol=1e-6)


def test_a_truncation_bootstraps_from_the_observation_it_was_cut_at():
    # delta at step 1 is 0 + 0.99 x 0.7 - 0.4 = 0.293; nothing of step 2 comes through.
    cut = advantages(truncated=[1], final_values=[0.0, 0.7, 0.0, 0.0])
    np.testing.assert_allclose(cut, [0.896 + 0.9405 * 0.293, 0.293, 0.6840095, 1.899], rtol=0, atol=1e-6)


def test_a_step_that_is_both_terminated_and_truncated_counts_as_terminated():
    both = advantages(terminated=[1], truncated=[1], final_values=[0.0, 0.7, 0.0, 0.0])
    np.testing.assert_allclose(both, advantages(terminated=[1]), rtol=0, atol=0)


def test_lambda_one_gives_the_discounted_return_minus_the_value():
    advantages_TN, _ = gae(
        column(REWARDS),
        column(VALUES),
        np.array([0.1], np.float32),
        terminated_TN=flags(),
        truncated_TN=flags(),
        final_values_TN=column([0.0] * 4),
        gamma=0.5,
        gae_lambda=1.0,
    )
    # 1 + 0.5 x 0 + 0.25 x -1 + 0.125 x 2 + 0.0625 x 0.1 - 0.5
    assert advantages_TN[0, 0] == pytest.approx(0.50625, abs=1e-7)


def test_it_equals_stable_baselines3_on_the_same_rollout():
    buffers = pytest.importorskip("stable_baselines3.common.buffers")
    generator = np.random.default_rng(0)
    steps, num_envs = 64, 5
    rewards, values = generator.standard_normal((2, steps, num_envs)).astype(np.float32)
    terminated, truncated = generator.random((2, steps, num_envs)) < 0.05
    final_values = generator.standard_normal((steps, num_envs)).astype(np.float32)
    last_values = generator.standard_normal(num_envs).astype(np.float32)
    buffer = buffers.RolloutBuffer(
        steps, Box(-1, 1, (1,)), Discrete(2), device="cpu", gae_lambda=0.95, gamma=0.99, n_envs=num_envs
    )
    starts = np.zeros(num_envs, bool)
    for t in range(steps):
        # Stable-Baselines3 adds gamma V(final) to the reward of a truncated step and then treats it as ended.
        bootstrap = np.where(truncated[t] & ~terminated[t], np.float32(0.99) * final_values[t], 0.0)
        blank = np.zeros((num_envs, 1), np.float32)
        buffer.add(blank, blank, rewards[t] + bootstrap, starts, torch.from_numpy(values[t]), torch.zeros(num_envs))
        starts = terminated[t] | truncated[t]
    buffer.compute_returns_and_advantage(last_values=torch.from_numpy(last_values), dones=starts)
    ours, returns = gae(
        rewards,
        values,
        last_values,
        terminated_TN=terminated,
        truncated_TN=truncated,
        final_values_TN=final_values,
        gamma=0.99,
        gae_lambda=0.95,
    )
    np.testing.assert_allclose(ours, buffer.advantages, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(returns, buffer.returns, rtol=1e-6, atol=1e-6)
