"""The clock on its circles."""

from datetime import UTC, datetime

import polars as pl
import pytest

from rookery.features.calendar import day_of_week, hour, time_of_day


def at(*moment: int) -> dict[str, float]:
    table = pl.DataFrame({"time": [datetime(*moment, tzinfo=UTC)]})  # type: ignore[misc]
    return table.select(*time_of_day(), *hour(), *day_of_week()).row(0, named=True)


def test_six_in_the_morning_is_a_quarter_of_the_day():
    clock = at(2026, 1, 5, 6, 0)
    assert (clock["time_of_day_sin"], clock["time_of_day_cos"]) == pytest.approx((1.0, 0.0), abs=1e-15)
    assert (clock["hour_sin"], clock["hour_cos"]) == pytest.approx((1.0, 0.0), abs=1e-15)


def test_the_hour_stands_still_while_the_minutes_run():
    early, late = at(2026, 1, 5, 6, 0), at(2026, 1, 5, 6, 59)
    assert early["hour_cos"] == late["hour_cos"]
    assert early["time_of_day_cos"] > late["time_of_day_cos"]


def test_monday_is_at_angle_zero_and_sunday_lies_beside_it():
    monday, sunday = at(2026, 1, 5), at(2026, 1, 11)
    assert (monday["day_of_week_sin"], monday["day_of_week_cos"]) == (0.0, 1.0)
    assert sunday["day_of_week_cos"] == pytest.approx(0.6234898)
