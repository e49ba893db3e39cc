"""A baseline in disguise is told from an agent of its own."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from rookery.agents.baselines import always_hold, buy_and_hold
from rookery.evaluation.backtest import Backtest, backtest
from rookery.evaluation.likeness import correlation, likenesses, share_in_base
from rookery.evaluation.report.record import Likeness
from rookery.market.costs import Costs
from rookery.types import Pair

MakeSwaps = Callable[..., pl.DataFrame]
NAMES = {"flat": "always HOLD", "buy_and_hold": "buy and hold"}


@pytest.fixture(scope="module")
def swaps(make_swaps: MakeSwaps) -> pl.DataFrame:
    price = 2_000 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 1e-3, 2_000)))
    return make_swaps(price.tolist(), seconds=(np.arange(2_000) * 60).tolist(), fee_bps=5.0)


def trading(swaps: pl.DataFrame, orders: dict[int, tuple[str, float]]) -> pl.DataFrame:
    row = pl.col("row")
    sides, sizes = {k: v[0] for k, v in orders.items()}, {k: v[1] for k, v in orders.items()}
    return always_hold(swaps).with_columns(
        side=row.replace_strict(sides, default="HOLD", return_dtype=pl.String),
        size=row.replace_strict(sizes, default=0.0, return_dtype=pl.Float64),
        slippage_bps=pl.lit(500.0),
        deadline_s=pl.lit(600.0),
    )


def settled(swaps: pl.DataFrame, decisions: pl.DataFrame) -> Backtest:
    return backtest(swaps, decisions, costs=Costs(), pair=Pair())


def found(swaps: pl.DataFrame, decisions: pl.DataFrame) -> dict[str, Likeness]:
    agent = settled(swaps, decisions)
    rivals = {"flat": settled(swaps, always_hold(swaps)), "buy_and_hold": settled(swaps, buy_and_hold(swaps))}
    return {one.rival: one for one in likenesses(agent, rivals, agent.grid(), NAMES)}


def test_buy_and_hold_behind_a_hundred_small_trades_is_buy_and_hold(swaps: pl.DataFrame):
    rows = np.random.default_rng(1).choice(np.arange(60, 1_990), 100, replace=False)
    orders = {int(row): ("BUY", 1.0) if order % 2 else ("SELL", 0.01) for order, row in enumerate(sorted(rows))}
    # All is bought in five parts within an hour; then one hundredth is sold and bought back to look busy.
    orders |= {10 * part: ("BUY", 1 / (5 - part)) for part in range(5)}
    one = found(swaps, trading(swaps, orders))["buy and hold"]
    assert one.same
    assert one.correlation is not None
    assert one.correlation > 0.99
    assert one.text.startswith("In truth this policy is buy and hold: its returns correlate by ")


def test_buy_and_hold_with_half_the_money_is_buy_and_hold_at_half_its_size(swaps: pl.DataFrame):
    one = found(swaps, trading(swaps, {0: ("BUY", 0.5)}))["buy and hold"]
    assert one.same
    assert one.same_position == pytest.approx(0.0, abs=0.01)
    assert one.text.startswith("In truth this policy is buy and hold at 49 % of its size: ")


def test_an_agent_that_trades_in_and_out_is_none_of_them(swaps: pl.DataFrame):
    orders = {row: ("BUY" if row // 40 % 2 == 0 else "SELL", 0.9) for row in range(0, 1_960, 40)}
    for one in found(swaps, trading(swaps, orders)).values():
        assert not one.same
        assert one.text == f"Another policy than {one.rival}."


def test_an_agent_that_follows_the_market_half_of_the_time_is_none_of_them(swaps: pl.DataFrame):
    one = found(swaps, trading(swaps, {0: ("BUY", 1.0), 1_000: ("SELL", 1.0)}))["buy and hold"]
    assert not one.same
    assert one.same_position == pytest.approx(0.5, abs=0.01)


def test_an_agent_that_never_trades_is_always_hold(swaps: pl.DataFrame):
    made = found(swaps, always_hold(swaps))
    assert made["always HOLD"].same
    assert made["always HOLD"].correlation is None
    assert "its equity never moves, and it holds the same on 100 % of the rows" in made["always HOLD"].text
    assert not made["buy and hold"].same


def test_a_small_position_is_not_always_hold(swaps: pl.DataFrame):
    assert not found(swaps, trading(swaps, {0: ("BUY", 0.02)}))["always HOLD"].same


def test_a_rival_without_books_is_left_out(swaps: pl.DataFrame):
    agent = settled(swaps, always_hold(swaps))
    assert likenesses(agent, {"flat": agent}, agent.grid(), {"random": "random", "flat": "always HOLD"})[0].same


def test_shares_and_correlation_are_the_plain_ones(swaps: pl.DataFrame):
    books = settled(swaps, trading(swaps, {0: ("BUY", 0.3)}))
    assert share_in_base(books)[:2] == pytest.approx([0.0, 0.3], abs=1e-3)
    ours = np.random.default_rng(0).normal(size=50)
    assert correlation(ours, -2 * ours) == pytest.approx(-1.0)
    assert correlation(ours, np.ones(50)) is None
