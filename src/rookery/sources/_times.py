"""Moments as text in any of the spellings of exports, as UTC nanoseconds."""

import polars as pl

from rookery.schema import TIME
from rookery.sources._faults import Check, Faults
from rookery.sources._records import INDEX, shown

_NUMBER = r"^([0-9]{9,19})(?:\.([0-9]*))?$"
_HEX = r"^0[xX]([0-9a-fA-F]{8,16})$"
_ISO = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9})[0-9]*)?"
_ZONE = r" ?(Z|z|UTC|GMT|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?$"
_NANOSECONDS = {"seconds": 1_000_000_000, "milliseconds": 1_000_000, "microseconds": 1_000, "nanoseconds": 1}
_LEAST = {"seconds": 10**9, "milliseconds": 10**12, "microseconds": 10**15, "nanoseconds": 10**18}
_ISO_UNIT = "ISO 8601"
_EARLIEST = pl.datetime(2015, 1, 1, time_zone="UTC", time_unit="ns")
_LATEST = pl.datetime(2100, 1, 1, time_zone="UTC", time_unit="ns")
_REMEDY = "give unix seconds, ms, us or ns, or ISO 8601 like 2025-01-23 15:43:15 (UTC unless it says otherwise)"


def with_moments(table: pl.DataFrame, label: str, faults: Faults) -> tuple[pl.DataFrame, str]:
    """`table` with `moment`, its text column `time` in UTC (null where unreadable), and the unit that all rows share.

    Unix time counts as s, ms, us or ns by its size (1e9, 1e12, 1e15, 1e18 and up); ISO without an offset is UTC.
    Raises UserError when two units meet in one file.
    """
    table = _with_iso(_with_numbers(table.with_columns(pl.col("time").str.strip_chars()))).with_columns(
        pl.coalesce("_from_number", "_from_iso").alias("moment"),
        pl.coalesce("_unit", pl.when(pl.col("_from_iso").is_not_null()).then(pl.lit(_ISO_UNIT))).alias("_unit"),
    )
    unit = _one_unit(table, label, faults)
    return table.drop("_value", "_unit", "_from_number", "_from_iso"), unit


def checks(label: str, remedy: str = _REMEDY) -> list[Check]:
    """What may be wrong with a moment: empty, unreadable, or outside 2015 to 2100; `remedy` is for the last two."""
    text, moment = pl.col("time"), pl.col("moment")
    return [
        Check(kind="time missing", bad=text.is_null(), what=f"{label} is empty", remedy=_REMEDY),
        Check(
            kind="time unreadable",
            bad=moment.is_null(),
            what=f"{label} '{{}}' cannot be read as a time",
            value=text,
            remedy=remedy,
        ),
        Check(
            kind="time out of range",
            bad=(moment < _EARLIEST) | (moment >= _LATEST),
            what=f"{label} '{{}}' is outside 2015 to 2100",
            value=text,
            remedy=remedy,
        ),
    ]


def _with_numbers(table: pl.DataFrame) -> pl.DataFrame:
    whole = table["time"].cast(pl.Int64, strict=False)
    fraction = pl.lit(0, dtype=pl.Int64)
    if whole.null_count():
        text = pl.col("time").str
        hexed = text.extract(_HEX).str.to_integer(base=16, strict=False)
        number = text.extract(_NUMBER, 1).cast(pl.Int64, strict=False)
        whole = table.select(pl.coalesce(hexed, number)).to_series()
        fraction = text.extract(_NUMBER, 2).fill_null("").str.slice(0, 9).str.pad_end(9, "0").cast(pl.Int64)
    value = pl.col("_value")
    unit, scale = pl.lit(None, dtype=pl.String), pl.lit(None, dtype=pl.Int64)
    for name, least in _LEAST.items():
        fits = (value >= least) & ((value < least * 10) if name != "nanoseconds" else pl.lit(True))
        unit = pl.when(fits).then(pl.lit(name)).otherwise(unit)
        scale = pl.when(fits).then(pl.lit(_NANOSECONDS[name])).otherwise(scale)
    table = table.with_columns(whole.alias("_value"), fraction.alias("_fraction"))
    table = table.with_columns(unit.alias("_unit"), scale.alias("_scale"))
    # A fraction of a second counts; finer units come whole, so theirs can only be '.0'.
    nanoseconds = value * pl.col("_scale") + pl.when(pl.col("_unit") == "seconds").then("_fraction").otherwise(0)
    return table.with_columns(nanoseconds.cast(TIME).alias("_from_number")).drop("_fraction", "_scale")


def _with_iso(table: pl.DataFrame) -> pl.DataFrame:
    if table["_from_number"].null_count() == 0:
        return table.with_columns(pl.lit(None, dtype=TIME).alias("_from_iso"))
    parts = pl.col("time").str.extract_groups(_ISO + _ZONE)
    table = table.with_columns(parts.struct.rename_fields(["date", "clock", "fraction", "zone"]).alias("_parts"))
    part = pl.col("_parts").struct
    local = (part.field("date") + " " + part.field("clock")).str.to_datetime(
        "%Y-%m-%d %H:%M:%S", time_unit="ns", strict=False
    )
    fraction = part.field("fraction").fill_null("").str.pad_end(9, "0").cast(pl.Int64)
    digits = (
        part.field("zone").str.replace(":", "").str.extract(r"^[+-]([0-9]{2,4})$").str.pad_end(4, "0").cast(pl.Int64)
    )
    east = pl.when(part.field("zone").str.starts_with("-")).then(-1).otherwise(1)
    offset_minutes = (east * (digits // 100 * 60 + digits % 100)).fill_null(0)
    moment = local.cast(pl.Int64) + fraction - offset_minutes * 60 * 1_000_000_000
    return table.with_columns(moment.cast(TIME).alias("_from_iso")).drop("_parts")


def _one_unit(table: pl.DataFrame, label: str, faults: Faults) -> str:
    known = table.filter(pl.col("_unit").is_not_null())
    if known.is_empty():
        return "unknown"
    first = str(known["_unit"][0])
    other = known.filter(pl.col("_unit") != first)
    if other.height:
        index, text, unit = other.select(INDEX, "time", "_unit").row(0)
        what = f"{label} '{shown(text)}' is in {unit}, the rows before it in {first}"
        faults.refuse(index, what, "use one unit of time in a file")
    return first
