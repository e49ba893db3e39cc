"""Any trader's fills from a table of any layout: the caller says which column is what."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self
from zoneinfo import available_timezones

import polars as pl
from pydantic import Field, field_validator, model_validator

from rookery.config import Config
from rookery.errors import UserError, did_you_mean
from rookery.schema import FILLS, TIME, Loaded, SourceFacts, check
from rookery.sources import _content, _delimited, _parquet, _times
from rookery.sources._faults import Check, Faults
from rookery.sources._records import Records

_SIDES = {"BUY": "BUY", "B": "BUY", "BID": "BUY", "SELL": "SELL", "S": "SELL", "A": "SELL", "ASK": "SELL"}
_TRUTHS = {"TRUE": True, "T": True, "1": True, "TAKER": True, "FALSE": False, "F": False, "0": False, "MAKER": False}
_NUMBERS = ("size", "price", "notional", "fee", "position_before", "realised")
_TEXTS = ("trader", "instrument", "outcome", "transaction_hash", "order_id")
_UNIX_OR_ISO = None
_NEAR = 0.01
# Names in the time zone database for a clock that is not set, or that is each machine's own.
_NO_ZONES = {"Factory", "localtime"}


class FillColumns(Config):
    """Which column of a file holds what; None where the file has no such column. `FillColumns.read` takes YAML or JSON.

    `time_format` (chrono's %-letters) and `time_zone` are for stamps that are neither unix time nor ISO 8601.
    `resolution_s` is what stamps were cut to: a stamp of whole minutes is knowable only at the minute's end.
    `one_trader` and `one_instrument` name what a file without such a column is all of.
    """

    time: str
    side: str
    size: str
    price: str
    trader: str | None = None
    instrument: str | None = None
    outcome: str | None = None
    notional: str | None = None
    fee: str | None = None
    position_before: str | None = None
    realised: str | None = None
    is_taker: str | None = None
    transaction_hash: str | None = None
    order_id: str | None = None
    time_format: str | None = _UNIX_OR_ISO
    time_zone: str = "UTC"
    resolution_s: int = Field(default=0, ge=0, le=86_400)
    one_trader: str | None = None
    one_instrument: str | None = None

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        if zone not in available_timezones() - _NO_ZONES:
            raise ValueError("is no time zone; like UTC or Asia/Kolkata")
        return zone

    @field_validator("time_format")
    @classmethod
    def _is_sound(cls, layout: str | None) -> str | None:
        if layout is None:
            return None
        try:
            _zone_in(layout)
        except pl.exceptions.PolarsError as failure:
            why = str(failure).splitlines()[0].removeprefix("Invalid format string: ")
            raise ValueError(f"cannot be a layout of stamps: {why[:1].lower()}{why[1:120]}") from None
        return layout

    @model_validator(mode="after")
    def _names_trader_and_instrument(self) -> Self:
        for name in ("trader", "instrument"):
            if (getattr(self, name) is None) == (getattr(self, f"one_{name}") is None):
                raise ValueError(f"give either {name} (a column) or one_{name} (a name)")
        return self

    @model_validator(mode="after")
    def _has_one_zone(self) -> Self:
        if self.time_format is not None and self.time_zone != "UTC" and _zone_in(self.time_format) is not None:
            raise ValueError("time_format reads the zone from every stamp: leave time_zone out")
        return self


def _zone_in(layout: str) -> str | None:
    """The zone of moments read by `layout` where stamps hold their own. Raises PolarsError for what is no layout."""
    zone: str | None = getattr(pl.Series([""]).str.to_datetime(layout, strict=False).dtype, "time_zone", None)
    return zone


_OPTIONS = ("time_format", "time_zone", "resolution_s", "one_trader", "one_instrument")
_COLUMNS = tuple(name for name in FillColumns.model_fields if name not in _OPTIONS)

# The web page's export of an account. Its `Timestamp` and `Trade ID` are often rounded by a spreadsheet.
HYPERLIQUID = FillColumns(
    time="Timestamp IST",
    time_format="%d-%m-%Y %H:%M",
    time_zone="Asia/Kolkata",
    resolution_s=60,
    trader="Account",
    instrument="Coin",
    side="Side",
    size="Size Tokens",
    price="Execution Price",
    notional="Size USD",
    fee="Fee",
    position_before="Start Position",
    realised="Closed PnL",
    is_taker="Crossed",
    transaction_hash="Transaction Hash",
    order_id="Order ID",
)

# A wallet's fills in markets of two outcomes. Its `datetime` may be in the collector's own clock, its fee in no unit.
POLYMARKET_WALLET = FillColumns(
    time="timestamp",
    trader="wallet",
    instrument="market_slug",
    outcome="outcome",
    side="side",
    size="shares",
    price="price",
    notional="usdc",
    is_taker="role",
    transaction_hash="tx_hash",
    order_id="id",
)


def load(
    path: str | Path,
    columns: FillColumns,
    *,
    trader: str | None = None,
    instrument: str | None = None,
    skip_bad: bool = False,
    quarantine: Path | None = None,
) -> Loaded:
    """Read CSV (comma, semicolon, tab) or parquet, also gzipped, into the FILLS table, by time, then as in the file.

    `trader` and `instrument` keep one of each. Equal rows are all kept: they can be real fills. The first faulty row
    raises UserError with its line; with `skip_bad` faulty rows are left out and counted, and with `quarantine` also
    written to that CSV file (row, reason, text). The facts' notes say what does not fit together: notionals that are
    not size x price, and positions that do not follow from the fill before.
    """
    content = _content.read(path)
    if content.form not in (_content.Form.DELIMITED, _content.Form.PARQUET):
        raise UserError("is JSON, not a table of columns", place=path, remedy="export CSV or parquet")
    strict = not skip_bad and quarantine is None
    reader = _delimited.read if content.form is _content.Form.DELIMITED else _parquet.read
    records = reader(content, strict=strict)
    faults = Faults(records, strict=strict)
    try:
        table, unit = _typed(records, columns, faults)
    finally:
        if quarantine is not None:
            faults.write(quarantine)
    if table.is_empty():
        raise UserError("no row is without fault", place=path, remedy="is every column named rightly?")
    ordered = check(table.sort("time", maintain_order=True), FILLS, place=path)
    facts = SourceFacts(
        path=str(path),
        dialect="fills",
        rows_read=records.fields.height,
        rows_kept=ordered.height,
        quarantined=faults.counts(),
        notes={
            "format": records.layout + (", gzip" if content.packed else ""),
            "time": f"{unit}, knowable {columns.resolution_s} s after the stamp",
            "order": _told_order(table),
            "notional": _told_notional(ordered, stated=columns.notional is not None),
        },
        fingerprint=content.fingerprint,
    )
    return select(Loaded(table=ordered, facts=facts), trader=trader, instrument=instrument)


def select(loaded: Loaded, *, trader: str | None = None, instrument: str | None = None) -> Loaded:
    """One trader's fills, or those in one instrument, of what was loaded. Raises UserError where there is none."""
    facts = loaded.facts
    kept = _only(_only(loaded.table, "trader", trader, facts.path), "instrument", instrument, facts.path)
    told = {
        "equal rows": f"{int(kept.is_duplicated().sum())} are equal to another in every column, and kept",
        "positions": _told_positions(kept),
    }
    skipped = facts.other_events_skipped + loaded.table.height - kept.height
    counted = replace(facts, rows_kept=kept.height, other_events_skipped=skipped, notes={**facts.notes, **told})
    return Loaded(table=kept, facts=counted)


def _typed(records: Records, columns: FillColumns, faults: Faults) -> tuple[pl.DataFrame, str]:
    labels = {name: label for name in _COLUMNS if (label := getattr(columns, name)) is not None}
    known = set(records.names())
    for name, label in labels.items():
        if label not in known:
            what = f"column '{label}' ({name}) is missing"
            raise UserError(what, place=records.path, remedy=did_you_mean(label, known))
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in _COLUMNS if name not in labels]
    # Labels may be any of the new names, so the old columns are read before any new one is made.
    table = faults.unbroken().select(
        pl.first(), *(pl.col(label).alias(name) for name, label in labels.items()), *absent
    )
    table = table.with_columns(
        pl.coalesce(name, pl.lit(getattr(columns, f"one_{name}"), dtype=pl.String)) for name in ("trader", "instrument")
    )
    table, unit = _with_moments(table, columns, labels["time"], faults)
    table = table.with_columns(pl.col(name).cast(pl.Float64, strict=False).alias(f"{name}_") for name in _NUMBERS)
    table = faults.sift(table, [*_moment_checks(columns), *_checks(labels)])
    size, price = pl.col("size_"), pl.col("price_")
    return table.select(
        (pl.col("moment") + pl.duration(seconds=columns.resolution_s)).cast(TIME).alias("time"),
        *_TEXTS,
        pl.col("side").str.to_uppercase().replace_strict(_SIDES).alias("side"),
        *(pl.col(f"{name}_").alias(name) for name in _NUMBERS if name != "notional"),
        pl.coalesce("notional_", size * price).alias("notional"),
        _truth().alias("is_taker"),
    ).select(FILLS.columns.keys()), unit


