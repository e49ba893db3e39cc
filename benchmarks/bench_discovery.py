"""False and true discoveries: how often a report of the whole ROOK pipeline claims an edge, where there is none or one.

Run: python benchmarks/bench_discovery.py [--martingale N] [--edge N] [--jobs 2]

Every run goes from a generated tape of its own seed to its report, in a workspace of its own, in the demo's settings.
An edge is claimed when the verdict says `beats`. The claim, which decides the exit status: at most 5 % of the runs on
martingales and at least 90 % of those on tapes with a planted edge. Intervals are Clopper and Pearson's.
The budget was chosen on seeds 0 to 4; seeds from 100 on are judged.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

# Threads that spin would steal each other's time; every run has one.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from scipy.stats import binomtest

from rookery.cli.demo import ROWS
from rookery.pipelines.rook.config import RookConfig, demo_config
from rookery.pipelines.rook.steps import SwapSource, Tape
from rookery.pipelines.rook.whole import run
from rookery.progress import Progress

FIRST_SEED = 100
MOST_FALSE, LEAST_TRUE = 0.05, 0.90


def small() -> RookConfig:
    """The demo's settings on one thread."""
    config = demo_config()
    training = config.training.model_copy(update={"num_threads": 1, "tensorboard": False})
    return config.model_copy(update={"training": training})


def verdict(job: tuple[Tape, int]) -> tuple[Tape, int, str, float | None, float]:
    """What the report of one run says: tape, seed, code, deflated Sharpe ratio, seconds."""
    tape, seed = job
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        source = SwapSource(tape=tape, tape_seed=seed, tape_rows=ROWS)
        made = run(source, Path(folder) / "run", config=small(), seed=seed, device="cpu", progress=Progress(quiet=True))
    belief = made.report.belief
    assert belief is not None
    assert belief.trials is not None
    return tape, seed, made.report.verdict.code, belief.trials.deflated, time.perf_counter() - started


def summary(tape: Tape, codes: Sequence[str]) -> bool:
    """Print one tape's share of claims; whether it keeps its promise."""
    claims = codes.count("beats")
    found = binomtest(claims, len(codes)).proportion_ci(0.95, method="exact")
    share = claims / len(codes)
    kept = share <= MOST_FALSE if tape == "martingale" else share >= LEAST_TRUE
    print(
        f"{tape}: {claims} of {len(codes)} reports claim an edge, {share:.1%} ({found.low:.1%} to {found.high:.1%}); "
        f"all verdicts {dict(Counter(codes))}: {'kept' if kept else 'BROKEN'}"
    )
    return kept


def main() -> int:
    """Run all seeds and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--martingale", type=int, default=200)
    parser.add_argument("--edge", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    jobs: list[tuple[Tape, int]] = [("edge", FIRST_SEED + n) for n in range(given.edge)]
    jobs += [("martingale", FIRST_SEED + n) for n in range(given.martingale)]
    codes: dict[Tape, list[str]] = {"edge": [], "martingale": []}
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        for tape, seed, code, deflated, seconds in pool.map(verdict, jobs):
            codes[tape].append(code)
            worth = "-" if deflated is None else f"{deflated:.3f}"
            print(f"{tape:<11}{seed:>5}  {code:<18}deflated Sharpe {worth}  {seconds:.0f} s", flush=True)
    kept = [summary(tape, found) for tape, found in codes.items() if found]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
