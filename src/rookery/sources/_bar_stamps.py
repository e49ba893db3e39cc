"""Dates and clock times of bar files, in whatever spelling, as one column of moments."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from rookery.sources import _times
from rookery.sources._bar_dialects import DateOrder
from rookery.sources._faults import Check, Faults
from rookery.sources._records import INDEX, shown

NAIVE = pl.Datetime("ns")
_MOST_SPELLINGS = 8
_TRIED = 50
_EPOCH = re.compile(r"[0-9]{9,10}(\.[0-9]*)?$|[0-9]{13}(\.[0-9]*)?$|[0-9]{16}(\.[0-9]*)?$|[0-9]{19}(\.[0-9]*)?$")
_CLOCK = r"^[0-9]{1,2}:[0-9]{2}|^[0-9]{4}$|^[0-9]{6}$"
_ZONE = r"^(.*:[0-9]{2}(?:\.[0-9]+)?) ?(Z|z|UTC|GMT(?:[+-][0-9]{2}:?[0-9]{2})?|[+-][0-9]{2}(?::?[0-9]{2})?)$"
# Day and month first: which is which takes the whole file.
_EITHER = r"^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-][0-9]{2,4}(?:[^0-9]|$)"
_DATES: tuple[tuple[str, str], ...] = (
    (r"[0-9]{4}([-./])[0-9]{1,2}\1[0-9]{1,2}", "%Y{s}%m{s}%d"),
    (r"[0-9]{1,2}([-./])[0-9]{1,2}\1[0-9]{4}", "{a}{s}{b}{s}%Y"),
    (r"[0-9]{1,2}([-./])[0-9]{1,2}\1[0-9]{2}", "{a}{s}{b}{s}%y"),
    (r"[0-9]{8}", "%Y%m%d"),
    (r"[A-Za-z]{3} [0-9]{1,2}, [0-9]{4}", "%b %d, %Y"),
    (r"[A-Za-z]{4,9} [0-9]{1,2}, [0-9]{4}", "%B %d, %Y"),
    (r"[0-9]{1,2}([- ])[A-Za-z]{3}\1[0-9]{4}", "%d{s}%b{s}%Y"),
    (r"[0-9]{1,2}([- ])[A-Za-z]{3}\1[0-9]{2}", "%d{s}%b{s}%y"),
)
_CLOCKS: tuple[tuple[str, str], ...] = (
    (r"[0-9]{1,2}:[0-9]{2}", "%H:%M"),
    (r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}", "%H:%M:%S"),
    (r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,9}", "%H:%M:%S%.f"),
    (r"[0-9]{6}", "%H%M%S"),
    (r"[0-9]{4}", "%H%M"),
    (r"[0-9]{1,2}:[0-9]{2} ?[AaPp][Mm]", "%I:%M %p"),
    (r"[0-9]{1,2}:[0-9]{2}:[0-9]{2} ?[AaPp][Mm]", "%I:%M:%S %p"),
)
_EARLIEST, _LATEST = pl.datetime(1900, 1, 1, time_unit="us"), pl.datetime(2100, 1, 1, time_unit="us")
_REMEDY = "write it like 2024-01-31 23:59:00, or as unix seconds, ms, us or ns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """Rows with `moment`, a naive wall clock or (when `absolute`) UTC; `date_only` stamps have no clock time."""

    table: pl.DataFrame
    absolute: bool
    date_only: bool
    notes: Mapping[str, str]


def read(
    table: pl.DataFrame, label: str, *, asked: DateOrder | None, habit: DateOrder | None, faults: Faults
) -> Stamps:
    """Give every row a moment, in any mixture of spellings; unreadable ones are faults.

    `table` has the texts `time` and/or `date`. Whether days or months come first is `asked`, else shown by a number
    above 12 anywhere in the file, else the exporter's `habit`. Raises UserError when the file shows both or nothing,
    when two units of unix time meet, or when only some rows have a clock time or a zone.
    """
    table = _joined(table)
    filled = table["time"].drop_nulls()
    first = str(filled[0]) if len(filled) else ""
    if _EPOCH.match(first):
        return _epoch(table, label, faults)
    table, zoned = _without_zone(table, label, first, faults)
    spellings: dict[str, int] = {}
    moments = pl.Series("moment", [None] * table.height, dtype=pl.Datetime("us"))
    order, ground = asked, f"{asked} first, as given"
    for _ in range(_MOST_SPELLINGS):
        unread = table.filter(moments.is_null() & table["time"].is_not_null())["time"]
        spelling = next((found for text in unread.head(_TRIED) if (found := _spelling(text))), None)
        if spelling is None or spelling.format(a="A", b="B") in spellings:
            break
        if "{a}" in spelling and order is None:
            order, ground = _date_order(table, label, habit, faults)
        written = spelling.format(**({"a": "%m", "b": "%d"} if order == "month" else {"a": "%d", "b": "%m"}))
        parsed = _parse(table["time"], written, moments)
        spellings[spelling.format(a="A", b="B")] = int(parsed.is_not_null().sum())
        moments = moments.fill_null(parsed)
    date_only = _one_kind(table, moments, spellings, label, faults)
    table = table.with_columns(moments.alias("moment"))
    table = faults.sift(table, _checks(label))
    moment = pl.col("moment").cast(NAIVE)
    if zoned:
        moment -= pl.duration(minutes="_offset")
    told = ", ".join(f"{_readable(spelling, order)} ({count:,} rows)" for spelling, count in spellings.items())
    notes = {"dates": told} | ({"date order": ground} if any("A" in spelling for spelling in spellings) else {})
    table = table.with_columns(moment.alias("moment")).drop("_offset", strict=False)
    return Stamps(table=table, absolute=zoned, date_only=date_only, notes=notes)


def _joined(table: pl.DataFrame) -> pl.DataFrame:
    """`time` as the whole stamp, out of a date and a clock time where the file has two columns."""
    if "date" not in table.columns:
        return table
    if "time" not in table.columns:
        return table.rename({"date": "time"})
    clocks = table["time"].drop_nulls().head(1).str.contains(_CLOCK)
    if not len(clocks) or not clocks[0]:
        return table.drop("date")
    return table.with_columns((pl.col("date") + " " + pl.col("time")).alias("time")).drop("date")


def _epoch(table: pl.DataFrame, label: str, faults: Faults) -> Stamps:
    table, unit = _times.with_moments(table, label, faults)
    table = table.with_columns(pl.col("moment").dt.replace_time_zone(None).cast(pl.Datetime("us")))
    table = faults.sift(table, _checks(label)).with_columns(pl.col("moment").cast(NAIVE))
    return Stamps(table=table, absolute=True, date_only=False, notes={"dates": f"unix {unit}"})


def _without_zone(table: pl.DataFrame, label: str, first: str, faults: Faults) -> tuple[pl.DataFrame, bool]:
    if re.match(_ZONE, first) is None:
        return table, False
    parts = table["time"].str.extract_groups(_ZONE).struct.unnest()
    texts, zone = parts.to_series(0), parts.to_series(1)
    bare = (zone.is_null() & table["time"].is_not_null()).arg_true()
    if len(bare):
        what = f"{label} '{shown(table['time'][bare[0]])}' has no zone, the rows before it have"
        faults.refuse(table[INDEX][bare[0]], what, "write all times alike")
    digits = zone.str.extract(r"[+-](.*)$").str.replace(":", "").str.pad_end(4, "0").cast(pl.Int64)
    west = pl.Series(zone.str.contains("-", literal=True)).replace_strict({True: -1, False: 1}, return_dtype=pl.Int64)
    offset = ((digits // 100 * 60 + digits % 100) * west).fill_null(0)
    return table.with_columns(texts.alias("time"), offset.alias("_offset")), True


def _spelling(text: str) -> str | None:
    """The chrono format of one stamp, with {a} and {b} for day and month where either may come first."""
    for date, spelt in _DATES:
        found = re.match(rf"{date}(?=[ T]|$|[0-9]{{4,6}}$)", text)
        if found is None:
            continue
        rest = text[found.end() :]
        whole = spelt.replace("{s}", found[1] if found.lastindex else "")
        if not rest:
            return whole
        between = rest[0] if rest[0] in " T" else ""
        for clock, clocked in _CLOCKS:
            if re.fullmatch(clock, rest[len(between) :]):
                return f"{whole}{between}{clocked}"
    return None


def _readable(spelling: str, order: DateOrder | None) -> str:
    a, b = ("MM", "DD") if order == "month" else ("DD", "MM")
    for mark, word in (
        ("%Y", "YYYY"), ("%y", "YY"), ("%m", "MM"), ("%d", "DD"), ("%b", "Mon"), ("%B", "Month"), ("%H", "hh"),
        ("%I", "hh"), ("%M", "mm"), ("%S", "ss"), ("%.f", ".f"), ("%p", "AM"),
    ):  # fmt: skip
        spelling = spelling.replace(mark, word)
    return re.sub(r"A([-./])B", rf"{a}\1{b}", spelling)


def _parse(text: pl.Series, written: str, moments: pl.Series) -> pl.Series:
    if moments.null_count() < len(moments):
        text = text.set(moments.is_not_null(), None)
    if any(mark in written for mark in ("%H", "%I")):
        return text.str.to_datetime(written, time_unit="us", strict=False).alias("moment")
    return text.str.to_date(written, strict=False).cast(pl.Datetime("us")).alias("moment")


def _date_order(table: pl.DataFrame, label: str, habit: DateOrder | None, faults: Faults) -> tuple[DateOrder, str]:
    numbers = table["time"].str.extract_groups(_EITHER).struct.unnest().cast(pl.Int64)
    first, second = numbers.to_series(0), numbers.to_series(1)
    day_first = first.is_between(13, 31) & (second <= 12)
    month_first = second.is_between(13, 31) & (first <= 12)
    days, months = int(day_first.sum()), int(month_first.sum())
    if days and months:
        odd = (month_first if days >= months else day_first).fill_null(False).arg_true()[0]
        what = f"{label} '{shown(table['time'][odd])}' cannot be read like the others: days and months change places"
        faults.refuse(table[INDEX][odd], what, "write all dates in one order")
    if days or months:
        order: DateOrder = "day" if days else "month"
        return order, f"{order} first: {days or months:,} rows can be read in no other way"
    if habit is None:
        row = table.filter(numbers.to_series(0).is_not_null())
        what = f"{label} '{shown(row['time'][0])}' may have the day or the month first, and no row of the file tells"
        faults.refuse(row[INDEX][0], what, "give the date order: day or month")
    return habit, f"{habit} first, as the exporter writes; no row tells"


def _one_kind(
    table: pl.DataFrame, moments: pl.Series, spellings: Mapping[str, int], label: str, faults: Faults
) -> bool:
    """Whether no stamp has a clock time; a file in which some have is refused."""
    clocked = [spelling for spelling in spellings if "%H" in spelling or "%I" in spelling]
    if clocked and len(clocked) < len(spellings):
        short = table["time"].str.contains(r"^[^ T]*$|^[A-Za-z]+ [0-9]{1,2}, [0-9]{4}$") & moments.is_not_null()
        rows = short.fill_null(False).arg_true()
        if len(rows):
            what = f"{label} '{shown(table['time'][rows[0]])}' has no clock time, other rows have"
            faults.refuse(table[INDEX][rows[0]], what, "write all times alike")
    return bool(spellings) and not clocked


def _checks(label: str) -> list[Check]:
    text, moment = pl.col("time"), pl.col("moment")
    return [
        Check(kind="time missing", bad=text.is_null(), what=f"{label} is empty", remedy=_REMEDY),
        Check(
            kind="time unreadable",
            bad=moment.is_null(),
            what=f"{label} '{{}}' cannot be read as a time",
            value=text,
            remedy=_REMEDY,
        ),
        Check(
            kind="time out of range",
            bad=(moment < _EARLIEST) | (moment >= _LATEST),
            what=f"{label} '{{}}' is outside 1900 to 2100",
            value=text,
            remedy=_REMEDY,
        ),
    ]
