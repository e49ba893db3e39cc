"""Each exporter's layout is told from its rows, and its bars are known when they close."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rookery.sources.bars_csv import BarOptions, load

# Five bars of M5 (or a day), each as (minutes after the first, open, high, low, close, volume).
BARS = [
    (0, 1.1000, 1.1010, 1.0990, 1.1005, 120),
    (5, 1.1005, 1.1020, 1.1000, 1.1015, 90),
    (10, 1.1015, 1.1015, 1.1001, 1.1002, 75),
    (15, 1.1002, 1.1008, 1.0999, 1.1007, 66),
    (20, 1.1007, 1.1030, 1.1005, 1.1025, 140),
]
START = datetime(2024, 1, 22, 14, 30)  # the wall clock; a day above 12 tells days from months


def rows(form: str, delimiter: str, *, volume: bool = True, extra: str = "") -> list[str]:
    """The bars with stamps of strftime's `form`, prices with five digits."""
    lines = []
    for minutes, *prices, traded in BARS:
        stamp = (START + timedelta(minutes=minutes)).strftime(form)
        cells = [stamp, *(f"{price:.5f}" for price in prices), *([str(traded if volume else 0)])]
        lines.append(delimiter.join(cells) + extra)
    return lines


def text(*lines: str, end: str = "\n") -> bytes:
    return (end.join(lines) + end).encode()


def epoch(unit: int, *, kline: bool = False) -> list[str]:
    lines = []
    for minutes, *prices, traded in BARS:
        opened = int((START.replace(tzinfo=UTC) + timedelta(minutes=minutes)).timestamp()) * unit
        tail = f",{opened + 300 * unit - 1},1.0,10,2.0,3.0,0" if kline else ""
        lines.append(",".join(map(str, (opened, *prices, traded))) + tail)
    return lines


MT5 = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
# layout -> (bytes, dialect, seconds from the wall clock to UTC, seconds from the stamp to the bar's close, bars)
LAYOUTS: dict[str, tuple[bytes, str, int, int, int]] = {
    "MetaTrader 5": (text(MT5, *rows("%Y.%m.%d\t%H:%M:%S", "\t", extra="\t0\t12")), "MetaTrader 5", 0, 300, 5),
    "MetaTrader 5, UTF-16, CRLF": (
        text(MT5, *rows("%Y.%m.%d\t%H:%M:%S", "\t", extra="\t0\t12"), end="\r\n").decode().encode("utf-16"),
        "MetaTrader 5", 0, 300, 5,
    ),
    "MetaTrader 4": (text(*rows("%Y.%m.%d,%H:%M", ",")), "MetaTrader 4", 0, 300, 5),
    "HistData ASCII": (text(*rows("%Y%m%d %H%M%S", ";", volume=False)), "HistData", 5 * 3600, 300, 5),
    "HistData MetaTrader": (text(*rows("%Y.%m.%d,%H:%M", ",", volume=False)), "HistData", 5 * 3600, 300, 5),
    "Dukascopy": (
        text("Gmt time,Open,High,Low,Close,Volume", *rows("%d.%m.%Y %H:%M:%S.000", ",")), "Dukascopy", 0, 300, 5,
    ),
    "Dukascopy, local time": (
        text("Local time,Open,High,Low,Close,Volume", *rows("%d.%m.%Y %H:%M:%S.000 GMT+0100", ",")),
        "Dukascopy", -3600, 300, 5,
    ),
    "NinjaTrader": (text(*rows("%Y%m%d %H%M%S", ";")), "NinjaTrader", 0, 0, 5),
    "TradeStation": (
        text('"Date","Time","Open","High","Low","Close","Up","Down"', *rows("%m/%d/%Y,%H:%M", ",", extra=",0")),
        "TradeStation", 0, 0, 5,
    ),
    "FirstRate": (text(*rows("%Y-%m-%d %H:%M:%S", ",")), "FirstRate", 5 * 3600, 300, 5),
    "FirstRate with a header": (
        text("timestamp,open,high,low,close,volume", *rows("%Y-%m-%d %H:%M:%S", ",")), "FirstRate", 5 * 3600, 300, 5,
    ),
    "Kibot": (text(*rows("%m/%d/%Y,%H:%M", ",")), "Kibot", 5 * 3600, 300, 5),
    "Barchart": (
        text(
            "Time,Open,High,Low,Last,Change,%Chg,Volume",
            *(
                ",".join([*line.split(",")[:5], "0.0005", "+0.05%", line.split(",")[5]])
                for line in reversed(rows("%m/%d/%Y %H:%M", ","))
            ),
            '"Downloaded from Barchart.com as of 01-22-2024 05:21pm CST"',
        ),
        "Barchart", 6 * 3600, 300, 5,
    ),
    "Binance": (text(*epoch(1000, kline=True)), "Binance", 0, 300, 4),
    "Binance, microseconds": (text(*epoch(1_000_000, kline=True)), "Binance", 0, 300, 4),
    "Binance with a header": (text(KLINE_HEADER, *epoch(1000, kline=True)), "Binance", 0, 300, 4),
    "ccxt": (text(*epoch(1000)), "ccxt", 0, 300, 4),
    "ccxt with a header": (text("timestamp,open,high,low,close,volume", *epoch(1000)), "ccxt", 0, 300, 4),
    "AlgoSpace": (
        text("Timestamp,Open,High,Llow,Close,Volume", *rows("%d/%m/%Y %H:%M:%S", ","), end="\r\n"),
        "AlgoSpace", 0, 300, 5,
    ),
    "any table": (text("datetime;open;high;low;close;volume", *rows("%Y-%m-%d %H:%M", ";")), "bar table", 0, 300, 5),
}  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "bars.csv"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_told_and_gives_the_same_bars(name: str, write: Callable[[bytes], Path]):
    data, dialect, to_utc_s, to_close_s, count = LAYOUTS[name]
    loaded = load(write(data))
    table = loaded.table
    assert loaded.facts.dialect == dialect
    assert table.height == count
    assert table["close"].to_list() == [bar[4] for bar in BARS[:count]]
    assert table["low"].to_list() == [bar[3] for bar in BARS[:count]]
    assert table["volume"].to_list() == [0 if dialect == "HistData" else bar[5] for bar in BARS[:count]]
    known = START.replace(tzinfo=UTC) + timedelta(seconds=to_utc_s + to_close_s)
    assert table["time"].to_list() == [known + timedelta(minutes=bar[0]) for bar in BARS[:count]]
    assert (table["time"] - table["open_time"]).unique().to_list() == [timedelta(minutes=5)]


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_bar_is_known_before_it_closes_whatever_its_stamp_is_said_to_be(name: str, write: Callable[[bytes], Path]):
    path = write(LAYOUTS[name][0])
    opened, closed = (load(path, options=BarOptions(bar_stamp=end, last_bar="keep")).table for end in ("open", "close"))
    if LAYOUTS[name][1] != "Binance":
        assert (opened["time"] - closed["time"]).unique().to_list() == [timedelta(minutes=5)]
    assert (opened["open_time"] < opened["time"]).all()


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_rows_are_accounted_for(name: str, write: Callable[[bytes], Path]):
    facts = load(write(LAYOUTS[name][0])).facts
    assert facts.rows_read == 5
    assert facts.rows_read == facts.rows_kept + facts.other_events_skipped + facts.duplicates_dropped


