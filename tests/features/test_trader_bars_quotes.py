"""The market's own price in a trader's bars: known strictly before the bar's end, and of the right token."""

import json
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rookery.features.trader_bars import trader_bars
from rookery.pipelines.twin.bars import state_bars
from rookery.schema import MARKETS, QUOTES, TRADES

OPEN = datetime(2026, 1, 20, 10, 15, tzinfo=UTC)
Quote = tuple[float, str | None, float | None, float | None]


def at(second: float) -> datetime:
    return OPEN + timedelta(seconds=second)


def quotes(*rows: Quote, market: str = "a", **plain: Any) -> pl.DataFrame:  # noqa: ANN401  cells of any kind
    """Books of (second, token, best bid, best ask)."""
    cells = [
        {
            "time": at(second),
            "market": market,
            "kind": "price_change",
            "outcome": outcome,
            "best_bid": bid,
            "best_ask": ask,
            "mid": None if bid is None or ask is None else (bid + ask) / 2,
            **plain,
        }
        for second, outcome, bid, ask in rows
    ]
    return pl.DataFrame(cells, schema={name: column.dtype for name, column in QUOTES.columns.items()})


def trades(*rows: tuple[float, float, float]) -> pl.DataFrame:
    """Fills of (second, shares of Up bought, price)."""
    cells = [
        {
            "time": at(second),
            "market": "a",
            "kind": "TRADE",
            "outcome": "Up",
            "side": "BUY",
            "size": size,
            "price": price,
            "usdc": size * price,
            "up_price": price,
        }
        for second, size, price in rows
    ]
    return pl.DataFrame(cells, schema={name: column.dtype for name, column in TRADES.columns.items()})


def markets(**changed: object) -> pl.DataFrame:
    """One market of five minutes from OPEN on."""
    plain: dict[str, Any] = dict.fromkeys(MARKETS.columns)
    plain |= {"market": "a", "open_time": at(0), "close_time": at(300), "first_time": at(0), "last_time": at(299)}
    plain |= {"rows": 1, "fills": 1, "duplicates": 0, "faulty_rows": 0, "capped": False, "cut": False, "complete": True}
    plain |= {"left_up": 0.0, "left_down": 0.0, "redeemed": 0.0}
    schema = {name: column.dtype for name, column in MARKETS.columns.items()}
    return pl.DataFrame([plain | changed], schema=schema)


def test_a_bar_sees_the_last_book_strictly_before_its_end():
    book = quotes((10, "Up", 0.40, 0.42), (60, "Up", 0.50, 0.54), (119.999, "Up", 0.60, 0.66), (240, "Up", 0.1, 0.2))
    bars = trader_bars(trades((0, 1, 0.4)), markets(), interval_s=60, quotes=book)

    assert bars["quote_mid"].to_list() == pytest.approx([0.41, 0.63, 0.63, 0.63, 0.15])
    assert bars["quote_spread"].to_list() == pytest.approx([0.02, 0.06, 0.06, 0.06, 0.1])
    assert bars["quote_age_s"].to_list() == pytest.approx([50.0, 0.001, 60.001, 120.001, 60.0])


def test_a_book_of_down_is_turned_into_one_of_up_and_one_of_no_token_is_left_out():
    down = trader_bars(trades((0, 1, 0.4)), markets(), interval_s=300, quotes=quotes((10, "Down", 0.30, 0.34)))
    assert down.select("quote_mid", "quote_spread").row(0) == pytest.approx((0.68, 0.04))

    unknown = trader_bars(trades((0, 1, 0.4)), markets(), interval_s=300, quotes=quotes((10, None, 0.30, 0.34)))
    assert unknown.select("quote_price", "quote_mid", "quote_age_s").row(0) == (None, None, None)


def test_a_last_trade_is_a_price_but_no_book_and_a_changed_level_is_neither():
    book = quotes((10, "Up", 0.40, 0.44))
    last = quotes((70, "Down", None, None), kind="last_trade_price", price=0.25)
    level = quotes((130, "Up", None, None), price=0.99)
    bars = trader_bars(trades((0, 1, 0.4)), markets(), interval_s=60, quotes=pl.concat([book, last, level]))

    assert bars["quote_price"].to_list() == pytest.approx([0.42, 0.75, 0.75, 0.75, 0.75])
    assert bars["quote_mid"].to_list() == pytest.approx([0.42] * 5)


def test_without_a_fill_the_bar_stands_at_the_markets_price_where_that_is_newer():
    table = trades((130, 10, 0.40))
    book = quotes((30, "Up", 0.58, 0.62), (140, "Up", 0.48, 0.52), (250, "Up", 0.28, 0.32))
    bars = trader_bars(table, markets(), interval_s=60, quotes=book)

    # Nothing was filled in the first two minutes; in the third he gave 0.40 himself; then the book is the newer.
    assert bars["up_price"].to_list() == pytest.approx([0.6, 0.6, 0.4, 0.5, 0.3])
    assert bars["close"].to_list() == [None, None, 0.4, None, None]
    older = trader_bars(table, markets(), interval_s=60, quotes=quotes((30, "Up", 0.58, 0.62)))
    assert older["up_price"].to_list() == pytest.approx([0.6, 0.6, 0.4, 0.4, 0.4])


