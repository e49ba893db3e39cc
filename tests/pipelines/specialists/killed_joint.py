"""Phase 3 on a small generated world, killed with SIGKILL over and over and taken up again, beside a run left in peace.

Usage: python killed_joint.py FOLDER COUNT. Prints one JSON line.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from rookery.models.meta_controller import MetaController
from rookery.models.specialist import Specialist
from rookery.pipelines.specialists.config import SpecialistsConfig, quick
from rookery.pipelines.specialists.groups import GROUPS, GroupName
from rookery.pipelines.specialists.inputs import BarSource, read
from rookery.pipelines.specialists.learning import new_meta_controller, new_specialist
from rookery.pipelines.specialists.observing import Observed, observe
from rookery.pipelines.specialists.phase3 import MESSAGES, METRICS, MODELS, STAGE, Phase3JointTrainer
from rookery.pipelines.specialists.portfolio import portfolio
from rookery.pipelines.specialists.weights import WEIGHTS

UPDATES = 8
FILES = (WEIGHTS, METRICS, MESSAGES, "evaluation.json")


def small_config(**training: object) -> SpecialistsConfig:
    """Eight updates of 128 steps, a checkpoint after each, specialists at every second."""
    base = quick()
    changes = {
        "phase_3_timesteps": 128 * UPDATES,
        "specialist_update_freq": 2,
        "checkpoint_updates": 1,
        "n_envs": 4,
        "rollout_steps": 32,
        **training,
    }
    curriculum = base.curriculum.model_copy(
        update={"min_episodes": 2, "window": 2, "promote_mean": -1.0, "promote_std": 9.0}
    )
    environment = base.environment.model_copy(update={"episode_length": 20})
    update = {
        "training": base.training.model_copy(update=changes),
        "curriculum": curriculum,
        "environment": environment,
    }
    return base.model_copy(update=update)


def small_world(config: SpecialistsConfig, source: BarSource | None = None) -> tuple[Observed, Observed]:
    """Train and validation of 900 generated bars, or of another source."""
    data, _ = portfolio(read(source or BarSource(kind="generated", bars=900)), config)
    whole = observe(data, {group: config.specialist(group).instruments for group in GROUPS})
    return whole.part(data.split.train), whole.part(data.split.validation)


def untrained(config: SpecialistsConfig, train: Observed) -> tuple[dict[GroupName, Specialist], MetaController]:
    """What stands for the networks of phases 1 and 2."""
    specialists = {name: new_specialist(config, train, name, seed=1) for name in train.groups}
    return specialists, new_meta_controller(config, train, seed=1)


def trainer(folder: Path, config: SpecialistsConfig) -> Phase3JointTrainer:
    """A trainer of the small world."""
    train, validation = small_world(config)
    specialists, meta = untrained(config, train)
    return Phase3JointTrainer(
        config, train=train, validation=validation, output_dir=folder, specialists=specialists, meta=meta
    )


def train(folder: Path) -> None:
    """A whole run in `folder`, going on from wherever it was left."""
    trainer(folder, small_config()).train()


def digests(folder: Path) -> dict[str, str]:
    """Hash of every file that a finished stage promises, saved models among them."""
    stage = folder / STAGE
    names = [*FILES, *sorted(path.relative_to(stage).as_posix() for path in (stage / MODELS).iterdir())]
    return {name: hashlib.sha256((stage / name).read_bytes()).hexdigest() for name in names}


def child(folder: Path) -> int:
    """Train in a fork; its process number. Safe because this process itself never computes."""
    process = os.fork()
    if process:
        return process
    try:
        train(folder)
        os._exit(0)
    except BaseException as failure:
        print(f"child failed: {failure!r}", file=sys.stderr, flush=True)
        os._exit(1)


def main(folder: Path, count: int) -> None:
    """One run in peace, then `count` kills of others, each at a random moment after one more checkpoint; prints how
    many there were and whether all files are equal."""
    assert os.waitstatus_to_exitcode(os.waitpid(child(folder / "peace"), 0)[1]) == 0
    draws, killed, rounds = random.Random(0), 0, 0
    wanted, equal = digests(folder / "peace"), True
    while killed < count:
        rounds += 1
        own = folder / str(rounds)
        while killed < count and survives_no_more(own, draws):
            killed += 1
        last = child(own)
        assert os.waitstatus_to_exitcode(os.waitpid(last, 0)[1]) == 0
        equal &= digests(own) == wanted
    print(json.dumps({"killed_in_training": killed, "runs": rounds, "equal": equal}))


def survives_no_more(folder: Path, draws: random.Random) -> bool:
    """Take a run up, let it write a checkpoint, and kill it soon after; false when it was done before."""
    process, before = child(folder), checkpoints(folder)
    while checkpoints(folder) == before:
        if os.waitpid(process, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    time.sleep(draws.uniform(0.0, 0.15))
    if os.waitpid(process, os.WNOHANG)[0]:
        return False
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return True


def checkpoints(folder: Path) -> set[str]:
    """Names of the checkpoints that a run has."""
    return {path.name for path in folder.glob(f"{STAGE}/.checkpoints/*.json")}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
