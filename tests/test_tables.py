"""Tables as files come back as they were, or say what is wrong and where."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.schema import TIME
from rookery.tables import numbers, read_table, require, write_table


@pytest.fixture
def table() -> pl.DataFrame:
    times = [datetime(2025, 1, 23, 15, 43, second, 1, tzinfo=UTC) for second in (15, 16)]
    return pl.DataFrame(
        {
            "timestamp": pl.Series(times).cast(TIME),
            "price": [0.1 + 0.2, 1e-9],
            "liquidity": pl.Series(["97184194023259899", "1"]).cast(pl.Decimal(38, 0)),
        }
    )


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_table_comes_back_with_every_bit(table: pl.DataFrame, tmp_path: Path, name: str):
    write_table(table, tmp_path / name)

    assert read_table(tmp_path / name).equals(table)


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_equal_tables_are_equal_bytes(table: pl.DataFrame, tmp_path: Path, name: str):
    write_table(table, tmp_path / "a" / name)
    write_table(table.clone(), tmp_path / "b" / name)

    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_missing_file_is_refused_with_the_nearest_name(table: pl.DataFrame, tmp_path: Path):
    write_table(table, tmp_path / "core_features.csv")

    with pytest.raises(UserError, match="no such file") as caught:
        read_table(tmp_path / "core_feature.csv")

    assert caught.value.remedy == "did you mean 'core_features.csv'?"


def test_a_torn_parquet_file_is_refused_by_name(table: pl.DataFrame, tmp_path: Path):
    path = tmp_path / "rows.parquet"
    write_table(table, path)
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(UserError, match=r"rows\.parquet: cannot be read"):
        read_table(path)


def test_a_time_that_is_none_is_refused_by_line(tmp_path: Path):
    path = tmp_path / "rows.csv"
    path.write_text("timestamp,price\n2025-01-23 15:43:15,1\nyesterday,2\n")

    with pytest.raises(UserError, match=r"rows\.csv:3: timestamp 'yesterday' is not a time"):
        read_table(path)


@pytest.mark.parametrize(("cell", "shown"), [("nan", "nan"), ("", "empty"), ("cheap", "'cheap'"), ("inf", "inf")])
def test_a_cell_that_is_no_finite_number_is_refused_by_line(cell: str, shown: str):
    column = pl.Series("price", ["1", cell or None])

    with pytest.raises(UserError, match=rf"here:3: 'price' is '?{shown}'?, not a finite number"):
        numbers(pl.DataFrame([column]), ["price"], Path("here"))


def test_a_missing_column_is_refused_with_the_nearest_and_those_found():
    with pytest.raises(UserError, match="column 'volatility' is missing") as caught:
        require(pl.DataFrame({"volatilty": [1.0]}), ["volatility"], Path("rows.csv"))

    assert caught.value.remedy == "is it 'volatilty'? columns found: volatilty"


def test_a_table_without_rows_is_refused():
    with pytest.raises(UserError, match="has no rows"):
        require(pl.DataFrame({"price": []}), ["price"], Path("rows.csv"))
