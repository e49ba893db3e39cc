"""The features of swaps, worked out by hand."""

import math

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.swaps import CORE_FEATURES, core_features

COLUMNS = (
    "time price price_raw amount_base amount_quote volume volatility volume_ma tick_change time_diff "
    "liquidity_impact price_change tick liquidity"
)


def test_features_have_the_columns_of_their_table(five_swaps: pl.DataFrame):
    features = core_features(five_swaps)
    assert features.columns == COLUMNS.split()
    assert set(features.drop("time").dtypes) == {pl.Float64}
    assert set(CORE_FEATURES) <= set(features.columns)


def test_volume_is_the_base_that_moved_either_way(five_swaps: pl.DataFrame):
    assert core_features(five_swaps)["volume"].to_list() == [1.0, 2.0, 3.0, 4.0, 0.0]


def test_the_moving_average_of_volume_leaves_out_the_swap_itself(five_swaps: pl.DataFrame):
    assert core_features(five_swaps)["volume_ma"].to_list() == [1.0, 1.0, 1.5, 2.0, 2.5]


def test_changes_are_from_the_swap_before(five_swaps: pl.DataFrame):
    features = core_features(five_swaps)
    assert features["tick_change"].to_list() == [0.0, 3.0, -10.0, 0.0, 9.0]
    assert features["time_diff"].to_list() == [0.0, 12.0, 0.0, 3.0, 3585.0]
    assert features["price_change"].to_list() == pytest.approx([0.0, 0.1, -0.1, 0.0, 0.1])


def test_volatility_needs_two_changes_before_the_swap(five_swaps: pl.DataFrame):
    # Row 3 knows the changes +0.1 and -0.1 (deviation 0.1 * sqrt 2), row 4 also 0 (deviation 0.1).
    volatility = core_features(five_swaps)["volatility"].to_list()
    assert volatility == pytest.approx([0.0, 0.0, 0.0, 0.1 * math.sqrt(2.0), 0.1])


def test_impact_is_volume_over_liquidity_in_units_of_1e18(five_swaps: pl.DataFrame):
    assert core_features(five_swaps)["liquidity_impact"].to_list() == [0.5, 1.0, 3.0, 1.0, 0.0]


def test_liquidity_of_more_digits_than_a_float_has_is_rounded_once():
    huge = 123_456_789_012_345_678_901_234_567
    swaps = pl.DataFrame({"liquidity": [huge]}, schema={"liquidity": pl.Decimal(38, 0)})
    row = {"time": 0, "price": 1.0, "price_raw": 1.0, "amount_base": 1.0, "amount_quote": -1.0, "tick": 0}
    table = swaps.with_columns(**{name: pl.lit(value) for name, value in row.items()})
    assert core_features(table.cast({"time": pl.Datetime("ns", "UTC")}))["liquidity"].to_list() == [float(huge)]


def test_swaps_without_liquidity_are_refused_with_the_exports_that_carry_it(five_swaps: pl.DataFrame):
    holes = five_swaps.with_columns(pl.when(pl.col("tick") == -2).then(None).otherwise("liquidity").alias("liquidity"))
    with pytest.raises(UserError, match="2 of 5 swaps have no liquidity, the first at 1970-01-01 00:00:12") as refusal:
        core_features(holes)
    assert "Dune" in str(refusal.value.remedy)
    assert "The Graph's Swap entity leaves it out" in str(refusal.value.remedy)


def test_swaps_that_emptied_the_pool_are_refused(five_swaps: pl.DataFrame):
    dry = five_swaps.with_columns((pl.col("liquidity") * (pl.col("tick") != 7).cast(pl.Int64)).cast(pl.Decimal(38, 0)))
    with pytest.raises(UserError, match="1 of 5 swaps left no liquidity in range, the first at 1970-01-01 01:00:00"):
        core_features(dry)
