"""`rookery twin ... --underlying`: read, told, learnt from, asked for again, refused in one line where it is wrong."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

Call = Callable[..., Any]
SMALL = """
interval_s: 60
window: 64
capital: 100
architecture: {width: 16, layers: 1, heads: 2, context: 64}
training: {num_epochs: 2, batch_size: 8, num_threads: 1, tensorboard: false}
"""
COIN = ("--underlying", "BTCUSDT_1m.csv", "--bar-stamp", "open")


def write_coin(path: Path, *, start: datetime, minutes: int) -> None:
    """Minutes of a coin, stamped by their beginning in UTC."""
    rng = np.random.default_rng(0)
    close = 90_000 * np.exp(np.cumsum(rng.normal(0, 5e-4, minutes)))
    opened = np.append(90_000, close[:-1])
    table = pl.DataFrame(
        {
            "time": [f"{start + timedelta(minutes=n):%Y-%m-%d %H:%M:%S}" for n in range(minutes)],
            "open": opened,
            "high": np.maximum(opened, close) * 1.0001,
            "low": np.minimum(opened, close) * 0.9999,
            "close": close,
            "volume": rng.lognormal(2.0, 1.0, minutes),
        }
    )
    table.write_csv(path)


@pytest.fixture
def trader(tmp_path: Path, price_files: Callable[..., None]) -> Path:
    """Eight markets of an hour from 2026-01-05 00:00, and the coin from two hours before to 07:00."""
    price_files(tmp_path / "trader", markets=8)
    (tmp_path / "small.yaml").write_text(SMALL)
    write_coin(tmp_path / "BTCUSDT_1m.csv", start=datetime(2026, 1, 4, 22, tzinfo=UTC), minutes=9 * 60)
    return tmp_path / "trader"


def test_check_says_what_the_underlying_is_and_how_many_markets_it_covers(rookery: Call, trader: Path):
    said = rookery("twin", "check", "--data-dir", trader, *COIN, "--quiet")
    assert said.code == 0, said.err
    lines = {line.split("  ")[0]: line for line in said.out.splitlines()}
    assert "540 bars of BTCUSDT_1m.csv, known 2026-01-04T22:01:00+00:00 to 2026-01-05T07:00:00" in lines["underlying"]
    # The eighth market closes at 08:00: its last known bar is an hour old, which is just allowed.
    assert "opening and close of 8 of 8 markets, by a bar no older than 3,600 s" in lines["covers"]
    found = rookery("twin", "check", "--data-dir", trader, *COIN, "--json", "--quiet").json["underlying"]
    assert (found["bars"], found["covered"], found["max_age_s"]) == (540, 8, 3600)


def test_a_twin_is_prepared_taught_judged_and_asked_with_it(rookery: Call, trader: Path, tmp_path: Path):
    settings = ("--config", "small.yaml", "--quiet")
    words = ("--data-dir", trader, *COIN, *settings)
    (tmp_path / "strict.yaml").write_text(SMALL + "state: {underlying_max_age_s: 600}\n")
    strict = rookery("twin", "prepare", *words[:-3], "--config", "strict.yaml", "--output-dir", "strict", "--json")
    assert (strict.code, strict.json["bars_without_underlying"]) == (0, 50)
    assert strict.json["markets"]["without the underlying"] == 0

    made = rookery("twin", "prepare", *words)
    assert made.code == 0, made.err
    assert "0 bars know no underlying, or only one older than 3,600 s: undefined there" in made.out
    assert rookery("twin", "train", "--data-dir", "data", *settings).code == 0
    schema = json.loads((tmp_path / "models" / "schema.json").read_text())
    assert schema["features"][0] == "underlying_fractional_difference"
    # Prepared data and raw files are judged alike; the settings need not be given again.
    scores = [
        rookery("twin", "evaluate", *data, "--json", "--quiet").json
        for data in (("--data-dir", "data"), ("--data-dir", trader, *COIN))
    ]
    assert scores[0]["log_loss"] == scores[1]["log_loss"]
    told = rookery("twin", "predict", "--data-dir", trader, *COIN, *settings, "--target-rtg", "0", "--json")
    assert told.json["rows"] == 8 * 60


def test_a_bundle_that_was_taught_with_it_refuses_what_lacks_it(rookery: Call, trader: Path, tmp_path: Path):
    settings = ("--config", "small.yaml", "--quiet")
    assert rookery("twin", "train", "--data-dir", trader, *COIN, *settings).code == 0
    raw = rookery("twin", "evaluate", "--data-dir", "trader", "--quiet")
    assert (raw.code, raw.err.splitlines()) == (
        2,
        [
            "error: trader: has no underlying, of which the state is to be made",
            "help: give its bars: --underlying FILE",
        ],
    )
    assert rookery("twin", "prepare", "--data-dir", trader, *settings).code == 0
    data = rookery("twin", "evaluate", "--data-dir", "data", *settings)
    assert (data.code, "was prepared without an underlying" in data.err) == (2, True)
    beside = rookery("twin", "train", "--data-dir", "data", *COIN, *settings)
    assert (
        beside.code,
        "--underlying: says how a trader's files are read, and data holds prepared data" in beside.err,
    ) == (2, True)
    # States that were made without it have other columns.
    pl.read_parquet(tmp_path / "data" / "processed_trader_data.parquet").write_parquet(tmp_path / "states.parquet")
    bare = rookery("twin", "predict", "--states", "states.parquet", "--quiet")
    assert bare.code == 2
    assert bare.err.startswith("error: states.parquet: column 'underlying_fractional_difference' is missing")


def test_what_is_wrong_with_it_is_one_clear_line(rookery: Call, trader: Path, tmp_path: Path):
    write_coin(tmp_path / "late.csv", start=datetime(2026, 2, 1, tzinfo=UTC), minutes=60)
    (tmp_path / "broken.csv").write_text("time,open,high,low,close\n2026-01-05 00:00:00,1,2,3,x\n")
    for words, told in (
        (("--underlying", "late.csv"), "late.csv: has bars from 2026-02-01 00:01 to 2026-02-01 01:00, the trader's"),
        (("--underlying", "nothing.csv"), "nothing.csv: no such file"),
        (("--underlying", "broken.csv"), "broken.csv:2: "),
        (("--tz", "UTC"), "--tz: is of the underlying, and none is given"),
    ):
        said = rookery("twin", "check", "--data-dir", trader, *words, "--quiet")
        assert (said.code, said.err.startswith(f"error: {told}")) == (2, True), said.err
    both = rookery("twin", "predict", "--states", "x.csv", *COIN, "--quiet")
    assert (both.code, "--states: given together with --underlying" in both.err) == (2, True)


def test_a_whole_run_with_it_says_so_in_its_report_and_passes_its_audit(rookery: Call, trader: Path, tmp_path: Path):
    said = rookery("twin", "run", "--data-dir", trader, *COIN, "--config", "small.yaml", "--quiet", "--json")
    assert said.code in (0, 3), said.err
    folder = tmp_path / "runs" / "twin-trader"
    certificate = json.loads((folder / "audit" / "certificate.json").read_text())
    names = {f"{one['probe']} of {one['subject']}": one["outcome"] for one in certificate["findings"]}
    assert "failed" not in names.values()
    assert names["future perturbation of features by the underlying"] == "passed"
    record = json.loads((folder / "judgement" / "record.json").read_text())
    assert any("540 bars of BTCUSDT_1m.csv" in note for note in record["basis"]["notes"])
    assert (folder / "history" / "underlying.parquet").is_file()
