"""Kills specialists' runs with SIGKILL at random moments of all three phases, and demands the bytes of one left alone.

python benchmarks/soak_specialists_resume.py --kills 30
Exit code 1 and a line per mismatch when a file of any stage differs in one bit.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rookery.pipelines.specialists import whole
from rookery.pipelines.specialists.config import PhaseNumber, SpecialistsConfig, quick
from rookery.pipelines.specialists.groups import GROUP_NAMES
from rookery.pipelines.specialists.inputs import BarSource
from rookery.pipelines.specialists.phase1 import stage_name
from rookery.pipelines.specialists.phase2 import STAGE as META
from rookery.pipelines.specialists.phase3 import STAGE as JOINT
from rookery.progress import Progress
from rookery.run import MANIFEST, OUTCOME

STAGES: dict[PhaseNumber, tuple[str, ...]] = {
    1: tuple(stage_name(name) for name in GROUP_NAMES),
    2: (META,),
    3: (JOINT,),
}
SOURCE = BarSource(kind="generated", bars=1_200, seed=1)
SEED = 2
# Enough updates of 128 steps that many moments differ; every other setting is that of quick().
STEPS = 4_096
# A run is killed so often in each phase before it is left to end.
PER_PHASE = 2
LONGEST_WAIT_S = 0.15


def settings() -> SpecialistsConfig:
    """quick(), long enough to be killed more than once in every phase."""
    small = quick()
    steps = {f"phase_{phase}_timesteps": STEPS for phase in STAGES}
    return small.model_copy(update={"training": small.training.model_copy(update=steps)})


def child(folder: Path) -> int:
    """A run in a fork, or its going on; its process number. Safe because this process itself never computes."""
    process = os.fork()
    if process:
        return process
    whole.run(
        SOURCE,
        folder,
        config=settings(),
        seed=SEED,
        asked=whole.Asked(gated=False),
        progress=Progress(quiet=True),
    )
    os._exit(0)


def left_alone(folder: Path) -> None:
    """Run to the end. Raises SystemExit when that fails."""
    if code := os.waitstatus_to_exitcode(os.waitpid(child(folder), 0)[1]):
        raise SystemExit(f"the run in {folder} failed with exit code {code}")


def digests(folder: Path) -> dict[str, str]:
    """What a finished run promises: hashes of every file of its stages, read again from the disk, and the report's."""
    promised: dict[str, str] = json.loads((folder / OUTCOME).read_bytes())["hashes"]
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() if "/" in name else digest
        for name, digest in promised.items()
    }


def updates(folder: Path, stage: str) -> int:
    """Updates of a stage's training that its checkpoints hold."""
    return max((int(path.name.split("-")[0]) for path in folder.glob(f"{stage}/.checkpoints/*.json")), default=0)


def training(folder: Path, phase: PhaseNumber, whole_updates: dict[str, int]) -> dict[str, int]:
    """Stages of a phase that have begun and have updates left to do, with the updates that they have done."""
    found = {stage: updates(folder, stage) for stage in STAGES[phase] if (folder / stage).is_dir()}
    return {
        stage: done
        for stage, done in found.items()
        if done < whole_updates[stage] and not (folder / stage / MANIFEST).is_file()
    }


def killed(folder: Path, phase: PhaseNumber, draws: random.Random) -> bool:
    """Start a run or go on with it, and kill it soon after some more updates of a phase; false when it ended before."""
    process = child(folder)
    goal = sum(updates(folder, stage) for stage in STAGES[phase])
    # Learners of one phase share the processors: those that begin last are met only after the others' updates.
    most = 16 * len(STAGES[phase])
    # The first time a phase may die before its first checkpoint; from then on every life must get somewhere.
    goal += draws.randrange(most) if goal == 0 else 1 + draws.randrange(most)
    wait_s = draws.uniform(0.0, LONGEST_WAIT_S)
    while not any((folder / stage).is_dir() for stage in STAGES[phase]) or goal > sum(
        updates(folder, stage) for stage in STAGES[phase]
    ):
        if os.waitpid(process, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    time.sleep(wait_s)
    if os.waitpid(process, os.WNOHANG)[0]:
        return False
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return True


def soak(root: Path, kills: int, seed: int) -> int:
    """Number of files, over all runs, that differed from those of the run left alone."""
    draws, hits, beside, runs, mismatches = random.Random(seed), Counter[int](), 0, 0, 0
    left_alone(root / "peace")
    wanted = digests(root / "peace")
    whole_updates = {
        stage: len((root / "peace" / stage / "metrics.jsonl").read_text().splitlines())
        for stages in STAGES.values()
        for stage in stages
    }
    while hits.total() < kills:
        runs += 1
        folder = root / str(runs)
        for phase in STAGES:
            for _ in range(min(PER_PHASE, kills - hits.total())):
                if not killed(folder, phase, draws):
                    beside += 1
                elif inside := training(folder, phase, whole_updates):
                    hits[phase] += 1
                    where = ", ".join(
                        f"{stage} after {done} of {whole_updates[stage]}" for stage, done in inside.items()
                    )
                    print(f"kill {hits.total()}: run {runs}, phase {phase}: {where} updates", flush=True)
                else:
                    beside += 1
        left_alone(folder)
        found = digests(folder)
        different = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        mismatches += len(different)
        for name in different:
            print(f"run {runs}: {name} differs")
    per_phase = ", ".join(f"{hits[phase]} in phase {phase}" for phase in STAGES)
    print(
        f"{hits.total()} kills ({per_phase}; {beside} more fell beside training) in {runs} runs: {mismatches} of "
        f"{runs * len(wanted)} files differ from those of the run left alone"
    )
    return mismatches


def main() -> None:
    """Parse the command line and soak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        sys.exit(1 if soak(Path(root), options.kills, options.seed) else 0)


if __name__ == "__main__":
    main()
