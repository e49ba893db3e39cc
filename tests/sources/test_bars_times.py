"""Dates, clocks and units of bar files: decided over the whole file, stated, or refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rookery.errors import UserError
from rookery.sources.bars_csv import BarOptions, load

HEAD = "timestamp,open,high,low,close"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Bars at these stamps; the k-th closes at 10 + k."""

    def write(*stamps: str, head: str = HEAD, quote: bool = False) -> Path:
        path = tmp_path / "bars.csv"
        mark = '"' if quote else ""
        lines = [f"{mark}{stamp}{mark},{10 + k},{11 + k},{9 + k},{10 + k}" for k, stamp in enumerate(stamps)]
        path.write_text("\n".join([head, *lines]) + "\n")
        return path

    return write


def opens(path: Path, **options: object) -> list[str]:
    table = load(path, options=BarOptions(**options)).table  # type: ignore[arg-type]
    return table["open_time"].dt.strftime("%Y-%m-%d %H:%M").to_list()


def test_one_day_above_twelve_settles_all_dates(write: Write):
    assert opens(write("11/01/2024 00:00", "12/01/2024 00:00", "13/01/2024 00:00"))[0] == "2024-01-11 00:00"
    assert opens(write("01/11/2024 00:00", "01/12/2024 00:00", "01/13/2024 00:00"))[0] == "2024-01-11 00:00"


def test_two_spellings_in_one_file_are_read_alike(write: Write):
    path = write("29/06/2020 01:00:00", "29/06/2020 01:30:00", "1/7/2020 1:00", "1/7/2020 1:30")
    assert opens(path) == ["2020-06-29 01:00", "2020-06-29 01:30", "2020-07-01 01:00", "2020-07-01 01:30"]
    notes = load(path).facts.notes
    assert notes["dates"] == "DD/MM/YYYY hh:mm:ss (2 rows), DD/MM/YYYY hh:mm (2 rows)"


def test_dates_that_may_be_either_way_round_are_refused_until_said(write: Write):
    path = write("01/02/2024 00:00", "01/02/2024 00:30", "01/02/2024 01:00")
    with pytest.raises(
        UserError, match=r"bars.csv:2: timestamp '01/02/2024 00:00' may have the day or the month first"
    ):
        load(path)
    assert opens(path, date_order="day")[0] == "2024-02-01 00:00"
    assert opens(path, date_order="month")[0] == "2024-01-02 00:00"


def test_days_and_months_that_change_places_are_refused(write: Write):
    path = write("13/01/2024 00:00", "14/01/2024 00:00", "01/15/2024 00:00")
    with pytest.raises(UserError, match=r"bars.csv:4: .*'01/15/2024 00:00'.* days and months change places"):
        load(path)


@pytest.mark.parametrize(
    ("stamp", "read"),
    [
        ("2024-01-31 23:59", "2024-01-31 23:59"),
        ("2024-01-31T23:59:00Z", "2024-01-31 23:59"),
        ("2024-01-31 23:59:00+02:00", "2024-01-31 21:59"),
        ("2024-01-31 23:59:00-0530", "2024-02-01 05:29"),
        ("20240131235900", "2024-01-31 23:59"),
        ("20240131 2359", "2024-01-31 23:59"),
        ("2024.01.31 23:59:00.250", "2024-01-31 23:59"),
        ("01/31/2024 11:59 PM", "2024-01-31 23:59"),
        ("31-Jan-2024 23:59", "2024-01-31 23:59"),
        ("1/31/24 23:59", "2024-01-31 23:59"),
        ("1706745540", "2024-01-31 23:59"),
        ("1706745540000", "2024-01-31 23:59"),
        ("1706745540000000", "2024-01-31 23:59"),
        ("1706745540000000000", "2024-01-31 23:59"),
    ],
)
def test_a_stamp_is_read_in_any_spelling(write: Write, stamp: str, read: str):
    assert opens(write(stamp), interval="1m", last_bar="keep") == [read]


@pytest.mark.parametrize(
    ("other", "unit"),
    [("1704067200000", "milliseconds"), ("1704067200000000", "microseconds"), ("2024-01-01 00:00:00", "ISO")],
)
def test_two_units_of_time_in_one_file_are_refused(write: Write, other: str, unit: str):
    with pytest.raises(UserError, match=rf"bars.csv:4: .* is in {unit}.*the rows before it in seconds"):
        load(write("1704060000", "1704063600", other))


def test_daily_bars_are_known_when_their_date_has_passed(write: Write):
    path = write("2024-03-08", "2024-03-11", "2024-03-12")
    for end in ("open", "close"):
        table = load(path, options=BarOptions(tz="America/New_York", bar_stamp=end)).table
        # The clocks of New York went forward on 10 March: midnight is 05:00, then 04:00 UTC.
        assert [str(time)[:16] for time in table["time"]] == [
            "2024-03-09 05:00",
            "2024-03-12 04:00",
            "2024-03-13 04:00",
        ]


