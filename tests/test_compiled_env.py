"""Compiled environments behind gymnasium's interface, and CartPole against gymnasium's own."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from rookery.learning.cartpole import cartpole
from rookery.randomness import random_words, uniform

LIMIT = 30


def test_cartpole_moves_as_gymnasiums_does_to_float_precision():
    ours = cartpole(3, step_limit=LIMIT, seed=1)
    theirs = [gymnasium.make("CartPole-v1").unwrapped for _ in range(3)]
    seen, _ = ours.reset(seed=1)
    ages = np.zeros(3, int)
    for env, motion in zip(theirs, ours.state.motion_N4, strict=True):
        env.reset(seed=0)
        env.state = motion.copy()
    generator, ends = np.random.default_rng(0), [0, 0]
    for _ in range(300):
        actions = generator.integers(0, 2, 3)
        seen, rewards, terminated, truncated, info = ours.step(actions)
        ages += 1
        for n, env in enumerate(theirs):
            expected, reward, fallen, _, _ = env.step(actions[n])
            ended = fallen or ages[n] == LIMIT
            assert (rewards[n], terminated[n], truncated[n]) == (reward, fallen, ages[n] == LIMIT)
            last = info["final_obs"][n] if ended else seen[n]
            np.testing.assert_allclose(last, expected, rtol=1e-6, atol=1e-7)
            ends[0] += fallen
            ends[1] += ages[n] == LIMIT
            if ended:
                env.reset(seed=0)
                env.state, ages[n] = ours.state.motion_N4[n].copy(), 0
                np.testing.assert_array_equal(seen[n], env.state.astype(np.float32))
                assert np.abs(env.state).max() <= 0.05
    assert min(ends) > 3


def test_spaces_and_restarts_are_those_of_cartpole_v1():
    ours, theirs = cartpole(2), gymnasium.make("CartPole-v1")
    assert ours.single_observation_space == theirs.observation_space
    assert ours.single_action_space == theirs.action_space
    assert ours.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert ours.action_space.shape == (2,)
    assert ours.reset()[0] in ours.observation_space


def test_equal_seeds_make_equal_episodes_and_copies_differ():
    first, second, other = cartpole(3), cartpole(3), cartpole(3)
    start = first.reset(seed=7)[0]
    np.testing.assert_array_equal(start, second.reset(seed=7)[0])
    assert not np.array_equal(start, other.reset(seed=8)[0])
    assert not np.array_equal(start[0], start[1])
    assert not np.array_equal(start, first.reset()[0])


def test_a_restored_environment_goes_on_bit_for_bit():
    env = cartpole(4, step_limit=LIMIT)
    env.reset(seed=3)
    actions = np.random.default_rng(0).integers(0, 2, (50, 4))
    for action in actions[:20]:
        env.step(action)
    held = env.get_state()
    expected = [env.step(action)[0] for action in actions[20:]]
    fresh = cartpole(4, step_limit=LIMIT)
    fresh.set_state(held)
    np.testing.assert_array_equal([fresh.step(action)[0] for action in actions[20:]], expected)


def test_a_state_of_another_size_is_refused():
    with pytest.raises(ValueError, match="motion_N4"):
        cartpole(4).set_state(cartpole(3).get_state())


def test_uniform_numbers_are_those_of_splitmix64_and_spread_evenly():
    # First outputs of SplitMix64 from state 0: 0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4.
    words = np.zeros(1, np.uint64)
    assert uniform(words, 0) == (0xE220A8397B1DCDAF >> 11) * 2.0**-53
    assert uniform(words, 0) == (0x6E789E6AA1B965F4 >> 11) * 2.0**-53
    words = random_words(1, 5)
    drawn = np.array([uniform(words, 0) for _ in range(5000)])
    counts = np.histogram(drawn, bins=10, range=(0, 1))[0]
    assert ((counts - 500) ** 2 / 500).sum() < 21.7  # the 99 % point of chi-squared with 9 degrees of freedom