def test_points_of_spread_become_a_price_by_the_digits_of_the_prices(write: Callable[[bytes], Path]):
    loaded = load(write(LAYOUTS["MetaTrader 5"][0]))
    assert loaded.table["spread"].to_list() == pytest.approx([12e-5] * 5)
    assert loaded.facts.notes["spread unit"] == "points of 1e-5, by the digits of the prices"
    assert loaded.facts.notes["volume"] == "ticks, column '<TICKVOL>'"


def test_quotes_without_a_header_give_mid_bid_or_ask(write: Callable[[bytes], Path]):
    lines = [f"2024012{day} 0{hour}:00,10,12,9,11,0,10.2,12.2,9.2,11.4,0" for day in (2, 3) for hour in (1, 2, 3)]
    path = write(text(*lines))
    closes = {price: load(path, options=BarOptions(price=price)).table["close"][0] for price in ("mid", "bid", "ask")}
    assert closes == {"mid": pytest.approx(11.2), "bid": 11.0, "ask": 11.4}
    assert load(path).table["spread"][0] == pytest.approx(0.4)
    assert load(path).facts.dialect == "LEAN quotes"


def test_a_weekend_filled_in_by_the_exporter_is_marked(write: Callable[[bytes], Path]):
    head = "Gmt time,Open,High,Low,Close,Volume"
    filled = [f"22.01.2024 14:{minute}:00.000,1.1025,1.1025,1.1025,1.1025,0" for minute in (55, 56, 57)]
    first = rows("%d.%m.%Y %H:%M:%S.000", ",")
    table = load(write(text(head, *first, *filled)), options=BarOptions(interval="5m")).table
    assert table["synthetic"].to_list() == [False] * 5 + [True] * 3


def test_what_is_stated_goes_before_what_is_found(write: Callable[[bytes], Path]):
    path = write(LAYOUTS["HistData ASCII"][0])
    stated = load(path, options=BarOptions(dialect="ninjatrader"))
    assert stated.facts.dialect == "NinjaTrader"
    assert stated.table["time"][0] == START.replace(tzinfo=UTC)
    moved = load(path, options=BarOptions(tz="Europe/Athens", interval="1h")).table
    assert moved["time"][0] == START.replace(tzinfo=UTC) - timedelta(hours=2) + timedelta(hours=1)


def test_columns_may_be_named_by_the_caller(write: Callable[[bytes], Path]):
    data = text("when,first trade,top,bottom,end", *(line.rsplit(",", 1)[0] for line in rows("%Y-%m-%d %H:%M", ",")))
    named = {"time": "when", "open": "first trade", "high": "top", "low": "bottom", "close": "end"}
    loaded = load(write(data), options=BarOptions(columns=named, instrument="EURUSD"))
    assert loaded.table["close"].to_list() == [bar[4] for bar in BARS]
    assert loaded.table["volume"].null_count() == 5
    assert set(loaded.table["instrument"]) == {"EURUSD"}


def test_a_header_with_one_slip_is_read_and_said(write: Callable[[bytes], Path]):
    loaded = load(write(LAYOUTS["AlgoSpace"][0]))
    assert loaded.facts.notes["header"] == "'Llow' read as low"


def test_one_instrument_of_several_is_chosen(write: Callable[[bytes], Path]):
    lines = rows("%Y-%m-%d %H:%M", ",", extra=",ES") + rows("%Y-%m-%d %H:%M", ",", extra=",NQ")
    path = write(text("datetime,open,high,low,close,volume,symbol", *lines))
    loaded = load(path, options=BarOptions(instrument="NQ"))
    assert (loaded.table.height, loaded.facts.other_events_skipped) == (5, 5)
    assert set(loaded.table["instrument"]) == {"NQ"}
