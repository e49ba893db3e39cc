"""Round trips and their excursions, by numbers that can be checked on paper."""

from collections.abc import Sequence

import numpy as np
import pytest

from rookery.market.bar_record import BarRecord, market_of, record_targets
from rookery.market.bars import Bars
from rookery.market.terms import Account, Instrument
from rookery.market.trade_journal import (
    CAUSES,
    CLOSED,
    ENTRY_BAR,
    EXIT_BAR,
    EXIT_CAUSE,
    FILL_CAUSE,
    LARGEST,
    MAE,
    MFE,
    PAID,
    RECEIVED,
    SIDE,
    TRIP_CARRY,
    TRIP_FEES,
    TRIP_FILLS,
    TRIP_SLIPPAGE,
)

Row = tuple[float, float, float, float]
FLAT: Row = (100.0, 100.0, 100.0, 100.0)


def record(
    rows: Sequence[Row],
    orders: Sequence[float],
    *,
    instrument: Instrument | None = None,
    account: Account | None = None,
) -> BarRecord:
    """One account with 1,000 in cash over (open, high, low, close) rows; `orders[t]` is sent at the close of bar t."""
    columns = np.array(rows, np.float64).T[:, :, None]
    names = ("open_TM", "high_TM", "low_TM", "close_TM")
    bars = Bars(**dict(zip(names, columns, strict=True)), volume_TM=np.full(columns[0].shape, 1e6))
    order_TM = np.zeros((len(rows), 1))
    order_TM[: len(orders), 0] = orders
    terms = market_of(bars, [instrument or Instrument()], account or Account(leverage=100.0))
    return record_targets(terms, order_TM, capital=1000.0, wish="order")


def test_a_round_trip_holds_its_entry_exit_and_excursions():
    rows = [FLAT, (100, 103, 98, 101), (101, 107, 95, 104), (106, 190, 10, 106)]
    trip_C = record(rows, [2.0, 0.0, -2.0]).trip_YC[0]
    assert (trip_C[ENTRY_BAR], trip_C[EXIT_BAR], trip_C[SIDE], trip_C[LARGEST]) == (1, 3, 1, 2)
    assert (trip_C[PAID], trip_C[RECEIVED], trip_C[CLOSED]) == (200.0, 212.0, 2.0)
    # Sold at the open of bar 3, of which the extremes no longer count: 2 x (95 - 100) and 2 x (107 - 100).
    assert (trip_C[MAE], trip_C[MFE]) == (-10.0, 14.0)


def test_the_excursions_of_a_short_mirror_those_of_a_long():
    trip_C = record([FLAT, (100, 103, 98, 101), (101, 107, 95, 104), (90, 90, 90, 90)], [-2.0, 0.0, 2.0]).trip_YC[0]
    # The exit itself is the best price: 2 x (100 - 90).
    assert (trip_C[MAE], trip_C[MFE]) == (-14.0, 20.0)


def test_a_fill_through_zero_ends_one_trip_and_begins_the_next():
    rows = [FLAT, FLAT, (110, 110, 110, 110), (99, 99, 99, 99)]
    books = record(rows, [2.0, -5.0, 3.0], instrument=Instrument(fee_fixed=1.0))
    first_C, second_C = books.trip_YC
    assert (first_C[SIDE], first_C[PAID], first_C[RECEIVED]) == (1, 200.0, 220.0)
    assert (second_C[SIDE], second_C[PAID], second_C[RECEIVED]) == (-1, 330.0, 297.0)
    # The fee of the flip is split by contracts: 2 of 5 and 3 of 5.
    assert first_C[TRIP_FEES] == pytest.approx(1.4)
    assert second_C[TRIP_FEES] == pytest.approx(1.6)


def test_scaling_in_and_out_is_one_trip_of_mean_prices():
    rows = [FLAT, FLAT, (110, 110, 110, 110), (120, 120, 120, 120), (130, 130, 130, 130)]
    trip_C = record(rows, [1.0, 1.0, -1.0, -1.0]).trip_YC[0]
    assert (trip_C[PAID], trip_C[RECEIVED], trip_C[LARGEST], trip_C[TRIP_FILLS]) == (210.0, 250.0, 2, 4)
    assert (trip_C[MAE], trip_C[MFE]) == (0.0, 40.0)


def test_of_the_bar_that_stops_a_trip_out_only_open_and_exit_count():
    books = record([FLAT, FLAT, (101, 150, 90, 140)], [1.0], account=Account(stop_loss_pct=0.05))
    trip_C = books.trip_YC[0]
    assert CAUSES[int(trip_C[EXIT_CAUSE])] == "stop"
    assert trip_C[MAE] == pytest.approx(-5.0)
    assert trip_C[MFE] == pytest.approx(1.0)


def test_every_cause_of_a_fill_is_named():
    def causes(account: Account, orders: list[float]) -> list[str]:
        books = record([FLAT, FLAT, (100, 103, 80, 100)], orders, account=account)
        return [CAUSES[int(cause)] for cause in books.fill_XC[:, FILL_CAUSE]]

    assert causes(Account(stop_loss_pct=0.02), [1.0]) == ["order", "stop"]
    assert causes(Account(take_profit_pct=0.02), [1.0]) == ["order", "take"]
    assert causes(Account(leverage=10, maintenance=0.05), [90.0]) == ["order", "liquidation"]


def test_slippage_and_carry_are_the_trips_own():
    terms = Instrument(half_spread_bps=100, funding_bps=10)
    trip_C = record([FLAT, FLAT, FLAT, FLAT], [1.0, 0.0, -1.0], instrument=terms).trip_YC[0]
    assert trip_C[TRIP_SLIPPAGE] == pytest.approx(1.0 + (100 - 100 / 1.01))
    assert trip_C[TRIP_CARRY] == pytest.approx(0.2)
    # The spread of the entry is lost at once: bought at 101 in a bar that never leaves 100.
    assert trip_C[MAE] == pytest.approx(-1.0 - (100 - 100 / 1.01))


def test_with_fill_close_the_bar_of_the_entry_does_not_count():
    rows = [FLAT, (100, 150, 50, 100), (100, 105, 99, 102), (102, 104, 101, 103)]
    trip_C = record(rows, [1.0, 0.0, -1.0], account=Account(fill="close")).trip_YC[0]
    # In at the close of bar 1, out at the close of bar 3.
    assert (trip_C[ENTRY_BAR], trip_C[EXIT_BAR], trip_C[MAE], trip_C[MFE]) == (1, 3, -1.0, 5.0)


def test_a_journal_grows_with_what_happens():
    rows = [FLAT] * 3000
    books = record(rows, [1.0, -1.0] * 1499)
    assert len(books.fill_XC) == 2998
    assert len(books.trip_YC) == 1499
    assert (np.diff(books.trip_YC[:, EXIT_BAR]) > 0).all()
