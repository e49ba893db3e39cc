"""Trains, kills itself with SIGKILL over and over, takes up again, and compares every bit with a run left in peace.

Usage: python killed_training.py FOLDER moments|writes COUNT. `moments` kills at random times, `writes` at the n-th
file operation, for n spread over all of them (COUNT 0: at every one). Prints one JSON line.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch._dynamo  # the first optimizer imports it, which takes a second: once here instead of in every child

from conftest import MODEL, make_batches
from rookery.datasets.sequences import SIDES
from rookery.learning.fit import METRICS, fit
from rookery.learning.objectives import HeadLoss, HeadLossConfig
from rookery.learning.training import FitConfig
from rookery.models.lstm import build
from rookery.progress import Progress
from rookery.run import Run, code_version

CONFIG = FitConfig(
    num_epochs=4,
    batch_size=16,
    learning_rate=1e-2,
    num_threads=1,
    device="cpu",
    checkpoint_batches=2,
    schedule="plateau",
    plateau_patience=0,
    tensorboard=False,
)


def train(folder: Path) -> None:
    """One whole training run in `folder`, going on from wherever it was left."""
    learn, judge = make_batches(96, seed=0), make_batches(40, seed=1)
    _, targets = learn.take(torch.arange(len(learn)))
    objective = HeadLoss(HeadLossConfig(), train_side_N=targets.side_B, classes=SIDES)
    model = build(MODEL, seed=0)
    with Run(folder, config=CONFIG, seed=3, progress=Progress(quiet=True)) as run, run.stage("training") as stage:
        if not stage.finished:
            fit(model, objective, learn, validate=judge, config=CONFIG, run=run, stage=stage)
            digest = hashlib.sha256()
            for name, value in model.state_dict().items():
                digest.update(name.encode() + value.numpy().tobytes())
            stage.file("weights.txt").write_text(digest.hexdigest())


def result(folder: Path) -> str:
    """Hash of the weights and of the metrics of every epoch."""
    files = (folder / "training" / name for name in ("weights.txt", METRICS))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def child(work: Callable[[], None]) -> int:
    """Do `work` in a fork; its process number. Forking is safe because this process itself never computes."""
    process = os.fork()
    if process:
        return process
    try:
        work()
        os._exit(0)
    except BaseException as failure:
        print(f"child failed: {failure!r}", file=sys.stderr, flush=True)
        os._exit(1)


def was_killed(process: int) -> bool:
    """Wait for a child; whether SIGKILL ended it. Any other failure ends this script."""
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if status not in (0, -signal.SIGKILL):
        sys.exit(f"a child ended with {status}")
    return status != 0


def train_until_operation(folder: Path, limit: int, report: Path | None = None) -> None:
    """Train, and die at the `limit`-th opening or renaming of a file of the run."""
    seen = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event in ("open", "os.rename", "os.remove") and str(folder) in str(arguments[0]):
            seen += 1
            if seen == limit:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    train(folder)
    if report is not None:
        report.write_text(str(seen))


def kill_at_moments(folder: Path, chance: random.Random, duration: float) -> int:
    """Train and kill twice, at a random moment of the time that an untouched run takes; how often it hit."""
    killed = 0
    for _ in range(2):
        process = child(partial(train, folder))
        time.sleep(chance.uniform(0.0, duration))
        os.kill(process, signal.SIGKILL)
        killed += was_killed(process)
    return killed


def main(root: Path, mode: str, count: int) -> None:
    """Train once in peace, then under fire, and print what came of it."""
    code_version()
    chance = random.Random(1)
    started = time.monotonic()
    was_killed(child(partial(train_until_operation, root / "whole", -1, root / "operations")))
    duration = time.monotonic() - started
    operations = int((root / "operations").read_text())
    wanted = result(root / "whole")
    limits = sorted(chance.sample(range(1, operations + 1), count or operations))
    killed = mismatches = 0
    for number, limit in enumerate(limits):
        folder = root / f"killed-{number}"
        if mode == "writes":
            killed += was_killed(child(partial(train_until_operation, folder, limit)))
        else:
            killed += kill_at_moments(folder, chance, duration)
        was_killed(child(partial(train, folder)))
        mismatches += result(folder) != wanted
    print(json.dumps({"killed": killed, "mismatches": mismatches, "operations": operations}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