def test_midnight_of_a_daily_bar_is_its_date_whichever_end_it_is_said_to_be(write: Write):
    path = write("2024-03-08 00:00", "2024-03-11 00:00", "2024-03-12 00:00")
    for end in ("open", "close"):
        table = load(path, options=BarOptions(bar_stamp=end)).table
        assert [str(time)[:16] for time in table["time"]] == [f"2024-03-{day:02} 00:00" for day in (9, 12, 13)]


def test_weekly_and_monthly_bars_are_known_when_they_end(write: Write):
    weekly = load(write("2024-01-07", "2024-01-14", "2024-01-21")).table
    assert weekly["time"].dt.date().cast(str).to_list() == ["2024-01-14", "2024-01-21", "2024-01-28"]
    months = ("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01")
    monthly = load(write(*months)).table
    assert monthly["time"].dt.date().cast(str).to_list() == [*months[1:], "2024-06-01"]


def test_month_names_and_newest_first(write: Write):
    path = write("Jan 4, 2024", "Jan 3, 2024", "Jan 2, 2024", quote=True)
    loaded = load(path)
    assert opens(path) == ["2024-01-02 00:00", "2024-01-03 00:00", "2024-01-04 00:00"]
    assert loaded.table["close"].to_list() == [12.0, 11.0, 10.0]
    assert loaded.facts.notes["order"] == "newest first in the file, turned round"


def autumn(step: int) -> list[datetime]:
    """New York's clock from 00:00 to 03:00 on 3 November 2024, when 01:00 to 02:00 came twice."""
    first = datetime(2024, 11, 3, 4, tzinfo=UTC)
    return [first + timedelta(minutes=minute) for minute in range(0, 4 * 60, step)]


def new_york(moment: datetime) -> str:
    summer = moment < datetime(2024, 11, 3, 6, tzinfo=UTC)
    return (moment - timedelta(hours=4 if summer else 5)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize("step", [5, 30, 60])
@pytest.mark.parametrize("newest_first", [False, True])
def test_the_hour_that_comes_twice_is_told_by_the_order_of_rows(write: Write, step: int, newest_first: bool):
    moments = autumn(step)
    stamps = [new_york(moment) for moment in moments]
    path = write(*(reversed(stamps) if newest_first else stamps))
    loaded = load(path, options=BarOptions(tz="America/New_York"))
    assert loaded.table["open_time"].to_list() == moments
    assert loaded.facts.notes["doubled hour"].startswith(f"{120 // step} rows")


def test_the_hour_that_comes_twice_is_refused_where_no_row_tells(write: Write):
    stamps = [new_york(moment) for moment in autumn(30) if moment.hour != 6]
    path = write(*stamps)
    with pytest.raises(UserError, match=r"bars.csv:4: .*'2024-11-03 01:00' occurs twice in America/New_York"):
        load(path, options=BarOptions(tz="America/New_York"))
    early, late = (
        load(path, options=BarOptions(tz="America/New_York", ambiguous=way)).table["time"][2]
        for way in ("earliest", "latest")
    )
    assert late - early == timedelta(hours=1)


def test_a_clock_time_that_never_was_is_refused(write: Write):
    path = write("2024-03-10 01:30", "2024-03-10 02:30", "2024-03-10 03:30")
    with pytest.raises(UserError, match=r"bars.csv:3: .*'2024-03-10 02:30' does not exist in America/New_York"):
        load(path, options=BarOptions(tz="America/New_York"))


def test_a_brokers_clock_may_run_ahead_of_new_yorks(write: Write):
    # 17:00 in New York is midnight on the server, in both seasons.
    for stamp, utc in (("2024-01-16 00:00", "2024-01-15 22:00"), ("2024-07-16 00:00", "2024-07-15 21:00")):
        assert opens(write(stamp), tz="America/New_York+7", interval="1h") == [utc]


@pytest.mark.parametrize(("tz", "hour"), [("EST", 5), ("UTC+2", -2), ("+02:00", -2), ("Etc/GMT+5", 5)])
def test_fixed_clocks_know_no_summer(write: Write, tz: str, hour: int):
    for month in (1, 7):
        moment = datetime(2024, month, 2, 12) + timedelta(hours=hour)
        assert opens(write(f"2024-{month:02}-02 12:00"), tz=tz, interval="1h") == [moment.strftime("%Y-%m-%d %H:%M")]


def test_one_bar_alone_does_not_say_how_long_it_is(write: Write):
    with pytest.raises(UserError, match="one bar alone does not show how long a bar is"):
        load(write("2024-01-01 00:00"))
