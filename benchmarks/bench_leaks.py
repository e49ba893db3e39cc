"""Twelve kinds of leak planted into ROOK, and ROOK as it is: how many the audit names, how often it errs.

Each kind is planted alone into the features, labels, split, scaler or fills of a generated swap tape, and is named when
the expected probe fails at the expected column and no other column is blamed. The clean runs go the whole way, from
swaps to an audited run directory, on tapes with an edge and without one. Exit status 1 when a leak is missed or a clean
run raises an alarm.

Run: python benchmarks/bench_leaks.py [--seeds N] [--clean-seeds N]
"""

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from rookery.evaluation import Certificate, Fitted, Labels, Parts, audit
from rookery.learning.training import FitConfig
from rookery.models.lstm import LstmConfig
from rookery.pipelines.rook import whole
from rookery.pipelines.rook.audit import FROM_START, all_features, audit_run
from rookery.pipelines.rook.config import RookConfig, TradingConfig
from rookery.pipelines.rook.steps import SwapSource, Tape
from rookery.progress import Progress
from rookery.runs import read_run
from rookery.sources.generated import swap_tape

ROWS, TRAIN, WINDOW, HORIZON = 1_500, 1_050, 30, 20
PRICE, TIME = pl.col("price"), pl.col("time")
SMALL = RookConfig(
    model=LstmConfig(hidden_dim=12, condition_dim=12, fusion_dim=12),
    training=FitConfig(num_epochs=2, batch_size=64, learning_rate=5e-3, num_threads=1, tensorboard=False),
    trading=TradingConfig(confidence_threshold=0.4),
)

