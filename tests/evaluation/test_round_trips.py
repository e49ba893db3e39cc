"""Lots are matched first in first out, and what they earned sums to the account's own profit."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from rookery.agents.baselines import always_hold
from rookery.evaluation.backtest import Backtest, backtest
from rookery.evaluation.round_trips import round_trip_section, round_trips
from rookery.market.costs import Costs
from rookery.types import Pair

MakeSwaps = Callable[..., pl.DataFrame]
FREE = Costs(fee_bps=0, gas_quote=0, impact=False, min_order_quote=0)


def decided(swaps: pl.DataFrame, orders: dict[int, tuple[str, float]]) -> pl.DataFrame:
    row = pl.col("row")
    sides, sizes = {k: v[0] for k, v in orders.items()}, {k: v[1] for k, v in orders.items()}
    return always_hold(swaps).with_columns(
        side=row.replace_strict(sides, default="HOLD", return_dtype=pl.String),
        size=row.replace_strict(sizes, default=0.0, return_dtype=pl.Float64),
        slippage_bps=pl.lit(30_000.0),
        deadline_s=pl.lit(1e6),
    )


@pytest.fixture
def two_lots(make_swaps: MakeSwaps) -> Backtest:
    """10 ETH at 100, then 5 at 200; 12 of them sold at 150, after the price had touched 80 and 250."""
    swaps = make_swaps([100.0, 100.0, 80.0, 200.0, 250.0, 150.0, 160.0], seconds=[0, 60, 120, 180, 240, 300, 360])
    orders = {0: ("BUY", 0.5), 2: ("BUY", 1.0), 4: ("SELL", 0.8)}
    return backtest(swaps, decided(swaps, orders), costs=FREE, pair=Pair(), capital_quote=2_000.0)


def test_the_oldest_lot_is_sold_first(two_lots: Backtest):
    made = round_trips(two_lots)
    first, second = made.closed.iter_rows(named=True)
    assert (first["buy_order"], first["sell_order"]) == (1, 3)
    assert (first["base"], first["entry_price"], first["exit_price"]) == pytest.approx((10.0, 100.0, 150.0))
    assert (second["buy_order"], second["base"], second["entry_price"]) == (2, pytest.approx(2.0), pytest.approx(200.0))
    assert (first["profit"], second["profit"]) == pytest.approx((500.0, -100.0))
    assert (first["share"], second["share"]) == pytest.approx((0.5, -0.25))
    assert (first["held_s"], second["held_s"]) == (240.0, 120.0)


def test_excursions_are_the_extremes_while_it_was_held(two_lots: Backtest):
    first, second = round_trips(two_lots).closed.iter_rows(named=True)
    assert (first["mae"], first["mfe"]) == pytest.approx((-0.2, 1.5))
    # The dip to 80 came before the second lot was bought.
    assert (second["mae"], second["mfe"]) == pytest.approx((-0.25, 0.25))


def test_what_is_still_held_is_marked_at_the_last_price(two_lots: Backtest):
    made = round_trips(two_lots)
    assert (made.open_lots, made.open_base, made.open_profit) == (1, pytest.approx(3.0), pytest.approx(3 * -40.0))
    assert made.closed["profit"].sum() + made.open_profit == pytest.approx(two_lots.totals.net)


def test_profits_sum_to_the_accounts_own_after_every_cost(make_swaps: MakeSwaps):
    generator = np.random.default_rng(0)
    price = 2_000 * np.exp(np.cumsum(generator.normal(0, 2e-3, 3_000)))
    swaps = make_swaps(price.tolist(), seconds=(np.arange(3_000) * 12).tolist(), fee_bps=30.0, liquidity=10**17)
    rows = generator.choice(3_000, 800, replace=False)
    orders = {int(row): (("BUY", "SELL")[int(generator.integers(2))], float(generator.uniform(0, 0.3))) for row in rows}
    books = backtest(swaps, decided(swaps, orders), costs=Costs(gas_quote=0.5), pair=Pair())
    made = round_trips(books)
    reverted = books.orders.filter(pl.col("status") == "reverted")["gas"].sum()
    assert made.closed.height > 300
    assert made.closed["profit"].sum() + made.open_profit - reverted == pytest.approx(books.totals.net, abs=1e-6)
    sold = books.orders.filter((pl.col("side") == "SELL") & (pl.col("status") == "filled"))
    by_sale = made.closed.group_by("sell_order").agg(pl.col("base").sum()).sort("sell_order")
    assert by_sale["base"].to_numpy() == pytest.approx(sold["base"].to_numpy(), rel=1e-9)
    # Extremes against the plain way of taking them.
    filled = dict(books.orders.with_row_index("number", offset=1).select("number", "filled_row").iter_rows())
    for one in made.closed.sample(20, seed=1).iter_rows(named=True):
        path = price[filled[one["buy_order"]] : filled[one["sell_order"]] + 1] / one["entry_price"] - 1
        assert (one["mae"], one["mfe"]) == pytest.approx((min(path.min(), 0), max(path.max(), 0)), abs=1e-12)


def test_what_was_held_at_the_start_is_a_lot_without_an_order(make_swaps: MakeSwaps):
    swaps = make_swaps([100.0, 120.0, 130.0], seconds=[0, 60, 120])
    orders = decided(swaps, {0: ("SELL", 0.5)})
    books = backtest(swaps, orders, costs=FREE, pair=Pair(), capital_quote=0.0, capital_base=4.0)
    made = round_trips(books)
    assert made.closed["buy_order"].to_list() == [None]
    assert made.closed["profit"].to_list() == pytest.approx([40.0])
    assert made.open_profit == pytest.approx(60.0)


def test_without_a_sale_there_is_no_round_trip(make_swaps: MakeSwaps):
    swaps = make_swaps([100.0, 110.0, 120.0], seconds=[0, 60, 120])
    books = backtest(swaps, decided(swaps, {0: ("BUY", 1.0)}), costs=FREE, pair=Pair(), capital_quote=110.0)
    made = round_trips(books)
    assert (made.closed.height, made.open_lots, made.open_profit) == (0, 1, pytest.approx(10.0))
    section = round_trip_section(books, pair=Pair(), seed=0)
    assert section.table.rows == ()
    figures = {one.name: one.estimate for one in section.figures}
    assert figures["Closed profit"].note == "no lot was sold"
    assert figures["Median time held"].value is None
    assert figures["Mean MAE"].value is None


def test_the_section_holds_every_match(two_lots: Backtest):
    section = round_trip_section(two_lots, pair=Pair(), seed=0)
    assert [row[:3] for row in section.table.rows] == [(3, 1, pytest.approx(500.0)), (3, 2, pytest.approx(-100.0))]
    figures = {one.name: one.estimate.value for one in section.figures}
    assert figures["Closed profit"] == pytest.approx(400.0)
    assert figures["Median time held"] == 180.0
