"""Trades, merges and redemptions of a market must all be true together; that decides what a duplicate is."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.sources import fills
from rookery.sources.polymarket import History, load, of_fills, reconcile

from .conftest import Row, Write, settlement, trade

ACTIVITY = Path("polymarket_eth_hourly_trader_2026_01") / "activity.tar.xz"
FACTS = ("left_up", "left_down", "redeemed", "residual", "winner")


def test_thirty_up_and_twenty_five_down_less_twenty_five_pairs_leave_the_five_that_are_paid(
    rows: list[Row], write: Write
):
    assert load(write(rows)).markets.select(FACTS).row(0) == (5.0, 0.0, 5.0, 0.0, "Up")


def test_dropping_equal_rows_leaves_a_merge_of_pairs_that_were_never_bought(rows: list[Row], write: Write):
    folder = write(rows)

    for policy in ("exact", "tx"):
        history = load(folder, dedupe=policy)
        assert history.trades.height == 5
        assert history.facts.duplicates_dropped == 1
        assert history.markets["residual"].to_list() == [5.0]
        assert history.markets["winner"].to_list() == [None]
        assert "; 'none' would fit better" in history.facts.notes["duplicates"]
    assert "none 1 of 1; exact 0 of 1; tx 0 of 1" in load(folder).facts.notes["duplicates"]


def test_rows_of_one_transaction_that_differ_in_size_are_repeats_by_transaction_only(write: Write):
    first = trade(10, "Up", 10, 0.4)
    folder = write([first, {**first, "size": 5, "usdcSize": 2.0}])

    assert load(folder, dedupe="exact").trades.height == 2
    assert load(folder, dedupe="tx").trades.height == 1


def test_a_merge_before_its_shares_were_bought_is_a_shortfall(rows: list[Row], write: Write):
    early = [settlement(5, "MERGE", 25), *(row for row in rows if row["type"] != "MERGE")]

    assert load(write(early)).markets["residual"].to_list() == [25.0]


def test_sales_and_splits_count(write: Write):
    rows = [settlement(1, "SPLIT", 10), trade(2, "Up", 4, 0.6, side="SELL"), settlement(1_000, "REDEEM", 10)]

    assert load(write(rows)).markets.select(FACTS).row(0) == (6.0, 10.0, 10.0, 0.0, "Down")


def test_without_a_merge_or_redemption_there_is_nothing_to_judge_by(write: Write):
    assert load(write([trade(1, "Up", 1, 0.5)])).markets.select(FACTS).row(0) == (1.0, 0.0, 0.0, None, None)


def test_two_equal_leftovers_leave_the_winner_open(write: Write):
    rows = [trade(1, "Up", 3, 0.5), trade(2, "Down", 3, 0.5), settlement(1_000, "REDEEM", 3)]

    assert load(write(rows)).markets.select("residual", "winner").row(0) == (0.0, None)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> History:
    return load(shared_data / ACTIVITY)


def test_the_real_trader_has_all_his_markets_and_rows(real: History):
    assert real.trades.height == real.facts.rows_read == 128_675
    assert real.markets.height == 308
    assert int(real.markets["capped"].sum()) == 6
    assert int(real.markets["cut"].sum()) == 0
    assert real.trades["kind"].value_counts(sort=True).rows() == [("TRADE", 127_797), ("MERGE", 571), ("REDEEM", 307)]
    assert set(real.trades.filter(pl.col("kind") == "TRADE")["side"]) == {"BUY"}
    assert ((real.markets["close_time"] - real.markets["open_time"]).dt.total_hours() == 1).all()
    inside = real.trades.join(real.markets, on="market").filter(pl.col("kind") == "TRADE")
    assert (inside["time"] >= inside["open_time"]).all()


def test_all_complete_markets_of_the_real_trader_reconcile_and_no_capped_one_does(real: History):
    complete = real.markets.filter("complete")

    assert complete.height == 302
    assert complete["residual"].null_count() == 0
    assert complete["residual"].max() < 1e-9
    assert real.markets.filter("capped")["residual"].min() > 50
    assert complete["winner"].null_count() == 3  # nothing to redeem: the leftover had lost


def test_no_complete_market_of_the_real_trader_reconciles_when_equal_rows_are_dropped(real: History):
    assert int(real.markets["duplicates"].sum()) == 19_004
    assert "none 302 of 302; exact 0 of 302; tx 0 of 302" in real.facts.notes["duplicates"]


def test_reconciling_is_by_market_wherever_the_rows_stand(real: History):
    shuffled = real.trades.sort("market", maintain_order=True)

    assert reconcile(shuffled).sort("market").equals(reconcile(real.trades).sort("market"))


def test_fills_of_a_wallet_are_a_history_too(shared_data: Path):
    path = shared_data / "polymarket_wallet_fills_2026_01" / "btc-updown-15m-1768029300.csv"
    after = datetime(2026, 1, 11, tzinfo=UTC)
    history = of_fills(fills.load(path, fills.POLYMARKET_WALLET), collected_until=after)
    market = history.markets.row(0, named=True)

    assert history.trades.height == 749
    assert (market["market"], market["complete"]) == ("btc-updown-15m-1768029300", True)
    assert market["open_time"] == datetime(2026, 1, 10, 7, 15, tzinfo=UTC)
    net = pl.when(pl.col("side") == "BUY").then(pl.col("size")).otherwise(-pl.col("size"))
    assert market["left_up"] == pytest.approx(history.trades.filter(pl.col("outcome") == "Up").select(net.sum()).item())
    assert of_fills(fills.load(path, fills.POLYMARKET_WALLET)).markets["cut"].to_list() == [True]


def test_fills_without_an_outcome_are_no_history(tmp_path: Path):
    (tmp_path / "a.csv").write_text("t,s,z,p\n1768904100,BUY,2,100\n")
    columns = fills.FillColumns(time="t", side="s", size="z", price="p", one_trader="me", one_instrument="BTC")

    with pytest.raises(UserError, match="fill 1 names no outcome"):
        of_fills(fills.load(tmp_path / "a.csv", columns))
