"""The backtest over bars against vectorbt and backtesting.py: equal trades and equity, then time, in one run.

A moving-average cross (20 over 50, long and short, 10 units, 1 basis point of fees, next open) on minute bars of a
martingale. First the three must agree: backtesting.py trade by trade and bar by bar, vectorbt in count and final value.
Then each runs in turn on 1,000,000 bars (backtesting.py, which needs seconds for that, once), with signal, trades and
the seven headline measures; last a sweep of 10,000 pairs over three walk-forward folds of 10,000 bars in one call.
Times are of the processor, since a shared machine's clock says little; each of the three computes on one thread.

The peers run in interpreters of their own, never in ours, since vectorbt needs other versions of pandas and
backtesting.py is AGPL:

    python -m venv VBT && VBT/bin/pip install vectorbt==1.2.0
    python -m venv BT && BT/bin/pip install backtesting==0.6.6
    python benchmarks/bench_backtest.py --vectorbt VBT/bin/python --backtesting BT/bin/python

A peer that is not given is left out, with a line that says so.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rookery.agents.moving_average import moving_average_sides
from rookery.evaluation.bar_backtest import BarBacktest, backtest_targets
from rookery.evaluation.sweep import parameter_grid, sweep, walk_forward
from rookery.market.bars import Bars
from rookery.market.execution import BarTimes
from rookery.market.scenarios import generate
from rookery.market.terms import Account, Instrument

FAST, SLOW, SIZE, FEE_BPS, CASH = 20, 50, 10, 1.0, 1e6
MINUTE_NS = 60_000_000_000
FIRST_NS = 1_577_836_800 * 10**9


class Peer:
    """A peer in its own process, warm after its first run."""

    def __init__(self, interpreter: str, name: str, data: Path) -> None:
        script = str(Path(__file__).with_name("backtest_peers.py"))
        self._process = subprocess.Popen(
            [interpreter, script, name, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if self._read() != "ready":
            sys.exit(f"{name} did not start in {interpreter}; see the head of this file for what to install")

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def run(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        answer = self._read()
        if not answer:
            sys.exit("a peer stopped without an answer")
        return dict(json.loads(answer))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def minute_bars(count: int) -> tuple[Bars, BarTimes]:
    open_ns_T = FIRST_NS + np.arange(count, dtype=np.int64) * MINUTE_NS
    times = BarTimes(open_ns_T=open_ns_T, close_ns_T=open_ns_T + MINUTE_NS)
    return generate("martingale", bars=count, seed=1, volatility=0.0005), times


def ours(bars: Bars, times: BarTimes) -> tuple[float, float, BarBacktest]:
    """Seconds to signal, settled account and measures, seconds with the trade table too, and the backtest."""
    started = time.process_time()
    sides_T = moving_average_sides(bars.close_TM[:, 0], FAST, SLOW)[0]
    # A side that is not known yet is 0; from then on the two means hardly ever tie.
    result = backtest_targets(
        bars, sides_T * SIZE, wish="contracts", instruments=[Instrument(fee_bps=FEE_BPS)], capital=CASH, times=times
    )
    result.measures()
    measured = time.process_time()
    result.trades()
    return measured - started, time.process_time() - started, result


def stored(bars: Bars, folder: Path) -> Path:
    path = folder / f"bars-{bars.shape[0]}.npz"
    columns = {name: getattr(bars, f"{name}_TM")[:, 0] for name in ("open", "high", "low", "close")}
    side = moving_average_sides(columns["close"], FAST, SLOW)[0]
    np.savez(path, **columns, side=side, fast=FAST, slow=SLOW, size=SIZE, fee=FEE_BPS * 1e-4, cash=CASH)
    return path


def equal_to_backtesting(result: BarBacktest, found: dict[str, Any]) -> bool:
    """Every trade by size, bars, prices and fees, and equity at every close."""
    closed = result.trades().filter(pl.col("status") == "closed")
    signed = closed["quantity"] * (2 * (closed["side"] == "long").cast(pl.Int64) - 1)
    mine = np.column_stack(
        [signed, *(closed[name] for name in ("entry_bar", "exit_bar", "entry_price", "exit_price", "fees"))]
    )
    theirs = np.array(found["trades"], np.float64)
    same = mine.shape == theirs.shape and np.allclose(mine, theirs, rtol=1e-9, atol=1e-9)
    gap = np.abs(result.record.worth_T - np.array(found["equity"]))
    print(f"  backtesting.py: {len(theirs)} closed trades equal to 1e-9: {same}; equity within {gap.max():.1e}")
    return bool(same and gap.max() <= 1e-6)


def report(name: str, own_s: list[float], their_s: list[float], goal: float) -> bool:
    ratio = statistics.median(their_s) / statistics.median(own_s)
    print(
        f"  {name}: {statistics.median(their_s) * 1e3:10.1f} ms against {statistics.median(own_s) * 1e3:7.1f} ms,"
        f" ratio {ratio:8.1f} (goal {goal:g})"
    )
    return ratio >= goal


def compare(options: argparse.Namespace, folder: Path) -> bool:
    good = True
    small, small_times = minute_bars(20_000)
    result = ours(small, small_times)[2]
    if options.backtesting:
        peer = Peer(options.backtesting, "backtesting", stored(small, folder))
        good &= equal_to_backtesting(result, peer.run())
        peer.close()
    bars, times = minute_bars(options.bars)
    data = stored(bars, folder)
    peers = {name: Peer(path, name, data) for name in ("vectorbt", "backtesting") if (path := getattr(options, name))}
    ours(bars, times)
    if "vectorbt" in peers:
        peers["vectorbt"].run()
    own: list[tuple[float, float]] = []
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in peers}
    for turn in range(options.repeats):
        for _ in range(3):
            first, second, result = ours(bars, times)
            own.append((first, second))
        for name, peer in peers.items():
            if name == "vectorbt" or turn == 0:
                found[name].append(peer.run())
    for peer in peers.values():
        peer.close()
    records_s, table_s = [one[0] for one in own], [one[1] for one in own]
    print(f"{options.bars:,} bars, {len(result.trades()):,} trades; medians of {options.repeats} turns")
    print(
        f"  ours: {statistics.median(records_s) * 1e3:.1f} ms, with the table {statistics.median(table_s) * 1e3:.1f} ms"
    )
    if "vectorbt" in found:
        theirs = found["vectorbt"]
        totals = result.totals()
        same = theirs[0]["trades"][0] == len(result.trades()) and abs(theirs[0]["end"] - totals.end) < 1e-6 * totals.end
        print(f"  vectorbt: equal number of trades and final value to 1e-6: {same}")
        good &= same
        report("vectorbt, raw records and measures  ", records_s, [one["records_s"] for one in theirs], 20)
        good &= report("vectorbt, table of trades and measures", table_s, [one["table_s"] for one in theirs], 20)
    if "backtesting" in found:
        good &= report(
            "backtesting.py, trades and measures ", table_s, [one["seconds"] for one in found["backtesting"]], 500
        )
    return good


def sweep_time() -> None:
    """10,000 pairs x 10,000 bars x three folds (train and test of each) in one call."""
    bars = generate("garch", bars=10_000, seed=1)
    grid = parameter_grid(fast=range(2, 102), slow=range(105, 305, 2))

    def rule(seen: Bars, some: pl.DataFrame) -> np.ndarray:
        return moving_average_sides(seen.close_TM[:, 0], some["fast"], some["slow"])

    settings = {"folds": walk_forward(10_000), "instruments": [Instrument(fee_bps=5, half_spread_bps=1)]}
    sweep(bars, rule, grid.head(2), account=Account(), **settings)
    started, used = time.perf_counter(), time.process_time()
    found = sweep(bars, rule, grid, account=Account(), **settings)
    took, used = time.perf_counter() - started, time.process_time() - used
    print(f"sweep: {grid.height:,} pairs x 10,000 bars x 3 folds, {found.table.height:,} rows in one call:")
    print(f"  {took:.2f} s on two threads, {used:.2f} s of processor time")


def main() -> int:
    """1 when results differ or a goal against a given peer is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectorbt", help="interpreter of an environment with vectorbt 1.2.0")
    parser.add_argument("--backtesting", help="interpreter of an environment with backtesting 0.6.6")
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    for name, version in (("vectorbt", "vectorbt==1.2.0"), ("backtesting", "backtesting==0.6.6")):
        if not getattr(options, name):
            print(f"without {name}: install {version} in its own environment and give --{name} ITS/bin/python")
    with tempfile.TemporaryDirectory() as folder:
        good = compare(options, Path(folder))
    sweep_time()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
