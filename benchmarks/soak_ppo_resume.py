"""Kills PPO with SIGKILL at random moments, resumes it, and demands the weights of the run that was never killed.

python benchmarks/soak_ppo_resume.py --kills 50 --kinds fused torch gymnasium
Exit code 1 and a line per mismatch when the weights or metrics differ in one bit.
"""

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import gymnasium
import torch
from gymnasium.vector import VectorEnv

from rookery.learning.cartpole import cartpole
from rookery.learning.ppo import Route, ppo
from rookery.learning.ppo_config import PPOConfig
from rookery.models.action_distribution import Choices
from rookery.models.actor_critic import ActorCritic
from rookery.progress import Progress
from rookery.run import Run

Kind = Literal["fused", "torch", "gymnasium"]
SEED = 3
# About half a second each on an idle core, with six to twenty checkpoints.
UPDATES = {"fused": 40, "torch": 16, "gymnasium": 12}


def environment(kind: Kind) -> VectorEnv[Any, Any, Any]:
    """CartPole that can hand over its state, or gymnasium's own, which cannot."""
    if kind == "gymnasium":
        return gymnasium.make_vec("CartPole-v1", num_envs=4, vectorization_mode="sync")
    return cartpole(4, step_limit=100)


def train(folder: Path, kind: Kind) -> None:
    """The training that is killed: small nets, normalised observations and rewards."""
    config = PPOConfig(
        total_steps=UPDATES[kind] * 4 * 64,
        rollout_steps=64,
        batch_size=64,
        num_epochs=4,
        normalise_rewards=True,
        checkpoint_updates=2,
        device="cpu",
        tensorboard=False,
    )
    path: Route = "fused" if kind == "fused" else "torch"
    with Run(folder, config=config, seed=SEED, progress=Progress(quiet=True)) as run, run.stage("ppo") as stage:
        policy = ActorCritic(observation_size=4, actions=Choices(sizes=(2,)), seed=SEED, normalise=True)
        ppo(policy, environment(kind), config=config, seed=SEED, run=run, stage=stage, path=path)
        state = sorted(policy.state_dict().items())
        digest = hashlib.sha256(b"".join(value.numpy().tobytes() for _, value in state)).hexdigest()
        stage.file("weights.sha256").write_text(digest)


def result(folder: Path) -> tuple[str, bytes]:
    """Digest of the final weights, and the metrics."""
    return (folder / "ppo" / "weights.sha256").read_text(), (folder / "ppo" / "metrics.jsonl").read_bytes()


def in_child(work: Callable[[], None], *, kill_after_s: float | None = None) -> bool:
    """Run `work` in a forked process, killed after a while if asked; whether it came to its end."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise SystemExit(f"training failed with exit code {os.WEXITSTATUS(status)}")
    return os.WIFEXITED(status)


def whole_run(folder: Path, kind: Kind) -> float:
    """Seconds of a run that is left alone."""
    started = time.perf_counter()
    in_child(lambda: train(folder, kind))
    return time.perf_counter() - started


def soak(root: Path, kind: Kind, kills: int, seed: int) -> int:
    """Number of kills after which the resumed run differed."""
    # One thread, since a pool of threads does not outlive a fork; compiled before forking, so that the seconds below
    # are training and nothing else.
    torch.set_num_threads(1)
    train(root / "warm", kind)
    seconds = min(whole_run(root / f"whole-{number}", kind) for number in range(3))
    expected, moments = result(root / "whole-0"), random.Random(seed)
    mismatches, early, late, killed = 0, 0, 0, 0
    while killed < kills:
        folder = root / f"killed-{killed}-{late}"
        moment = moments.uniform(0.0, seconds)
        if in_child(lambda folder=folder: train(folder, kind), kill_after_s=moment):
            # It was quicker than the signal; that proves nothing, so another moment is drawn.
            late += 1
            continue
        killed += 1
        early += not list(folder.glob("ppo/.checkpoints/*.json"))
        in_child(lambda folder=folder: train(folder, kind))
        if result(folder) != expected:
            mismatches += 1
            print(f"kill {killed} after {moment:.3f} s: the resumed run differs")
    print(
        f"{kind}: {kills} kills within {seconds:.2f} s ({early} before the first checkpoint; {late} more came too "
        f"late), {mismatches} mismatches"
    )
    return mismatches


def main() -> None:
    """Parse the command line and soak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--kinds", nargs="+", choices=list(UPDATES), default=list(UPDATES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    mismatches = 0
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as root:
            mismatches += soak(Path(root), kind, options.kills, options.seed)
    sys.exit(1 if mismatches else 0)


if __name__ == "__main__":
    main()
