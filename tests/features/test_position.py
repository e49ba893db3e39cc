"""A trader's holdings follow from his rows, keep their value, and know nothing of later rows."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.features.position import positions
from rookery.schema import TRADES

Event = tuple[Any, ...]
START = datetime(2026, 1, 20, 10, 15, tzinfo=UTC)


def trades(*events: Event) -> pl.DataFrame:
    """(second, market, kind, outcome, side, size, price); usdc is size x price, or the size of a settlement."""
    names = ("second", "market", "kind", "outcome", "side", "size", "price")
    types = {"second": pl.Float64, "size": pl.Float64, "price": pl.Float64}
    table = pl.DataFrame(
        [dict(zip(names, event, strict=True)) for event in events],
        schema={name: types.get(name, pl.String) for name in names},
    )
    start = pl.lit(START).cast(pl.Datetime("ns", "UTC"))
    return table.select(
        (start + pl.duration(nanoseconds=(pl.col("second") * 1e9).cast(pl.Int64))).alias("time"),
        "market",
        pl.lit(None, dtype=pl.String).alias("trader"),
        "kind",
        "outcome",
        "side",
        "size",
        "price",
        (pl.col("size") * pl.col("price").fill_null(1.0)).alias("usdc"),
        pl.when(pl.col("outcome") == "Up").then("price").otherwise(1 - pl.col("price")).alias("up_price"),
        pl.lit(None, dtype=pl.String).alias("transaction_hash"),
    ).select(TRADES.columns.keys())


def fill(second: float, outcome: str, side: str, size: float, price: float, market: str = "a") -> Event:
    return (second, market, "TRADE", outcome, side, size, price)


def settle(second: float, kind: str, size: float, outcome: str | None = None, market: str = "a") -> Event:
    return (second, market, kind, outcome, None, size, None)


def last(*events: Event) -> dict[str, Any]:
    return positions(trades(*events)).row(-1, named=True)


def near(**expected: float | None) -> Callable[[dict[str, Any]], bool]:
    return lambda row: all(row[name] == pytest.approx(value, abs=1e-12) for name, value in expected.items())


def test_buying_down_is_selling_up_at_the_rest_of_the_price():
    row = last(fill(0, "Down", "BUY", 10, 0.3))

    assert near(quantity=-10, entry_price=0.7, down_held=10, up_held=0, cash=-3, realised=0, unrealised=0)(row)


def test_two_fills_average_their_price():
    row = last(fill(0, "Up", "BUY", 10, 0.4), fill(5, "Up", "BUY", 30, 0.6))

    assert near(quantity=40, entry_price=0.55, unrealised=2.0, cash=-22, held_s=5)(row)


def test_a_pair_realises_its_profit_when_it_is_complete_and_merging_changes_nothing_more():
    pair = (fill(0, "Up", "BUY", 10, 0.4), fill(1, "Down", "BUY", 10, 0.5))
    merged = (*pair, settle(2, "MERGE", 10))

    assert near(quantity=0, realised=1.0, unrealised=0, cash=-9, up_held=10, down_held=10, held_s=0)(last(*pair))
    assert near(quantity=0, realised=1.0, unrealised=0, cash=1, up_held=0, down_held=0, entry_price=None)(last(*merged))


def test_splitting_and_selling_one_side_is_a_bet_on_the_other():
    row = last(settle(0, "SPLIT", 10), fill(1, "Up", "SELL", 10, 0.6))

    assert near(quantity=-10, entry_price=0.6, cash=-4, down_held=10, up_held=0, realised=0)(row)


@pytest.mark.parametrize(("winner", "paid", "result"), [("Up", 10, 6.0 - 2.0), ("Down", 4, -4.0 + 2.0)])
def test_redemption_pays_the_winner_and_writes_the_loser_off(winner: str, paid: float, result: float):
    bets = (fill(0, "Up", "BUY", 10, 0.4), fill(1, "Down", "BUY", 4, 0.5))
    row = last(*bets, settle(900, "REDEEM", paid, winner))

    assert near(up_held=0, down_held=0, cash=result, realised=result, unrealised=0)(row)
    assert row["up_price"] == (1.0 if winner == "Up" else 0.0)


def test_turning_round_closes_and_opens_anew():
    row = last(fill(0, "Up", "BUY", 10, 0.4), fill(7, "Up", "SELL", 25, 0.5), fill(9, "Down", "BUY", 1, 0.5))

    assert near(quantity=-16, entry_price=0.5, realised=1.0, held_s=2)(row)


def test_selling_part_keeps_the_entry_and_the_clock():
    row = last(fill(0, "Up", "BUY", 10, 0.4), fill(3, "Up", "SELL", 4, 0.6))

    assert near(quantity=6, entry_price=0.4, realised=0.8, unrealised=1.2, held_s=3)(row)


def test_a_redemption_without_an_outcome_and_a_reward_are_cash():
    row = last(fill(0, "Up", "BUY", 10, 0.4), settle(1, "REDEEM", 3), settle(2, "REWARD", 2))

    assert near(cash=1, realised=5, up_held=10)(row)


def test_usdc_that_was_rounded_is_kept_as_a_result():
    table = trades(fill(0, "Down", "BUY", 3, 0.333333)).with_columns(pl.lit(1.0).alias("usdc"))
    row = positions(table).row(0, named=True)

    assert row["cash"] == -1.0
    assert row["realised"] == pytest.approx(3 * 0.333333 - 1.0, abs=1e-15)


def test_before_any_price_nothing_is_unrealised():
    row = last(settle(0, "SPLIT", 10))

    assert near(up_price=None, unrealised=0, realised=0, cash=-10)(row)


def test_what_was_held_before_keeps_its_cost_and_its_clock_and_earns_from_the_first_price_on():
    rows = trades(fill(0, "Up", "SELL", 1.0, 0.8), fill(0, "Up", "BUY", 1.0, 0.8, "b"))
    openings = pl.DataFrame(
        {"market": ["a"], "quantity": [3.0], "entry_price": [0.5], "first_price": [0.8], "since": rows["time"][:1]}
    ).with_columns((pl.col("since") - pl.duration(seconds=50)).cast(rows.schema["time"]))
    found = positions(rows, openings)
    assert found["quantity"].to_list() == [2.0, 1.0]
    assert found["entry_price"].to_list() == pytest.approx([0.5, 0.8])
    assert (found["realised"] + found["unrealised"]).to_list() == pytest.approx([0.0, 0.0])
    assert found["unrealised"].to_list() == pytest.approx([2 * 0.3, 0.0])
    assert found["held_s"].to_list() == [50.0, 0.0]
    # Value is conserved: cash and what is held are the book.
    assert (found["cash"] + found["quantity"] * 0.8).to_list() == pytest.approx([0.0, 0.0])


def test_an_empty_table_has_no_positions():
    assert positions(trades().head(0)).height == 0


def test_time_that_runs_backwards_is_refused():
    with pytest.raises(ValueError, match="not sorted by time at row 1"):
        positions(trades(fill(1, "Up", "BUY", 1, 0.5), fill(0, "Up", "BUY", 1, 0.5)))


PRICES = st.integers(1, 999).map(lambda mills: mills / 1000)
SIZES = st.integers(1, 5_000_000_000).map(lambda micros: micros / 1e6)
MARKETS = st.sampled_from(["a", "b"])
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["Up", "Down"]), st.sampled_from(["BUY", "SELL"]), SIZES, PRICES, MARKETS),
        st.tuples(st.sampled_from(["MERGE", "SPLIT", "REWARD"]), SIZES, st.none(), MARKETS),
        st.tuples(st.just("REDEEM"), SIZES, st.sampled_from(["Up", "Down"]), MARKETS),
    ),
    min_size=1,
    max_size=60,
)


def drawn(events: list[Event]) -> pl.DataFrame:
    """One event a second."""
    return trades(
        *(
            fill(second, *event[:4], event[4]) if len(event) == 5 else settle(second, event[0], *event[1:3], event[3])
            for second, event in enumerate(events)
        )
    )


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_value_is_conserved_through_any_events(events: list[Event]):
    """Cash and tokens reckoned one event at a time, in plain words, have the value of results and the open position."""
    table = drawn(events)
    held = {market: {"Up": 0.0, "Down": 0.0, "cash": 0.0, "price": None} for market in ("a", "b")}
    for row, found in zip(table.iter_rows(named=True), positions(table).iter_rows(named=True), strict=True):
        book = held[row["market"]]
        if row["kind"] == "TRADE":
            sign = 1 if row["side"] == "BUY" else -1
            book[row["outcome"]] += sign * row["size"]
            book["cash"] -= sign * row["usdc"]
            book["price"] = row["up_price"]
        elif row["kind"] == "REDEEM":
            book[row["outcome"]] -= row["size"]
            book["Down" if row["outcome"] == "Up" else "Up"] = 0.0
            book["cash"] += row["usdc"]
            book["price"] = 1.0 if row["outcome"] == "Up" else 0.0
        else:
            pairs = {"MERGE": -1, "SPLIT": 1, "REWARD": 0}[row["kind"]] * row["size"]
            book["Up"] += pairs
            book["Down"] += pairs
            book["cash"] += row["usdc"] * (-1 if row["kind"] == "SPLIT" else 1)
        price = book["price"]
        assert found["up_held"] == pytest.approx(book["Up"], abs=1e-9)
        assert found["down_held"] == pytest.approx(book["Down"], abs=1e-9)
        assert found["cash"] == pytest.approx(book["cash"], abs=1e-9)
        if price is not None:
            value = book["cash"] + book["Up"] * price + book["Down"] * (1 - price)
            # 60 events of up to 5,000 shares: the sums run to 300,000, whose last bit is 6e-11.
            assert found["realised"] + found["unrealised"] == pytest.approx(value, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.data())
def test_a_position_knows_nothing_of_later_rows_or_other_markets(events: list[Event], data: st.DataObject):
    table = drawn(events)
    full = positions(table)
    end = data.draw(st.integers(0, table.height))
    alone = table.filter(pl.col("market") == "a")

    assert positions(table.head(end)).equals(full.head(end))
    assert positions(alone).equals(full.filter(pl.col("market") == "a"))
