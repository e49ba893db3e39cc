"""Of a file's quotes the last of each step is enough, and a quote is of the token that it is of."""

import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.trader_bars import trader_bars
from rookery.sources.polymarket import load

from .conftest import DOWN_TOKEN, OPEN_S, SLUG, UP_TOKEN, Row, Write

OPEN = datetime.fromtimestamp(OPEN_S, UTC)


def event(milliseconds: int, **other: object) -> Row:
    return {"t": OPEN_S * 1_000 + milliseconds, **other}


def fill(second: int, outcome: str = "Up", **other: object) -> Row:
    cells: Row = {"type": "trade", "price": 0.5, "side": "BUY", "size": 2, "usdc": 1, "outcome": outcome, **other}
    return event(second * 1_000, **cells)


def book(milliseconds: int, bid: float, outcome: str | None = "Up", **other: object) -> Row:
    ask = round(bid + 0.02, 4)
    told = {} if outcome is None else {"outcome": outcome}
    return event(milliseconds, type="price_change", bestBid=bid, bestAsk=ask, **told, **other)


def market(*rows: Row) -> Row:
    return {"slug": SLUG, "prices": list(rows)}


@pytest.fixture
def busy() -> list[Row]:
    """Fifteen minutes of 20,000 events of both tokens, more than one part of a file, some fills among them."""
    draw = random.Random(3)
    rows = [fill(1)]
    for i in range(20_000):
        t, outcome = i * 45, draw.choice(["Up", "Down"])
        if i % 7 == 0:
            rows.append(event(t, type="last_trade_price", price=round(draw.uniform(0.1, 0.9), 2), outcome=outcome))
        else:
            rows.append(book(t, round(draw.uniform(0.05, 0.9), 3), outcome))
    return [*rows, fill(899)]


@pytest.mark.parametrize("newest_first", [False, True])
def test_bars_of_whole_seconds_are_the_same_with_all_quotes_or_the_last_of_each_second(
    busy: list[Row], write: Write, newest_first: bool
):
    folder = write(market(*(busy[::-1] if newest_first else busy)))
    whole, thin = load(folder), load(folder, quote_step_s=1)

    assert whole.quotes.height == 20_000
    # Books and last prices of two tokens in 900 seconds.
    assert thin.quotes.height <= 900 * 4
    for interval_s in (1, 7, 60, 900):
        bars = [trader_bars(one.trades, one.markets, interval_s=interval_s, quotes=one.quotes) for one in (whole, thin)]
        assert bars[0].equals(bars[1]), interval_s
        assert bars[0]["quote_mid"].null_count() < 2


def test_what_was_thinned_is_counted_and_the_counts_add_up(busy: list[Row], write: Write):
    facts = load(write(market(*busy)), quote_step_s=60).facts

    assert facts.rows_read == len(busy)
    assert facts.rows_kept + facts.other_events_skipped == facts.rows_read
    assert "quotes that a later one of their step replaces" in facts.notes["left out"]


def test_a_book_without_a_middle_does_not_stand_in_for_one(write: Write):
    rows = (fill(1), book(100, 0.4), event(200, type="price_change", bestBid=0.7, outcome="Up"))
    quotes = load(write(market(*rows)), quote_step_s=1).quotes

    assert [mid and round(mid, 9) for mid in quotes["mid"]] == [0.41, None]


def test_a_quote_that_names_its_tokens_id_is_of_the_outcome_of_the_fills_with_it(write: Write):
    rows = (
        fill(1, "Up", aid=UP_TOKEN),
        fill(2, "Down", aid=DOWN_TOKEN),
        book(3_000, 0.4, None, aid=DOWN_TOKEN),
        book(4_000, 0.6, None, aid=UP_TOKEN),
        book(5_000, 0.5, None),
    )
    folder = write(market(*rows))

    assert load(folder).quotes["outcome"].to_list() == ["Down", "Up", None]
    assert load(folder, missing_outcome="Up").quotes["outcome"].to_list() == ["Down", "Up", "Up"]
    bars = trader_bars(load(folder).trades, load(folder).markets, interval_s=900, quotes=load(folder).quotes)
    assert bars["quote_mid"].to_list() == pytest.approx([0.61])


def test_tokens_of_one_second_are_kept_apart(write: Write):
    rows = (fill(1), book(100, 0.4, "Up"), book(200, 0.58, "Down"), book(300, 0.41, "Up"))
    quotes = load(write(market(*rows)), quote_step_s=1).quotes

    assert quotes.select("outcome", "best_bid").rows() == [("Down", 0.58), ("Up", 0.41)]
    assert quotes["time"].to_list() == [OPEN + timedelta(milliseconds=ms) for ms in (200, 300)]


@pytest.mark.parametrize("name", ["bestBid", "bestAsk", "mid"])
def test_a_book_outside_nought_to_one_is_a_faulty_row(write: Write, name: str):
    rows = (fill(1), {**book(100, 0.4), name: 1.01})
    folder = write(market(*rows))

    with pytest.raises(UserError, match=r"item 2: .* '1.01' is outside 0 to 1"):
        load(folder)
    assert load(folder, skip_bad=True).facts.quarantined == {"quote out of range": 1}


@pytest.mark.parametrize("step", [0, -1])
def test_a_step_of_no_time_is_refused(write: Write, step: int):
    with pytest.raises(UserError, match="quote_step_s"):
        load(write(market(fill(1))), quote_step_s=step)


def test_rows_in_memory_of_their_own_are_the_same_rows():
    from rookery.sources.polymarket._quotes import owned

    table = pl.DataFrame({"time": [1, 2, 3], "text": ["a" * 40, None, "b" * 40]}).filter(pl.col("time") > 1)
    assert owned(table).equals(table)
    assert owned(table.clear()).schema == table.schema
