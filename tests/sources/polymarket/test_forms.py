"""Every form of an exporter gives the same trades."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.schema import MARKETS, QUOTES, TRADES
from rookery.sources.polymarket import load

from .conftest import DOWN_TOKEN, OPEN_S, SLUG, UP_TOKEN, WALLET, Row, Write, settlement, trade


def test_activity_rows_become_trades_with_the_price_of_up(rows: list[Row], write: Write):
    history = load(write(rows))

    assert history.trades.columns == list(TRADES.columns)
    assert history.markets.columns == list(MARKETS.columns)
    assert history.quotes.columns == list(QUOTES.columns)
    assert history.trades["kind"].to_list() == ["TRADE"] * 4 + ["MERGE", "REDEEM"]
    assert history.trades["outcome"].to_list() == ["Up", "Up", "Down", "Up", None, "Up"]
    assert history.trades["up_price"].to_list() == [0.4, 0.4, 0.5, 0.4, None, None]
    assert history.trades["usdc"].to_list() == [4.0, 4.0, 12.5, 4.0, 25.0, 5.0]
    assert history.trades["time"][0].timestamp() == OPEN_S + 10
    assert history.facts.dialect == "data-api activity"


def test_a_market_keeps_its_tokens_as_text_with_all_digits(rows: list[Row], write: Write):
    market = load(write(rows)).markets.row(0, named=True)

    assert market["up_token"] == UP_TOKEN
    assert market["down_token"] == DOWN_TOKEN
    assert market["open_time"].timestamp() == OPEN_S
    assert market["close_time"].timestamp() == OPEN_S + 900
    assert (market["rows"], market["fills"], market["duplicates"]) == (6, 4, 1)


def test_token_ids_written_as_numbers_keep_their_digits(rows: list[Row], write: Write):
    text = json.dumps(rows).replace(f'"{UP_TOKEN}"', UP_TOKEN)

    assert load(write(text)).markets["up_token"][0] == UP_TOKEN


def test_the_example_of_the_specification_loads_once_its_token_is_stated(write: Write):
    event = {"t": 1768904486000, "type": "trade", "price": 0.77, "side": "BUY", "size": 20, "usdc": 15.4}
    folder = write({"slug": SLUG, "prices": [event]}, "btc-1_prices.json")

    with pytest.raises(UserError, match="outcome is missing") as refused:
        load(folder)
    assert "missing_outcome='Up'" in str(refused.value.remedy)
    history = load(folder, pattern="btc-*_prices.json", missing_outcome="Up")

    assert history.trades.select("market", "outcome", "size", "usdc").row(0) == (SLUG, "Up", 20.0, 15.4)
    assert history.trades["time"][0].timestamp() == OPEN_S + 386


def price_file(**after: object) -> dict[str, Any]:
    return {
        "slug": SLUG,
        "prices": [
            {"t": (OPEN_S + 1) * 1000, "type": "price_change", "bestBid": 0.48, "bestAsk": 0.5},
            {"t": (OPEN_S + 2) * 1000, "type": "last_trade_price", "price": 0.49},
            {"t": (OPEN_S + 3) * 1000, "type": "book"},
            {"t": (OPEN_S + 4) * 1000, "type": "trade", "price": 0.49, "side": "BUY", "size": 10, "outcome": "Down"},
        ],
        **after,
    }


def test_price_files_give_quotes_and_trades_and_count_other_events(write: Write):
    history = load(write(price_file(stats={"bidMin": 0.4}, totalEvents=4)))

    assert history.quotes["kind"].to_list() == ["price_change", "last_trade_price"]
    assert history.quotes["mid"].to_list() == [0.49, None]
    assert history.trades["up_price"].to_list() == [0.51]
    assert history.trades["usdc"].to_list() == [4.9]
    assert history.facts.other_events_skipped == 1
    assert history.facts.rows_read == history.facts.rows_kept + 1 == 4


def test_a_slug_that_follows_the_prices_names_the_market_too(write: Write):
    document = price_file()
    document["slug"] = document.pop("slug")

    assert list(document) == ["prices", "slug"]
    assert load(write(document)).trades["market"].to_list() == [SLUG]


def test_the_folder_of_a_wallet_names_the_trader(write: Write):
    folder = write(price_file(), f"merged_trades/{WALLET.upper().replace('X', 'x')}/btc-1_prices.json")

    assert load(folder).trades["trader"].to_list() == [WALLET]


def clob(**changed: object) -> Row:
    row = {
        "id": "1",
        "market": "0xa1",
        "asset_id": UP_TOKEN,
        "side": "BUY",
        "size": "12.5",
        "price": "0.4",
        "status": "CONFIRMED",
        "match_time": str(OPEN_S + 5),
        "outcome": "Up",
        "maker_address": WALLET,
        "trader_side": "TAKER",
        "transaction_hash": "0x1",
        "maker_orders": [],
    }
    return {**row, **changed}


def test_clob_trades_have_numbers_as_text_and_a_condition_for_a_market(write: Write):
    history = load(write({"data": [clob(), clob(status="FAILED")], "next_cursor": "LTE="}))

    assert history.trades.select("market", "size", "price", "usdc").rows() == [("0xa1", 12.5, 0.4, 5.0)]
    assert history.markets["open_time"].to_list() == [None]
    assert history.facts.notes["left out"] == "1 failed trades"


def test_a_maker_gets_his_own_orders_of_a_match_and_nobody_elses(write: Write):
    own = {"maker_address": WALLET, "matched_amount": "2", "price": "0.6", "side": "BUY", "outcome": "Down"}
    match = clob(
        trader_side="MAKER", maker_orders=[{**own, "asset_id": DOWN_TOKEN}, {**own, "maker_address": "0x" + "cd" * 20}]
    )
    history = load(write([match]))

    assert history.trades.select("outcome", "size", "price", "up_price").rows() == [("Down", 2.0, 0.6, 0.4)]
    assert history.facts.notes["left out"] == "1 other makers' orders"


def merged(**summary: object) -> Row:
    rest = {name: trade(7, "Up", 10, 0.4)[name] for name in ("price", "size", "side", "outcome", "asset")}
    return {
        "tx": "0x1",
        "slug": SLUG,
        "timestamp": OPEN_S + 7,
        "timestampMs": (OPEN_S + 7) * 1000,
        "receivedAtMs": (OPEN_S + 8) * 1000,
        "rest": {**rest, "usdc": 4.0},
        "marketSummary": {"windowMs": 3000, "eventCount": 2, **summary},
    }


def test_merged_files_keep_what_came_before_a_trade_and_drop_what_came_after(write: Write):
    before = {"t": (OPEN_S + 6) * 1000, "type": "price_change", "bestBid": 0.3, "bestAsk": 0.4}
    after = {"t": (OPEN_S + 9) * 1000, "type": "price_change", "bestBid": 0.9, "bestAsk": 0.95}
    history = load(write([merged(beforeTrade=[before], afterTrade=[after, after], stats={"priceMax": 0.95})]))

    assert history.trades.select("size", "price", "market").rows() == [(10.0, 0.4, SLUG)]
    assert history.trades["time"][0].timestamp() == OPEN_S + 7
    assert history.quotes["best_bid"].to_list() == [0.3]
    assert "2 events from after the trade" in history.facts.notes["left out"]
    assert "1 statistics of windows that reach past the trade" in history.facts.notes["left out"]


def test_what_stands_after_a_trade_in_a_merged_file_changes_nothing(write: Write):
    plain = load(write([merged()], "a.json"))
    after = [{"t": (OPEN_S + 8) * 1000, "type": "price_change", "bestBid": 0.01}]
    other = load(write([merged(afterTrade=after, stats={"priceMin": 0.01})], "a.json"))

    assert plain.trades.equals(other.trades)
    assert plain.quotes.equals(other.quotes)


def test_packed_files_and_archives_read_like_the_plain_folder(rows: list[Row], write: Write, tmp_path: Path):
    other = [{**row, "slug": f"btc-updown-15m-{OPEN_S + 900}"} for row in rows]
    plain = load(write(rows, "b.json") and write(other, "a.json"))
    packed = tmp_path / "packed"
    packed.mkdir()
    (packed / "b.json").write_text(json.dumps(rows, indent=1))
    (packed / "a.json.gz").write_bytes(gzip.compress(json.dumps(other, indent=1).encode()))
    archive = tmp_path / "history.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        for name, document in (("x/b.json", rows), ("x/a.json", other), ("x/notes.txt", "no")):
            data = json.dumps(document, indent=1).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))

    for path in (packed, archive):
        history = load(path)
        assert history.trades.equals(plain.trades)
        assert history.markets.equals(plain.markets)
        assert history.facts.fingerprint == plain.facts.fingerprint


def test_a_file_with_the_newest_row_first_is_turned_round(rows: list[Row], write: Write):
    distinct = [row for i, row in enumerate(rows) if i != 1]
    plain = load(write(distinct, "a.json"))

    assert load(write(distinct[::-1], "a.json")).trades.equals(plain.trades)


def test_one_wallet_of_several_can_be_picked(rows: list[Row], write: Write):
    other = "0x" + "cd" * 20
    folder = write([*rows, trade(700, "Up", 1, 0.5, proxyWallet=other)])

    with pytest.raises(UserError, match="2 wallets") as refused:
        load(folder)
    assert WALLET in str(refused.value.remedy)
    history = load(folder, trader=WALLET)
    assert history.trades.height == 6
    assert history.facts.notes["left out"] == "1 rows of other wallets"


def test_rewards_of_no_market_are_counted_and_rebates_are_rewards(rows: list[Row], write: Write):
    reward = {**settlement(800, "REWARD", 3), "slug": ""}
    rebate = settlement(801, "MAKER_REBATE", 2)
    history = load(write([*rows[:-1], reward, rebate]))

    assert history.trades.filter(pl.col("kind") == "REWARD")["usdc"].to_list() == [2.0]
    assert history.facts.other_events_skipped == 1