def _with_moments(table: pl.DataFrame, columns: FillColumns, label: str, faults: Faults) -> tuple[pl.DataFrame, str]:
    if columns.time_format is None:
        return _times.with_moments(table, label, faults)
    local = pl.col("time").str.to_datetime(columns.time_format, time_unit="ns", strict=False)
    zoned = local.dt.replace_time_zone(columns.time_zone, ambiguous="null", non_existent="null")
    moment = zoned.dt.convert_time_zone("UTC").alias("moment")
    return table.with_columns(moment), f"'{columns.time_format}' in {columns.time_zone}"


def _moment_checks(columns: FillColumns) -> list[Check]:
    if columns.time_format is None:
        return _times.checks(columns.time)
    told = f"time_format says '{columns.time_format}', time_zone {columns.time_zone}: are they right?"
    return _times.checks(columns.time, told)


def _truth() -> pl.Expr:
    return pl.col("is_taker").str.to_uppercase().replace_strict(_TRUTHS, default=None, return_dtype=pl.Boolean)


def _checks(labels: dict[str, str]) -> list[Check]:
    checks = [
        Check(
            kind=f"{name} unreadable",
            bad=pl.col(name).is_not_null() & ~pl.col(f"{name}_").is_finite().fill_null(False),
            what=f"{labels[name]} '{{}}' is not a finite number",
            value=pl.col(name),
        )
        for name in _NUMBERS
        if name in labels
    ]
    checks += [
        Check(kind=f"{name} missing", bad=pl.col(name).is_null(), what=f"{labels.get(name, name)} is empty")
        for name in ("trader", "instrument", "size", "price")
    ]
    checks += [
        Check(
            kind=f"{name} not above 0",
            bad=pl.col(f"{name}_") <= 0,
            what=f"{labels[name]} '{{}}' is not above 0",
            value=pl.col(name),
        )
        for name in ("size", "price")
    ]
    checks.append(
        Check(
            kind="side unknown",
            bad=~pl.col("side").str.to_uppercase().is_in(list(_SIDES)).fill_null(False),
            what=f"{labels['side']} '{{}}' is neither BUY nor SELL",
            value=pl.col("side"),
        )
    )
    return [*checks, *_optional_checks(labels)]


