"""How long swaps take to load: a million of ROOK's raw CSV, a fifth of them as undecoded event logs."""

import argparse
import csv
import gc
import resource
import tempfile
import time
from itertools import islice
from pathlib import Path

import polars as pl

from rookery.sources._logs import V4_SWAP
from rookery.sources.generated import write_csv
from rookery.sources.uniswap import load


def word(text: str) -> str:
    """A signed integer as the 32-byte word of an event's data."""
    return (int(text) % 2**256).to_bytes(32, "big").hex()


def write_logs(source: Path, target: Path, *, rows: int) -> None:
    """The first swaps of a raw CSV as v4 Swap logs."""
    columns = ("amount0", "amount1", "sqrt_price_x96", "liquidity", "tick")
    with source.open() as lines, target.open("w") as out:
        out.write("block_timestamp,topics,data\n")
        for row in islice(csv.DictReader(lines), rows):
            data = "".join(word(row[name]) for name in columns) + word("500")
            out.write(f"{row['timestamp']},['{V4_SWAP}'],0x{data}\n")


def timed(path: Path) -> tuple[pl.DataFrame, float, float]:
    """The table, and the seconds of the clock and of the processor (all threads) that loading it took."""
    gc.collect()
    clock, processor = time.perf_counter(), time.process_time()
    table = load(path).table
    return table, time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    """Print seconds and peak memory for both forms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        raw, logs = Path(folder) / "swaps.csv", Path(folder) / "logs.csv"
        write_csv(raw, rows=rows, seed=1, edge=True)
        for name, path in (("ROOK raw CSV", raw), ("event logs (eth_abi)", logs)):
            if path is logs:
                write_logs(raw, logs, rows=max(1, rows // 5))
            table, clock_s, processor_s = timed(path)
            peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            times = f"{clock_s:.1f} s ({processor_s:.1f} s of processor)"
            print(f"{name}: {table.height} swaps, {path.stat().st_size >> 20} MiB, {times}, peak {peak_mib} MiB")


if __name__ == "__main__":
    main()
