"""The state of the market at each swap."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.features.conditions import CONDITION_FEATURES, conditions, legacy_conditions
from rookery.features.swaps import core_features


def test_conditions_have_the_published_names_in_the_published_order(rook_folder: Path, five_swaps: pl.DataFrame):
    published = json.loads((rook_folder / "metadata.json").read_text())
    assert list(CONDITION_FEATURES) == published["condition_feature_names"]
    table = conditions(core_features(five_swaps))
    assert table.columns == ["time", *CONDITION_FEATURES]
    assert set(table.drop("time").dtypes) == {pl.Float64}


def test_every_row_knows_only_the_rows_up_to_itself(five_swaps: pl.DataFrame):
    table = conditions(core_features(five_swaps))
    assert table["avg_price_10"].to_list() == pytest.approx([100.0, 105.0, 103.0, 102.0, 103.38])
    assert table["avg_volume_50"].to_list() == [1.0, 1.5, 2.0, 2.5, 2.0]
    assert table["avg_tick_change_100"].to_list() == pytest.approx([0.0, 1.5, -7 / 3, -1.75, 0.4])
    assert table["avg_time_diff_10"].to_list() == [0.0, 6.0, 4.0, 3.75, 720.0]
    assert table["liquidity_impact_avg_10"].to_list() == pytest.approx([0.5, 0.75, 1.5, 1.375, 1.1])
    assert table["price_volatility_10"][:3].to_list() == pytest.approx([0.0, math.sqrt(50.0), math.sqrt(37.0)])
    assert table["price_trend"][:3].to_list() == pytest.approx([0.0, 0.05, 0.0])
    assert table["total_transactions"].to_list() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert table["current_price"].to_list() == [100.0, 110.0, 99.0, 99.0, 108.9]
    assert table["current_liquidity"].to_list() == [2e18, 2e18, 1e18, 4e18, 4e18]


def test_the_trend_of_volume_is_its_last_20_swaps_against_all_so_far(walk: pl.DataFrame):
    features = core_features(walk)
    volume = features["volume"].to_numpy()
    trend = conditions(features)["volume_trend"]
    assert trend[0] == 1.0
    assert trend[19] == pytest.approx(1.0)
    assert trend[250] == pytest.approx(volume[231:251].mean() / volume[:251].mean(), rel=1e-12)


def test_a_pool_where_nothing_traded_yet_has_an_even_trend(five_swaps: pl.DataFrame):
    still = five_swaps.with_columns(amount_base=pl.lit(0.0))
    assert conditions(core_features(still))["volume_trend"].to_list() == [1.0] * 5


def test_the_legacy_row_is_the_published_definition_applied_to_the_last_rows(
    rook_folder: Path, real_swaps: pl.DataFrame
):
    """The published row is of all 10,000 swaps, 3,000 of which are held back, so its formulas are tested, not it."""
    row = legacy_conditions(core_features(real_swaps))
    published = pl.read_csv(rook_folder / "core_conditions.csv")
    assert row.columns == published.columns
    assert row.height == 1
    source = pl.read_csv(rook_folder / "core_features_rows_1_7000.csv.gz")
    column = {name: source[name].cast(pl.Float64).to_numpy() for name in source.columns[1:]}
    expected = {
        "total_transactions": 7000.0,
        "price_trend": column["price_change"][-20:].mean(),
        "volume_trend": column["volume"][-20:].mean() / column["volume"].mean(),
        "current_price": column["price"][-1],
        "current_liquidity": column["liquidity"][-1],
    }
    for window in (10, 50, 100):
        last = {name: values[-window:] for name, values in column.items()}
        expected |= {
            f"avg_price_{window}": last["price"].mean(),
            f"price_volatility_{window}": np.std(last["price"], ddof=1),
            f"avg_volume_{window}": last["volume"].mean(),
            f"avg_tick_change_{window}": last["tick_change"].mean(),
            f"avg_time_diff_{window}": last["time_diff"].mean(),
            f"liquidity_impact_avg_{window}": last["liquidity_impact"].mean(),
        }
    assert row.drop("timestamp").row(0, named=True) == pytest.approx(expected, rel=1e-9)
    assert f"{row['timestamp'][0]:%F %T}" == source["timestamp"][-1]