Features = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A leak: the audit of a tape that has it, and the probe and column that must be named."""

    certify: Callable[[pl.DataFrame, int], Certificate]
    probe: str
    column: str


def forward_return() -> pl.Expr:
    return PRICE.shift(-HORIZON) / PRICE - 1.0


def with_column(leak: Features) -> Planted:
    """A column `leak` among the honest features of swaps."""

    def certify(swaps: pl.DataFrame, seed: int) -> Certificate:
        def features(table: pl.DataFrame) -> pl.DataFrame:
            return all_features(table).hstack(leak(table))

        return audit(features, swaps, warm_up=400, from_start=FROM_START, seed=seed)

    return Planted(certify=certify, probe="truncation", column="leak")


def expression(leak: pl.Expr) -> Planted:
    return with_column(lambda swaps: swaps.select(leak=leak))


def slow_bar(swaps: pl.DataFrame) -> pl.DataFrame:
    hour = swaps.select(hour=TIME.dt.truncate("1h"), price=PRICE)
    return hour.select(leak=PRICE.last().over("hour"))


def target_encoded(swaps: pl.DataFrame) -> pl.DataFrame:
    target = swaps.select(hour=TIME.dt.hour(), target=forward_return())
    return target.select(leak=pl.col("target").mean().over("hour"))


def parts(*, train: object = None, test: object = None) -> Parts:
    first = range(WINDOW - 1, TRAIN) if train is None else train
    second = range(TRAIN + WINDOW - 1 + HORIZON, ROWS - HORIZON) if test is None else test
    return Parts(rows={"train": first, "test": second}, window=WINDOW)  # type: ignore[dict-item]


def of_split(split: Parts, probe: str, column: str) -> Planted:
    labels = Labels(compute=lambda swaps: swaps.select(target=forward_return()), horizon=HORIZON)

    def certify(swaps: pl.DataFrame, seed: int) -> Certificate:
        return audit(all_features, swaps, warm_up=101, from_start=FROM_START, labels=labels, parts=split, seed=seed)

    return Planted(certify=certify, probe=probe, column=column)


def fill_at_the_seen_close(swaps: pl.DataFrame, seed: int) -> Certificate:
    rows = np.arange(40, 1_400, 11)
    orders = pl.DataFrame({"row": rows, "filled_row": rows, "fill_price": swaps["price"].gather(rows)})
    return audit(all_features, swaps, warm_up=101, from_start=FROM_START, orders=orders, seed=seed)


def scaler_on_all_rows(swaps: pl.DataFrame, seed: int) -> Certificate:
    """Measured on all rows and said to be of train."""

    def figures(rows: object) -> Mapping[str, float]:
        values = all_features(swaps).select("price", "volume")
        return {name: float(values[name].gather(np.asarray(rows)).mean()) for name in values.columns}  # type: ignore[arg-type]

    scaler = Fitted(name="scaler", rows=range(TRAIN), figures=figures(range(ROWS)), refit=figures)
    return audit(all_features, swaps, warm_up=101, from_start=FROM_START, parts=parts(), fitted=[scaler], seed=seed)


def copies_across_the_split(swaps: pl.DataFrame, seed: int) -> Certificate:
    times = swaps["time"]
    doubled = pl.concat([swaps[:1_200], swaps[200:230].with_columns(times[1_200:1_230]), swaps[1_230:]])
    return audit(all_features, doubled, warm_up=101, from_start=FROM_START, parts=parts(), seed=seed)


def shuffled() -> Parts:
    order = np.random.default_rng(0).permutation(np.arange(WINDOW - 1, ROWS - HORIZON))
    return parts(train=np.sort(order[:1_000]), test=np.sort(order[1_000:]))


KINDS: Mapping[str, Planted] = {
    "shift -1": expression(PRICE.shift(-1)),
    "centred window": expression(PRICE.rolling_mean(5, center=True)),
    "whole-sample z-score": expression((PRICE - PRICE.mean()) / PRICE.std()),
    "back-fill": expression(PRICE.rolling_mean(20).fill_null(strategy="backward")),
    "label crossing the split": of_split(
        parts(test=range(TRAIN + WINDOW - 1, ROWS - HORIZON)), "label overlap", "target"
    ),
    "fill at the seen close": Planted(certify=fill_at_the_seen_close, probe="fill price", column="filled_row"),
    "shuffled split": of_split(shuffled(), "time order", "test"),
    "scaler on all rows": Planted(certify=scaler_on_all_rows, probe="provenance", column="price"),
    "unfinished slow bar": with_column(slow_bar),
    "target-encoded column": with_column(target_encoded),
    "cross-split duplicates": Planted(certify=copies_across_the_split, probe="duplicates", column="row content"),
    "future return in the state": expression(forward_return()),
}


def named(planted: Planted, seed: int) -> bool:
    """Whether the expected probe failed at the expected column, and no column of the honest features was blamed."""
    certificate = planted.certify(swap_tape(rows=ROWS, seed=seed, edge=True).table, seed)
    honest = {"price", "volume"} if planted.probe == "provenance" else {planted.column, "target", "window"}
    blamed = {column for one in certificate.failed for column in one.columns}
    found = any((one.probe, one.column) == (planted.probe, planted.column) for one in certificate.failed)
    return found and blamed <= honest


def clean(tape: Tape, seed: int) -> Certificate:
    """The certificate of a whole run on a clean tape."""
    with tempfile.TemporaryDirectory() as folder:
        path, silent = Path(folder) / "run", Progress(io.StringIO())
        source = SwapSource(tape=tape, tape_rows=ROWS, tape_seed=seed)
        whole.run(source, path, config=SMALL, seed=seed, device="cpu", progress=silent)
        return audit_run(read_run(path), seed=seed, progress=silent)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="tapes per kind of leak")
    parser.add_argument("--clean-seeds", type=int, default=20, help="clean runs, half with an edge and half without")
    options = parser.parse_args()
    print(f"planted into {ROWS:,} generated swaps with ROOK's 36 features, seeds 0 to {options.seeds - 1}")
    missed = 0
    for kind, planted in KINDS.items():
        hits = sum(named(planted, seed) for seed in range(options.seeds))
        missed += hits < options.seeds
        print(f"  {kind:<28} {hits} of {options.seeds} named by '{planted.probe}' at '{planted.column}'", flush=True)
    alarms, probes, started = 0, 0, time.perf_counter()
    for seed in range(options.clean_seeds):
        certificate = clean("edge" if seed % 2 == 0 else "martingale", seed)
        probes += len(certificate.findings) - len(certificate.not_tested)
        alarms += bool(certificate.failed)
        for one in (*certificate.failed, *certificate.possible):
            print(f"  clean run, seed {seed}: {one}")
    spent = time.perf_counter() - started
    print(f"kinds named on every seed: {len(KINDS) - missed} of {len(KINDS)}")
    print(f"clean runs with an alarm: {alarms} of {options.clean_seeds} ({probes} probes, {spent:.0f} s with training)")
    return 1 if missed or alarms else 0


if __name__ == "__main__":
    sys.exit(main())
