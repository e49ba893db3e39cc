"""Positions asked for, and the orders that they become."""

import numpy as np
import numpy.typing as npt
import pytest

from rookery.market.bar_ledger import market, settle_bars
from rookery.market.bar_record import BarRecord, market_of, record_targets
from rookery.market.bars import bars_of_closes
from rookery.market.execution import Execution
from rookery.market.scenarios import generate
from rookery.market.targets import Wish
from rookery.market.terms import Account, Instrument

CLOSES = np.array([100.0, 100.0, 125.0, 125.0, 100.0, 100.0, 100.0])


def held(wishes: list[float], wish: Wish, execution: Execution | None = None, **settings: float) -> list[float]:
    """Contracts after each bar of an account with 1,000 that asks at each close."""
    return record(np.array([[w] for w in wishes]), wish, execution, **settings).quantity_TM[:, 0].tolist()


def record(
    wish_TM: npt.NDArray[np.generic], wish: Wish, execution: Execution | None = None, **settings: float
) -> BarRecord:
    bars = bars_of_closes(CLOSES[: len(wish_TM), None])
    return record_targets(market_of(bars, []), wish_TM, capital=1000.0, wish=wish, execution=execution, **settings)


def test_orders_are_traded_as_they_are():
    assert held([2, 0, -1, 0, 0], "order") == [0, 2, 2, 1, 1]


def test_contracts_are_held_and_nan_leaves_them():
    assert held([2, np.nan, 3, 0, 0], "contracts") == [0, 2, 2, 3, 0]


def test_weights_are_shares_of_net_worth_at_the_decision():
    # 5 of 100; at 125 the account is worth 1,125: half of it are 4.5.
    assert held([0.5, np.nan, 0.5, np.nan, np.nan], "weight") == [0, 5, 5, 4.5, 4.5]


def test_a_side_is_taken_once_and_left_only_for_another():
    assert held([1, 1, 1, -1, 0, 0], "side", size=0.5) == [0, 5, 5, 5, -4.5, 0]


def test_whole_numbers_of_any_type_are_sides():
    sides_TM = np.array([[1], [1], [0], [0]], np.int8)
    assert record(sides_TM, "side").quantity_TM[:, 0].tolist() == [0, 10, 10, 0]


def test_a_small_change_is_not_sent():
    assert held([0.5, 0.5, 0.5, 0.5, 0.5], "weight", min_trade=0.1) == [0, 5, 5, 5, 5]


def test_what_is_under_way_counts_as_held():
    late = Execution(latency_bars=2)
    assert held([2, 2, 2, 2, 5, 5, 5], "contracts", late) == [0, 0, 0, 2, 2, 2, 2]
    assert held([1, 1, 1, 1, 1, 1, 1], "side", late, size=0.5) == [0, 0, 0, 5, 5, 5, 5]


def test_nothing_is_decided_before_the_warm_up_is_over():
    assert held([1, 2, 3, 4, 5], "contracts", Execution(warmup_bars=2)) == [0, 0, 0, 3, 4]


def test_orders_settle_as_in_the_ledger_itself():
    bars = generate("crisis", bars=300, seed=0, instruments=2)
    instruments = [
        Instrument(fee_bps=5, half_spread_bps=2, impact_root=0.1, funding_bps=0.5, max_volume_share=1e-5)
    ] * 2
    account = Account(leverage=2, maintenance=0.1, stop_loss_pct=0.02, take_profit_pct=0.03, max_portfolio_var=0.02)
    order_TM = np.random.default_rng(0).normal(0, 300, (300, 2))
    terms = market(bars, instruments, account)
    books = settle_bars(terms, order_TM[None], np.array([1e5]))
    found = record_targets(terms, order_TM, capital=1e5, wish="order")
    assert np.array_equal(found.worth_T, books.worth_NT[0])
    assert np.array_equal(found.quantity_TM, books.quantity_NTM[0])
    assert np.array_equal(found.counts_K, books.accounts.counts_NK[0])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"targets have shape \(3, 2\)"):
        record(np.zeros((3, 2)), "weight")
    with pytest.raises(ValueError, match="no wish 'percent'"):
        record(np.zeros((3, 1)), "percent")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size is 0"):
        record(np.zeros((3, 1)), "side", size=0.0)
