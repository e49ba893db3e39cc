"""Prices and volumes as people and spreadsheets write them: 1,896.49, 1.896,49, 901.09K."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from rookery.errors import UserError
from rookery.sources._records import INDEX, Records

Decimal = Literal["auto", ".", ","]
_GROUPED = r"^[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$"
_COMMA_DECIMAL = r"^[-+]?[0-9]+,[0-9]+$"
_POINTS_GROUPED = r"^[-+]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?$"
_SUFFIX = r"^(.*[0-9])([KMBkmb])$"
_TIMES = {"K": 1e3, "M": 1e6, "B": 1e9}
_ABSENT = ("-", "--", "N/A", "n/a", "nan", "NaN")


def with_numbers(
    table: pl.DataFrame, prices: Sequence[str], volumes: Sequence[str], records: Records, decimal: Decimal
) -> tuple[pl.DataFrame, str]:
    """`table` with `NAME_` as Float64 beside each text column NAME (null where unreadable), and how they are written.

    What a comma means is decided over all prices of the file at once. Raises UserError when it cannot be told.
    """
    plain = table.with_columns(pl.col(name).cast(pl.Float64, strict=False).alias(f"{name}_") for name in prices)
    odd = [
        name for name in prices if plain[f"{name}_"].null_count() > table[name].null_count() or decimal == ","
    ]  # a plain number has no comma
    how = "plain"
    mark: str = "." if decimal == "auto" else decimal
    if odd:
        mark, how = _mark(table, odd, records, decimal)
        plain = plain.with_columns(_number(name, mark).alias(f"{name}_") for name in prices)
    return plain.with_columns(_volume(name, mark).alias(f"{name}_") for name in volumes), how


def decimals(text: pl.Series) -> int:
    """Most digits after the point of any price."""
    return int(text.str.extract(r"\.([0-9]+)$").str.len_chars().max() or 0)  # type: ignore[arg-type]


def _mark(table: pl.DataFrame, odd: Sequence[str], records: Records, decimal: Decimal) -> tuple[str, str]:
    cells = pl.concat([table.select(INDEX, pl.col(name).alias("cell")) for name in odd]).drop_nulls()
    cells = cells.filter(pl.col("cell").str.contains(",", literal=True))
    text = cells["cell"].str
    grouped = text.contains(_GROUPED)
    points = text.contains(_POINTS_GROUPED) & text.contains(",", literal=True)
    with_point = grouped & text.contains(".", literal=True)
    comma = (text.contains(_COMMA_DECIMAL) & ~grouped) | (points & text.contains(".", literal=True))
    if decimal != "auto":
        return decimal, f"decimal mark '{decimal}', as given"
    if with_point.any() and comma.any():
        row = int(records.numbers[int(cells.filter(comma)[INDEX].min())])  # type: ignore[arg-type]
        raise UserError("the comma is a decimal mark here and a thousands separator elsewhere", place=records.path,
                        row=row, remedy="write all prices alike")  # fmt: skip
    if comma.any():
        return ",", "decimal commas"
    if grouped.any() and not with_point.any() and "comma" not in records.layout:
        row = int(records.numbers[int(cells[INDEX][0])])
        what = f"'{cells['cell'][0]}' may have a decimal comma or a thousands separator"
        raise UserError(what, place=records.path, row=row, remedy="give decimal '.' or ','")
    return ".", "thousands separators" if grouped.any() else "plain"


def _number(name: str, mark: str) -> pl.Expr:
    text = pl.col(name).str
    if mark == ",":
        # Points may only stand between groups of three, or a plain 1.5 would turn into 15.
        fits = pl.col(name).str.contains(rf"{_COMMA_DECIMAL}|{_POINTS_GROUPED}|^[-+]?[0-9]+$")
        unmarked = text.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        return pl.when(fits).then(unmarked.cast(pl.Float64, strict=False))
    grouped = text.contains(_GROUPED)
    without = text.replace_all(",", "", literal=True)
    return pl.when(grouped).then(without).otherwise(pl.col(name)).cast(pl.Float64, strict=False)


def _volume(name: str, mark: str) -> pl.Expr:
    suffix = pl.col(name).str.extract(_SUFFIX, 2).str.to_uppercase()
    bare = pl.coalesce(pl.col(name).str.extract(_SUFFIX, 1), name)
    grouped = bare.str.replace_all("," if mark == "." else ".", "", literal=True).str.replace(",", ".", literal=True)
    times = suffix.replace_strict(_TIMES, default=1.0, return_dtype=pl.Float64)
    return grouped.cast(pl.Float64, strict=False) * times


def absent(name: str) -> pl.Expr:
    """Whether a volume is empty or one of the words for it."""
    return pl.col(name).is_null() | pl.col(name).is_in(_ABSENT)
