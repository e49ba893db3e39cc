"""Proximal policy optimisation: a policy learns from data that it makes by acting."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from gymnasium.vector import VectorEnv
from torch import nn

from rookery.learning import checkpoint
from rookery.learning.blas import single_threaded_blas
from rookery.learning.fused.learner import allows
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.ppo_history import History, write_logs, write_metrics
from rookery.learning.ppo_training import PPOTraining
from rookery.learning.reproducible import choose_device, reproducible
from rookery.progress import Advance
from rookery.run import Run, Stage

Route = Literal["auto", "torch", "fused"]
_CHECKPOINTS = ".checkpoints"


def ppo(
    policy: nn.Module,
    env: VectorEnv[Any, Any, Any],
    *,
    config: PPOConfig,
    seed: int,
    run: Run | None = None,
    stage: Stage | None = None,
    path: Route = "auto",
) -> History:
    """Improve `policy` in place by acting in `env` (Schulman et al. 2017). Returns what was seen on the way.

    `path` auto takes the fused path when `policy` is an ActorCritic on the CPU and `env` is compiled, else torch.

    With `run` and `stage` it writes `metrics.jsonl`, checkpoints, timings and TensorBoard events; called again after a
    kill it goes on from the last whole checkpoint and ends with the same weights, bit for bit. All randomness hangs on
    `seed` and the update's number alone. An environment with `get_state()` and `set_state()` (dicts of arrays) is
    restored from the checkpoint; any other is reset from a derived seed after every `checkpoint_updates`-th update,
    in interrupted and uninterrupted runs alike.

    If the policy has a `normaliser` its statistics move between rollouts, and the first rollout only sets them.
    Raises UserError when a figure stops being finite, ValueError for spaces that PPO cannot use.
    """
    device = choose_device(config.device)
    fused = path == "fused" or (path == "auto" and allows(policy, env, device))
    with _repeatable(config.num_threads, fused=fused):
        training = PPOTraining(policy, env, config, seed=seed, fused=fused, device=device)
        if run is None or stage is None:
            training.restart()
            while not training.done:
                training.advance()
        else:
            _train_in(run, stage, training)
    return History(rows=tuple(training.rows), path="fused" if fused else "torch", device=device.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The arguments of one call of `ppo`."""

    policy: nn.Module
    env: VectorEnv[Any, Any, Any]
    config: PPOConfig
    seed: int
    run: Run | None = None
    stage: Stage | None = None
    path: Route = "auto"


def train_many(jobs: Sequence[Job], *, num_threads: int) -> list[History]:
    """Train independent agents, `num_threads` at a time, one thread each; the results do not depend on that number.

    No two jobs may share a policy, an environment or a stage.
    """
    if len({id(job.policy) for job in jobs}) < len(jobs) or len({id(job.env) for job in jobs}) < len(jobs):
        raise ValueError("two jobs share a policy or an environment")
    with ExitStack() as stack:
        # Entered here so that the first job to end does not undo the settings under the others.
        stack.enter_context(_repeatable(1, fused=False))
        stack.enter_context(_repeatable(1, fused=True))
        pool = stack.enter_context(ThreadPoolExecutor(num_threads))
        return list(pool.map(_do, jobs))


def _do(job: Job) -> History:
    return ppo(job.policy, job.env, config=job.config, seed=job.seed, run=job.run, stage=job.stage, path=job.path)


@contextmanager
def _repeatable(num_threads: int, *, fused: bool) -> Iterator[None]:
    with single_threaded_blas() if fused else reproducible(num_threads):
        yield


def _train_in(run: Run, stage: Stage, training: PPOTraining) -> None:
    folder = stage.path / _CHECKPOINTS
    if (moment := checkpoint.load(folder, say=run.progress.say)) is None:
        training.restart()
    else:
        training.restore(moment)
        run.progress.say(f"training goes on at update {training.update + 1}")
    with run.progress.stage(stage.path.name, total=training.total_steps, unit="steps") as advance:
        advance(training.steps)
        while not training.done:
            first, started = training.update, time.perf_counter()
            _to_next_checkpoint(training, advance)
            seconds = time.perf_counter() - started
            checkpoint.save(folder, training.snapshot())
            write_metrics(stage, training.rows)
            board = training.config.tensorboard
            write_logs(run, stage, training.rows, first=first, seconds=seconds, tensorboard=board)
    write_metrics(stage, training.rows)


def _to_next_checkpoint(training: PPOTraining, advance: Advance) -> None:
    while True:
        before = training.steps
        training.advance()
        advance(training.steps - before)
        if training.done or training.at_checkpoint:
            return
