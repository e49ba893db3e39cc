"""A backtest's accounts, order by order and in total."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from rookery.agents.baselines import always_hold, buy_and_hold, random
from rookery.errors import UserError
from rookery.evaluation.backtest import Backtest, backtest, equity_of_draws
from rookery.market.costs import Costs
from rookery.types import Pair

MakeSwaps = Callable[..., pl.DataFrame]

PAIR = Pair()
FREE = Costs(fee_bps=0, gas_quote=0, impact=False)
DAY = 86_400


def decide(swaps: pl.DataFrame, orders: dict[int, tuple[str, float]], **limits: float) -> pl.DataFrame:
    """HOLD everywhere but at the given rows."""
    table = always_hold(swaps)
    row = pl.col("row")
    return table.with_columns(
        side=row.replace_strict({k: v[0] for k, v in orders.items()}, default="HOLD", return_dtype=pl.String),
        size=row.replace_strict({k: v[1] for k, v in orders.items()}, default=0.0, return_dtype=pl.Float64),
        slippage_bps=pl.lit(limits.get("slippage_bps", 1e4)),
        deadline_s=pl.lit(limits.get("deadline_s", 1e6)),
        confidence=pl.lit(0.75),
        reason=pl.lit("RULE"),
    )


def walk(make_swaps: MakeSwaps, *, count: int = 400, seed: int = 0, step_s: int = 60) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    price = 2_000 * np.exp(np.cumsum(generator.normal(0, 2e-3, count)))
    seconds = np.cumsum(generator.choice([0, step_s, 3 * step_s], count))
    return make_swaps(price.tolist(), seconds=seconds.tolist(), liquidity=2 * 10**16, fee_bps=5.0)


def random_orders(swaps: pl.DataFrame, *, seed: int = 1) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    rows = np.flatnonzero(generator.random(swaps.height) < 0.3)
    sides = generator.choice(["BUY", "SELL"], rows.size)
    return decide(
        swaps, {int(r): (str(s), 0.2) for r, s in zip(rows, sides, strict=True)}, slippage_bps=30.0, deadline_s=100.0
    )


@pytest.fixture
def result(make_swaps: MakeSwaps) -> Backtest:
    swaps = walk(make_swaps)
    return backtest(swaps, random_orders(swaps), costs=Costs(gas_quote=0.5), pair=PAIR)


def test_one_round_trip_by_hand(make_swaps: MakeSwaps):
    # BUY decided at 100, filled at 101: 5,000 quote pay 5 fee, 4,995 buy 49.4554 base. SELL decided at 120, filled
    # at 110: 49.4554 x 110 = 5,440.099, fee 5.44.
    swaps = make_swaps([100.0, 101.0, 120.0, 110.0, 110.0])
    costs = Costs(fee_bps=10, gas_quote=1, impact=False)
    result = backtest(swaps, decide(swaps, {0: ("BUY", 0.5), 2: ("SELL", 1.0)}), costs=costs, pair=PAIR)
    base = 4_999.5 * 0.999 / 101
    bought, sold = result.orders.iter_rows(named=True)
    assert (bought["decision_price"], bought["fill_price"], bought["filled_row"]) == (100.0, 101.0, 1)
    assert bought["quote"] == pytest.approx(4_999.5)
    assert bought["base"] == pytest.approx(base)
    assert bought["delay"] == pytest.approx(base * 1)
    assert bought["realised"] is None
    assert sold["delay"] == pytest.approx(base * 10)
    assert sold["fee"] == pytest.approx(base * 110 * 0.001)
    assert sold["realised"] == pytest.approx(base * 110 * 0.999 - 1 - (4_999.5 + 1))
    totals = result.totals
    assert totals.gross == pytest.approx(base * 20)
    assert totals.delay == pytest.approx(base * 11)
    assert totals.gas == 2.0
    assert totals.net == pytest.approx(sold["realised"])
    assert totals.end == pytest.approx(10_000 + totals.net)


def test_the_parts_sum_to_net(result: Backtest):
    totals = result.totals
    parts = totals.gross - totals.delay - totals.impact - totals.fees - totals.gas
    assert result.fills > 30
    assert parts == pytest.approx(totals.net, abs=1e-9 * totals.start)
    assert totals.start + totals.net == pytest.approx(totals.end, abs=1e-9 * totals.start)
    # Gross by its meaning: every filled quantity at its decision's price, and what is left at the last price.
    sign = np.where((result.orders["side"] == "BUY").to_numpy(), 1.0, -1.0)
    traded = sign * result.orders["base"].to_numpy()
    last = result.equity["price"][-1]
    assert (traded * (last - result.orders["decision_price"].to_numpy())).sum() == pytest.approx(totals.gross, rel=1e-9)


def test_every_decision_that_is_not_hold_is_one_row_of_orders(make_swaps: MakeSwaps):
    swaps = walk(make_swaps)
    decisions = random_orders(swaps)
    result = backtest(swaps, decisions, costs=Costs(gas_quote=0.5), pair=PAIR)
    active = decisions.filter(pl.col("side") != "HOLD")
    assert result.orders["row"].to_list() == active["row"].to_list()
    assert set(result.orders["status"]) >= {"filled", "expired", "reverted"}
    assert result.orders["confidence"].to_list() == active["confidence"].to_list()
    unfilled = result.orders.filter(pl.col("status") != "filled")
    assert unfilled["fill_price"].null_count() == unfilled["filled_time"].null_count() == unfilled.height
    assert unfilled["base"].sum() == 0


def test_what_is_spent_and_received_follows_from_the_fill_price_and_the_fee(result: Backtest):
    filled = result.orders.filter(pl.col("status") == "filled")
    value = filled["base"] * filled["fill_price"]
    signed = pl.Series(np.where((filled["side"] == "BUY").to_numpy(), 1.0, -1.0))
    assert (filled["quote"] - value - signed * filled["fee"]).abs().max() < 1e-8  # type: ignore[operator]
    assert (filled["impact"] > 0).all()


def test_fills_in_the_orders_table_move_the_balances_of_their_row(result: Backtest):
    equity, filled = result.equity, result.orders.filter(pl.col("status") == "filled")
    signed = filled.select(
        "filled_row", change=pl.when(pl.col("side") == "BUY").then("base").otherwise(-pl.col("base"))
    )
    by_row = signed.group_by("filled_row").agg(pl.col("change").sum()).sort("filled_row")
    moved = equity["base"].diff().fill_null(0.0).gather(by_row["filled_row"])
    assert (moved - by_row["change"]).abs().max() < 1e-9  # type: ignore[operator]
    assert equity["time"].gather(filled["filled_row"]).equals(filled["filled_time"])


def test_holding_cash_earns_and_costs_nothing(make_swaps: MakeSwaps):
    swaps = walk(make_swaps)
    result = backtest(swaps, always_hold(swaps), costs=Costs(), pair=PAIR)
    assert (result.equity["equity"] == 10_000.0).all()
    assert result.orders.height == result.totals.net == result.totals.gross == 0


def test_buy_and_hold_earns_what_the_price_does(make_swaps: MakeSwaps):
    swaps = make_swaps([100.0, 100.0, 150.0])
    result = backtest(swaps, buy_and_hold(swaps), costs=FREE, pair=PAIR)
    assert result.totals.net == pytest.approx(5_000.0)


def test_returns_compound_to_the_net_result(result: Backtest):
    for interval in (None, 60, 3_600, DAY):
        assert np.prod(1 + result.returns(interval)) == pytest.approx(
            result.totals.end / result.totals.start, rel=1e-12
        )


def test_returns_see_no_fill_before_its_time(make_swaps: MakeSwaps):
    swaps = make_swaps([100.0, 100.0, 200.0], seconds=[0, 90, 150])
    result = backtest(swaps, buy_and_hold(swaps), costs=FREE, pair=PAIR)
    # Periods end at 60, 120 and 180 s: bought at 90, doubled at 150.
    assert result.returns(60).tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_many_draws_at_once_equal_single_backtests(make_swaps: MakeSwaps):
    swaps = walk(make_swaps)
    like = random_orders(swaps)
    draws = [random(swaps, like, seed=seed) for seed in range(3)]
    together = equity_of_draws(swaps, draws, costs=Costs(), pair=PAIR)
    for row, draw in zip(together, draws, strict=True):
        alone = backtest(swaps, draw, costs=Costs(), pair=PAIR)
        assert row.tolist() == alone.equity_on(alone.grid()).tolist()


def test_capital_may_be_base_too(make_swaps: MakeSwaps):
    swaps = make_swaps([100.0, 110.0])
    result = backtest(swaps, always_hold(swaps), costs=FREE, pair=PAIR, capital_quote=0.0, capital_base=2.0)
    assert (result.totals.start, result.totals.end, result.totals.gross) == (200.0, 220.0, 20.0)


@pytest.mark.parametrize(("quote", "base"), [(0.0, 0.0), (-1.0, 0.0), (float("nan"), 0.0), (1.0, float("inf"))])
def test_capital_that_is_none_is_refused(make_swaps: MakeSwaps, quote: float, base: float):
    swaps = make_swaps([100.0, 110.0])
    with pytest.raises(UserError, match="capital_"):
        backtest(swaps, always_hold(swaps), costs=FREE, pair=PAIR, capital_quote=quote, capital_base=base)
