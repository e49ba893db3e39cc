"""Features, conditions and labels of 1,000,000 swaps: Rookery against the same formulas vectorised in pandas.

Both run in this process in turn, so that whatever else the machine does hits both; figures are medians. The outputs
are compared before anything is timed. Run: python benchmarks/bench_features.py [--rows N] [--pairs N]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl

from rookery.features.conditions import CONDITION_FEATURES, WINDOWS, conditions
from rookery.features.stream import FeatureStream
from rookery.features.swaps import core_features
from rookery.labels.rules import Rules, compile_kernels, label
from rookery.schema import SWAPS

RULES = Rules.data_driven()
ORDERS = {  # rule: side, size, slippage_bps, deadline_s
    "MARKET_HOURS": ("HOLD", 0.0, 50.0, 300.0),
    "VOLATILITY_FILTER": ("HOLD", 0.0, 50.0, 300.0),
    "LIQUIDITY_FILTER": ("HOLD", 0.0, 50.0, 300.0),
    "MEAN_REVERSION_BUY": ("BUY", 0.05, 50.0, 300.0),
    "MEAN_REVERSION_SELL": ("SELL", 0.05, 50.0, 300.0),
    "BREAKOUT_BUY": ("BUY", 0.08, 30.0, 120.0),
    "BREAKOUT_SELL": ("SELL", 0.08, 30.0, 120.0),
    "NO_SIGNAL": ("HOLD", 0.0, 50.0, 300.0),
}


def synthetic_swaps(rows: int, seed: int) -> pl.DataFrame:
    """A random walk of swaps: 5 bps a step, lognormal volume, a swap every 12 s on average."""
    rng = np.random.default_rng(seed)
    price = 2800.0 * np.exp(np.cumsum(rng.normal(0.0, 5e-4, rows)))
    volume = rng.lognormal(-3.0, 1.2, rows)
    amount = np.where(rng.random(rows) < 0.5, volume, -volume)
    seconds = 1_737_646_995 + np.cumsum(rng.integers(0, 25, rows))
    types = {name: SWAPS.columns[name].dtype for name in ("time", "liquidity", "tick")}
    return pl.DataFrame(
        {
            "time": seconds * 1_000_000_000,
            "price_raw": price * 1e-12,
            "price": price,
            "amount_base": amount,
            "amount_quote": -amount * price,
            "liquidity": rng.integers(10**15, 10**17, rows),
            "tick": np.floor(np.log(price * 1e-12) / np.log(1.0001)).astype(np.int64),
        }
    ).cast(types)


def ours(swaps: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The three tables, as every pipeline makes them."""
    features = core_features(swaps)
    return features, conditions(features), label(features, RULES)


