"""Damaged files end in a clean table or one line of error, quickly: a few hundred here, 10,000 in benchmarks/."""

import gzip
import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.sources.uniswap import load

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_sources.py"


@pytest.fixture(scope="module")
def fuzzer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_sources", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [11, 12])
def test_damaged_files_give_a_table_or_one_line(fuzzer: ModuleType, seed: int):
    tally = fuzzer.fuzz(150, seed)
    assert tally.failures == []
    assert tally.slowest_s < fuzzer.LIMIT_S
    assert tally.counts["clean"] > 10
    assert tally.counts["refused"] > 10


def test_the_undamaged_files_load(fuzzer: ModuleType, tmp_path: Path):
    for data in fuzzer.ORIGINALS.values():
        (tmp_path / "swaps").write_bytes(data)
        assert load(tmp_path / "swaps").table.height == 24


@pytest.mark.parametrize(
    "data",
    [
        b"timestamp," * 2_000_000,
        b"a" * 20_000_000,
        b"\n" * 5_000_000 + b"tick",
        b"timestamp,tick\n" + b",\n" * 500_000,
        b'"' + b"x\n" * 1_000_000,
        b'{"a":' * 1_000_000,
        b"[" + b"{}," * 300_000 + b"{}]",
        json.dumps({f"k{i}": 1 for i in range(200_000)}).encode(),
        b"{" + b",".join(b'"k%d":1' % (i // 2) for i in range(200_000)) + b"}",
        b"\x00" * 5_000_000,
        gzip.compress(bytes(200 << 20), 9),
        gzip.compress(b"\n" * (100 << 20), 9),
    ],
    ids=[
        "wide header", "one long line", "blank lines", "empty rows", "open quote", "deep JSON", "empty objects",
        "wide JSON", "wide JSON of repeated keys", "zeros", "gzip of zeros", "gzip of line ends",
    ],
)  # fmt: skip
def test_large_hostile_files_are_refused_in_time(data: bytes, tmp_path: Path):
    path = tmp_path / "swaps.csv"
    path.write_bytes(data)
    started = time.process_time()
    with pytest.raises(UserError) as failure:
        load(path)
    assert time.process_time() - started < 5.0
    assert len(failure.value.headline + (failure.value.remedy or "")) < 3_000


def test_parquet_of_far_more_rows_than_bytes_is_refused(tmp_path: Path):
    path = tmp_path / "swaps.parquet"
    pl.select(tick=pl.repeat(1, 3_000_000, dtype=pl.Int64)).write_parquet(path)
    with pytest.raises(UserError, match="has 3000000 rows in"):
        load(path)
