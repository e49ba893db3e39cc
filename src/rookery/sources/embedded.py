"""Daily bars that come with the arch package: S&P 500, NASDAQ and WTI oil, for work without any file."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import polars as pl

from rookery.errors import UserError, did_you_mean
from rookery.schema import BARS, TIME, Loaded, SourceFacts, check, fingerprint
from rookery.sources import _bar_quality

EmbeddedName = Literal["SPX500", "NAS100", "WTIUSD"]
EMBEDDED: tuple[EmbeddedName, ...] = get_args(EmbeddedName)
_ZONE = "America/New_York"
_ABOUT: Mapping[str, str] = {
    "SPX500": "S&P 500 index, 1999 to 2018, Yahoo Finance",
    "NAS100": "NASDAQ Composite (not the NASDAQ 100), 1999 to 2018, Yahoo Finance",
    "WTIUSD": "WTI crude oil at Cushing, dollars a barrel, 1986 to 2019, FRED series DCOILWTICO",
}


def load(name: EmbeddedName) -> Loaded:
    """The BARS table of one series; each bar is known when its date has passed in New York.

    The oil series has closes only: its bars open at the last close and move straight to their own, without volume, and
    days without a quote are left out. Its source publishes later than that: the true delay is not in the data.
    """
    if name not in EMBEDDED:
        raise UserError(f"'{name}' is not embedded", place="instrument", remedy=did_you_mean(name, EMBEDDED))
    frame = _frame(name)
    dates = pl.Series("date", frame.index.to_numpy().astype("datetime64[ns]"))
    if name == "WTIUSD":
        values, missing = _closes(dates, frame["DCOILWTICO"].to_numpy())
        made = "open, high, low: made from closes; volume: none"
    else:
        columns = {field: frame[field.title()].to_numpy().astype(float) for field in _FIELDS}
        values, missing = pl.DataFrame({"date": dates, **columns}), 0
        made = "all in the data"
    table = check(_stamped(values, name), BARS, place=f"embedded {name}")
    facts = SourceFacts(
        path=f"arch.data:{name}",
        dialect="arch package",
        rows_read=len(dates),
        rows_kept=table.height,
        other_events_skipped=missing,
        notes={
            "series": _ABOUT[name],
            "columns": made,
            "days without a quote": f"{missing:,} left out",
            "bar stamp": f"date alone: known when the date has passed in {_ZONE}",
        }
        | _bar_quality.notes(_bar_quality.quality(table, tz=_ZONE), _ZONE),
        fingerprint=fingerprint(table),
    )
    return Loaded(table=table, facts=facts)


_FIELDS = ("open", "high", "low", "close", "volume")


def _frame(name: EmbeddedName) -> Any:  # noqa: ANN401  arch carries no types
    # arch brings statsmodels and pandas, which take longer to load than most commands run.
    from arch.data import nasdaq, sp500, wti

    loads: Mapping[str, Callable[[], Any]] = {"SPX500": sp500.load, "NAS100": nasdaq.load, "WTIUSD": wti.load}
    return loads[name]()


def _closes(dates: pl.Series, closes: Any) -> tuple[pl.DataFrame, int]:  # noqa: ANN401
    every = pl.DataFrame({"date": dates, "close": closes.astype(float)}).with_columns(pl.col("close").fill_nan(None))
    quoted = every.drop_nulls("close")
    before = pl.col("close").shift(1).fill_null(pl.col("close"))
    bars = quoted.with_columns(
        before.alias("open"),
        pl.max_horizontal(before, "close").alias("high"),
        pl.min_horizontal(before, "close").alias("low"),
        pl.lit(None, dtype=pl.Float64).alias("volume"),
    )
    return bars, every.height - quoted.height


def _stamped(values: pl.DataFrame, name: str) -> pl.DataFrame:
    day = pl.col("date").cast(pl.Datetime("ns"))

    def midnight(naive: pl.Expr) -> pl.Expr:
        return naive.dt.replace_time_zone(_ZONE).dt.convert_time_zone("UTC").cast(TIME)

    return values.with_columns(
        midnight(day.dt.offset_by("1d")).alias("time"),
        midnight(day).alias("open_time"),
        pl.lit(name).alias("instrument"),
        pl.lit(None, dtype=pl.Float64).alias("spread"),
        pl.lit(False).alias("synthetic"),
    )
