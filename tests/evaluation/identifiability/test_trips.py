"""Round trips of a trader of instruments, from flat to flat or through it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from rookery.evaluation.identifiability.trips import describe_trips, round_trips
from rookery.schema import FILLS
from rookery.sources.fills import HYPERLIQUID, load

START = datetime(2026, 1, 1, tzinfo=UTC)


def fills(*rows: tuple[float, str, str, float, float], **more: list[object]) -> pl.DataFrame:
    """(hour, instrument, side, size, price), and further columns."""
    plain = dict.fromkeys(FILLS.columns) | {"trader": "me"}
    made = [
        plain
        | {"time": START + timedelta(hours=h), "instrument": i, "side": side, "size": z, "price": p, "notional": z * p}
        for h, i, side, z, p in rows
    ]
    table = pl.DataFrame(made, schema={name: column.dtype for name, column in FILLS.columns.items()})
    return table.with_columns(pl.Series(name, values, FILLS.columns[name].dtype) for name, values in more.items())


def test_a_trip_runs_from_flat_to_flat_and_earns_by_average_cost():
    table = fills((0, "A", "BUY", 1, 10), (1, "A", "BUY", 1, 14), (5, "A", "SELL", 2, 15), (6, "B", "SELL", 1, 7))
    found = round_trips(table)
    assert found.select("instrument", "side", "profit", "hours").rows() == [("A", 1, 6.0, 5.0)]
    assert describe_trips(table, seed=0).still_open == 1


def test_turning_round_ends_one_trip_and_begins_another():
    found = round_trips(fills((0, "A", "SELL", 1, 10), (1, "A", "BUY", 3, 8), (2, "A", "SELL", 2, 9)))
    assert found.select("side", "profit", "hours").rows() == [(-1, 2.0, 1.0), (1, 2.0, 1.0)]


def test_trips_of_instruments_side_by_side_are_apart():
    found = round_trips(
        fills((0, "A", "BUY", 1, 10), (1, "B", "SELL", 1, 5), (2, "A", "SELL", 1, 9), (3, "B", "BUY", 1, 4))
    )
    assert found.select("instrument", "side", "profit").rows() == [("A", 1, -1.0), ("B", -1, 1.0)]


def test_dust_that_a_fee_left_is_flat():
    table = fills(
        (0, "A", "BUY", 100, 10), (1, "A", "SELL", 99.95, 11), (2, "A", "BUY", 50, 10), (3, "A", "SELL", 50, 9)
    )
    assert round_trips(table)["profit"].to_list() == pytest.approx([99.95, -50.0], abs=0.1)


def test_a_trip_that_is_not_closed_earns_nothing_yet():
    found = describe_trips(fills((0, "A", "BUY", 1, 10), (1, "A", "SELL", 0.5, 20)), seed=0)
    assert (found.trips, found.still_open) == (0, 1)
    assert found.profit.value is None
    assert found.hours.note == "no trip was closed"


def test_what_the_file_says_is_summed_and_what_it_does_not_say_is_not_made_up():
    rows = ((0, "A", "BUY", 1, 10), (1, "A", "SELL", 1, 12))
    told = describe_trips(fills(*rows, fee=[0.1, 0.2], realised=[0.0, 2.0], is_taker=[True, False]), seed=0)
    assert told.fees.value == pytest.approx(0.3)
    assert (told.stated.value, told.taken.value) == (2.0, 0.5)
    silent = describe_trips(fills(*rows), seed=0)
    assert (silent.fees.note, silent.stated.note) == ("the file states no fees", "the file states no realised profit")
    assert silent.taken.value is None


def test_intervals_draw_days():
    rows = [
        (24 * day + hour, "A", side, 1.0, price)
        for day in range(12)
        for hour, side, price in ((1, "BUY", 10.0), (2, "SELL", 10.0 + day % 3))
    ]
    found = describe_trips(fills(*rows), seed=0)
    assert found.profit.value == pytest.approx(1.0)
    assert found.profit.low is not None
    assert found.profit.low < 1.0 < (found.profit.high or 0.0)


def test_trips_of_a_real_trader_earn_what_the_exchange_says(shared_data: Path):
    path = shared_data / "hyperliquid_trader_fills_2024_2025" / "historical_data.csv.gz"
    trader = "0x513b8629fe877bb581bf244e326a047b249c4ff1"
    # The coin of which no row is missing and nothing is held at the end.
    table = load(path, HYPERLIQUID, trader=trader, instrument="HYPE").table
    found, told = round_trips(table), describe_trips(table, seed=0)
    assert (told.breaks, told.still_open) == (0, 0)
    assert found["profit"].sum() == pytest.approx(told.stated.value, rel=1e-3)
