"""A price file of a gigabyte is read in memory that its length does not set."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import OPEN_S, SLUG

GIBIBYTE = 1 << 30
# Events of a market in a second, and every how many of them one is a fill of the trader's own.
PER_SECOND = 5_000
PER_FILL = 25_000
MEASURE = """
import resource, sys, time
from rookery.cli import main
code = main(["twin", "check", "--data-dir", sys.argv[1], "--json", "--quiet"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time(), file=sys.stderr)
sys.exit(code)
"""


def write_book(path: Path, least_bytes: int) -> int:
    """A market's file of at least so many bytes, nearly all of it events of the book; the number of its events."""
    count = written = 0
    with path.open("w") as file:
        file.write(f'{{"slug": "{SLUG}", "prices": [')
        while written < least_bytes:
            rows = [_event(i) for i in range(count, count + 20_000)]
            text = (",\n" if count else "") + ",\n".join(rows)
            file.write(text)
            written, count = written + len(text), count + len(rows)
        file.write("]}")
    return count


def _event(number: int) -> str:
    t = OPEN_S * 1_000 + number * 1_000 // PER_SECOND
    if number % PER_FILL == 0:
        return f'{{"t": {t}, "type": "trade", "price": 0.5, "side": "BUY", "size": 20, "usdc": 10, "outcome": "Up"}}'
    bid = 4_000 + number * 7 % 900
    return (
        f'{{"t": {t}, "type": "price_change", "bestBid": 0.{bid}, "bestAsk": 0.{bid + 100}, '
        f'"mid": 0.{bid + 50}, "spread": 0.01}}'
    )


def check(folder: Path) -> tuple[dict[str, Any], float, float]:
    """What the command says of a folder, the peak of its memory in MiB, and its seconds of the processor."""
    command = [sys.executable, "-c", MEASURE, str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    peak_kib, seconds = (float(word) for word in made.stderr.split())
    return json.loads(made.stdout)["source"], peak_kib / 1_024, seconds


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_gigabyte_of_quotes_is_read_in_bounded_memory(tmp_path: Path):
    small, large = (tmp_path / name / "btc-0_prices.json" for name in ("small", "large"))
    for path in (small, large):
        path.parent.mkdir()
    write_book(small, 1 << 20)
    # Most of it is the libraries' own.
    _, least_mib, _ = check(small.parent)
    try:
        events = write_book(large, GIBIBYTE)
        size = large.stat().st_size
        facts, peak_mib, seconds = check(large.parent)
    finally:
        # Three runs' worth of temporary folders are kept, and nobody wants three gigabytes.
        large.unlink(missing_ok=True)

    assert size >= GIBIBYTE
    assert facts["rows_read"] == events
    # The fills, of the quotes the last of each second, and no more.
    assert facts["rows_kept"] == -(-events // PER_FILL) + -(-events // PER_SECOND)
    assert peak_mib < least_mib + 128
    print(f"{size / GIBIBYTE:.2f} GiB: peak {peak_mib:.0f} MiB, {least_mib:.0f} for 1 MiB; {seconds:.0f} s")
