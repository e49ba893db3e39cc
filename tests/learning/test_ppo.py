"""PPO as a whole: what it learns, that it repeats itself, and that both paths are one algorithm."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import VectorEnv
from numba import njit

from rookery.compiled_env import CompiledVectorEnv, Floats
from rookery.errors import UserError
from rookery.learning.cartpole import cartpole
from rookery.learning.ppo import Job, Route, ppo, train_many
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.ppo_history import METRICS
from rookery.learning.rollout import Flags
from rookery.models.action_distribution import Amounts, Choices
from rookery.models.actor_critic import ActorCritic
from rookery.progress import Progress
from rookery.randomness import Words, random_words, uniform
from rookery.run import Run

ROOT = Path(__file__).parents[2]
SMALL = PPOConfig(total_steps=4096, rollout_steps=64, batch_size=128, num_epochs=4, learning_rate=1e-3, device="cpu")


def pole_policy(**settings: Any) -> ActorCritic:  # noqa: ANN401
    return ActorCritic(observation_size=4, actions=Choices(sizes=(2,)), seed=1, **settings)


def digest(policy: ActorCritic) -> str:
    return hashlib.sha256(b"".join(v.numpy().tobytes() for _, v in sorted(policy.state_dict().items()))).hexdigest()


def flat(policy: ActorCritic) -> np.ndarray:
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in policy.parameters()])


class Lever(NamedTuple):
    """Generator words of one-step episodes."""

    words_N: Words


class Pay(NamedTuple):
    """What the second of two arms pays more than the first, or (amounts) the best amount; and what is observed."""

    best: float
    amounts: bool
    seen: float = 1.0


@njit(nogil=True, cache=True)
def lever_reset(state: Lever, params: Pay, observations_NO: Floats) -> None:
    observations_NO[:] = params.seen


@njit(nogil=True, cache=True)
def lever_step(
    state: Lever,
    params: Pay,
    actions_NA: Floats,
    observations_NO: Floats,
    rewards_N: Floats,
    terminated_N: Flags,
    truncated_N: Flags,
    final_NO: Floats,
) -> None:
    for n in range(len(rewards_N)):
        noise = uniform(state.words_N, n) - 0.5
        if params.amounts:
            rewards_N[n] = noise - (actions_NA[n, 0] - params.best) ** 2
        else:
            rewards_N[n] = noise + params.best * actions_NA[n, 0]
        terminated_N[n], truncated_N[n] = True, False
        observations_NO[n], final_NO[n] = params.seen, params.seen


def lever(params: Pay) -> CompiledVectorEnv:
    """An environment of one step whose best action is known."""
    box = Box(-2.0, 2.0, (1,), np.float32)
    return CompiledVectorEnv(
        num_envs=8,
        observation_space=Box(0.0, 1.0, (1,), np.float32),
        action_space=box if params.amounts else Discrete(2),
        make_state=lambda num_envs, seed: Lever(random_words(num_envs, seed)),
        params=params,
        reset_kernel=lever_reset,
        step_kernel=lever_step,
    )


@pytest.mark.parametrize("path", ["torch", "fused"])
def test_it_pulls_the_better_of_two_arms(path: Route):
    policy = ActorCritic(observation_size=1, actions=Choices(sizes=(2,)), seed=0, hidden=(16,))
    config = SMALL.model_copy(update={"learning_rate": 1e-2})
    ppo(policy, lever(Pay(0.2, False)), config=config, seed=0, path=path)
    better = policy(torch.ones(1, 1))[0].log_probabilities[0].exp()[0, 1].item()
    assert better > 0.95


@pytest.mark.parametrize("path", ["torch", "fused"])
def test_it_finds_the_best_amount_of_a_quadratic(path: Route):
    policy = ActorCritic(observation_size=1, actions=Amounts(low=(-2.0,), high=(2.0,)), seed=0, hidden=(16,))
    config = SMALL.model_copy(update={"total_steps": 16_384, "learning_rate": 3e-3})
    ppo(policy, lever(Pay(0.7, True)), config=config, seed=0, path=path)
    assert policy.act(torch.ones(1, 1)).item() == pytest.approx(0.7, abs=0.05)


def test_it_learns_to_balance_a_pole():
    config = PPOConfig(
        total_steps=65_536, rollout_steps=64, batch_size=128, num_epochs=8, learning_rate=2e-3, device="cpu"
    )
    history = ppo(pole_policy(), cartpole(8), config=config, seed=0)
    assert history.path == "fused"
    assert history.rows[1]["mean_return"] < 60
    assert history.last_returns(50) > 300


def test_both_paths_go_the_same_way():
    paths: tuple[Route, ...] = ("fused", "torch")
    policies = [pole_policy(normalise=True) for _ in paths]
    config = SMALL.model_copy(update={"total_steps": 2048, "normalise_rewards": True, "entropy_coefficient": 0.01})
    histories = [
        ppo(policy, cartpole(8, step_limit=40), config=config, seed=2, path=path)
        for policy, path in zip(policies, paths, strict=True)
    ]
    assert [history.path for history in histories] == ["fused", "torch"]
    np.testing.assert_allclose(flat(policies[0]), flat(policies[1]), rtol=0, atol=1e-5)
    for ours, theirs in zip(histories[0].rows, histories[1].rows, strict=True):
        assert ours["mean_return"] == theirs["mean_return"]
        assert (ours["kl"] is None) == (theirs["kl"] is None)


@pytest.mark.parametrize("path", ["torch", "fused"])
def test_one_seed_gives_one_set_of_bytes_and_another_seed_another(path: Route):
    config = SMALL.model_copy(update={"total_steps": 2048})
    digests = []
    for seed in (0, 0, 1):
        policy = pole_policy()
        ppo(policy, cartpole(4), config=config, seed=seed, path=path)
        digests.append(digest(policy))
    assert digests[0] == digests[1] != digests[2]


def test_the_bytes_do_not_hang_on_hash_seed_or_thread_count():
    code = (
        "import hashlib, numpy as np\n"
        "from rookery.learning.cartpole import cartpole\n"
        "from rookery.learning.ppo import ppo\n"
        "from rookery.learning.ppo_config import PPOConfig\n"
        "from rookery.models.action_distribution import Choices\n"
        "from rookery.models.actor_critic import ActorCritic\n"
        "for path in ('torch', 'fused'):\n"
        "    policy = ActorCritic(observation_size=4, actions=Choices(sizes=(2,)), seed=1, hidden=(128, 64))\n"
        "    ppo(policy, cartpole(8), config=PPOConfig(total_steps=2048, device='cpu'), seed=0, path=path)\n"
        "    print(hashlib.sha256(b''.join(p.detach().numpy().tobytes() for p in policy.parameters())).hexdigest())\n"
    )
    outputs = set()
    for hash_seed, threads in (("0", "1"), ("1", "2")):
        settings = {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **settings, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().split()) == 2


def test_agents_on_several_threads_get_what_they_get_alone():
    config = SMALL.model_copy(update={"total_steps": 2048})

    def train(num_threads: int) -> list[str]:
        jobs = [
            Job(policy=pole_policy(), env=cartpole(4), config=config, seed=seed, path="torch" if seed == 3 else "fused")
            for seed in range(4)
        ]
        histories = train_many(jobs, num_threads=num_threads)
        assert [history.path for history in histories] == ["fused", "fused", "fused", "torch"]
        return [digest(job.policy) for job in jobs]

    alone = train(1)
    assert train(3) == alone
    assert len(set(alone)) == 4


def test_jobs_that_share_an_environment_are_refused():
    env = cartpole(4)
    jobs = [Job(policy=pole_policy(), env=env, config=SMALL, seed=seed) for seed in range(2)]
    with pytest.raises(ValueError, match="share"):
        train_many(jobs, num_threads=2)


def plain_pole() -> VectorEnv[Any, Any, Any]:
    return gymnasium.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync")


def test_any_vector_environment_takes_the_torch_path():
    policy = pole_policy()
    before = flat(policy)
    history = ppo(policy, plain_pole(), config=SMALL.model_copy(update={"total_steps": 512}), seed=0)
    assert history.path == "torch"
    assert np.abs(flat(policy) - before).max() > 1e-3


def run_in(folder: Path, config: PPOConfig, policy: ActorCritic) -> list[dict[str, Any]]:
    with Run(folder, config=config, seed=0, progress=Progress(quiet=True)) as run, run.stage("agent") as stage:
        ppo(policy, cartpole(2), config=config, seed=0, run=run, stage=stage)
        return [json.loads(line) for line in stage.file(METRICS).read_text().splitlines()]


def test_a_run_holds_metrics_checkpoints_timings_and_tensorboard_events(tmp_path: Path):
    config = SMALL.model_copy(update={"total_steps": 640, "checkpoint_updates": 2})
    rows = run_in(tmp_path / "run", config, pole_policy())
    assert [row["update"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[-1]["steps"] == 640.0
    assert rows[0]["learning_rate"] == 1e-3
    assert rows[-1]["learning_rate"] == pytest.approx(0.2e-3)
    assert {"policy_loss", "value_loss", "entropy", "kl", "clip_fraction", "explained_variance"} < set(rows[0])
    timings = [json.loads(line) for line in (tmp_path / "run" / "logs" / "agent.jsonl").read_text().splitlines()]
    assert [row["update"] for row in timings] == [2, 4, 5]
    assert min(row["steps_per_s"] for row in timings) > 0
    assert list((tmp_path / "run" / "logs" / "tensorboard" / "agent").glob("events.*"))
    names = sorted(path.name for path in (tmp_path / "run" / "agent" / ".checkpoints").glob("*.json"))
    assert names == ["000004-00000000.json", "000005-00000000.json"]


def test_a_finished_run_that_is_called_again_only_loads_its_weights(tmp_path: Path):
    config = SMALL.model_copy(update={"total_steps": 256, "tensorboard": False})
    first, second = pole_policy(), pole_policy()
    run_in(tmp_path / "run", config, first)
    (tmp_path / "run" / "agent" / "manifest.json").unlink()
    run_in(tmp_path / "run", config, second)
    assert digest(first) == digest(second)


def test_a_row_without_a_finished_episode_says_so(tmp_path: Path):
    config = SMALL.model_copy(update={"total_steps": 16, "rollout_steps": 4, "tensorboard": False})
    rows = run_in(tmp_path / "run", config, pole_policy())
    assert rows[0]["episodes"] == 0.0
    assert rows[0]["mean_return"] is None


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_as_if_it_had_never_been(tmp_path: Path):
    soak = [sys.executable, str(ROOT / "benchmarks" / "soak_ppo_resume.py"), "--kills", "3"]
    done = subprocess.run(
        [*soak, "--kinds", "fused", "torch", "gymnasium"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("3 kills") == 3
    assert done.stdout.count(" 0 mismatches") == 3


def test_the_first_rollout_of_a_normalised_policy_only_sets_its_statistics():
    policy = pole_policy(normalise=True)
    config = SMALL.model_copy(update={"total_steps": 128})
    before = flat(policy)
    history = ppo(policy, cartpole(2), config=config, seed=0)
    assert history.rows[0]["policy_loss"] is None
    assert policy.normaliser is not None
    assert float(policy.normaliser.count) == 128
    np.testing.assert_array_equal(flat(policy), before)


def test_epochs_end_early_when_the_policy_has_moved_far_enough():
    config = SMALL.model_copy(update={"total_steps": 1024, "learning_rate": 3e-2, "target_kl": 0.01})
    rows = ppo(pole_policy(), cartpole(8), config=config, seed=0).rows
    assert any((row["minibatches"] or 0) < 4 * 4 for row in rows)


def test_a_value_that_is_not_finite_is_refused_by_name():
    policy = pole_policy()
    with torch.no_grad():
        policy.value.bias.fill_(float("inf"))
    with pytest.raises(UserError, match="value is not a finite number at step 0 of environment 0"):
        ppo(policy, cartpole(2), config=SMALL, seed=0)


def test_a_loss_that_overflows_is_refused_by_name():
    policy = pole_policy()
    with torch.no_grad():
        policy.value.bias.fill_(1e30)
    with pytest.raises(UserError, match="value_loss is not a finite number in update 1"):
        ppo(policy, cartpole(2), config=SMALL, seed=0)


@pytest.mark.parametrize(
    ("params", "bad"), [(Pay(0.2, False, float("nan")), "observation"), (Pay(float("nan"), False), "reward")]
)
def test_a_number_from_the_environment_that_is_not_finite_is_refused_by_name(params: Pay, bad: str):
    policy = ActorCritic(observation_size=1, actions=Choices(sizes=(2,)), seed=0)
    with pytest.raises(UserError, match=f"environment: {bad} is not a finite number"):
        ppo(policy, lever(params), config=SMALL, seed=0)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (ActorCritic(observation_size=5, actions=Choices(sizes=(2,)), seed=0), "observes 5 numbers"),
        (ActorCritic(observation_size=4, actions=Choices(sizes=(3,)), seed=0), "acts by"),
        (ActorCritic(observation_size=4, actions=Amounts(low=(0.0, 0.0), high=(1.0, 1.0)), seed=0), "acts by"),
    ],
)
def test_a_policy_made_for_another_environment_is_refused(policy: ActorCritic, message: str):
    with pytest.raises(ValueError, match=message):
        ppo(policy, cartpole(2), config=SMALL, seed=0)
