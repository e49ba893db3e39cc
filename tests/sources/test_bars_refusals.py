"""What is wrong with a bar file is one line that names file, row and value; rows can be set aside instead."""

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.schema import BARS, check
from rookery.sources.bars_csv import BarOptions, load, quality

HEAD = "datetime,open,high,low,close,volume"
GOOD = [f"2024-01-02 0{hour}:00,10.{hour},11,9,10.{hour},100" for hour in range(8)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str, head: str = HEAD) -> Path:
        path = tmp_path / "bars.csv"
        path.write_text("\n".join([head, *lines]) + "\n")
        return path

    return write


BAD_ROWS = {
    "high below low": ("2024-01-02 03:00,10,8,9,10,100", "high 8.0 is below low"),
    "close above high": ("2024-01-02 03:00,10,11,9,12,100", "open 10.0, high 11.0, low 9.0, close 12.0"),
    "price of 0": ("2024-01-02 03:00,10,11,0,10,100", "low '0' is not above 0"),
    "negative price": ("2024-01-02 03:00,10,11,-3,10,100", "low '-3' is not above 0"),
    "no number": ("2024-01-02 03:00,ten,11,9,10,100", "open 'ten' is not a finite number"),
    "infinite": ("2024-01-02 03:00,inf,11,9,10,100", "open 'inf' is not a finite number"),
    "empty price": ("2024-01-02 03:00,10,11,9,,100", "close is empty"),
    "negative volume": ("2024-01-02 03:00,10,11,9,10,-5", "volume '-5' is not a number of 0 or above"),
    "no time": (",10,11,9,10,100", "datetime is empty"),
    "no such day": ("2024-02-31 03:00,10,11,9,10,100", "datetime '2024-02-31 03:00' cannot be read as a time"),
    "far future": ("2999-01-02 03:00,10,11,9,10,100", "'2999-01-02 03:00' is outside 1900 to 2100"),
    "time back": ("2024-01-01 03:00,10,11,9,10,100", "datetime '2024-01-02"),
    "told twice": ("2024-01-02 02:00,10,11,9,10.5,100", "'2024-01-02 02:00' came before with other values"),
    "too few fields": ("2024-01-02 03:00,10,11", "has 3 fields where the header has 6"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_refused_with_its_line_or_set_aside(name: str, write: Callable[..., Path], tmp_path: Path):
    line, said = BAD_ROWS[name]
    path = write(*GOOD[:3], line, *GOOD[4:])
    if name != "time back":
        with pytest.raises(UserError) as failure:
            load(path)
        assert failure.value.headline.startswith(f"{path}:5: ")
        assert said in failure.value.headline
        assert "\n" not in failure.value.headline + (failure.value.remedy or "")
    loaded = load(path, quarantine=tmp_path / "aside.csv")
    assert sum(loaded.facts.quarantined.values()) == 1
    assert loaded.table.height == 7
    assert (tmp_path / "aside.csv").read_text().count("\n") == 2


def test_a_row_whose_time_goes_back_is_refused(write: Callable[..., Path]):
    with pytest.raises(UserError, match=r"bars.csv:5: datetime '2024-01-01 03:00' goes back before the row above it"):
        load(write(*GOOD[:3], BAD_ROWS["time back"][0], *GOOD[4:]))


def test_equal_rows_are_read_once_and_counted(write: Callable[..., Path]):
    loaded = load(write(*GOOD[:4], GOOD[3], *GOOD[4:]))
    assert (loaded.table.height, loaded.facts.duplicates_dropped) == (8, 1)


WHOLE = {
    "no close": ("datetime,open,high,low,volume", "bar table lacks 'close'"),
    "no time": ("a,open,high,low,close,volume", "bar table lacks 'time'"),
    "a column twice": ("datetime,open,high,low,close,close", "column 'close' is given twice"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_without_its_columns_is_refused(name: str, write: Callable[..., Path]):
    head, said = WHOLE[name]
    lines = [line.rsplit(",", 1)[0] for line in GOOD] if head.count(",") == 4 else GOOD
    with pytest.raises(UserError, match=said):
        load(write(*lines, head=head))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dialect": "mt6"}, "--dialect: 'mt6' is not a choice"),
        ({"tz": "America/New_Yrok"}, "--tz: 'America/New_Yrok' is no time zone"),
        ({"interval": "5 parsecs"}, "--interval: '5 parsecs' is no interval"),
        ({"columns": {"clse": "close"}}, "columns: 'clse' is no meaning"),
        ({"columns": {"close": "Settle"}}, "is not in the file"),
        ({"bar_stamp": "middle"}, "--bar-stamp: 'middle' is not a choice"),
    ],
)
def test_a_wrong_option_is_refused_by_name(options: dict[str, object], said: str, write: Callable[..., Path]):
    with pytest.raises(UserError, match=said):
        load(write(*GOOD), options=BarOptions(**options))  # type: ignore[arg-type]


def test_thousands_separators_and_letters_are_numbers(write: Callable[..., Path]):
    rows = ['"Jan 3, 2024","1,896.49","1,893.55","1,901.26","1,884.77","901.09K","0.16%"',
            '"Jan 2, 2024","893.37","878.34","1,894.06","875.66","1.09M","0.60%"']  # fmt: skip
    loaded = load(write(*rows, head='"Date","Price","Open","High","Low","Vol.","Change %"'))
    assert loaded.facts.dialect == "Investing.com"
    assert loaded.table["close"].to_list() == [893.37, 1896.49]
    assert loaded.table["volume"].to_list() == [pytest.approx(1_090_000), pytest.approx(901_090)]
    assert loaded.facts.notes["numbers"] == "thousands separators"


def test_decimal_commas_are_told_from_thousands(write: Callable[..., Path]):
    head = "Date;Open;High;Low;Close"
    path = write("2024-01-02;1.896,49;1.901,26;1.884,77;1.890,00", "2024-01-03;896,4;901,2;884,7;890,0", head=head)
    assert load(path).table["close"].to_list() == [1890.0, 890.0]
    path = write("2024-01-02;1,896;1,901;1,884;1,890", "2024-01-03;1,896;1,901;1,884;1,890", head=head)
    with pytest.raises(UserError, match="may have a decimal comma or a thousands separator"):
        load(path)
    assert load(path, options=BarOptions(decimal=",")).table["close"][0] == 1.89
    assert load(path, options=BarOptions(decimal=".")).table["close"][0] == 1890.0


def test_ranges_can_be_widened_and_are_counted(write: Callable[..., Path]):
    loaded = load(write(*GOOD[:4], "2024-01-02 04:00,10,11,9,12,100"), options=BarOptions(ranges="widen"))
    assert loaded.table["high"][4] == 12.0
    assert loaded.facts.notes["ranges"].startswith("1 bars")


def test_gaps_pauses_spikes_and_flat_bars_are_counted(write: Callable[..., Path]):
    closes = [10 + 0.01 * (k % 2) for k in range(200)]
    closes[50] = 13.0
    days = [f"2024-01-{1 + k // 20:02} {k % 20:02}:00" for k in range(200)]
    lines = [f"{day},{close},{close},{close},{close},7" for day, close in zip(days, closes, strict=True)]
    found = quality(load(write(*lines)).table)
    assert (found.rows, found.interval_s, found.gaps, found.pauses) == (200, 3600.0, 9, 9)
    assert found.longest_gap_s == 5 * 3600
    assert found.restarts == {"00:00": 9}
    assert (found.bad_ticks, found.flat_bars, found.moves_over_5pct) == (1, 200, 2)
    assert found.weekend_bars == 40


def test_parquet_and_gzip_hold_the_same_bars(tmp_path: Path, write: Callable[..., Path]):
    plain = load(write(*GOOD)).table
    packed = tmp_path / "bars.csv.gz"
    packed.write_bytes(gzip.compress(("\n".join([HEAD, *GOOD])).encode()))
    columnar = tmp_path / "bars.parquet"
    pl.read_csv(packed).with_columns(pl.col("datetime").str.to_datetime()).write_parquet(columnar)
    assert load(packed).table.equals(plain)
    assert load(columnar).table.equals(plain)
    check(plain, BARS, place="bars")


def test_the_same_file_gives_the_same_bars_and_facts_twice(write: Callable[..., Path]):
    path = write(*GOOD)
    assert load(path).table.equals(load(path).table)
    assert load(path).facts == load(path).facts


@pytest.mark.parametrize("word", ["-", "", "N/A", "nan"])
def test_a_volume_may_be_absent(word: str, write: Callable[..., Path]):
    volumes = load(write(*GOOD[:4], f"2024-01-02 04:00,10,11,9,10,{word}")).table["volume"].to_list()
    assert volumes == [100, 100, 100, 100, None]


def test_a_spread_that_is_no_metatraders_is_a_price(write: Callable[..., Path]):
    lines = [f"{line},0.25" for line in GOOD]
    assert set(load(write(*lines, head=f"{HEAD},spread")).table["spread"]) == {0.25}


def test_a_stated_interval_stands_beside_the_most_common_step(write: Callable[..., Path]):
    notes = load(write(*GOOD), options=BarOptions(interval="4h")).facts.notes
    assert notes["interval"] == "4 h, as given; the most common step is 1 h"
    assert load(write(*GOOD)).facts.notes["interval"] == "1 h, the most common step (100.0% of them)"
