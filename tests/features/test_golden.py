"""Every feature of 7,000 real swaps against the published ones."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.features.swaps import core_features

OURS = {"price": "price_raw", "amount0_eth": "amount_base", "amount1_usdc": "amount_quote"}
COLUMNS = (
    "price amount0_eth amount1_usdc volume volatility volume_ma tick_change time_diff liquidity_impact price_change "
    "tick liquidity"
)


@pytest.fixture(scope="module")
def features(real_swaps: pl.DataFrame) -> pl.DataFrame:
    return core_features(real_swaps)


@pytest.fixture(scope="module")
def published(rook_folder: Path) -> pl.DataFrame:
    return pl.read_csv(rook_folder / "core_features_rows_1_7000.csv.gz")


def test_no_published_column_is_left_out(published: pl.DataFrame):
    assert published.columns == ["timestamp", *COLUMNS.split()]


@pytest.mark.parametrize("name", COLUMNS.split())
def test_all_7000_values_equal_the_published(name: str, features: pl.DataFrame, published: pl.DataFrame):
    ours, theirs = features[OURS.get(name, name)].to_numpy(), published[name].cast(pl.Float64).to_numpy()
    gap = np.abs(ours - theirs)
    # The raw price is about 3e-9, which leaves an absolute bound nothing to say.
    close = gap <= 1e-9 * np.abs(theirs) if name == "price" else (gap <= 1e-9 * np.abs(theirs)) | (gap <= 1e-12)
    assert close.sum() == 7000


def test_all_7000_times_equal_the_published(features: pl.DataFrame, published: pl.DataFrame):
    assert features["time"].dt.strftime("%F %T").equals(published["timestamp"])


def test_the_price_is_also_given_in_usdc_per_eth(features: pl.DataFrame):
    assert features["price"].min() == pytest.approx(2317.81, abs=0.005)
    assert features["price"].median() == pytest.approx(2763.63, abs=0.1)
    assert features["price"].max() == pytest.approx(3403.16, abs=0.005)
