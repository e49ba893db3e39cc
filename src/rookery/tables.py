"""Tables as files, CSV or parquet: written whole, read back with the place of whatever is wrong."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from rookery.errors import UserError, nearest
from rookery.files import write_atomic
from rookery.schema import TIME

_CLOCK = "%Y-%m-%d %H:%M:%S%.f"


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write CSV or parquet, by the path's suffix, atomically. Equal tables give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        write_atomic(path, lambda temporary: table.write_parquet(temporary, compression="zstd"))
        return
    stamped = table.with_columns(pl.col(pl.Datetime).dt.strftime(_CLOCK))
    write_atomic(path, lambda temporary: stamped.write_csv(temporary))


def read_table(path: Path, *, remedy: str | None = None) -> pl.DataFrame:
    """Read a CSV or parquet file of ours; `timestamp` becomes a time. Raises UserError naming file and row.

    `remedy` says how to make the file when it is missing and nothing beside it has a similar name.
    """
    if not path.is_file():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        guess = nearest(path.name, siblings)
        raise UserError("no such file", place=path, remedy=f"did you mean '{guess}'?" if guess else remedy)
    try:
        if path.suffix == ".parquet":
            table = pl.read_parquet(path)
        else:
            table = pl.read_csv(path, schema_overrides={"liquidity": pl.Decimal(38, 0)}, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as failure:
        raise UserError(f"cannot be read: {str(failure).splitlines()[0][:200]}", place=path, remedy=remedy) from None
    return _with_times(table, path)


def require(table: pl.DataFrame, names: Iterable[str], place: Path) -> None:
    """Raise UserError naming the first column of `names` that `table` lacks, or that it has no rows."""
    known = set(table.columns)
    for name in names:
        if name not in known:
            guess = nearest(name, table.columns)
            shown = ", ".join(table.columns[:40]) + (", ..." if len(table.columns) > 40 else "")
            hint = f"is it '{guess}'? " if guess else ""
            raise UserError(f"column '{name}' is missing", place=place, remedy=f"{hint}columns found: {shown}")
    if not table.height:
        raise UserError("has no rows", place=place)


def numbers(table: pl.DataFrame, names: Iterable[str], place: Path) -> pl.DataFrame:
    """`table` with these columns as finite float64. Raises UserError naming column and row of anything else."""
    wanted = list(names)
    parsed = table.with_columns(pl.col(wanted).cast(pl.Float64, strict=False))
    for name in wanted:
        bad = (~parsed[name].is_finite()).fill_null(True).arg_true()
        if len(bad):
            raise UserError(
                f"'{name}' is {_shown(table[name][bad[0]])}, not a finite number", place=place, row=bad[0] + 2
            )
    return parsed


def _with_times(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    if "timestamp" not in table.columns:
        return table
    stamps = table["timestamp"]
    if stamps.dtype == pl.String:
        parsed = stamps.str.to_datetime(time_unit="ns", time_zone="UTC", strict=False)
    elif isinstance(stamps.dtype, pl.Datetime):
        parsed = stamps.cast(TIME)
    else:
        raise UserError(f"timestamp is {stamps.dtype}, not a time", place=path, row=2)
    bad = parsed.is_null().arg_true()
    if len(bad):
        raise UserError(f"timestamp {_shown(stamps[bad[0]])} is not a time", place=path, row=bad[0] + 2)
    return table.with_columns(parsed.alias("timestamp"))


def _shown(value: object) -> str:
    return "empty" if value is None else repr(value)[:60]
