"""Sums that run from one rollout into the next."""

import numpy as np
import pytest

from rookery.learning.episodes import EpisodeTally, RewardScale
from rookery.learning.rollout import Rollout


def rollout(rewards: np.ndarray, ended: np.ndarray, acted: np.ndarray | None = None) -> Rollout:
    shape = rewards.shape
    blank = np.zeros(shape, np.float32)
    return Rollout(
        observations_TNO=np.zeros((*shape, 1), np.float32),
        masks_TNL=None,
        actions_TNA=np.zeros((*shape, 1), np.float32),
        log_probs_TN=blank,
        values_TN=blank,
        last_values_N=np.zeros(shape[1], np.float32),
        rewards_TN=rewards.astype(np.float32),
        terminated_TN=ended,
        truncated_TN=np.zeros(shape, np.bool_),
        final_values_TN=blank,
        acted_TN=np.ones(shape, np.bool_) if acted is None else acted,
    )


def random_rollouts(count: int, *, steps: int = 7, num_envs: int = 3) -> list[Rollout]:
    generator = np.random.default_rng(0)
    shape = (steps, num_envs)
    return [rollout(generator.standard_normal(shape), generator.random(shape) < 0.3) for _ in range(count)]


def one_by_one(rollouts: list[Rollout]) -> tuple[list[float], list[float]]:
    """Returns and lengths by going through every environment step by step."""
    returns, lengths = [], []
    open_return, open_length = np.zeros(3), np.zeros(3)
    for part in rollouts:
        for n in range(3):
            for t in range(len(part.rewards_TN)):
                open_return[n] += part.rewards_TN[t, n]
                open_length[n] += 1
                if part.terminated_TN[t, n]:
                    returns.append(open_return[n])
                    lengths.append(open_length[n])
                    open_return[n] = open_length[n] = 0
    return returns, lengths


def test_returns_and_lengths_run_across_rollouts():
    parts = random_rollouts(6)
    tally = EpisodeTally(3)
    found = [tally.finished(part) for part in parts]
    returns, lengths = one_by_one(parts)
    np.testing.assert_allclose(np.concatenate([pair[0] for pair in found]), returns, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(np.concatenate([pair[1] for pair in found]), lengths)


def test_a_step_that_only_restarts_adds_no_length():
    ended = np.array([[False], [True], [False], [True]])
    acted = np.array([[True], [True], [False], [True]])
    returns, lengths = EpisodeTally(1).finished(rollout(np.array([[1.0], [2.0], [0.0], [4.0]]), ended, acted))
    assert (returns.tolist(), lengths.tolist()) == ([3.0, 4.0], [2.0, 1.0])


def test_a_tally_goes_on_from_what_it_saved():
    parts = random_rollouts(2)
    first, second = EpisodeTally(3), EpisodeTally(3)
    first.finished(parts[0])
    second.restore(first.tensors())
    np.testing.assert_array_equal(first.finished(parts[1])[0], second.finished(parts[1])[0])


def test_a_restart_forgets_what_was_open():
    tally = EpisodeTally(1)
    tally.finished(rollout(np.ones((3, 1)), np.zeros((3, 1), np.bool_)))
    tally.restart()
    assert tally.finished(rollout(np.ones((1, 1)), np.ones((1, 1), np.bool_)))[0].tolist() == [1.0]


def test_rewards_are_divided_by_the_deviation_of_the_discounted_return():
    # With gamma 0.5 and no ends the discounted returns are 1, 2.5 and -0.75.
    scale = RewardScale(1, 0.5)
    scaled = scale.scaled(rollout(np.array([[1.0], [2.0], [-2.0]]), np.zeros((3, 1), np.bool_)))
    deviation = np.std([1.0, 2.5, -0.75])
    np.testing.assert_allclose(scaled[:, 0], np.array([1.0, 2.0, -2.0]) / deviation, rtol=1e-6)


def test_the_deviation_of_several_rollouts_is_that_of_all_their_returns():
    parts = random_rollouts(5)
    scale, returns, held = RewardScale(3, 0.9), [], np.zeros(3)
    for part in parts:
        last = scale.scaled(part)
        for t in range(len(part.rewards_TN)):
            held = 0.9 * held + part.rewards_TN[t]
            returns.append(held)
            held = np.where(part.terminated_TN[t], 0.0, held)
    assert (last / parts[-1].rewards_TN).mean() == pytest.approx(1.0 / np.std(returns), rel=1e-5)


def test_an_absurd_reward_is_clipped():
    rewards = np.zeros((200, 1))
    rewards[-1] = 1e6
    assert RewardScale(1, 0.0).scaled(rollout(rewards, np.zeros((200, 1), np.bool_))).max() == 10.0
