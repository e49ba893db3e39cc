"""Bars of one instrument from any exporter's file, stamped at the moment at which each bar is known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from rookery.errors import UserError, did_you_mean
from rookery.schema import BARS, Loaded, SourceFacts, check
from rookery.sources import _bar_columns, _bar_dialects, _bar_quality, _bar_rows, _bar_stamps, _content, _delimited
from rookery.sources import _parquet as _parquet_rows
from rookery.sources._bar_clock import Ambiguous, zone_of
from rookery.sources._bar_dialects import DIALECTS, DateOrder, Dialect, Layout, Stamp
from rookery.sources._bar_numbers import Decimal
from rookery.sources._bar_quality import BarQuality, quality
from rookery.sources._bar_rows import Price, Ranges
from rookery.sources._faults import Faults
from rookery.sources._records import Records

__all__ = ["DIALECTS", "BarOptions", "BarQuality", "load", "quality"]

LastBar = Literal["auto", "keep", "drop"]
_INTERVAL = re.compile(r"([1-9][0-9]{0,4}) ?(s|m|min|h|d|w|mo)$")
_CHOICES: Mapping[str, tuple[object, ...]] = {
    "dialect": ("auto", *DIALECTS),
    "bar_stamp": (None, *get_args(Stamp)),
    "date_order": (None, *get_args(DateOrder)),
    "decimal": get_args(Decimal),
    "ambiguous": get_args(Ambiguous),
    "price": get_args(Price),
    "ranges": get_args(Ranges),
    "last_bar": get_args(LastBar),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BarOptions:
    """What overrides the exporter's habits.

    `tz`: the clock of the stamps (`America/New_York`, `EST` all year, `UTC+2`, `America/New_York+7`). `bar_stamp`:
    whether a stamp is the bar's open or its close. `interval`: the bar's length, `30m`, `4h`, `1d`, `1w`, `1mo`; the
    most common step when None. `columns`: meaning to column, `{"close": "Settle"}`. `date_order`: day or month first.
    `decimal`: what the decimal mark is. `ambiguous`: which pass of an hour that occurs twice (`order`: by the order of
    rows). `price`: of files with bid and ask. `ranges`: refuse a bar whose high and low do not hold its open and
    close, or widen them. `last_bar`: drop the last bar, which may be unfinished (auto: of Binance and ccxt).
    `instrument`: its name, or which one of a file with several.
    """

    dialect: str = "auto"
    tz: str | None = None
    bar_stamp: Stamp | None = None
    interval: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    date_order: DateOrder | None = None
    decimal: Decimal = "auto"
    ambiguous: Ambiguous = "order"
    price: Price = "mid"
    ranges: Ranges = "refuse"
    last_bar: LastBar = "auto"
    instrument: str | None = None

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                known = [str(choice) for choice in choices if choice is not None]
                place = f"--{name.replace('_', '-')}"
                raise UserError(f"'{value}' is not a choice", place=place, remedy=did_you_mean(str(value), known))
        if self.tz is not None:
            zone_of(self.tz)
        if self.interval is not None and _INTERVAL.match(self.interval) is None:
            what = f"'{self.interval[:40]}' is no interval"
            raise UserError(what, place="--interval", remedy="write it like 30m, 4h, 1d, 1w or 1mo")


_AS_FOUND = BarOptions()


def load(path: str | Path, *, options: BarOptions = _AS_FOUND, quarantine: Path | None = None) -> Loaded:
    """Read CSV (comma, semicolon, tab; UTF-8 or UTF-16) or parquet, also gzipped, into the BARS table, oldest first.

    A bar's `time` is its close: a bar stamped at its open is known one interval later, one stamped by its date alone
    when that date has passed. The exporter is told by columns and shapes, and what it leaves open is overridden by
    `options`; what was found and assumed stands in the facts' notes, with gaps, pauses, bad ticks and flat bars.

    The first faulty row raises UserError with its line. With `quarantine`, faulty rows go to that CSV file (row,
    reason, text) and the rest is loaded. What is wrong with the file as a whole (columns, units of time, dates that may
    be day or month first, several instruments) raises in either case. Equal rows are read once.
    """
    if quarantine is not None and quarantine.resolve() == Path(path).resolve():
        raise UserError("is the input itself", place="--quarantine", remedy="name another file")
    strict = quarantine is None
    records, found, notes, fingerprint = _records(path, strict=strict)
    faults = Faults(records, strict=strict)
    try:
        made = _bars(records, faults, found, options)
    finally:
        if quarantine is not None:
            faults.write(quarantine)
    table = check(made.table, BARS, place=path)
    zone = made.zone
    facts = SourceFacts(
        path=str(path),
        dialect=made.dialect.title,
        rows_read=records.fields.height,
        rows_kept=table.height,
        quarantined=faults.counts(),
        duplicates_dropped=made.duplicates,
        other_events_skipped=made.skipped,
        notes=notes | made.notes | _bar_quality.notes(quality(table, tz=zone), zone),
        fingerprint=fingerprint,
    )
    return Loaded(table=table, facts=facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """The BARS columns with what was found on the way."""

    table: pl.DataFrame
    dialect: Dialect
    zone: str
    duplicates: int
    skipped: int
    notes: dict[str, str]


def _records(path: str | Path, *, strict: bool) -> tuple[Records, Layout, dict[str, str], str]:
    content = _content.read(path, utf16=True)
    packed = ", gzip" if content.packed else ""
    if content.form is _content.Form.PARQUET:
        records = _parquet_rows.read(content, strict=strict)
        return records, Layout(header=None, cells=()), {"format": "parquet"}, content.fingerprint
    if content.form is not _content.Form.DELIMITED:
        raise UserError("is JSON, not a table of columns", place=path, remedy="export CSV or parquet")
    data, footer = _bar_dialects.without_footer(content.data)
    found = _bar_dialects.layout(data)
    plain = _content.Content(path=content.path, data=data, form=content.form, packed=content.packed, fingerprint="")
    records = _delimited.read(plain, strict=strict, header=found.header)
    layout = f"{records.layout}{packed}{', no header' if found.header else ''}{', closing line' if footer else ''}"
    return records, found, {"format": layout}, content.fingerprint


def _bars(records: Records, faults: Faults, found: Layout, options: BarOptions) -> _Made:
    rows = _bar_rows.any_left(faults.unbroken(), records.path)
    key, ground = _bar_dialects.dialect_of(records.names(), found, rows)
    if options.dialect != "auto":
        key, ground = options.dialect, "as given"
    dialect = DIALECTS[key]
    chosen, slips = _bar_columns.choose(records, options.columns)
    table, instrument, others = _one_instrument(_bar_columns.select(rows, chosen), options, records)
    label = " ".join(chosen[name] for name in ("date", "time") if name in chosen)
    stamps = _bar_stamps.read(table, label, asked=options.date_order, habit=dialect.date_order, faults=faults)
    priced = _bar_rows.priced(stamps.table, chosen, records, faults, _bar_rows.Prices(
        price=options.price, ranges=options.ranges, decimal=options.decimal))  # fmt: skip
    zone, zone_note = _zone(options, dialect, absolute=stamps.absolute)
    timed = _bar_rows.timed(
        priced.table,
        label,
        faults,
        _bar_rows.Clock(
            zone=zone_of("UTC" if stamps.absolute else zone),
            ambiguous=options.ambiguous,
            stamp=options.bar_stamp or dialect.stamp,
            date_only=stamps.date_only or _bar_rows.only_dates(priced.table),
            interval=options.interval,
        ),
    )
    whole, dropped = _without_last(timed.table, dialect, options)
    notes = {
        "dialect": f"{dialect.title}: {ground}",
        "instrument": instrument,
        "time zone": zone_note,
        "bar stamp": timed.stamp_note if options.bar_stamp is None else f"{timed.stamp_note}, as given",
        **stamps.notes,
        **timed.notes,
        **priced.notes,
    }
    if slips:
        notes["header"] = ", ".join(slips)
    if dropped:
        notes["last bar"] = "dropped: it may be unfinished"
    return _Made(
        table=_bar_rows.finished(whole, instrument),
        dialect=dialect,
        zone=zone,
        duplicates=timed.duplicates,
        skipped=others + dropped,
        notes=notes,
    )


def _one_instrument(table: pl.DataFrame, options: BarOptions, records: Records) -> tuple[pl.DataFrame, str, int]:
    """The rows of one instrument, its name, and how many rows are of others."""
    stem = re.sub(r"(\.(csv|txt|tsv|parquet|gz))+$", "", records.path.name, flags=re.IGNORECASE)
    if "instrument" not in table.columns:
        return table, options.instrument or stem, 0
    names = table["instrument"].drop_nulls().unique(maintain_order=True).to_list()
    if options.instrument is None or len(names) < 2:
        if len(names) > 1:
            shown = ", ".join(str(name)[:20] for name in names[:5])
            raise UserError(f"holds bars of {len(names)} instruments ({shown})", place=records.path,
                            remedy="choose one: --instrument NAME")  # fmt: skip
        return table, options.instrument or (str(names[0]) if names else stem), 0
    if options.instrument not in names:
        what = f"has no bar of '{options.instrument}'"
        raise UserError(what, place=records.path, remedy=did_you_mean(options.instrument, map(str, names)))
    kept = table.filter(pl.col("instrument") == options.instrument)
    return kept, options.instrument, table.height - kept.height


def _zone(options: BarOptions, dialect: Dialect, *, absolute: bool) -> tuple[str, str]:
    """The clock of the stamps, and how it is known."""
    about = f" ({dialect.about_zone})" if dialect.about_zone else ""
    if absolute:
        return "UTC", "stated by every stamp"
    if options.tz is not None:
        return options.tz, f"{options.tz}, as given"
    if dialect.zone is not None:
        return dialect.zone, f"{dialect.zone}, as {dialect.title} writes{about}"
    return "UTC", f"UTC, assumed: the file does not say{about}; give tz before joining it to others"


def _without_last(table: pl.DataFrame, dialect: Dialect, options: BarOptions) -> tuple[pl.DataFrame, int]:
    drop = options.last_bar == "drop" or (options.last_bar == "auto" and dialect.unfinished)
    if drop and table.height > 1:
        return table.head(-1), 1
    return table, 0