def _optional_checks(labels: dict[str, str]) -> Sequence[Check]:
    return (
        Check(
            kind="outcome unknown",
            bad=~pl.col("outcome").is_in(("Up", "Down")),
            what=f"{labels.get('outcome', 'outcome')} '{{}}' is neither Up nor Down",
            value=pl.col("outcome"),
        ),
        Check(
            kind="taker unknown",
            bad=pl.col("is_taker").is_not_null() & _truth().is_null(),
            what=f"{labels.get('is_taker', 'is_taker')} '{{}}' is neither true nor false, taker nor maker",
            value=pl.col("is_taker"),
        ),
    )


def _only(table: pl.DataFrame, name: str, wanted: str | None, path: str | Path) -> pl.DataFrame:
    if wanted is None:
        return table
    kept = table.filter(pl.col(name) == wanted)
    if kept.is_empty():
        raise UserError(
            f"has no fill of {name} '{wanted}'", place=path, remedy=did_you_mean(wanted, table[name].unique())
        )
    return kept


def _told_order(table: pl.DataFrame) -> str:
    back = int((table["time"].diff().dt.total_nanoseconds() < 0).sum())
    together = int(table.select(pl.struct("trader", "instrument", "time").is_duplicated()).to_series().sum())
    return (
        f"by time, then as in the file; {back} steps back in the file, {together} rows share their moment with another"
    )


def _told_notional(table: pl.DataFrame, *, stated: bool) -> str:
    if not stated:
        return "size x price"
    off = (table["size"] * table["price"] - table["notional"]).abs() > _NEAR * table["notional"].abs()
    return f"as stated; {int(off.sum())} rows are off size x price by more than {_NEAR:.0%}"


def _told_positions(table: pl.DataFrame) -> str:
    if table["position_before"].null_count() == table.height:
        return "not stated"
    signed = pl.when(pl.col("side") == "BUY").then(pl.col("size")).otherwise(-pl.col("size"))
    expected = (pl.col("position_before") + signed).shift(1).over("trader", "instrument")
    gap = (pl.col("position_before") - expected).abs() / pl.max_horizontal(expected.abs(), "size")
    found = table.select(gap.alias("gap")).drop_nulls()
    follow = int((found["gap"] <= _NEAR).sum())
    return f"{follow} of {found.height} follow from the fill before, in the file's order of each moment"
