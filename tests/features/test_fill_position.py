"""What was held before each fill: by the fills before it, or as the file states it."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from rookery.features.fill_position import fill_positions
from rookery.schema import FILLS

START = datetime(2026, 1, 1, tzinfo=UTC)


def fills(*rows: tuple[float, str, str, float, float, float | None]) -> pl.DataFrame:
    """(second, instrument, side, size, price, position before as stated)."""
    plain = dict.fromkeys(FILLS.columns) | {"trader": "me"}
    names = ("time", "instrument", "side", "size", "price", "position_before")
    made = [plain | dict(zip(names, (START + timedelta(seconds=row[0]), *row[1:]), strict=True)) for row in rows]
    filled = [row | {"notional": row["size"] * row["price"]} for row in made]
    return pl.DataFrame(filled, schema={name: column.dtype for name, column in FILLS.columns.items()})


def test_fills_of_an_instrument_add_up_and_leave_the_others_alone():
    found = fill_positions(
        fills((0, "A", "BUY", 2, 10, None), (5, "B", "SELL", 1, 7, None), (9, "A", "BUY", 2, 14, None))
    )
    assert found["before"].to_list() == [0.0, 0.0, 2.0]
    assert found["after"].to_list() == [2.0, -1.0, 4.0]
    assert found["entry_before"].to_list() == [None, None, 10.0]
    assert found["since_before"].to_list() == [None, None, START]
    assert found["follows"].all()


def test_what_a_sale_gains_is_by_average_cost():
    found = fill_positions(
        fills((0, "A", "BUY", 1, 10, None), (1, "A", "BUY", 1, 14, None), (2, "A", "SELL", 1, 15, None))
    )
    assert found["earned"].to_list() == [0.0, 0.0, 3.0]
    assert found["entry_before"].to_list() == [None, 10.0, 12.0]


def test_a_position_from_before_the_file_is_entered_at_the_price_of_the_first_fill():
    found = fill_positions(fills((4, "A", "SELL", 1, 10, 3.0), (5, "A", "SELL", 2, 12, 2.0)))
    assert found["before"].to_list() == [3.0, 2.0]
    assert found["entry_before"].to_list() == [10.0, 10.0]
    assert found["since_before"].to_list() == [START + timedelta(seconds=4)] * 2
    assert found["earned"].to_list() == [0.0, 4.0]
    assert found["follows"].all()


def test_a_fee_taken_in_units_is_followed_and_no_break():
    found = fill_positions(fills((0, "A", "BUY", 100, 10, 0.0), (1, "A", "SELL", 99.97, 10, 99.97)))
    assert found["before"].to_list() == pytest.approx([0.0, 99.97])
    assert found["after"][1] == pytest.approx(0.0, abs=1e-12)
    assert found["follows"].all()


def test_a_stated_position_that_the_fill_before_does_not_leave_is_a_break_and_is_believed():
    found = fill_positions(
        fills((0, "A", "BUY", 1, 10, 0.0), (1, "A", "BUY", 1, 10, 5.0), (2, "A", "SELL", 1, 10, 6.0))
    )
    assert found["before"].to_list() == [0.0, 5.0, 6.0]
    assert found["follows"].to_list() == [True, False, True]


def test_a_row_knows_no_later_row():
    table = fills(
        (0, "A", "BUY", 1, 10, 0.5),
        (1, "A", "SELL", 3, 11, 1.5),
        (2, "B", "BUY", 1, 9, None),
        (3, "A", "BUY", 4, 8, -1.4),
    )
    whole = fill_positions(table)
    for cut in range(1, table.height):
        assert fill_positions(table.head(cut)).equals(whole.head(cut))
