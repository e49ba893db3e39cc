"""The series that come with arch, as bars, with what they lack stated."""

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.schema import BARS, check
from rookery.sources import embedded


@pytest.mark.parametrize(
    ("name", "rows", "first", "last"),
    [
        ("SPX500", 5031, ("1999-01-05", 1228.099976), ("2019-01-01", 2506.850098)),
        ("NAS100", 5031, ("1999-01-05", 2208.050049), ("2019-01-01", 6635.279785)),
        ("WTIUSD", 8321, ("1986-01-03", 25.56), ("2019-01-04", 46.92)),
    ],
)
def test_a_series_is_known_when_its_date_has_passed(
    name: embedded.EmbeddedName, rows: int, first: tuple[str, float], last: tuple[str, float]
):
    loaded = embedded.load(name)
    table = check(loaded.table, BARS, place=name)
    dates = table["time"].dt.convert_time_zone("America/New_York").dt.strftime("%Y-%m-%d %H")
    assert table.height == loaded.facts.rows_kept == rows
    assert (dates[0], table["close"][0]) == (f"{first[0]} 00", first[1])
    assert (dates[-1], table["close"][-1]) == (f"{last[0]} 00", last[1])


def test_oil_has_closes_only_and_says_so():
    loaded = embedded.load("WTIUSD")
    table = loaded.table
    assert loaded.facts.notes["columns"] == "open, high, low: made from closes; volume: none"
    assert (loaded.facts.rows_read, loaded.facts.other_events_skipped) == (8611, 290)
    assert table["volume"].null_count() == table.height
    assert table["open"][1:].equals(table["close"][:-1])
    assert (table["high"] == table.select(pl.max_horizontal("open", "close")).to_series()).all()


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="'SPX50' is not embedded") as failure:
        embedded.load("SPX50")  # type: ignore[arg-type]
    assert failure.value.remedy == "did you mean 'SPX500'?"