def in_pandas(swaps: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The three tables as a careful pandas user would write them: no loop, no apply, no object column but the texts."""
    features = _pandas_features(swaps)
    return features, _pandas_conditions(features), _pandas_labels(features)


def _pandas_features(swaps: pd.DataFrame) -> pd.DataFrame:
    volume, change = swaps["amount_base"].abs(), swaps["price"].pct_change()
    return swaps.assign(
        volume=volume,
        volatility=change.rolling(99, min_periods=2).std().shift(1).fillna(0.0),
        volume_ma=volume.rolling(100, min_periods=1).mean().shift(1).fillna(volume),
        tick_change=swaps["tick"].diff().fillna(0.0),
        time_diff=swaps["time"].diff().dt.total_seconds().fillna(0.0),
        liquidity_impact=volume / (swaps["liquidity"] / 1e18),
        price_change=change.fillna(0.0),
    )


def _pandas_conditions(features: pd.DataFrame) -> pd.DataFrame:
    averaged = {
        "avg_price": "price",
        "avg_volume": "volume",
        "avg_tick_change": "tick_change",
        "avg_time_diff": "time_diff",
        "liquidity_impact_avg": "liquidity_impact",
    }
    columns = {"time": features["time"]}
    for window in WINDOWS:
        for name, column in averaged.items():
            columns[f"{name}_{window}"] = features[column].rolling(window, min_periods=1).mean()
        columns[f"price_volatility_{window}"] = features["price"].rolling(window, min_periods=2).std().fillna(0.0)
    columns["total_transactions"] = pd.Series(np.arange(1.0, len(features) + 1.0))
    columns["price_trend"] = features["price_change"].rolling(20, min_periods=1).mean()
    columns["volume_trend"] = (
        features["volume"].rolling(20, min_periods=1).mean() / features["volume"].expanding().mean()
    )
    columns["current_price"] = features["price"]
    columns["current_liquidity"] = features["liquidity"]
    return pd.DataFrame(columns)[["time", *CONDITION_FEATURES]]


def _pandas_labels(features: pd.DataFrame) -> pd.DataFrame:
    price, volatility = features["price"], features["volatility"]
    mean = price.rolling(50, min_periods=1).mean().shift(1).fillna(price)
    deviation = (price - mean) / mean
    momentum = features["price_change"].rolling(10, min_periods=1).sum().shift(1).fillna(0.0)
    surge = features["volume"] / features["volume_ma"]
    row, hour = np.arange(len(features)), features["time"].dt.hour
    heavy = (row >= 20) & (surge > RULES.mr_volume_multiplier)
    wild = (row >= 10) & (volatility > RULES.breakout_volatility_threshold) & (surge > RULES.breakout_volume_threshold)
    cases = [
        (hour < RULES.active_hours_start) | (hour > RULES.active_hours_end),
        (volatility > RULES.max_volatility_threshold) | (volatility < RULES.min_volatility_threshold),
        features["liquidity_impact"] > RULES.max_liquidity_impact,
        heavy & (deviation < -RULES.mr_price_deviation_threshold),
        heavy & (deviation > RULES.mr_price_deviation_threshold),
        wild & (momentum > RULES.breakout_price_momentum),
        wild & (momentum < -RULES.breakout_price_momentum),
    ]
    rule = np.select(cases, list(range(7)), default=7)
    reverting = np.minimum(0.8, deviation.abs() * 10.0 + surge * 0.1)
    breaking = np.minimum(0.9, momentum.abs() * 20.0 + volatility * 10.0)
    side, size, slippage, deadline = (np.array(values) for values in zip(*ORDERS.values(), strict=True))
    return pd.DataFrame(
        {
            "time": features["time"],
            "side": side.astype(object)[rule],
            "size": size[rule],
            "slippage_bps": slippage[rule],
            "deadline_s": deadline[rule],
            "confidence": np.select([(rule == 3) | (rule == 4), (rule == 5) | (rule == 6)], [reverting, breaking], 0.5),
            "rule_triggered": np.array(list(ORDERS), dtype=object)[rule],
        }
    )


def compare(mine: pl.DataFrame, theirs: pd.DataFrame) -> dict[str, float]:
    """Largest relative difference by column (numbers under 1e-6 of the column's scale aside); texts must be equal."""
    gaps = {}
    for name in mine.columns:
        if mine[name].dtype == pl.String:
            assert mine[name].to_list() == theirs[name].to_list(), f"{name} differs"
        elif name != "time":
            a, b = mine[name].to_numpy(), theirs[name].to_numpy(dtype=np.float64)
            floor = 1e-6 * float(np.abs(b).max())
            gaps[name] = float((np.abs(a - b) / np.maximum(np.abs(b), max(floor, 1e-300))).max())
    return gaps


def deviation_errors(price: np.ndarray, mine: np.ndarray, theirs: np.ndarray, window: int) -> tuple[float, float]:
    """Largest relative error of either deviation on full windows, against two passes over each window."""
    starts = np.lib.stride_tricks.sliding_window_view(price, window)
    worst_mine, worst_theirs = 0.0, 0.0
    for first in range(0, len(starts), 100_000):
        rows = starts[first : first + 100_000]
        exact = (rows - rows[:, :1]).std(axis=1, ddof=1)
        part = slice(first + window - 1, first + window - 1 + len(rows))
        worst_mine = max(worst_mine, float(np.abs(mine[part] / exact - 1.0).max()))
        worst_theirs = max(worst_theirs, float(np.abs(theirs[part] / exact - 1.0).max()))
    return worst_mine, worst_theirs


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and processor time (of all threads) of one call."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def compile_seconds(cache: str) -> float:
    """Processor time of `compile_kernels` in a fresh process that keeps its kernels in the folder `cache`."""
    code = (
        "import time; from rookery.labels.rules import compile_kernels; t = time.process_time(); "
        "compile_kernels(); print(time.process_time() - t)"
    )
    return float(_child([sys.executable, "-c", code], {"NUMBA_CACHE_DIR": cache}))


def peak_megabytes(rows: int) -> float:
    """Peak resident memory of a fresh process that makes the swaps and the three tables once."""
    return float(_child([sys.executable, __file__, "--peak", "--rows", str(rows)], {}))


def _child(command: list[str], extra: dict[str, str]) -> str:
    done = subprocess.run(command, env=os.environ | extra, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def push_microseconds(swaps: pl.DataFrame) -> tuple[float, float]:
    """Median and 99th percentile of `FeatureStream.push`, its history full."""
    stream, spent = FeatureStream(), []
    for swap in swaps.iter_rows(named=True):
        started = time.perf_counter()
        stream.push(swap)
        spent.append(1e6 * (time.perf_counter() - started))
    return tuple(np.percentile(spent[200:], (50, 99)))


def main() -> None:
    """Compare, time in pairs, measure memory and single swaps, print one table; exit 1 where an aim is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--peak", action="store_true", help="run once and print the peak memory in MB")
    given = options.parse_args()
    swaps = synthetic_swaps(given.rows, seed=0)
    if given.peak:
        ours(swaps)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = compile_seconds(cache), compile_seconds(cache)
    compile_kernels()
    frame = swaps.with_columns(pl.col("liquidity").cast(pl.Float64)).to_pandas()
    tables = list(zip(ours(swaps), in_pandas(frame), strict=True))
    gaps = {name: gap for mine, theirs in tables for name, gap in compare(mine, theirs).items()}
    # Pandas slides its sums of squares, which drift; both deviations are held against exact ones instead.
    worst = max(gap for name, gap in gaps.items() if not name.startswith("price_volatility"))
    state, state_pandas = tables[1]
    errors = [
        deviation_errors(swaps["price"].to_numpy(), state[name].to_numpy(), state_pandas[name].to_numpy(), window)
        for window in WINDOWS
        for name in [f"price_volatility_{window}"]
    ]
    error, error_pandas = (max(column) for column in zip(*errors, strict=True))
    del tables, state, state_pandas
    pairs = [seconds(lambda: ours(swaps)) + seconds(lambda: in_pandas(frame)) for _ in range(given.pairs)]
    mine, mine_cpu, theirs, theirs_cpu = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = theirs / mine
    peak = peak_megabytes(given.rows)
    median, tail = push_microseconds(swaps.head(2200))
    print(f"features + conditions + labels of {given.rows:,} swaps, median of {given.pairs} interleaved pairs")
    for name, wall, processor in (("Rookery", mine, mine_cpu), ("pandas, vectorised", theirs, theirs_cpu)):
        print(f"{name:<44}{wall:>10.3f} s   {given.rows / wall:>12,.0f} swaps/s   {processor:.3f} s of processor")
    print(f"{'times faster (aim: 5)':<44}{ratio:>10.1f}")
    print(f"{'largest relative difference (aim: 1e-6)':<44}{worst:>10.1e}   (price deviations aside)")
    print(f"{'error of price deviations (aim: 1e-9)':<44}{error:>10.1e}   pandas {error_pandas:.1e}")
    print(f"{'peak memory, process of its own (aim: 2048)':<44}{peak:>10.0f} MB")
    print(f"{'compiling kernels, cold / from cache':<44}{cold:>10.2f} s / {warm:.2f} s   (processor, not timed above)")
    print(f"{'one swap through FeatureStream, p50 / p99':<44}{median:>10.0f} us / {tail:.0f} us")
    if worst > 1e-6 or error > 1e-9 or ratio < 5 or peak > 2048:
        sys.exit("an aim was missed")


if __name__ == "__main__":
    main()
