"""Who writes bars in which layout, and what is known of each one's clock."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from rookery.sources._dialects import normalised

Stamp = Literal["open", "close"]
DateOrder = Literal["day", "month"]

_PRICES = ("open", "high", "low", "close")
_KLINE = (
    "open_time",
    *_PRICES,
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_QUOTES = (
    "time",
    *(f"bid_{name}" for name in _PRICES),
    "bid_size",
    *(f"ask_{name}" for name in _PRICES),
    "ask_size",
)
_NUMBER = re.compile(r"[-+]?[0-9.,]*[0-9][KMB%]?$")
_EPOCH = re.compile(r"([0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19})(\.[0-9]*)?$")
_LEAST_NUMBERS = 3
_FOOTER = re.compile(rb'\n"?Downloaded from Barchart[^\n]*\s*$')


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One exporter's habits: `zone` None is a clock that its files do not tell, `stamp` which end of a bar is written.

    `unfinished` says that the last bar may still be growing.
    """

    title: str
    zone: str | None = None
    stamp: Stamp = "open"
    date_order: DateOrder | None = None
    unfinished: bool = False
    about_zone: str = ""


DIALECTS: Mapping[str, Dialect] = {
    "mt5": Dialect(title="MetaTrader 5", about_zone="the broker's server time, often New York + 7 h"),
    "mt4": Dialect(title="MetaTrader 4", about_zone="the broker's server time, often New York + 7 h"),
    "histdata": Dialect(title="HistData", zone="EST", about_zone="Eastern standard time all year"),
    "dukascopy": Dialect(title="Dukascopy", zone="UTC", date_order="day"),
    "ninjatrader": Dialect(title="NinjaTrader", zone="UTC", stamp="close"),
    "tradestation": Dialect(
        title="TradeStation", stamp="close", date_order="month", about_zone="the exchange's own time"
    ),
    "firstrate": Dialect(title="FirstRate", zone="America/New_York"),
    "kibot": Dialect(title="Kibot", zone="America/New_York", date_order="month"),
    "barchart": Dialect(title="Barchart", zone="America/Chicago", date_order="month"),
    "binance": Dialect(title="Binance", zone="UTC", unfinished=True),
    "ccxt": Dialect(title="ccxt", zone="UTC", unfinished=True),
    "algospace": Dialect(title="AlgoSpace", about_zone="the charting computer's time"),
    "lean": Dialect(title="LEAN quotes"),
    "investing": Dialect(title="Investing.com", date_order="month"),
    "yahoo": Dialect(title="Yahoo"),
    "table": Dialect(title="bar table"),
}

# Columns that are there, and whether they are all. The first that fits names the file.
_SIGNATURES: tuple[tuple[str, frozenset[str], bool], ...] = tuple(
    (dialect, frozenset(columns.split()), whole)
    for dialect, columns, whole in (
        ("mt5", "date open high low close tickvol spread", False),
        ("dukascopy", "gmttime open high low close", False),
        ("dukascopy", "localtime open high low close", False),
        ("barchart", "time open high low last change volume", False),
        ("barchart", "time open high low latest change volume", False),
        ("binance", "opentime open high low close closetime", False),
        ("lean", "time bidopen bidhigh bidlow bidclose askclose", False),
        ("tradestation", "date time open high low close up down", False),
        ("tradestation", "date time open high low close vol oi", False),
        ("investing", "date price open high low change", False),
        ("yahoo", "date open high low close adjclose volume", False),
    )
)
_PLAIN = frozenset({"timestamp", *_PRICES, "volume"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Names for the columns of a file without a header (else None), with the first row's cells."""

    header: tuple[str, ...] | None
    cells: tuple[str, ...]


def without_footer(data: bytes) -> tuple[bytes, bool]:
    """The text without Barchart's closing line, and whether there was one."""
    tail = data[-4096:]
    found = _FOOTER.search(tail)
    return (data[: len(data) - len(tail) + found.start() + 1], True) if found else (data, False)


def layout(data: bytes) -> Layout:
    """Whether the first line that is not blank is a row already, and what its columns then are."""
    lines = data.lstrip()[:131_072].replace(b"\r", b"\n").split(b"\n")
    line = lines[0][:65_536].decode(errors="replace")
    unquoted = "".join(line.split('"')[::2])
    delimiter = max(",;\t", key=unquoted.count)
    try:
        cells = tuple(cell.strip() for cell in next(csv.reader([line], delimiter=delimiter)))
    except csv.Error:
        return Layout(header=None, cells=())
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in cells)
    is_row = numbers > _LEAST_NUMBERS and bool(cells[0]) and (cells[0][0].isdigit() or delimiter == ";")
    return Layout(header=_headless(cells) if is_row else None, cells=cells)


def _headless(cells: Sequence[str]) -> tuple[str, ...]:
    if len(cells) == len(_KLINE) and _EPOCH.match(cells[0]):
        return _KLINE
    if len(cells) == len(_QUOTES) and re.match(r"[0-9]{8} [0-9]{2}:[0-9]{2}", cells[0]):
        return _QUOTES
    clock = len(cells) > 1 and re.fullmatch(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?", cells[1]) is not None
    known = ("date", "time", *_PRICES, "volume") if clock else ("time", *_PRICES, "volume")
    return (*known[: len(cells)], *(f"column {position + 1}" for position in range(len(known), len(cells))))


def dialect_of(names: Sequence[str], found: Layout, fields: pl.DataFrame) -> tuple[str, str]:
    """Whose export it is, and by what it was told: columns, or the shape of rows without a header."""
    if found.header is not None:
        return _headless_dialect(found, fields)
    given = {normalised(name) for name in names}
    for dialect, columns, _ in _SIGNATURES:
        if columns <= given:
            return dialect, "its columns"
    first = _first(fields, names[0]) if names else ""
    if _EPOCH.match(first) and set(_PRICES) <= given and len(given) <= len(_PLAIN):
        return "ccxt", "its columns and unix times"
    if given == _PLAIN and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}$", first):
        return "firstrate", "its columns alone: say so if it is another's"
    if normalised(names[0]) == "timestamp" and re.match(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} ", first):
        return "algospace", "its columns and dates with slashes"
    return "table", "no exporter's columns"


def _headless_dialect(found: Layout, fields: pl.DataFrame) -> tuple[str, str]:
    header, first = found.header or (), found.cells[0]
    if header == _KLINE:
        return "binance", "twelve columns from a unix time"
    if header == _QUOTES:
        return "lean", "bid and ask bars without a header"
    if _EPOCH.match(first):
        return "ccxt", "rows that begin with a unix time"
    shapes = (
        (r"[0-9]{8} [0-9]{6}", "ninjatrader", "histdata"),
        (r"[0-9]{4}\.[0-9]{2}\.[0-9]{2}", "mt4", "histdata"),
        (r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", "kibot", "kibot"),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}", "firstrate", "firstrate"),
    )
    for shape, traded, untraded in shapes:
        if re.fullmatch(shape, first):
            if traded == untraded:
                return traded, "the shape of its rows"
            empty = "volume" in header and bool((fields["volume"].str.strip_chars().fill_null("0") == "0").all())
            ground = "volume 0 throughout" if empty else "rows with volume"
            return (untraded if empty else traded), f"the shape of its rows and {ground}"
    return "table", "no exporter's rows"


def _first(fields: pl.DataFrame, name: str) -> str:
    values = fields[name].drop_nulls()
    return str(values[0]).strip() if len(values) else ""
