"""Control experiment: the whole ROOK pipeline on tapes with a known edge, and on the same tapes without one.

Ten seeds of each generated tape go from swaps to report in the demo's configuration. Net profit is that of the test
split, in USDC, after pool fee, own impact and gas. The claim, which decides the exit status:

    edge         the agent's mean net profit, and its mean lead over every baseline, have 95 % intervals above 0
    martingale   the agent's mean net profit has not

Intervals are Student's t over seeds; leads are paired by seed.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import t as student

from rookery.cli.demo import ROWS
from rookery.pipelines.rook.config import demo_config
from rookery.pipelines.rook.steps import SwapSource, Tape
from rookery.pipelines.rook.whole import run
from rookery.progress import Progress

BASELINES = ("flat", "buy_and_hold", "random", "teacher")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean over seeds with its 95 % t interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+9.2f}   95 % {self.low:+9.2f} to {self.high:+9.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Net profit of one run by account (USDC), and the verdict of its own report."""

    net: Mapping[str, float]
    verdict: str


def interval(values: Sequence[float]) -> Interval:
    mean, count = float(np.mean(values)), len(values)
    half = float(student.ppf(0.975, count - 1)) * float(np.std(values, ddof=1)) / count**0.5
    return Interval(mean=mean, low=mean - half, high=mean + half)


def outcome(tape: Tape, seed: int, folder: Path) -> Outcome:
    result = run(
        SwapSource(tape=tape, tape_seed=seed, tape_rows=ROWS),
        folder,
        config=demo_config(),
        seed=seed,
        device="cpu",
        progress=Progress(quiet=True),
    )
    equity = pl.read_parquet(folder / "backtest" / "comparison.parquet")
    net = {name: float(equity[name][-1] - equity[name][0]) for name in ("agent", *BASELINES)}
    return Outcome(net=net, verdict=result.report.verdict.code)


def experiment(tape: Tape, seeds: int, folder: Path) -> list[Outcome]:
    print(f"\n{tape} tape: net profit on the test split, USDC of 10,000")
    print("seed" + "".join(f"{name:>14}" for name in ("agent", *BASELINES)) + "  verdict of the report")
    found = []
    for seed in range(seeds):
        found.append(outcome(tape, seed, folder / f"{tape}-{seed}"))
        row = "".join(f"{found[-1].net[name]:>14.2f}" for name in ("agent", *BASELINES))
        print(f"{seed:>4}{row}  {found[-1].verdict}", flush=True)
    return found


def summary(found: Sequence[Outcome]) -> dict[str, Interval]:
    """Intervals of every account's net profit, and of the agent's lead over each baseline."""
    net = {name: [one.net[name] for one in found] for name in ("agent", *BASELINES)}
    leads = {
        f"agent - {name}": [ours - theirs for ours, theirs in zip(net["agent"], net[name], strict=True)]
        for name in BASELINES
    }
    return {name: interval(values) for name, values in (net | leads).items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="runs per tape, at least 2")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds must be at least 2: one run has no interval")
    with tempfile.TemporaryDirectory() as folder:
        edge, martingale = (experiment(tape, options.seeds, Path(folder)) for tape in ("edge", "martingale"))
    for name, found in (("edge", edge), ("martingale", martingale)):
        print(f"\n{name}: means over {options.seeds} seeds")
        for row, value in summary(found).items():
            print(f"  {row:<22}{value}")
        beats = sum(one.verdict == "beats" for one in found)
        print(f"  reports that say 'beats', by their own bootstrap within one seed: {beats} of {len(found)}")
    wins = all(summary(edge)[name].low > 0 for name in ("agent", *(f"agent - {name}" for name in BASELINES)))
    nothing = summary(martingale)["agent"].low <= 0
    print(f"\nedge: the agent earns, and more than every baseline: {'yes' if wins else 'NO'}")
    print(f"martingale: the agent's profit is not above zero: {'yes' if nothing else 'NO'}")
    return 0 if wins and nothing else 1


if __name__ == "__main__":
    sys.exit(main())
