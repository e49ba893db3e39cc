"""Training on known optima measures what it says, and learns at least the easiest of them in seconds."""

import numpy as np
import pytest
import torch

from rookery.cli.verify import PROBLEMS
from rookery.evaluation.verify import NAMES, TRIALS, act_of, interval, verify
from rookery.models.action_distribution import Amounts
from rookery.models.actor_critic import ActorCritic


def test_the_command_names_the_problems_that_there_are():
    assert set(PROBLEMS) == set(NAMES)


def test_the_interval_is_students():
    # Of 1, 2, 3 the mean is 2, its error 1 / sqrt 3, and t(0.975, 2) = 4.302653.
    found = interval(np.array([1.0, 2.0, 3.0]))
    assert found.mean == 2.0
    assert found.high - found.mean == pytest.approx(4.302653 / np.sqrt(3), abs=1e-6)


def test_amounts_are_clipped_to_the_action_space():
    policy = ActorCritic(observation_size=2, actions=Amounts(low=(-1.0,), high=(1.0,)), seed=0)
    with torch.no_grad():
        policy.policy.bias.fill_(5.0)
    assert act_of(policy)(np.zeros((3, 2), np.float32)).tolist() == [[1.0]] * 3


def test_a_short_training_already_learns_most_of_it_and_repeats():
    first, second = (verify("garleanu-pedersen", seeds=(0, 1), steps=400_000, num_threads=n) for n in (1, 2))
    assert first.reached == second.reached
    untrained = TRIALS["garleanu-pedersen"].problem()
    nothing = untrained.share(lambda seen: np.zeros((len(seen), 1), np.float32))
    assert nothing == pytest.approx(0.0, abs=0.01)
    assert min(first.reached) > 0.85


def test_the_martingale_trial_counts_trades_and_checks_that_they_lose_what_they_pay():
    found = verify("martingale", seeds=(0, 1), steps=5_000)
    assert found.estimate.mean >= 0.0
    assert "P&L + costs" in found.note


def test_one_seed_or_an_unknown_problem_is_refused():
    with pytest.raises(ValueError, match="at least 2 seeds"):
        verify("kelly", seeds=(0,))
    with pytest.raises(ValueError, match="'roulette'"):
        verify("roulette")
