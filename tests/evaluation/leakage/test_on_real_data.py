"""What was published as fit to learn from, and what the audit says of it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.evaluation import Fitted, Parts, audit
from rookery.evaluation.leakage.provenance import provenance
from rookery.evaluation.leakage.splitting import duplicates
from rookery.features.conditions import conditions, legacy_conditions
from rookery.features.swaps import CORE_FEATURES, core_features
from rookery.files import read_json
from rookery.schema import TIME
from rookery.sources import uniswap


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "uniswap_v4_eth_usdc_rook"


@pytest.fixture(scope="module")
def swaps(folder: Path) -> pl.DataFrame:
    return uniswap.load(folder / "swaps_raw_rebuilt_rows_1_7000.csv.gz").table


def test_the_published_scaler_is_not_of_the_training_rows(folder: Path):
    published = read_json(folder / "normalization.json")
    core = pl.read_csv(folder / "core_features_rows_1_7000.csv.gz").select(CORE_FEATURES)

    def means(rows: range | np.ndarray) -> dict[str, float]:  # type: ignore[type-arg]
        return {name: float(core[name].gather(np.asarray(rows)).mean()) for name in CORE_FEATURES}  # type: ignore[arg-type]

    # Published for sequences of 30: 6,979 to train on, of 10,000 rows. The first 7,000 rows are at hand.
    parts = Parts(rows={"train": range(29, 7_008), "test": range(8_504, 10_000)}, window=30)
    figures = dict(zip(CORE_FEATURES, published["core_scaler_mean"], strict=True))
    found = provenance(Fitted(name="published", rows=range(7_000), figures=figures, refit=means), parts)

    assert found.outcome == "failed"
    assert found.columns == CORE_FEATURES


def test_the_published_conditions_tell_every_row_how_the_data_ends(swaps: pl.DataFrame):
    def broadcast(table: pl.DataFrame) -> pl.DataFrame:
        features = core_features(table)
        return features.select("time").join(legacy_conditions(features).drop("timestamp"), how="cross")

    certificate = audit(broadcast, swaps, cuts=3)
    (future, truncation) = (one for one in certificate.failed if one.probe in ("future perturbation", "truncation"))
    assert len(future.columns) >= 20
    assert len(truncation.columns) == 23
    assert truncation.row == 0

    honest = audit(lambda table: conditions(core_features(table)), swaps, cuts=3, tolerance=0.0)
    assert not honest.failed


def test_real_fills_that_repeat_raise_no_alarm(shared_data: Path):
    fills = pl.read_csv(shared_data / "polymarket_wallet_fills_2026_01" / "btc-updown-15m-1768029300.csv")
    fills = fills.with_columns(pl.from_epoch("timestamp", time_unit="s").cast(TIME).alias("time")).sort("time")
    seen = fills.select("time", "side", "outcome", "shares", "usdc", "price", "fee", "id")
    cut = int(0.7 * seen.height)
    parts = Parts(rows={"train": range(cut), "test": range(cut, seen.height)})

    assert seen.drop("id").is_duplicated().sum() > 0
    assert seen["id"].is_duplicated().sum() == 0
    for found in (duplicates(parts, seen, identity=["id"]), duplicates(parts, seen.drop("id"))):
        assert found.outcome in ("passed", "possible")
