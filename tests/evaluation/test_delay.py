"""Decisions carried out later are settled anew, never moved in the books."""

from collections.abc import Callable

import polars as pl
import pytest

from rookery.agents.baselines import always_hold
from rookery.evaluation.delay import delayed, lag_curve
from rookery.market.costs import Costs
from rookery.types import Pair

MakeSwaps = Callable[..., pl.DataFrame]
FREE = Costs(fee_bps=0, gas_quote=0, impact=False)


@pytest.fixture
def swaps(make_swaps: MakeSwaps) -> pl.DataFrame:
    return make_swaps([100.0, 110.0, 121.0, 133.1, 146.41, 161.051], seconds=[0, 60, 120, 180, 240, 300])


@pytest.fixture
def buying(swaps: pl.DataFrame) -> pl.DataFrame:
    """All is bought after row 0, at the price of row 1."""
    first = pl.col("row") == 0
    return always_hold(swaps).with_columns(
        side=pl.when(first).then(pl.lit("BUY")).otherwise(pl.lit("HOLD")),
        size=pl.when(first).then(1.0).otherwise(0.0),
        slippage_bps=pl.lit(2_000.0),
        deadline_s=pl.lit(600.0),
    )


def test_each_swap_of_delay_costs_the_move_that_was_missed(swaps: pl.DataFrame, buying: pl.DataFrame):
    levels = lag_curve(swaps, buying, costs=FREE, pair=Pair(), capital_quote=1_000.0, lags=(0, 1, 2))
    assert [one.swaps for one in levels] == [0, 1, 2]
    # Bought at 110, 121 and 133.10; worth 161.051 at the end.
    assert [one.net.value for one in levels] == pytest.approx([1_000 * (1.1**k - 1) for k in (4, 3, 2)])
    assert {(one.orders, one.fills) for one in levels} == {(1, 1)}


def test_what_would_come_after_the_last_swap_is_dropped(swaps: pl.DataFrame, buying: pl.DataFrame):
    late = delayed(buying, swaps, by=5)
    assert late["row"].to_list() == [5]
    assert late["time"].to_list() == swaps["time"].to_list()[5:]
    (level,) = lag_curve(swaps, buying, costs=FREE, pair=Pair(), lags=(6,))
    assert (level.orders, level.fills, level.net.value) == (0, 0, 0.0)


def test_no_delay_is_the_decisions_themselves(swaps: pl.DataFrame, buying: pl.DataFrame):
    assert delayed(buying, swaps, by=0) is buying
    with pytest.raises(ValueError, match="before they are made"):
        delayed(buying, swaps, by=-1)


def test_the_limit_counts_from_the_later_swap(swaps: pl.DataFrame, buying: pl.DataFrame):
    tight = buying.with_columns(slippage_bps=pl.lit(500.0))
    levels = lag_curve(swaps, tight, costs=FREE, pair=Pair(), lags=(0, 1))
    # Every next price is 10 % higher, which 5 % refuses whenever it starts.
    assert [one.fills for one in levels] == [0, 0]
