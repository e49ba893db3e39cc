"""Parquet columns as records of text."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from rookery.errors import UserError
from rookery.sources._content import Content
from rookery.sources._records import Records, check_width, lay_out, shown

# No two swaps are alike, so a row takes bytes; far more rows than bytes is a trap for memory.
_FREE_ROWS = 1_000_000


def read(content: Content, *, strict: bool) -> Records:
    """Every column that has a text form; integers keep all digits, bytes become 0x-hex, times ISO in UTC.

    Raises UserError when the file is damaged.
    """
    table = _table(content.data, content.path)
    for _ in range(3):
        table = _unnest(table)
    check_width(table.width, content.path)
    columns = [text for column in table.get_columns() if (text := _text(column)) is not None]
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"column '{shown(name)}' is given twice", place=content.path, remedy="rename one of them")
    numbers = pl.Series("number", range(1, table.height + 1), dtype=pl.Int64)
    return lay_out(
        pl.DataFrame(columns).with_columns(pl.all().replace("", None)),
        path=content.path,
        layout="parquet",
        numbers=numbers,
        counted_in="row",
    )


def _table(data: bytes, path: Path) -> pl.DataFrame:
    try:
        with _quiet_stderr():
            rows = pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item()
            if rows > max(_FREE_ROWS, len(data)):
                raise UserError(f"has {rows} rows in {len(data)} bytes, which is no table of records", place=path)
            return pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as failure:
        if isinstance(failure, UserError):
            raise
        reason = shown(str(failure).splitlines()[0] if str(failure) else type(failure).__name__, limit=100)
        raise UserError(f"cannot be read as parquet: {reason}", place=path, remedy="fetch or write it again") from None


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Without the stack traces that polars' threads print for a damaged page before the fault is raised here."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as sink:
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _unnest(table: pl.DataFrame) -> pl.DataFrame:
    nested = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.Struct)]
    for name in nested:
        inner = table[name].struct.unnest()
        table = table.drop(name).hstack([inner[field].alias(f"{name}.{field}") for field in inner.columns])
    return table


def _text(column: pl.Series) -> pl.Series | None:
    name, dtype = column.name.strip(), column.dtype
    column = column.alias(name)
    if dtype == pl.Binary:
        return pl.select("0x" + pl.lit(column).bin.encode("hex")).to_series().alias(name)
    if isinstance(dtype, pl.List):
        return _list_text(column, dtype)
    if isinstance(dtype, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if dtype.time_zone else column
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ")
    if dtype.is_decimal():
        # Fixed point has lost nothing, unlike a float of the same look.
        return column.cast(pl.String).str.replace(r"\.0+$", "")
    if dtype.is_nested() or dtype == pl.Object:
        return None
    return column.cast(pl.String)


def _list_text(column: pl.Series, dtype: pl.List) -> pl.Series | None:
    if dtype.inner == pl.Binary:
        hexed = column.list.eval("0x" + pl.element().bin.encode("hex"))
        return hexed.list.join(" ")
    return column.list.join(" ") if dtype.inner == pl.String else None
