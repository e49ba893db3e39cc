"""Wall clocks of exchanges and brokers as UTC, the doubled hour of autumn resolved by order or refused."""

import re
from dataclasses import dataclass
from typing import Literal
from zoneinfo import available_timezones

import polars as pl

from rookery.errors import UserError, did_you_mean
from rookery.schema import TIME
from rookery.sources._faults import Check, Faults

Ambiguous = Literal["order", "earliest", "latest", "refuse"]

_SHIFTED = re.compile(r"([A-Za-z_/]*) ?([+-])([0-9]{1,2})(?::?([0-9]{2}))? ?h?$")
_MOST_SHIFT_H = 14
# No daylight saving whatever the season, which is not what America/New_York means.
_FIXED = {"UTC": 0, "GMT": 0, "Z": 0, "EST": -300, "CST": -360, "MST": -420, "PST": -480}


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A clock that runs `shift_minutes` ahead of a region's (or of UTC, where `region` is None)."""

    region: str | None
    shift_minutes: int
    name: str


def zone_of(text: str) -> Zone:
    """`UTC`, `America/New_York`, `EST` (all year), `+02:00`, `UTC+2`, or `America/New_York+7` (a broker's server).

    Raises UserError naming the nearest region.
    """
    if text in _FIXED:
        return Zone(region=None, shift_minutes=_FIXED[text], name=text)
    regions = available_timezones()
    if text in regions:
        return Zone(region=text, shift_minutes=0, name=text)
    found = _SHIFTED.match(text)
    if found and int(found[3]) <= _MOST_SHIFT_H and int(found[4] or 0) < 60:
        base, minutes = found[1], (1 if found[2] == "+" else -1) * (int(found[3]) * 60 + int(found[4] or 0))
        if base in _FIXED or not base:
            return Zone(region=None, shift_minutes=_FIXED.get(base, 0) + minutes, name=text)
        if base in regions:
            return Zone(region=base, shift_minutes=minutes, name=text)
    raise UserError(f"'{text[:60]}' is no time zone", place="--tz", remedy=did_you_mean(text, regions))


def to_utc(
    table: pl.DataFrame, column: str, zone: Zone, ambiguous: Ambiguous, label: str, faults: Faults
) -> tuple[pl.DataFrame, int]:
    """`table` with naive `column` turned into UTC, and how many rows stood in an hour that occurs twice.

    Rows are in the order of time. Under "order" the hour's second pass begins where its clock steps back; without such
    a step the passes cannot be told apart, and the rows are faulty. A clock time that the zone skips is faulty.
    """
    naive = pl.col(column) - pl.duration(minutes=zone.shift_minutes)
    if zone.region is None:
        return table.with_columns(naive.dt.replace_time_zone("UTC").cast(TIME).alias(column)), 0

    def localised(fold: pl.Expr | Literal["earliest", "latest"]) -> pl.Expr:
        zoned = naive.dt.replace_time_zone(zone.region, ambiguous=fold, non_existent="null")
        return zoned.dt.convert_time_zone("UTC").cast(TIME)

    table = table.with_columns(localised("earliest").alias("_first"), localised("latest").alias("_second"))
    checks = [
        Check(
            kind="clock time skipped",
            bad=pl.col("_first").is_null(),
            what=f"{label} '{{}}' does not exist in {zone.name}: its clocks went forward",
            value=pl.col("time"),
            remedy="is it the right time zone?",
        )
    ]
    table = faults.sift(table, checks)
    twice = pl.col("_first") != pl.col("_second")
    doubled = int(table.select(twice.sum()).item())
    if not doubled:
        return table.with_columns(pl.col("_first").alias(column)).drop("_first", "_second"), 0
    table = _resolved(table, column, twice, ambiguous)
    check = Check(
        kind="clock time twice",
        bad=pl.col("_utc").is_null(),
        what=f"{label} '{{}}' occurs twice in {zone.name}, and no row tells which is meant",
        value=pl.col("time"),
        remedy="give ambiguous 'latest' (known no earlier than it was) or 'earliest', or export in UTC",
    )
    table = faults.sift(table, [check])
    return table.with_columns(pl.col("_utc").alias(column)).drop("_first", "_second", "_utc"), doubled


def _resolved(table: pl.DataFrame, column: str, twice: pl.Expr, ambiguous: Ambiguous) -> pl.DataFrame:
    told: pl.Expr
    if ambiguous == "refuse":
        told = pl.when(~twice).then("_first")
    elif ambiguous != "order":
        told = pl.when(twice).then("_first" if ambiguous == "earliest" else "_second").otherwise("_first")
    else:
        day = pl.col(column).dt.date()
        stepped = (twice & twice.shift(1, fill_value=False) & (pl.col(column).diff() <= pl.duration())).fill_null(False)
        table = table.with_columns(stepped.alias("_step"), twice.alias("_twice"))
        second = pl.col("_step").cum_max().over(day, "_twice")
        known = pl.col("_step").any().over(day, "_twice")
        told = pl.when(~pl.col("_twice")).then("_first").when(known & second).then("_second").when(known).then("_first")
    return table.with_columns(told.alias("_utc")).drop("_step", "_twice", strict=False)
