"""Policies, minibatches and an environment on which the compiled and the torch path must agree."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from numba import njit

from rookery.compiled_env import CompiledVectorEnv, Floats
from rookery.learning.fused.learner import flatten
from rookery.learning.rollout import Flags, Samples
from rookery.models.action_distribution import Amounts, Choices
from rookery.models.actor_critic import ActorCritic
from rookery.randomness import random_words, uniform

SPACES = {
    "choice": (Choices(sizes=(3,)), Discrete(3)),
    "choices": (Choices(sizes=(2, 4)), MultiDiscrete([2, 4])),
    "amounts": (
        Amounts(low=(-1.0, -2.0), high=(1.0, 2.0)),
        Box(np.array([-1.0, -2.0], np.float32), np.array([1.0, 2.0], np.float32)),
    ),
}
SHAPES = {
    "separate tanh": {"hidden": (24, 16), "activation": "tanh", "shared": False},
    "shared tanh": {"hidden": (24, 16), "activation": "tanh", "shared": True},
    "separate relu": {"hidden": (16, 32, 8), "activation": "relu", "shared": False},
    "one layer": {"hidden": (40,), "activation": "tanh", "shared": False},
}


class DriftState(NamedTuple):
    """Where every copy is, how long its episode has lasted, and its generator word."""

    place_N6: np.ndarray
    age_N: np.ndarray
    words_N: np.ndarray


class DriftParams(NamedTuple):
    """Episodes are truncated at `limit` steps, and terminated with this chance before."""

    limit: int
    chance: float


@njit(nogil=True, cache=True)
def reset(state: DriftState, params: DriftParams, observations_NO: Floats):
    for n in range(len(state.age_N)):
        begin(state, n, observations_NO)


@njit(nogil=True, cache=True)
def step(
    state: DriftState,
    params: DriftParams,
    actions_NA: Floats,
    observations_NO: Floats,
    rewards_N: Floats,
    terminated_N: Flags,
    truncated_N: Flags,
    final_NO: Floats,
):
    """Every action column pushes one coordinate; the reward is how near the first one is to 1."""
    for n in range(len(rewards_N)):
        for j in range(6):
            push = actions_NA[n, j % actions_NA.shape[1]]
            state.place_N6[n, j] = 0.9 * state.place_N6[n, j] + 0.1 * push + 0.2 * (uniform(state.words_N, n) - 0.5)
        state.age_N[n] += 1
        rewards_N[n] = -abs(state.place_N6[n, 0] - 1.0)
        terminated_N[n] = uniform(state.words_N, n) < params.chance
        truncated_N[n] = state.age_N[n] >= params.limit
        observations_NO[n] = state.place_N6[n]
        if terminated_N[n] or truncated_N[n]:
            final_NO[n] = observations_NO[n]
            begin(state, n, observations_NO)


@njit(nogil=True, cache=True)
def begin(state: DriftState, n: int, observations_NO: Floats):
    for j in range(6):
        state.place_N6[n, j] = 2.0 * uniform(state.words_N, n) - 1.0
    state.age_N[n] = 0
    observations_NO[n] = state.place_N6[n]


def make_state(num_envs: int, seed: int):
    return DriftState(np.zeros((num_envs, 6)), np.zeros(num_envs, np.int64), random_words(num_envs, seed))


@pytest.fixture
def arena():
    """Builds an environment of six coordinates for an action space, by the space's name."""

    def build(space: str, *, num_envs: int = 4, seed: int = 0):
        return CompiledVectorEnv(
            num_envs=num_envs,
            observation_space=Box(-np.inf, np.inf, (6,), np.float32),
            action_space=SPACES[space][1],
            make_state=make_state,
            params=DriftParams(limit=9, chance=0.03),
            reset_kernel=reset,
            step_kernel=step,
            seed=seed,
        )

    return build


@pytest.fixture
def policies():
    """Builds a policy by the names of its action space and shape; its biases and policy head are far from 0."""
    return make_policy


@pytest.fixture
def batches():
    """Builds the samples that a rollout could have left."""
    return make_samples


def make_policy(space: str, shape: str, *, seed: int = 0, normalise: bool = False):
    policy = ActorCritic(
        observation_size=6, actions=SPACES[space][0], seed=seed, log_std=-0.3, normalise=normalise, **SHAPES[shape]
    )
    with torch.no_grad():
        # A hundredth, as initialised, would make every policy uniform and every gradient tiny.
        policy.policy.weight.mul_(60.0)
        for name, parameter in policy.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(torch.linspace(-0.4, 0.3, len(parameter)))
    return policy


def make_samples(space: str, *, count: int = 200, seed: int = 1):
    generator = np.random.default_rng(seed)
    actions = SPACES[space][0]
    if isinstance(actions, Choices):
        taken = np.stack([generator.integers(0, size, count) for size in actions.sizes], axis=1)
    else:
        taken = generator.standard_normal((count, len(actions.low)))
    return Samples(
        observations_SO=generator.standard_normal((count, 6)).astype(np.float32),
        masks_SL=None,
        actions_SA=taken.astype(np.float32),
        log_probs_S=generator.uniform(-2.5, -0.5, count).astype(np.float32),
        values_S=generator.standard_normal(count).astype(np.float32),
        advantages_S=generator.standard_normal(count).astype(np.float32),
        returns_S=generator.standard_normal(count).astype(np.float32),
    )


@pytest.fixture(params=[(space, shape) for space in SPACES for shape in SHAPES], ids=lambda p: f"{p[0]}, {p[1]}")
def case(request: pytest.FixtureRequest):
    """A policy with its flat copy, and samples that fit it."""
    space, shape = request.param
    policy = make_policy(space, shape)
    flat_P, network = flatten(make_policy(space, shape))
    return SimpleNamespace(policy=policy, flat_P=flat_P, network=network, samples=make_samples(space))
