"""Damaged files of bars end in a clean table or one line of error, quickly."""

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from rookery.errors import UserError
from rookery.sources.bars_csv import load

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


@pytest.mark.parametrize("seed", [21, 22])
def test_damaged_files_give_a_table_or_one_line(fuzzer: ModuleType, seed: int):
    tally = fuzzer.fuzz(150, seed, bars=True)
    assert tally.failures == []
    assert tally.slowest_s < fuzzer.LIMIT_S
    assert tally.counts["clean"] > 10
    assert tally.counts["refused"] > 10


def test_the_undamaged_files_load(fuzzer: ModuleType, tmp_path: Path):
    for name, data in fuzzer.BAR_ORIGINALS.items():
        (tmp_path / "bars").write_bytes(data)
        assert load(tmp_path / "bars").table.height == (23 if name == "ccxt" else 24), name


@pytest.mark.parametrize(
    "data",
    [
        b"timestamp," * 2_000_000,
        b"1704067200000,1,2,1,2,3\n" * 200_000 + b"x" * 5_000_000,
        b"2024-01-01,1,2,1," + b"9" * 1_000_000 + b"\n",
        b"01/02/2024 00:00,1,2,1,2\n" * 300_000,
        b"datetime,open,high,low,close\n" + b"zz,1,2,1,2\n" * 300_000,
        "datetime,open,high,low,close\n".encode("utf-16") + b"\xd8" * 1_001,
    ],
    ids=["wide header", "one broken line", "long number", "dates either way", "no times", "damaged UTF-16"],
)
def test_large_hostile_files_are_refused_in_time(data: bytes, tmp_path: Path):
    path = tmp_path / "bars.csv"
    path.write_bytes(data)
    started = time.process_time()
    with pytest.raises(UserError) as failure:
        load(path)
    assert time.process_time() - started < 5.0
    assert len(failure.value.headline + (failure.value.remedy or "")) < 3_000
