"""Rows of a bar file with prices checked, in order of time, each with its open and close."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Literal

import polars as pl

from rookery.errors import UserError
from rookery.schema import BARS, TIME
from rookery.sources import _bar_clock, _bar_numbers
from rookery.sources._bar_clock import Ambiguous, Zone
from rookery.sources._bar_columns import PRICES, SIDES
from rookery.sources._bar_dialects import Stamp
from rookery.sources._bar_numbers import Decimal
from rookery.sources._bar_quality import usual_step_ns
from rookery.sources._faults import Check, Faults
from rookery.sources._records import INDEX, Records

Price = Literal["mid", "bid", "ask"]
Ranges = Literal["refuse", "widen"]
_UNIT_NS: Mapping[str, int] = {
    "s": 10**9, "m": 60 * 10**9, "min": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9, "w": 604_800 * 10**9,
}  # fmt: skip
_DAY_NS = 86_400 * 10**9
_VOLUMES = ("volume", "ticks", "up", "down", "spread")
_CONTENT = ("open_", "high_", "low_", "close_", "volume_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Which side of a quote, what to do with a high and low that do not hold the close, and the decimal mark."""

    price: Price
    ranges: Ranges
    decimal: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How stamps become moments. `interval` None is the most common step."""

    zone: Zone
    ambiguous: Ambiguous
    stamp: Stamp
    date_only: bool
    interval: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """Rows with open_, high_, low_, close_, volume_ and spread_ as numbers."""

    table: pl.DataFrame
    notes: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Rows, oldest first, with open_time and close_time in UTC."""

    table: pl.DataFrame
    duplicates: int
    stamp_note: str
    notes: dict[str, str]


