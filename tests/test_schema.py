"""Column contracts: a table is right, or the first fault is named by place, row and column."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.schema import SWAPS, TIME, Column, Contract, check, fingerprint

PRICES = Contract(
    name="prices",
    columns={
        "time": Column(dtype=TIME, meaning="when it was known"),
        "price": Column(dtype=pl.Float64, meaning="quote per base"),
        "note": Column(dtype=pl.String, meaning="anything", nullable=True),
    },
)


def prices(**changes: object) -> pl.DataFrame:
    columns: dict[str, object] = {
        "time": [datetime(2025, 1, 23, 15, minute, tzinfo=UTC) for minute in (1, 2, 2)],
        "price": [3_200.0, 3_201.5, 3_199.0],
        "note": ["a", None, "c"],
    }
    kept = {name: value for name, value in {**columns, **changes}.items() if value is not None}
    return pl.DataFrame(kept, schema_overrides={"time": TIME} if "time" in kept else None)


def fault(table: pl.DataFrame) -> UserError:
    with pytest.raises(UserError) as caught:
        check(table, PRICES, place="prices.csv")
    return caught.value


def test_a_right_table_comes_back_with_the_contracts_columns_in_order() -> None:
    table = prices().select("note", "price", "time").with_columns(extra=pl.lit(1))
    assert check(table, PRICES, place="prices.csv").columns == ["time", "price", "note"]


def test_a_missing_column_is_named_with_its_nearest_and_those_found() -> None:
    found = fault(prices().rename({"price": "prize"}))
    assert found.headline == "prices.csv: prices table lacks column 'price'"
    assert found.remedy == "is it 'prize'? columns found: time, prize, note"


def test_a_wrong_type_is_named() -> None:
    assert "column 'price' is String, expected Float64" in fault(prices(price=["1", "2", "3"])).what


def test_an_empty_cell_is_named_by_its_line_in_the_file() -> None:
    found = fault(prices(price=[1.0, None, 3.0]))
    assert (found.row, found.what) == (3, "column 'price' is empty")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_named_by_its_line(value: float) -> None:
    found = fault(prices(price=[1.0, 2.0, value]))
    assert found.row == 4
    assert "not a finite number" in found.what


def test_time_that_runs_backwards_is_named_by_its_line() -> None:
    back = [datetime(2025, 1, 23, 15, minute, tzinfo=UTC) for minute in (1, 3, 2)]
    found = fault(prices(time=back))
    assert (found.row, found.what) == (4, "time runs backwards")


def test_every_fault_of_a_table_has_a_remedy() -> None:
    tables = [
        prices().drop("price"),
        prices(price=["1", "2", "3"]),
        prices(price=[1.0, None, 3.0]),
        prices(price=[1.0, math.nan, 3.0]),
        prices().reverse(),
    ]
    assert all(fault(table).remedy for table in tables)


def test_an_empty_table_of_the_right_shape_passes() -> None:
    assert check(prices().clear(), PRICES, place="prices.csv").height == 0


def test_equal_tables_have_equal_fingerprints_and_any_change_shows() -> None:
    table = prices()
    changed = [
        prices(price=[3_200.0, 3_201.5, math.nextafter(3_199.0, 4_000.0)]),
        prices(note=["a", "", "c"]),
        prices().rename({"note": "notes"}),
        prices().head(2),
        prices().with_columns(pl.col("price").cast(pl.Float32)),
        prices().select("price", "time", "note"),
    ]
    prints = {fingerprint(other) for other in changed}
    assert fingerprint(table) == fingerprint(prices())
    assert len(prints | {fingerprint(table)}) == len(changed) + 1


def test_text_cells_that_join_alike_have_different_fingerprints() -> None:
    joined = pl.DataFrame({"note": ["a\x1fb", "c"]})
    apart = pl.DataFrame({"note": ["a", "b\x1fc"]})
    assert fingerprint(joined) != fingerprint(apart)


def test_an_empty_cell_differs_from_every_text() -> None:
    assert fingerprint(pl.DataFrame({"note": [None, "a"]})) != fingerprint(pl.DataFrame({"note": ["\x00", "a"]}))


def test_how_a_table_is_held_in_memory_does_not_matter() -> None:
    whole = prices()
    pieces = pl.concat([whole.head(1), whole.tail(2)], rechunk=False)
    assert fingerprint(pieces) == fingerprint(whole)


def test_the_swaps_contract_keeps_all_digits_of_liquidity_and_price() -> None:
    assert SWAPS.columns["sqrt_price_x96"].dtype == pl.String
    largest = pl.Series([Decimal(2**126 - 1)], dtype=pl.Decimal(38, 0))
    assert SWAPS.columns["liquidity"].dtype == largest.dtype
    assert str(largest[0]) == str(2**126 - 1)
