"""A trader told from his fills: a history that can be reckoned by hand, and the real one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from rookery.evaluation.identifiability.edge import EDGES, edge_of, edge_sentence
from rookery.evaluation.identifiability.trader import (
    TraderDescription,
    copied_exposure,
    describe,
    market_books,
    payoffs,
    profits_by_market,
)
from rookery.evaluation.report.estimate import Estimate
from rookery.features.position import positions
from rookery.features.trader_bars import trader_bars
from rookery.schema import MARKETS, TRADES
from rookery.sources.polymarket import load

START = datetime(2026, 1, 5, tzinfo=UTC)
Row = tuple[float, str, str, str | None, str | None, float, float | None]

# a: 10 Up at .40 and 6 Down at .50, 6 pairs merged; Up wins. b: 4 Up at .60, 1 of them sold at .70; Down wins.
ROWS: list[Row] = [
    (0, "a", "TRADE", "Up", "BUY", 10.0, 0.40),
    (30, "a", "TRADE", "Down", "BUY", 6.0, 0.50),
    (90, "a", "MERGE", None, None, 6.0, None),
    (100, "b", "TRADE", "Up", "BUY", 4.0, 0.60),
    (160, "b", "TRADE", "Up", "SELL", 1.0, 0.70),
    (3_700, "a", "REDEEM", "Up", None, 4.0, None),
]


def trades(rows: list[Row]) -> pl.DataFrame:
    price = pl.col("price")
    made = pl.DataFrame(
        rows, schema=["at", "market", "kind", "outcome", "side", "size", "price"], orient="row", strict=False
    )
    return made.select(
        pl.lit(START).dt.offset_by(pl.format("{}s", pl.col("at").cast(pl.Int64))).alias("time"),
        "market",
        pl.lit("him").alias("trader"),
        *("kind", "outcome", "side", "size", "price"),
        (pl.col("size") * price.fill_null(1.0)).alias("usdc"),
        pl.when(pl.col("outcome") == "Up")
        .then(price)
        .when(pl.col("outcome") == "Down")
        .then(1.0 - price)
        .alias("up_price"),
        pl.lit(None).alias("transaction_hash"),
    ).cast({name: column.dtype for name, column in TRADES.columns.items()})


def markets(winners: dict[str, str | None]) -> pl.DataFrame:
    rows = [
        {
            "market": name,
            "open_time": START,
            "close_time": START + timedelta(hours=1),
            "first_time": START,
            "last_time": START + timedelta(hours=1),
            **dict.fromkeys(("rows", "fills", "duplicates", "faulty_rows"), 1),
            **dict.fromkeys(("capped", "cut"), False),
            "complete": True,
            **dict.fromkeys(("left_up", "left_down", "redeemed"), 0.0),
            "winner": winner,
        }
        for name, winner in winners.items()
    ]
    table = pl.DataFrame(rows).with_columns(
        pl.lit(None).alias(name) for name in ("condition_id", "up_token", "down_token", "residual")
    )
    return table.select(*MARKETS.columns).cast({name: column.dtype for name, column in MARKETS.columns.items()})


def bars(rows: list[tuple[str, float, float, float | None]]) -> pl.DataFrame:
    """market, open, volume, inventory, a row a bar."""
    table = pl.DataFrame(rows, schema=["market", "open", "volume", "inventory"], orient="row", strict=False)
    return table.with_columns(segment=pl.col("market").rank("dense") - 1)


WINNERS = {"a": "Up", "b": "Down"}
BOTH = markets(WINNERS)


def test_profit_is_parted_into_pairs_and_leftovers_to_the_cent():
    books = market_books(trades(ROWS), payoffs(trades(ROWS), BOTH))
    # a: 6 pairs at .40 + .50 earn .60, 4 Up at .40 win 2.40. b: a pair at .60 + .30 earns .10, 3 Up at .60 are lost.
    assert books["pairs"].to_list() == [6.0, 1.0]
    assert books["pair_cost"].to_list() == pytest.approx([0.90, 0.90])
    assert books["by_pairs"].to_list() == pytest.approx([0.60, 0.10])
    assert books["by_leftovers"].to_list() == pytest.approx([2.40, -1.80])
    assert books["profit"].to_list() == pytest.approx([3.00, -1.70])


def test_profit_is_the_cash_of_the_settled_account():
    account = positions(trades(ROWS)).group_by("market", maintain_order=True).agg(pl.col("cash").last())
    # In b the Up shares that are left are worth nothing.
    books = market_books(trades(ROWS), payoffs(trades(ROWS), BOTH))
    assert books["profit"].to_list() == pytest.approx(account.sort("market")["cash"].to_list())


def test_a_market_without_a_redemption_is_settled_at_the_last_price_and_said_to_be():
    ends = payoffs(trades(ROWS), markets({"a": "Up", "b": None}))
    assert ends["payoff"].to_list() == [1.0, 0.7]
    assert ends["settled"].to_list() == [True, False]


def test_moves_after_his_fills_are_weighted_by_shares():
    rows: list[Row] = [
        (0, "a", "TRADE", "Up", "BUY", 10.0, 0.40),
        (0, "a", "TRADE", "Down", "BUY", 10.0, 0.56),
        (60, "a", "TRADE", "Up", "BUY", 30.0, 0.38),
    ]
    found = describe(trades(rows), markets({"a": "Up"}), bars([("a", 0.4, 1.0, 0.0)]), seed=0)
    # Middles: .42 at 0 s, (.38 + .44) / 2 = .41 at 60 s. Gained: .02 on each of 20 shares, .03 on each of 30.
    assert found.spread.value == pytest.approx((20 * 0.02 + 30 * 0.03) / 50)
    # The middle falls by .01 against the Up and for the Down: the two even out; nothing is known 60 s after the third.
    assert found.moved.value == pytest.approx(0.0)
    assert found.to_end.value == pytest.approx((10 * 0.60 - 10 * 0.56 + 30 * 0.62) / 50)


def test_the_whole_move_to_the_payoff_is_his_profit():
    found = describe(trades(ROWS), BOTH, bars([("a", 0.4, 1.0, 0.0), ("b", 0.6, 1.0, 0.0)]), seed=0)
    assert (found.to_end.value or 0) * 21 == pytest.approx(3.00 - 1.70)
    assert (found.profit.value or 0) * 2 == pytest.approx(3.00 - 1.70)
    assert (found.markets, found.fills, found.sales, found.unsettled) == (2, 4, 1, 0)


def test_his_sign_is_copied_at_the_next_price_that_nobody_had_seen():
    made = bars(
        [
            ("a", 0.40, 1.0, 5.0),
            ("a", 0.50, 0.0, 5.0),  # no fill in this bar: its open was known before
            ("a", 0.60, 1.0, -2.0),
            ("a", 0.70, 1.0, -2.0),
        ]
    )
    # One Up is bought at .60, turned into one Down at .70, and Up wins: -.60 + 2 x .70 - 1.
    ends = payoffs(trades(ROWS), markets({"a": "Up"}))
    assert copied_exposure(made, ends)["profit"].to_list() == pytest.approx([-0.60 + 1.40 - 1.0])


def test_a_market_in_which_he_did_nothing_brought_him_nothing():
    books = market_books(trades(ROWS), payoffs(trades(ROWS), BOTH))
    assert profits_by_market(books, ["b", "never", "a"]).tolist() == pytest.approx([-1.70, 0.0, 3.00])


# He buys 10 Up and sells them dearer, 10 Down and sells them cheaper, and keeps 2 Up that win in every other market.
SELLER: list[Row] = [
    row
    for number in range(12)
    for market in [f"m{number}"]
    for row in [
        (0.0, market, "TRADE", "Up", "BUY", 10.0, 0.40),
        (300.0, market, "TRADE", "Up", "SELL", 10.0, 0.45 + 0.01 * (number % 3)),
        (600.0, market, "TRADE", "Down", "BUY", 10.0, 0.50),
        (1_500.0, market, "TRADE", "Down", "SELL", 10.0, 0.48),
        (1_800.0, market, "TRADE", "Up", "BUY", 2.0, 0.50),
    ]
]
SELLER.sort()
SOLD = {f"m{number}": "Up" if number % 2 else "Down" for number in range(12)}


def test_a_seller_is_told_by_his_round_trips_and_what_he_held_to_the_end():
    table = trades(SELLER)
    one = describe(table, markets(SOLD), bars([("m0", 0.4, 1.0, 0.0)]), seed=0)
    trips = one.trips
    assert trips is not None
    # Ten of .05, .06 or .07 and ten of -.02; 2 Up at .50 win or lose 1.00. Ten of 42 shares twice are sold.
    assert (trips.trips, trips.sold) == (24, pytest.approx(20 / 42))
    assert trips.by_trips.value == pytest.approx(0.6 - 0.2)
    assert trips.by_rest.value == pytest.approx(0.0)
    assert trips.profit.value == pytest.approx((0.6 - 0.2) / 2)
    assert (trips.profitable.value, trips.longs.value) == (0.5, 0.5)
    assert trips.minutes.value == pytest.approx((5 + 15) / 2)
    assert trips.by_trips.low is not None
    assert one.profit.value == pytest.approx(trips.by_trips.value + trips.by_rest.value)
    assert "+0.40 USDC (" in edge_sentence(one).split("by leftovers, or ")[1]


def test_pairs_that_are_merged_or_split_leave_a_sellers_round_trips_as_they_are():
    own = [row for row in SELLER if row[1] == "m0"]
    merged: list[Row] = [
        *own,
        (700.0, "m0", "MERGE", None, None, 2.0, None),
        (710.0, "m0", "SPLIT", None, None, 5.0, None),
    ]
    rows = sorted(merged, key=lambda row: row[0])
    plain, with_pairs = (
        describe(trades(one), markets({"m0": "Up"}), bars([("m0", 0.4, 1.0, 0.0)]), seed=0).trips for one in (own, rows)
    )
    assert plain == with_pairs
    assert plain is not None
    assert plain.by_rest.value == pytest.approx(1.0)


def test_a_trader_who_hardly_sells_has_pairs_and_leftovers_alone():
    # 1 share of 21 is sold.
    one = describe(trades(ROWS), BOTH, bars([("a", 0.4, 1.0, 0.0), ("b", 0.6, 1.0, 0.0)]), seed=0)
    assert one.trips is None
    assert "by leftovers; one share" in edge_sentence(one)


def described(**changed: Estimate) -> TraderDescription:
    around = {"profit": 20.0, "pairs": 25.0, "leftovers": -5.0, "copied": 0.0}
    figures = {name: Estimate(value=value, low=value - 1, high=value + 1) for name, value in around.items()}
    rest = ("profitable", "pair_cost", "below_one", "matched", "spread", "moved", "to_end")
    absent = {name: Estimate.absent("not asked for") for name in rest}
    return TraderDescription(markets=50, unsettled=0, fills=900, sales=0, **{**figures, **absent, **changed})


def interval(value: float) -> Estimate:
    return Estimate(value=value, low=value - 1, high=value + 1)


@pytest.mark.parametrize(
    ("changed", "edge"),
    [
        ({}, "spread"),
        ({"copied": interval(2.0)}, "both"),
        ({"copied": interval(2.0), "pairs": interval(0.0)}, "direction"),
        ({"pairs": interval(0.5)}, "neither"),
        ({"profit": interval(0.5)}, "none"),
        ({"profit": interval(-5.0)}, "loses"),
        ({"profit": Estimate(value=20.0, note="no interval: 3 markets")}, "too_little_data"),
    ],
)
def test_the_edge_follows_from_the_intervals(changed: dict[str, Estimate], edge: str):
    assert edge_of(described(**changed)) == edge


def test_the_sentence_carries_its_figures():
    said = edge_sentence(described())
    assert said.startswith(EDGES["spread"])
    assert "+25.00 USDC (+24.00 to +26.00) of it by matched pairs" in said


def test_the_real_trader_earns_by_pairs_and_not_by_direction(shared_data: Path):
    history = load(shared_data / "polymarket_eth_hourly_trader_2026_01" / "activity.tar.xz")
    complete = history.markets.filter("complete")
    found = trader_bars(history.trades, complete, interval_s=60).with_columns(
        inventory=pl.col("quantity"), volume=pl.col("fills").cast(pl.Float64)
    )
    one = describe(history.trades, history.markets, found.filter(pl.col("up_price").is_not_null()), seed=0)
    assert (one.markets, one.sales, one.unsettled) == (302, 0, 3)
    assert one.profit.value == pytest.approx(24.3, abs=0.1)
    assert one.profitable.value == pytest.approx(0.861, abs=1e-3)
    assert one.pair_cost.value == pytest.approx(0.981, abs=1e-3)
    assert one.below_one.value == pytest.approx(0.940, abs=1e-3)
    assert one.leftovers.high < 0 < one.pairs.low  # type: ignore[operator]
    assert edge_of(one) == "spread"
