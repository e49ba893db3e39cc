"""Feeds damaged files of swaps or bars to their reader: each must give a table or a one-line error, within 5 s."""

import argparse
import gzip
import io
import json
import os
import re
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import floor, log
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from rookery.errors import UserError
from rookery.schema import Loaded
from rookery.sources.bars_csv import BarOptions
from rookery.sources.bars_csv import load as load_bars
from rookery.sources.uniswap import load

LIMIT_S = 5.0  # of processor time, all threads: the clock would measure the machine's other work as well
HANGING_S = 60.0
LARGEST = 32 << 20
V3_SWAP = "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"
NAMES = ("timestamp", "amount0", "amount1", "sqrt_price_x96", "liquidity", "tick")
EVIL = (
    "", " ", "0", "-0", "+1", "-1", "1e400", "-1e400", "4.2e24", "NaN", "nan", "inf", "-Infinity", "null", "None",
    "true", "4458936925670369465800972.0", "0x", "0x0", "0xZZ", "-0x10", "0x" + "f" * 64, "9" * 5_000, "9" * 39,
    "=cmd|' /C calc'!A0", "=SUM(A1:A9)", "@x", "1,5", "1;5", "\t", '"', '""', "'", "\\", "\x00", "\ufeff", "\u2028",
    "\u202e", "💥", "é", "٣", "2025-01-23 15:43:15", "2025-01-23T15:43:15+99:99", "2025-13-45 99:99:99",
    "1737646995000", "1737646995.5", "9999999999", "-1737646995", "1" + "0" * 18, "[]", '{"a":1}',
    "[" * 3_000, "{" * 3_000, "['0x00']", "{}", "%s%s%n", "{0}", "../../etc/passwd", "a" * 200_000,
)  # fmt: skip
BYTES = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xe9",
    b"\r",
    b"\n",
    b"\r\n",
    b'"',
    b",",
    b";",
    b"\t",
    b"\x1a",
    b"\x1f\x8b",
)


