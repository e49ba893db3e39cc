"""Slugs name windows of time, in unix seconds or in New York's clock."""

from datetime import UTC, datetime

import pytest

from rookery.errors import UserError
from rookery.sources.polymarket import window


def opens(slug: str, **given: object) -> str:
    found = window(slug, **given)  # type: ignore[arg-type]
    assert found is not None
    assert found.open_time.tzinfo is UTC or str(found.open_time.tzinfo) == "UTC"
    return f"{found.open_time:%Y-%m-%d %H:%M}"


def test_epoch_slugs_open_at_their_own_second():
    found = window("btc-updown-15m-1768904100")
    assert found is not None
    assert found.open_time == datetime(2026, 1, 20, 10, 15, tzinfo=UTC)
    assert found.close_time == datetime(2026, 1, 20, 10, 30, tzinfo=UTC)
    assert opens("eth-updown-5m-1768904400") == "2026-01-20 10:20"
    four = window("btc-updown-4h-1768904100")
    assert four is not None
    assert (four.close_time - four.open_time).total_seconds() == 4 * 3600


@pytest.mark.parametrize(
    ("slug", "year", "expected"),
    [
        ("ethereum-up-or-down-january-17-10pm-et", 2026, "2026-01-18 03:00"),  # winter: UTC-5
        ("bitcoin-up-or-down-july-4-12am-et", 2025, "2025-07-04 04:00"),  # summer: UTC-4, midnight
        ("bitcoin-up-or-down-july-4-12pm-et", 2025, "2025-07-04 16:00"),
        ("bitcoin-up-or-down-july-4-2025-3pm-et", None, "2025-07-04 19:00"),
    ],
)
def test_hourly_slugs_are_hours_of_new_york(slug: str, year: int | None, expected: str):
    assert opens(slug, year=year) == expected


def test_the_year_may_come_from_a_row_even_at_new_year():
    near = datetime(2026, 1, 1, 3, 1, tzinfo=UTC)

    assert opens("ethereum-up-or-down-december-31-10pm-et", near=near) == "2026-01-01 03:00"


def test_the_double_hour_of_autumn_is_settled_by_a_row_or_refused():
    slug = "ethereum-up-or-down-november-1-1am-et"

    with pytest.raises(UserError, match="came twice"):
        window(slug, year=2026)
    assert opens(slug, near=datetime(2026, 11, 1, 5, 10, tzinfo=UTC)) == "2026-11-01 05:00"
    assert opens(slug, near=datetime(2026, 11, 1, 6, 10, tzinfo=UTC)) == "2026-11-01 06:00"


@pytest.mark.parametrize(
    ("slug", "given", "what"),
    [
        ("ethereum-up-or-down-january-17-10pm-et", {}, "names no year"),
        ("ethereum-up-or-down-march-8-2am-et", {"year": 2026}, "an hour that there is not"),
        ("ethereum-up-or-down-february-30-2am-et", {"year": 2026}, "an hour that there is not"),
        ("btc-updown-15m-1768904101", {}, "no multiple of 15 minutes"),
        ("btc-up-or-down-july-4-2025-3pm-et", {"year": 2026}, "2026 is stated, 2025 is written"),
        (
            "ethereum-up-or-down-january-17-10pm-et",
            {"year": 2025, "near": datetime(2026, 1, 18, 3, tzinfo=UTC)},
            "opens 2025-01-18 03:00 UTC by its name, but has a row of 2026-01-18",
        ),
    ],
)
def test_a_window_that_cannot_be_is_refused(slug: str, given: dict[str, int], what: str):
    with pytest.raises(UserError, match=what):
        window(slug, **given)  # type: ignore[arg-type]


def test_other_slugs_have_no_window():
    assert window("will-it-rain-tomorrow") is None
    assert window("x-up-or-down-smarch-3-2am-et", year=2026) is None
