"""From a trader's bars to those that states are made of."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.state import check_bars
from rookery.pipelines.twin.bars import state_bars
from rookery.schema import TIME

# Two markets of three minutes: in the first nothing happens before the second minute, the second is cut at its end.
ROWS = {
    "segment": [0, 0, 0, 1, 1, 1],
    "observed": [True, True, True, True, True, False],
    "open": [None, 0.5, None, 0.4, 0.45, None],
    "high": [None, 0.6, None, 0.4, 0.5, None],
    "low": [None, 0.5, None, 0.4, 0.45, None],
    "close": [None, 0.6, None, 0.4, 0.5, None],
    "up_price": [None, 0.6, 0.6, 0.4, 0.5, 0.5],
    "since_fill_s": [None, 5.0, 65.0, 1.0, 2.0, 62.0],
    "to_close_s": [120.0, 60.0, 0.0, 120.0, 60.0, 0.0],
    "up_bought": [0.0, 10.0, 0.0, 5.0, 0.0, 0.0],
    "down_bought": [0.0, 2.0, 0.0, 0.0, 5.0, 0.0],
    "up_sold": [0.0] * 6,
    "down_sold": [0.0] * 6,
    "signed_quantity": [0.0, 8.0, 0.0, 5.0, -5.0, 0.0],
    "quantity": [0.0, 8.0, 8.0, 5.0, 1e-9, 0.0],
    "entry_price": [None, 0.55, 0.55, 0.4, 0.4, None],
    "realised": [0.0, 0.1, 0.1, 0.0, 0.5, 0.5],
    "unrealised": [0.0, 0.4, 0.4, 0.0, 0.0, 0.0],
    "held_s": [0.0, 30.0, 90.0, 1.0, 61.0, 0.0],
}


@pytest.fixture
def bars() -> pl.DataFrame:
    start = datetime(2026, 1, 5, tzinfo=UTC)
    time = pl.Series("time", [start + timedelta(minutes=i) for i in range(6)]).cast(TIME)
    return pl.DataFrame({"time": time, **ROWS})


def test_bars_before_the_first_price_are_left_out_and_later_ones_without_a_fill_stand_still(bars: pl.DataFrame):
    made = state_bars(bars, capital=10.0)
    assert made["segment"].to_list() == [0, 0, 1, 1, 1]
    assert made.select("open", "high", "low", "close").row(1) == (0.6, 0.6, 0.6, 0.6)
    assert made["volume"].to_list() == [12.0, 0.0, 5.0, 5.0, 0.0]


def test_they_are_bars_that_states_are_made_of(bars: pl.DataFrame):
    check_bars(state_bars(bars, capital=10.0), "extended")


def test_what_a_bar_earned_is_the_change_of_the_book_over_the_capital(bars: pl.DataFrame):
    assert state_bars(bars, capital=10.0)["bar_return"].to_list() == pytest.approx([0.05, 0.0, 0.0, 0.05, 0.0])


def test_a_bar_whose_rows_may_be_missing_has_no_quantity_and_an_idle_one_has_zero(bars: pl.DataFrame):
    assert state_bars(bars, capital=10.0)["net_quantity"].to_list() == [8.0, 0.0, 5.0, -5.0, None]


def test_dust_is_no_position(bars: pl.DataFrame):
    made = state_bars(bars, capital=10.0)
    held = ["inventory", "entry_price", "seconds_since_entry"]
    assert made.select(held).rows() == [
        (8.0, 0.55, 30.0),
        (8.0, 0.55, 90.0),
        (5.0, 0.4, 1.0),
        (0.0, None, None),
        (0.0, None, None),
    ]


def test_a_missing_column_and_a_capital_of_nothing_are_refused(bars: pl.DataFrame):
    with pytest.raises(UserError, match="lacks the column 'held_s'"):
        state_bars(bars.drop("held_s"), capital=1.0)
    with pytest.raises(ValueError, match="capital is 0"):
        state_bars(bars, capital=0)
