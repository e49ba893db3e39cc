"""When a market opens and closes, as its slug says."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from rookery.errors import UserError
from rookery.sources._records import shown

_EPOCH = re.compile(r".+-updown-([1-9][0-9]?)([mh])-([0-9]{9,10})")
_HOURLY = re.compile(r".+-up-or-down-([a-z]+)-([0-9]{1,2})(?:-(20[0-9]{2}))?-(1[0-2]|[1-9])(am|pm)-et")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
# Trading starts when a market is listed, about a day before its window, and redemption follows within days.
_FARTHEST = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time over which a market's question is decided, UTC."""

    open_time: datetime
    close_time: datetime


def window(slug: str, *, year: int | None = None, near: datetime | None = None) -> Window | None:
    """Open and close of `btc-updown-15m-<unix seconds>` and `<coin>-up-or-down-<month>-<day>-<hour>-et`; else None.

    An hourly slug names an hour of New York time (with summer time), usually without a year: state `year`, or give
    `near`, the time of one of the market's rows. Raises UserError when neither settles it, or when they disagree.
    """
    if found := _EPOCH.fullmatch(slug):
        minutes = int(found[1]) * (60 if found[2] == "h" else 1)
        seconds = int(found[3])
        if found[2] == "m" and seconds % (60 * minutes):
            raise UserError(f"{seconds} is no multiple of {minutes} minutes", place=slug)
        opens = datetime.fromtimestamp(seconds, UTC)
        return Window(open_time=opens, close_time=opens + timedelta(minutes=minutes))
    if not (found := _HOURLY.fullmatch(slug)) or found[1] not in _MONTHS:
        return None
    years = _years(slug, found[3], year, near)
    hour = int(found[4]) % 12 + (12 if found[5] == "pm" else 0)
    moments = sorted(
        {moment for y in years for moment in _new_york(y, _MONTHS.index(found[1]) + 1, int(found[2]), hour)}
    )
    if not moments:
        raise UserError("names an hour that there is not", place=slug, remedy="check date and year")
    opens = _settled(slug, moments, near)
    return Window(open_time=opens, close_time=opens + timedelta(hours=1))


def _years(slug: str, written: str | None, stated: int | None, near: datetime | None) -> tuple[int, ...]:
    if written is not None and stated is not None and int(written) != stated:
        raise UserError(f"year {stated} is stated, {written} is written", place=slug)
    year = stated if written is None else int(written)
    if year is not None:
        return (year,)
    if near is None:
        raise UserError("names no year", place=slug, remedy="state the year, for example year=2026")
    return near.year - 1, near.year, near.year + 1


def _new_york(year: int, month: int, day: int, hour: int) -> list[datetime]:
    """The moments with that clock in New York: none in spring's lost hour, two in autumn's double one."""
    try:
        local = datetime(year, month, day, hour)
    except ValueError:
        return []
    naive = pl.Series([local], dtype=pl.Datetime("us"))
    both = [
        naive.dt.replace_time_zone("America/New_York", ambiguous=which, non_existent="null").dt.convert_time_zone("UTC")
        for which in ("earliest", "latest")
    ]
    return [moment for zoned in both if (moment := zoned[0]) is not None]


def _settled(slug: str, moments: list[datetime], near: datetime | None) -> datetime:
    if near is None:
        if len(moments) > 1:
            raise UserError("names an hour that came twice (end of summer time)", place=slug, remedy="give near=")
        return moments[0]
    best = min(moments, key=lambda moment: abs(moment - near))
    if abs(best - near) > _FARTHEST:
        what = f"opens {best:%Y-%m-%d %H:%M} UTC by its name, but has a row of {near:%Y-%m-%d %H:%M}"
        raise UserError(shown(what, limit=120), place=slug, remedy="check the year that was stated")
    return best