def swaps(count: int = 24) -> list[dict[str, int]]:
    """A small consistent tape in v4's sign."""
    price, rows = 4458936925670369465800972, []
    for position in range(count):
        after = price + (1 if position % 3 else -1) * (price // (900 + position))
        rows.append(
            {
                "timestamp": 1_737_646_995 + 12 * (position // 2),
                "amount0": 10**18 * 2**96 * (after - price) // (price * after),
                "amount1": -(10**18 * (after - price)) // 2**96,
                "sqrt_price_x96": after,
                "liquidity": 10**18,
                "tick": floor(2 * log(after / 2**96) / log(1.0001)),
            }
        )
        price = after
    return rows


def _csv(rows: list[dict[str, Any]], delimiter: str = ",") -> bytes:
    lines = [delimiter.join(rows[0]), *(delimiter.join(str(value) for value in row.values()) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def _word(value: int) -> str:
    return (value % 2**256).to_bytes(32, "big").hex()


def _log(position: int, row: dict[str, int]) -> dict[str, str]:
    words = (-row["amount0"], -row["amount1"], row["sqrt_price_x96"], row["liquidity"], row["tick"])
    return {
        "block_number": str(21_000_000 + position),
        "log_index": str(position),
        "block_timestamp": str(row["timestamp"]),
        "topics": f"['{V3_SWAP}']",
        "data": "0x" + "".join(_word(word) for word in words),
    }


def _parquet(rows: list[dict[str, int]]) -> bytes:
    out = io.BytesIO()
    pl.DataFrame([{name: str(value) for name, value in row.items()} for row in rows]).write_parquet(out)
    return out.getvalue()


def originals() -> dict[str, bytes]:
    """Good files, one of each layout."""
    rows = swaps()
    texts = [{name: str(value) for name, value in row.items()} for row in rows]
    events = [
        row | {"evt_block_number": 21_000_000 + i // 2, "evt_index": i, "evt_block_time": "2025-01-23 15:43:15.000 UTC"}
        for i, row in enumerate(rows)
    ]
    dune = [{name: value for name, value in row.items() if name != "timestamp"} for row in events]
    nested = [
        {"blockTimestamp": hex(row["timestamp"]), "returnValues": text} for row, text in zip(rows, texts, strict=True)
    ]
    return {
        "rook": _csv(rows),
        "dune": _csv(dune, ";"),
        "logs": _csv([_log(i, row) for i, row in enumerate(rows)]),
        "json": json.dumps({"data": {"swaps": texts}}).encode(),
        "json numbers": json.dumps(rows, indent=1).encode(),
        "json lines": "\n".join(json.dumps(row) for row in nested).encode(),
        "parquet": _parquet(rows),
    }


def bar_originals() -> dict[str, bytes]:
    """Good files of bars, one of each kind of stamp and layout."""
    bars = [(k, 1.1 + k % 3 / 1000, 1.105, 1.095, 1.1 + k % 2 / 1000, 100 + k) for k in range(24)]

    def written(stamp: str, delimiter: str = ",", header: str = "") -> bytes:
        moments = [datetime(2024, 1, 22, tzinfo=UTC) + timedelta(hours=bar[0]) for bar in bars]
        lines = [
            delimiter.join([moment.strftime(stamp), *(f"{value:.5f}" for value in bar[1:])])
            for moment, bar in zip(moments, bars, strict=True)
        ]
        return ("\n".join([header, *lines] if header else lines) + "\n").encode()

    unix = [f"{1_705_881_600_000 + 3_600_000 * bar[0]},{','.join(map(str, bar[1:]))}" for bar in bars]
    plain = written("%Y-%m-%d %H:%M:%S", header="timestamp,open,high,low,close,volume")
    quoted = written('"%b %d, %Y %H:%M"', header="Date,Open,High,Low,Price,Volume")
    packed = io.BytesIO()
    pl.read_csv(plain).write_parquet(packed)
    return {
        "firstrate": plain,
        "mt5": written("%Y.%m.%d\t%H:%M:%S", "\t", "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>"),
        "mt5 utf-16": written("%Y.%m.%d,%H:%M").decode().encode("utf-16"),
        "ninjatrader": written("%Y%m%d %H%M%S", ";"),
        "kibot": written("%m/%d/%Y,%H:%M"),
        "dukascopy": written("%d.%m.%Y %H:%M:%S.000 GMT+0100", header="Local time,Open,High,Low,Close,Volume"),
        "ccxt": "\n".join(unix).encode(),
        "quoted": re.sub(rb",1\.([0-9]+)", rb',"1,001.\1"', quoted),
        "parquet": packed.getvalue(),
    }


Draw = Callable[[st.SearchStrategy[Any]], Any]


def _position(draw: Draw, data: bytes) -> int:
    return int(draw(st.integers(0, len(data))))


def _insert(draw: Draw, data: bytes) -> bytes:
    at = _position(draw, data)
    return data[:at] + draw(st.sampled_from(BYTES)) + data[at:]


def _insert_evil(draw: Draw, data: bytes) -> bytes:
    at = _position(draw, data)
    return data[:at] + draw(st.sampled_from(EVIL)).encode() + data[at:]


def _cut(draw: Draw, data: bytes) -> bytes:
    start = _position(draw, data)
    return data[:start] + data[start + int(draw(st.integers(0, 200))) :]


def _truncate(draw: Draw, data: bytes) -> bytes:
    return data[: _position(draw, data)]


def _flip(draw: Draw, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(int(draw(st.integers(1, 4)))):
        if changed:
            changed[_position(draw, data) % len(changed)] = int(draw(st.integers(0, 255)))
    return bytes(changed)


def _evil_cell(draw: Draw, data: bytes) -> bytes:
    """Replace one field (between delimiters, quotes or spaces) by something evil."""
    separators = b",;\t\n: "
    fields = [0, *(i + 1 for i, byte in enumerate(data) if byte in separators)]
    start = fields[int(draw(st.integers(0, len(fields) - 1)))]
    end = next((i for i in range(start, len(data)) if data[i] in separators), len(data))
    return data[:start] + draw(st.sampled_from(EVIL)).encode() + data[end:]


def _swap_lines(draw: Draw, data: bytes) -> bytes:
    lines = data.split(b"\n")
    first, second = (int(draw(st.integers(0, len(lines) - 1))) for _ in range(2))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def _repeat_line(draw: Draw, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = int(draw(st.integers(0, len(lines) - 1)))
    copies = min(int(draw(st.sampled_from([1, 2, 2_000]))), LARGEST // (len(lines[at]) + 1))
    return b"\n".join([*lines[:at], *[lines[at]] * copies, *lines[at:]])


def _shuffle_columns(draw: Draw, data: bytes) -> bytes:
    delimiter = draw(st.sampled_from([b",", b";"]))
    rows = [line.split(delimiter) for line in data.split(b"\n")]
    order = draw(st.permutations(range(len(rows[0]))))
    return b"\n".join(
        delimiter.join(row[i] for i in order) if len(row) == len(order) else delimiter.join(row) for row in rows
    )


def _rename(draw: Draw, data: bytes) -> bytes:
    name = draw(st.sampled_from(NAMES)).encode()
    return data.replace(name, draw(st.sampled_from([b"tick", b"", b"x" * 9_000, b"TIMESTAMP", b" tick ", b'"a,b"'])))


def _encode(draw: Draw, data: bytes) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp1252"])), "replace")


def _long_line(draw: Draw, data: bytes) -> bytes:
    at = _position(draw, data)
    filler = draw(st.sampled_from([b"1", b",", b'"', b"[", b'{"a":', b"\n", b" "]))
    return data[:at] + filler * int(draw(st.sampled_from([10_000, 500_000]))) + data[at:]


def _crlf(draw: Draw, data: bytes) -> bytes:
    return data.replace(b"\n", draw(st.sampled_from([b"\r\n", b"\r"])))


def _repeat_key(draw: Draw, data: bytes) -> bytes:
    return data.replace(b'"tick"', b'"tick": 1, "tick"', int(draw(st.integers(1, 3))))


def _pack(draw: Draw, data: bytes) -> bytes:
    packed = gzip.compress(data, 1, mtime=0)
    return packed[: int(draw(st.sampled_from([len(packed), len(packed), len(packed) // 2, len(packed) - 4])))]


MUTATIONS = (
    _insert, _insert_evil, _cut, _truncate, _flip, _evil_cell, _evil_cell, _swap_lines, _repeat_line, _shuffle_columns,
    _rename, _encode, _long_line, _crlf, _repeat_key, _pack,
)  # fmt: skip


@st.composite
def hostile_files(draw: Draw, originals: dict[str, bytes]) -> tuple[str, bytes]:
    """The layout of a good file, and its bytes after up to four mutations."""
    name = str(draw(st.sampled_from(sorted(originals))))
    data = originals[name]
    for mutate in draw(st.lists(st.sampled_from(MUTATIONS), max_size=4)):
        data = mutate(draw, data)[:LARGEST]
    return name, data


options = st.fixed_dictionaries(
    {
        "sign": st.sampled_from(["auto", "auto", "swapper", "pool"]),
        "version": st.sampled_from(["auto", "auto", "v3", "v4"]),
        "amounts": st.sampled_from(["auto", "auto", "raw", "scaled"]),
    }
)
ORIGINALS = originals()
BAR_ORIGINALS = bar_originals()
bar_options = st.fixed_dictionaries(
    {
        "dialect": st.sampled_from(["auto", "auto", "mt4", "kibot", "binance", "table"]),
        "tz": st.sampled_from([None, "America/New_York", "America/New_York+7", "EST"]),
        "bar_stamp": st.sampled_from([None, "open", "close"]),
        "interval": st.sampled_from([None, None, "1h", "1d", "1mo"]),
        "date_order": st.sampled_from([None, None, "day", "month"]),
        "decimal": st.sampled_from(["auto", "auto", ".", ","]),
        "ambiguous": st.sampled_from(["order", "earliest", "latest", "refuse"]),
        "ranges": st.sampled_from(["refuse", "widen"]),
        "last_bar": st.sampled_from(["auto", "drop"]),
    }
)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the files so far."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest: str = ""
    failures: list[str] = field(default_factory=list)


def attempt(path: Path, aside: Path | None, chosen: dict[str, Any]) -> str:
    """'clean' or 'refused'. Raises AssertionError on a malformed error or a table that breaks its contract."""
    of_bars = "bar_stamp" in chosen
    try:
        if of_bars:
            loaded = load_bars(path, options=BarOptions(**chosen), quarantine=aside)
        else:
            loaded = load(path, quarantine=aside, **chosen)
    except UserError as error:
        told = error.headline + (error.remedy or "")
        assert "\n" not in told, told
        assert len(told) < 3_000, told[:200]
        return "refused"
    _account(loaded)
    (_check_bars if of_bars else _check)(loaded.table)
    return "clean"


def _account(loaded: Loaded) -> None:
    facts = loaded.facts
    others = sum(facts.quarantined.values()) + facts.duplicates_dropped + facts.other_events_skipped
    assert facts.rows_read == facts.rows_kept + others, facts
    assert loaded.table["time"].is_sorted()


def _check_bars(table: pl.DataFrame) -> None:
    assert (table["open_time"] < table["time"]).all()
    assert (table["low"] > 0).all()
    assert (table["low"] <= table.select(pl.min_horizontal("open", "close")).to_series()).all()
    assert (table["high"] >= table.select(pl.max_horizontal("open", "close")).to_series()).all()
    assert table["time"].n_unique() == table.height


def _check(table: pl.DataFrame) -> None:
    assert table["price"].is_finite().all()
    assert (table["price"] > 0).all()
    assert (table["amount_base"] * table["amount_quote"] <= 0).all()


def run(tally: Tally, folder: Path, hostile: tuple[str, bytes], chosen: dict[str, Any], *, aside: bool) -> None:
    """Load one hostile file and put the outcome on the tally."""
    name, data = hostile
    path = folder / "swaps.csv"
    path.write_bytes(data)
    started, clock = time.process_time(), time.perf_counter()
    try:
        outcome = attempt(path, folder / "aside.csv" if aside else None, chosen)
    except BaseException as failure:
        if isinstance(failure, KeyboardInterrupt):
            raise
        outcome = "failed"
        tally.failures.append(f"{name} {chosen} {data[:300]!r}\n{traceback.format_exc()}")
    took, passed = time.process_time() - started, time.perf_counter() - clock
    tally.counts[outcome] += 1
    if took > tally.slowest_s:
        tally.slowest_s, tally.slowest = took, f"{name}, {len(data)} bytes, {outcome}"
    if took > LIMIT_S or passed > HANGING_S:
        tally.failures.append(f"{name} took {took:.1f} s, {passed:.1f} s by the clock: {data[:300]!r}")


def fuzz(examples: int, seed_number: int, *, bars: bool = False) -> Tally:
    """Run `examples` hostile files of swaps, or of bars, and count what became of them."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        @seed(seed_number)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            hostile=hostile_files(BAR_ORIGINALS if bars else ORIGINALS),
            chosen=bar_options if bars else options,
            aside=st.booleans(),
        )
        def once(hostile: tuple[str, bytes], chosen: dict[str, Any], aside: bool) -> None:
            run(tally, folder, hostile, chosen, aside=aside)

        with (folder / "stderr").open("wb") as sink:
            saved = os.dup(2)
            os.dup2(sink.fileno(), 2)
            try:
                once()
            finally:
                os.dup2(saved, 2)
                os.close(saved)
        noise = (folder / "stderr").read_text(errors="replace")
        if noise:
            tally.failures.append(f"written to stderr: {noise[:2_000]}")
    return tally


def main() -> int:
    """Fuzz, print the counts, and return 1 if any file broke the promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bars", action="store_true", help="files of bars, not of swaps")
    arguments = parser.parse_args()
    started = time.perf_counter()
    tally = fuzz(arguments.examples, arguments.seed, bars=arguments.bars)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(tally.counts.items()))
    print(f"{sum(tally.counts.values())} files in {time.perf_counter() - started:.0f} s: {counts}")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"slowest {tally.slowest_s:.2f} s ({tally.slowest}); peak {peak_mib} MiB")
    for failure in tally.failures[:5]:
        print(failure)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