def test_what_is_held_is_marked_at_the_bars_price_and_value_is_conserved():
    book = quotes((140, "Up", 0.48, 0.52), (250, "Up", 0.28, 0.32))
    bars = trader_bars(trades((130, 10, 0.40)), markets(), interval_s=60, quotes=book)

    assert bars["unrealised"].to_list() == pytest.approx([0.0, 0.0, 0.0, 1.0, -1.0])
    worth = bars["cash"] + bars["up_held"] * bars["up_price"] + bars["down_held"] * (1 - bars["up_price"])
    book_value = bars["realised"] + bars["unrealised"]
    assert (worth - book_value).drop_nulls().abs().max() < 1e-9


def test_a_book_at_nought_or_one_is_no_price():
    bars = trader_bars(trades((0, 1, 0.4)), markets(), interval_s=300, quotes=quotes((10, "Up", 1.0, 1.0)))
    assert bars.select("quote_price", "up_price").row(0) == (None, 0.4)


def test_bars_of_states_begin_with_the_first_book_and_move_with_it():
    book = quotes((10, "Up", 0.58, 0.62), (70, "Up", 0.48, 0.52))
    bars = trader_bars(trades((190, 1, 0.4)), markets(), interval_s=60, quotes=book)
    made = state_bars(bars, capital=10.0)

    assert made["close"].to_list() == pytest.approx([0.6, 0.5, 0.5, 0.4, 0.4])
    assert made.select("open", "high", "low").row(1) == pytest.approx((0.6, 0.6, 0.5))
    assert state_bars(trader_bars(trades((190, 1, 0.4)), markets(), interval_s=60), capital=10.0).height == 2


def test_without_quotes_nothing_is_different():
    table = trades((10, 1, 0.4), (130, 1, 0.6))
    plain = trader_bars(table, markets(), interval_s=60)
    empty = trader_bars(table, markets(), interval_s=60, quotes=quotes())

    new = [name for name in empty.columns if name not in plain.columns]
    assert new == ["quote_price", "quote_mid", "quote_spread", "quote_age_s"]
    assert (
        empty.drop(new)
        .with_columns(pl.col("unrealised").round(12))
        .equals(plain.with_columns(pl.col("unrealised").round(12)))
    )


@pytest.fixture(scope="module")
def real_quotes(shared_data: Path) -> pl.DataFrame:
    """A price a minute of 272 real 15-minute markets, as the market's last trades of Up."""
    parts = []
    archive = shared_data / "polymarket_btc15m_prices_2025_12" / "prices.tar.gz"
    with tarfile.open(archive) as files:
        for member in files:
            stream = files.extractfile(member)
            assert stream is not None
            document = json.load(stream)
            rows = pl.DataFrame(document["data"]).with_columns(market=pl.lit(str(document["metadata"]["startTs"])))
            parts.append(rows)
    whole = pl.concat(parts)
    names = {name: column.dtype for name, column in QUOTES.columns.items()}
    known = whole.select(
        pl.from_epoch("timestamp", time_unit="ms").cast(pl.Datetime("ns")).dt.replace_time_zone("UTC").alias("time"),
        "market",
        pl.lit("last_trade_price").alias("kind"),
        pl.lit("Up").alias("outcome"),
        pl.col("price").cast(pl.Float64),
    )
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in names.items() if name not in known.columns]
    return known.with_columns(missing).select(list(names)).sort("time")


def market_of(start_ms: str, market_quotes: pl.DataFrame) -> pl.DataFrame:
    opens = datetime.fromtimestamp(int(start_ms) / 1_000, UTC)
    ends = opens + timedelta(minutes=15)
    first, last = market_quotes["time"].min(), market_quotes["time"].max()
    return markets(market=start_ms, open_time=opens, close_time=ends, first_time=first, last_time=last)


def test_fifteen_second_bars_of_real_markets_hold_the_minute_prices_as_of_their_ends(real_quotes: pl.DataFrame):
    found = [market_of(key[0], group) for key, group in real_quotes.group_by("market", maintain_order=True)]  # type: ignore[arg-type]
    bars = trader_bars(trades().clear(), pl.concat(found), interval_s=15, quotes=real_quotes)

    assert bars.height == 272 * 60
    for key, group in real_quotes.group_by("market"):
        own = bars.filter(pl.col("market") == key[0])
        told = group["time"].to_physical().to_numpy()
        place = np.searchsorted(told, own["time"].to_physical().to_numpy(), side="left") - 1
        prices = group["price"].to_list()
        expected = [prices[p] if p >= 0 and 0 < prices[p] < 1 else None for p in place]
        assert own["quote_price"].to_list() == expected
    # The first price comes some seconds after the opening, and none is older than the minute between two of them.
    assert bars["quote_age_s"].quantile(0.99) < 75
    assert bars["up_price"].null_count() < 0.1 * bars.height


def test_what_the_market_shows_later_changes_no_earlier_bar(real_quotes: pl.DataFrame):
    found = [market_of(key[0], group) for key, group in real_quotes.group_by("market", maintain_order=True)]  # type: ignore[arg-type]
    whole, moment = pl.concat(found), real_quotes["time"].sort()[2_000]
    garbled = real_quotes.with_columns(
        pl.when(pl.col("time") >= moment).then(0.9).otherwise("price").alias("price"),
    )
    before, after = (
        trader_bars(trades().clear(), whole, interval_s=15, quotes=table).filter(pl.col("time") <= moment)
        for table in (real_quotes, garbled)
    )
    assert before.height > 5_000
    assert before.equals(after)
