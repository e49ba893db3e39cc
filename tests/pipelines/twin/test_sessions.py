"""Fills as sessions: an instrument and a span of time, the position carried over, in the session's own measure."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from rookery.features.segments import SEGMENT
from rookery.features.trader_bars import trader_bars
from rookery.pipelines.twin.bars import state_bars
from rookery.pipelines.twin.sessions import DAY_S, sessions_of
from rookery.schema import FILLS

MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)
LATER = MIDNIGHT + timedelta(days=9)
Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def fills(*rows: tuple[float, str, str, float, float]) -> pl.DataFrame:
    """(seconds after midnight, instrument, side, size, price)."""
    plain = dict.fromkeys(FILLS.columns) | {"trader": "me"}
    made = [
        plain
        | {
            "time": MIDNIGHT + timedelta(seconds=s),
            "instrument": i,
            "side": side,
            "size": z,
            "price": p,
            "notional": z * p,
        }
        for s, i, side, z, p in rows
    ]
    return pl.DataFrame(made, schema={name: column.dtype for name, column in FILLS.columns.items()})


def sessions(table: pl.DataFrame, *, resolution_s: int = 0, last: datetime = LATER, session_s: int = DAY_S) -> Tables:
    return sessions_of(table, session_s=session_s, resolution_s=resolution_s, last_time=last, place="fills.csv")


def bars_of(made: Tables, *, interval_s: int = 3_600, capital: float = 100.0) -> pl.DataFrame:
    trades, markets, opened = made
    return state_bars(trader_bars(trades, markets, interval_s=interval_s, sessions=opened), capital=capital)


TWO_DAYS = fills((3_600, "A", "BUY", 2, 10), (7_200, "A", "BUY", 2, 14), (90_000, "A", "SELL", 1, 16))


def test_a_session_is_an_instrument_and_a_utc_day():
    _, markets, opened = sessions(fills((1, "A", "BUY", 1, 10), (2, "B", "BUY", 1, 5), (90_000, "A", "SELL", 1, 10)))
    assert markets["market"].to_list() == ["A 2026-01-02", "B 2026-01-02", "A 2026-01-03"]
    assert markets["open_time"].to_list() == [MIDNIGHT, MIDNIGHT, MIDNIGHT + timedelta(days=1)]
    assert opened["instrument"].to_list() == ["A", "B", "A"]
    assert markets["complete"].all()


def test_another_span_is_named_by_its_second():
    _, markets, _ = sessions(fills((1, "A", "BUY", 1, 10), (30_000, "A", "SELL", 1, 10)), session_s=28_800)
    assert markets["market"].to_list() == ["A 2026-01-02 00:00:00", "A 2026-01-02 08:00:00"]


def test_a_position_is_carried_into_the_next_session_with_its_price_and_its_clock():
    bars = bars_of(sessions(TWO_DAYS))
    second = bars.filter(pl.col(SEGMENT) == 1)
    # 4 at 12 before, 1 sold: 3 are left, told over and times the session's first price of 16.
    first = second.row(0, named=True)
    assert first["inventory"] == pytest.approx(3 * 16)
    assert first["entry_price"] == pytest.approx(12 / 16)
    assert first["close"] == 1.0
    assert first["unrealised_pnl"] == pytest.approx(3 * (16 - 12))
    assert first["seconds_since_entry"] == (first["time"] - MIDNIGHT).total_seconds() - 3_600


def test_what_a_session_earns_begins_at_its_own_first_price():
    bars = bars_of(
        sessions(fills((3_600, "A", "BUY", 2, 10), (90_000, "A", "SELL", 1, 16), (97_300, "A", "SELL", 1, 13)))
    )
    second = bars.filter(pl.col(SEGMENT) == 1)
    # One was sold at the first price, the other three lower.
    assert second["bar_return"].sum() == pytest.approx(-3 / 100.0)
    assert second["bar_return"][0] == 0.0


def test_a_session_has_bars_from_its_first_fill_to_its_end():
    bars = bars_of(sessions(TWO_DAYS))
    counts = bars.group_by(SEGMENT, maintain_order=True).len()["len"].to_list()
    assert counts == [23, 23]
    assert bars["time"].max() == MIDNIGHT + timedelta(days=2)


def test_instruments_of_any_price_are_told_alike():
    plain, dear = (
        bars_of(sessions(fills(*rows)))
        for rows in (
            ((60, "A", "BUY", 2, 10), (4_000, "A", "SELL", 1, 11)),
            ((60, "A", "BUY", 0.0002, 100_000), (4_000, "A", "SELL", 0.0001, 110_000)),
        )
    )
    for name in ("close", "inventory", "net_quantity", "unrealised_pnl", "bar_return"):
        assert dear[name].to_list() == pytest.approx(plain[name].to_list())
    assert plain["net_quantity"].to_list()[:2] == pytest.approx([20.0, -10.0])


def test_a_stamp_cut_to_the_minute_is_in_the_bar_that_ends_with_that_minute():
    # Known at 01:00:00, traded in the minute before.
    trades, markets, opened = sessions(fills((3_600, "A", "BUY", 1, 10)), resolution_s=60)
    bars = trader_bars(trades, markets, interval_s=3_600, sessions=opened)
    assert bars.filter(pl.col("fills") > 0)["time"].to_list() == [MIDNIGHT + timedelta(hours=1)]
    last = sessions(fills((86_400, "A", "BUY", 1, 10)), resolution_s=60)[1]
    assert last["market"].to_list() == ["A 2026-01-02"]


def test_an_exact_stamp_on_the_hour_is_in_the_bar_that_begins_there():
    trades, markets, opened = sessions(fills((3_600, "A", "BUY", 1, 10)))
    bars = trader_bars(trades, markets, interval_s=3_600, sessions=opened)
    assert bars.filter(pl.col("fills") > 0)["time"].to_list() == [MIDNIGHT + timedelta(hours=2)]


def test_a_session_that_the_file_does_not_see_the_end_of_is_cut():
    _, markets, _ = sessions(TWO_DAYS, last=MIDNIGHT + timedelta(days=1, hours=5))
    assert markets["cut"].to_list() == [False, True]
    assert markets["complete"].to_list() == [True, False]


def test_a_session_with_rows_missing_is_incomplete_and_the_next_one_starts_from_what_is_stated():
    table = fills(
        (60, "A", "BUY", 1, 10), (120, "A", "BUY", 1, 10), (90_000, "A", "SELL", 1, 10), (90_060, "A", "SELL", 1, 9)
    )
    stated = table.with_columns(pl.Series("position_before", [0.0, 4.0, 7.0, 6.0]))
    _, markets, opened = sessions(stated)
    assert markets["faulty_rows"].to_list() == [1, 0]
    assert markets["complete"].to_list() == [False, True]
    assert opened["quantity"].to_list() == [0.0, 7.0]