def any_left(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """`table`, or UserError when it is empty."""
    if table.is_empty():
        raise UserError("no row is without fault", place=path, remedy="the quarantine file says why, row by row")
    return table


def priced(table: pl.DataFrame, labels: Mapping[str, str], records: Records, faults: Faults, options: Prices) -> Priced:
    """Read and check prices and volumes. A price not above 0, or a bar without a range, is a fault."""
    any_left(table, records.path)
    quoted = "bid_open" in table.columns
    sides = tuple(f"{side}_{name}" for side in SIDES for name in PRICES) if quoted else PRICES
    volumes = [name for name in _VOLUMES if name in table.columns]
    table, how = _bar_numbers.with_numbers(table, sides, volumes, records, options.decimal)
    table = faults.sift(table, [fault for name in sides for fault in _price_faults(name, labels[name])])
    table = faults.sift(table, [_volume_fault(name, labels[name]) for name in volumes])
    notes = {"numbers": how}
    if quoted:
        table = table.with_columns(_side(name, options.price).alias(f"{name}_") for name in PRICES)
        table = table.with_columns((pl.col("ask_close_") - pl.col("bid_close_")).alias("spread_"))
        notes["price"] = f"{options.price} of bid and ask; high and low of mid are those of the two sides, halved"
    table, widened = _ranges(table, options.ranges, faults, quoted=quoted)
    if widened:
        notes["ranges"] = f"{widened:,} bars whose high and low did not hold open and close were widened"
    table, volume = _volume(any_left(table, records.path), labels)
    if "spread" in volumes and "ticks" in volumes:
        # MetaTrader's habit; anywhere else a spread is a price.
        points = max(_bar_numbers.decimals(table[name]) for name in PRICES)
        table = table.with_columns(pl.col("spread_") * 10.0**-points)
        notes["spread unit"] = f"points of 1e-{points}, by the digits of the prices"
    return Priced(table=table, notes=notes | {"volume": volume})


def only_dates(table: pl.DataFrame) -> bool:
    """Whether bars a day or more apart are all stamped at midnight, which is to say by their date."""
    step = usual_step_ns(table["moment"].diff().abs().dt.total_nanoseconds())
    return step is not None and step >= _DAY_NS and bool((table["moment"].dt.time() == time(0)).all())


def timed(table: pl.DataFrame, label: str, faults: Faults, clock: Clock) -> Timed:
    """Bring rows into order, settle their zone, and give each bar its open and its close."""
    table, order = _oldest_first(table)
    distinct = _once(table)
    repeated = table.height - distinct.height
    table, doubled = distinct.with_columns(pl.col("moment").alias("local")), 0
    interval_ns, interval = _interval(table, clock, faults)
    table = table.with_columns(_ends(clock, interval_ns, interval))
    if clock.date_only:
        for name in ("open_time", "close_time_"):
            table, _ = _bar_clock.to_utc(table, name, clock.zone, "earliest", label, faults)
    else:
        table, doubled = _bar_clock.to_utc(table, "open_time", clock.zone, clock.ambiguous, label, faults)
        table = table.with_columns(_shifted(pl.col("open_time"), clock, interval_ns, interval))
    table, stated = _stated_close(table, faults)
    table = faults.sift(table, _order_faults(label))
    if stated:
        told = "open; known at the file's own close time"
    elif clock.date_only:
        told = "date alone: known when the date has passed"
    else:
        told = f"{clock.stamp}: known {'one interval later' if clock.stamp == 'open' else 'at the stamp'}"
    notes = {"interval": interval, "order": order}
    if doubled:
        notes["doubled hour"] = f"{doubled:,} rows in an hour that occurs twice, settled by '{clock.ambiguous}'"
    if repeated:
        notes["repeated"] = f"{repeated:,} rows equal an earlier one, read once"
    return Timed(table=table, duplicates=repeated, stamp_note=told, notes=notes)


def finished(table: pl.DataFrame, instrument: str) -> pl.DataFrame:
    """The BARS columns. Flat bars at the last close without volume count as filled in, if others have volume."""
    traded = bool((table["volume_"] > 0).any())
    flat = (pl.col("high_") == pl.col("low_")) & (pl.col("close_") == pl.col("close_").shift(1))
    synthetic = flat & (pl.col("volume_") == 0) if traded else pl.lit(False)
    spread = pl.col("spread_") if "spread_" in table.columns else pl.lit(None, dtype=pl.Float64)
    return table.select(
        pl.col("close_time_").alias("time"),
        "open_time",
        pl.lit(instrument).alias("instrument"),
        *(pl.col(f"{name}_").alias(name) for name in (*PRICES, "volume")),
        spread.alias("spread"),
        synthetic.fill_null(False).alias("synthetic"),
    ).select(BARS.columns.keys())


def _price_faults(name: str, label: str) -> list[Check]:
    text, value = pl.col(name), pl.col(f"{name}_")
    return [
        Check(kind=f"{name} missing", bad=text.is_null(), what=f"{label} is empty", remedy="fill or remove the row"),
        Check(
            kind=f"{name} unreadable",
            bad=value.is_null() | ~value.is_finite(),
            what=f"{label} '{{}}' is not a finite number",
            value=text,
            remedy="export it again as plain numbers",
        ),
        Check(
            kind=f"{name} not above 0",
            bad=value <= 0,
            what=f"{label} '{{}}' is not above 0",
            value=text,
            remedy="returns of such prices have no meaning: set the row aside with --quarantine",
        ),
    ]


def _volume_fault(name: str, label: str) -> Check:
    value = pl.col(f"{name}_")
    return Check(
        kind=f"{name} unreadable",
        bad=~_bar_numbers.absent(name) & (value.is_null() | ~value.is_finite() | (value < 0)),
        what=f"{label} '{{}}' is not a number of 0 or above",
        value=pl.col(name),
        remedy="export it again as plain numbers",
    )


def _side(name: str, price: Price) -> pl.Expr:
    bid, ask = pl.col(f"bid_{name}_"), pl.col(f"ask_{name}_")
    return {"bid": bid, "ask": ask, "mid": (bid + ask) / 2}[price]


def _ranges(table: pl.DataFrame, ranges: Ranges, faults: Faults, *, quoted: bool) -> tuple[pl.DataFrame, int]:
    top, bottom = pl.max_horizontal("open_", "close_"), pl.min_horizontal("open_", "close_")
    high, low = pl.col("high_"), pl.col("low_")
    checks = [
        Check(kind="high below low", bad=high < low, what="high {} is below low", value=high, remedy="mend the row")
    ]
    if quoted:
        checks.append(
            Check(
                kind="ask below bid",
                bad=pl.col("ask_close_") < pl.col("bid_close_"),
                what="ask close {} is below bid close",
                value=pl.col("ask_close_"),
                remedy="are bid and ask in the right columns?",
            )
        )
    outside = (high < top) | (low > bottom)
    if ranges == "widen":
        table = faults.sift(table, checks)
        count = int(table.select(outside.sum()).item())
        return table.with_columns(pl.max_horizontal(high, top), pl.min_horizontal(low, bottom)), count
    said = pl.format("open {}, high {}, low {}, close {}: high and low do not hold the others", *_CONTENT[:4])
    checks.append(
        Check(kind="outside high and low", bad=outside, what=said, remedy="--ranges widen, or --quarantine FILE")
    )
    return faults.sift(table, checks), 0


def _volume(table: pl.DataFrame, labels: Mapping[str, str]) -> tuple[pl.DataFrame, str]:
    """`volume_` from whichever columns the exporter fills, and which these are."""
    table = table.with_columns(pl.col(f"{name}_").fill_nan(None) for name in _VOLUMES if name in table.columns)
    if "volume" in table.columns:
        empty = "ticks" in table.columns and not (table["volume_"] > 0).any()
        if not empty:
            return table, f"column '{labels['volume']}'"
    if "ticks" in table.columns:
        return table.with_columns(pl.col("ticks_").alias("volume_")), f"ticks, column '{labels['ticks']}'"
    if "up" in table.columns and "down" in table.columns:
        return table.with_columns((pl.col("up_") + pl.col("down_")).alias("volume_")), "sum of Up and Down"
    return table.with_columns(pl.lit(None, dtype=pl.Float64).alias("volume_")), "not in the file"


def _oldest_first(table: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    steps = table["moment"].diff().dt.total_nanoseconds()
    if int((steps < 0).sum()) > int((steps > 0).sum()):
        return table.reverse(), "newest first in the file, turned round"
    return table, "as in the file"


def _once(table: pl.DataFrame) -> pl.DataFrame:
    rising = bool((table["moment"].diff().dt.total_nanoseconds() > 0).fill_null(True).all())
    return table if rising else table.unique(["moment", *_CONTENT], keep="first", maintain_order=True)


def _interval(table: pl.DataFrame, clock: Clock, faults: Faults) -> tuple[int, str]:
    """Nanoseconds of one bar (0 for months) and the same in words."""
    usual = usual_step_ns(table["local"].diff().dt.total_nanoseconds())
    if clock.interval is not None:
        most = f"; the most common step is {spelled(usual)}" if usual else ""
        number, unit = re.fullmatch(r"([0-9]+) ?([a-z]+)", clock.interval).groups()  # type: ignore[union-attr]
        span = 0 if unit == "mo" else int(number) * _UNIT_NS[unit]
        if clock.date_only and span % _DAY_NS:
            raise UserError(f"'{clock.interval}' is no whole number of days", place="--interval",
                            remedy="the file gives dates without a clock time")  # fmt: skip
        return span, f"{f'{number} months' if unit == 'mo' else spelled(span)}, as given{most}"
    if usual is None:
        faults.refuse(table[INDEX][0], "one bar alone does not show how long a bar is", "give the interval, like 30m")
    if clock.date_only and usual >= 28 * _DAY_NS:
        if usual > 31 * _DAY_NS:
            faults.refuse(table[INDEX][0], f"bars {spelled(usual)} apart have no usual length", "give the interval")
        return 0, "1 months, the most common step"
    steps = table["local"].diff().drop_nulls().dt.total_nanoseconds()
    return usual, f"{spelled(usual)}, the most common step ({float((steps == usual).mean() or 0):.1%} of them)"  # type: ignore[arg-type]


def _ends(clock: Clock, interval_ns: int, interval: str) -> list[pl.Expr]:
    """Open and close by the wall clock, which is what dates alone are told in."""
    stamp = pl.col("local")
    if not clock.date_only:
        return [stamp.alias("open_time")]
    length = f"{interval.split(maxsplit=1)[0]}mo" if not interval_ns else f"{interval_ns // _DAY_NS}d"
    if clock.stamp == "open":
        return [stamp.alias("open_time"), stamp.dt.offset_by(length).alias("close_time_")]
    close = stamp.dt.offset_by("1d")
    return [close.dt.offset_by(f"-{length}").alias("open_time"), close.alias("close_time_")]


def _shifted(opened: pl.Expr, clock: Clock, interval_ns: int, interval: str) -> list[pl.Expr]:
    """From the stamp in UTC, under the name of open_time, to both ends of the bar."""

    def moved(sign: str) -> pl.Expr:
        if not interval_ns:
            return opened.dt.offset_by(f"{sign}{interval.split(maxsplit=1)[0]}mo")
        return (opened.cast(pl.Int64) + int(f"{sign}1") * interval_ns).cast(TIME)

    if clock.stamp == "open":
        return [opened.alias("open_time"), moved("+").alias("close_time_")]
    return [moved("-").alias("open_time"), opened.alias("close_time_")]


def _stated_close(table: pl.DataFrame, faults: Faults) -> tuple[pl.DataFrame, bool]:
    """Take the file's own close time where it has one (Binance: the last moment of the bar, in the stamps' unit)."""
    if "close_time" not in table.columns:
        return table, False
    digits = pl.col("close_time").str.len_chars()
    unit = pl.when(digits == 10).then(10**9).when(digits == 13).then(10**6).when(digits == 16).then(10**3)
    last = pl.col("close_time").cast(pl.Int64, strict=False)
    alike = digits == pl.col("time").str.len_chars()
    stated = table.with_columns(pl.when(alike).then((last + 1) * unit).cast(TIME).alias("_stated"))
    wrong = Check(
        kind="close time wrong",
        bad=pl.col("_stated").is_null() | (pl.col("_stated") <= pl.col("open_time")),
        what="close time '{}' is not a later moment in the unit of the open time",
        value=pl.col("close_time"),
        remedy="export it again",
    )
    kept = faults.sift(stated, [wrong])
    return kept.with_columns(pl.col("_stated").alias("close_time_")), True


def _order_faults(label: str) -> list[Check]:
    moment = pl.col("open_time").cast(pl.Int64)
    return [
        Check(
            kind="time goes back",
            bad=moment < moment.cum_max(),
            what=f"{label} '{{}}' goes back before the row above it",
            value=pl.col("time"),
            remedy="sort the file by time; is the time zone right?",
        ),
        Check(
            kind="time told twice",
            bad=moment == moment.shift(1),
            what=f"{label} '{{}}' came before with other values",
            value=pl.col("time"),
            remedy="keep one of the two rows",
        ),
    ]


def spelled(span_ns: int) -> str:
    """A span in its largest whole unit: 30 min, 4 h, 7 d."""
    for unit, size in (("d", _DAY_NS), ("h", _UNIT_NS["h"]), ("min", _UNIT_NS["m"]), ("s", _UNIT_NS["s"])):
        if span_ns % size == 0:
            return f"{span_ns // size} {unit}"
    return f"{span_ns / 1e9:g} s"
