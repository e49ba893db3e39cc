"""Acting in gymnasium's vector environments: ends of episodes, masks, spaces."""

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import Tensor, nn

from rookery.learning.gae import gae
from rookery.learning.rollout import Rollout, VectorSampler, samples
from rookery.models.action_distribution import Categorical

CPU = torch.device("cpu")
MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED]


class Count(gymnasium.Env[Any, Any]):
    """Observes how many steps it is old and is paid that; ends after `length` steps, by truncation or termination."""

    observation_space = Box(0.0, 100.0, (1,), np.float32)
    action_space = Discrete(2)

    def __init__(self, length: int, *, truncates: bool) -> None:
        self.length, self.truncates, self.age = length, truncates, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        super().reset(seed=seed)
        self.age = 0
        return self._seen(), self._info()

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.age += 1
        ended = self.age == self.length
        return self._seen(), float(self.age), ended and not self.truncates, ended and self.truncates, self._info()

    def _seen(self) -> np.ndarray:
        return np.array([self.age], np.float32)

    def _info(self) -> dict[str, Any]:
        return {}


class MaskedCount(Count):
    """Allows choice 0 at even age and choice 1 at odd age."""

    def _info(self) -> dict[str, Any]:
        return {"action_mask": np.array([self.age % 2 == 0, self.age % 2 == 1])}


class TenTimes(nn.Module):
    """Values an observation at ten times itself; its choices are even."""

    def forward(self, observation_BO: Tensor, mask_BL: Tensor | None = None) -> tuple[Categorical, Tensor]:
        return Categorical(torch.zeros(len(observation_BO), 2), [2], mask_BL), 10.0 * observation_BO[:, 0]


def collect(mode: AutoresetMode, *, kind: type[Count] = Count, steps: int = 12, truncates: bool = True) -> Rollout:
    lengths = [3, 4]
    env = SyncVectorEnv(
        [lambda length=length: kind(length, truncates=truncates) for length in lengths], autoreset_mode=mode
    )
    sampler = VectorSampler(TenTimes(), env, CPU)
    sampler.restart(0)
    return sampler.collect(np.random.default_rng(0).random((steps, 2, 1), np.float32))


def advantages(rollout: Rollout) -> dict[tuple[int, float], float]:
    """Advantage by environment and observation."""
    found, _ = gae(
        rollout.rewards_TN,
        rollout.values_TN,
        rollout.last_values_N,
        terminated_TN=rollout.terminated_TN,
        truncated_TN=rollout.truncated_TN,
        final_values_TN=rollout.final_values_TN,
        gamma=0.9,
        gae_lambda=0.8,
    )
    first = {}
    for t, n in np.argwhere(rollout.acted_TN):
        first.setdefault((int(n), float(rollout.observations_TNO[t, n, 0])), float(found[t, n]))
    return first


@pytest.mark.parametrize("mode", MODES)
def test_a_cut_episode_is_worth_what_its_last_observation_promises(mode: AutoresetMode):
    # Cut at age 3, which is valued 30: delta = 3 + 0.9 x 30 - 20.
    assert advantages(collect(mode))[0, 2.0] == pytest.approx(10.0)


@pytest.mark.parametrize("mode", MODES)
def test_a_finished_episode_promises_nothing_more(mode: AutoresetMode):
    # delta = 3 - 20, and one step earlier 2 + 0.9 x 20 - 10 + 0.72 x -17.
    found = advantages(collect(mode, truncates=False))
    assert found[0, 2.0] == pytest.approx(-17.0)
    assert found[0, 1.0] == pytest.approx(10.0 - 12.24)


def test_all_modes_find_the_same_advantages():
    same, after, by_hand = (advantages(collect(mode)) for mode in MODES)
    assert same == after == by_hand
    assert len(same) == 3 + 4


def test_a_step_that_only_restarts_is_no_sample():
    rollout = collect(AutoresetMode.NEXT_STEP)
    assert rollout.acted_TN[:, 0].tolist() == [True, True, True, False] * 3
    batch = samples(rollout, advantages_TN=rollout.values_TN, returns_TN=rollout.values_TN)
    assert len(batch.returns_S) == 9 + 10
    assert batch.observations_SO.max() == 3.0


def test_without_such_steps_every_step_is_a_sample():
    rollout = collect(AutoresetMode.SAME_STEP)
    batch = samples(rollout, advantages_TN=rollout.values_TN, returns_TN=rollout.values_TN)
    assert len(batch.returns_S) == 24
    np.testing.assert_array_equal(batch.observations_SO[:2, 0], rollout.observations_TNO[0, :, 0])


@pytest.mark.parametrize("mode", MODES)
def test_a_masked_choice_is_never_taken(mode: AutoresetMode):
    rollout = collect(mode, kind=MaskedCount)
    ages, taken = rollout.observations_TNO[..., 0], rollout.actions_TNA[..., 0]
    assert (taken == ages % 2)[rollout.acted_TN].all()
    assert rollout.masks_TNL[rollout.acted_TN].sum(axis=1).max() == 1
    assert (rollout.log_probs_TN[rollout.acted_TN] == 0).all()


def test_it_goes_on_from_what_it_saved():
    def started() -> VectorSampler:
        env = SyncVectorEnv([lambda: Count(50, truncates=True)])
        sampler = VectorSampler(TenTimes(), env, CPU)
        sampler.restart(0)
        return sampler

    noise = np.full((3, 1, 1), 0.5, np.float32)
    first = started()
    first.collect(noise)
    held = first.tensors()
    second = started()
    second.restore(held)
    assert second.collect(noise).observations_TNO[0, 0, 0] == 3.0


def test_an_environment_that_does_not_say_how_it_restarts_is_refused():
    env = SyncVectorEnv([lambda: Count(3, truncates=True)])
    del env.metadata["autoreset_mode"]
    with pytest.raises(ValueError, match="autoreset_mode"):
        VectorSampler(TenTimes(), env, CPU)


@pytest.mark.parametrize(
    ("observations", "actions", "message"),
    [
        (Dict({"a": Box(0, 1, (1,))}), Discrete(2), "FlattenObservation"),
        (Box(0, 1, (1,)), Dict({"a": Discrete(2)}), "not Discrete, MultiDiscrete or a flat Box"),
        (Box(0, 1, (1,)), MultiDiscrete(np.array([[2, 2]])), "flat MultiDiscrete"),
    ],
)
def test_spaces_that_ppo_cannot_use_are_refused(observations: object, actions: object, message: str):
    env = SyncVectorEnv([lambda: Count(3, truncates=True)])
    env.single_observation_space, env.single_action_space = observations, actions
    with pytest.raises(ValueError, match=message):
        VectorSampler(TenTimes(), env, CPU)
