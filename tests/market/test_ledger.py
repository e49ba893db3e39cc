"""The ledger's books, in numbers that a person can check."""

import numpy as np
import pytest

from rookery.market.ledger import BUY, SELL, STATUSES, Books, Orders, Tape, compile_kernels, settle

SECOND = 10**9


def tape(
    price: list[float], *, seconds: list[float] | None = None, depth: float = np.inf, fee_bps: float = 0.0
) -> Tape:
    times = range(len(price)) if seconds is None else seconds
    return Tape(
        time_ns_T=np.array([round(time * SECOND) for time in times], dtype=np.int64),
        price_T=np.array(price),
        depth_T=np.full(len(price), depth),
        fee_T=np.full(len(price), fee_bps / 1e4),
    )


def order(
    row: int, side: int, size: float = 1.0, *, slippage_bps: float = 1e4, deadline_s: float = 60.0, account: int = 0
) -> tuple[int, int, int, float, float, float]:
    return (account, row, side, size, slippage_bps, deadline_s)


def orders(*rows: tuple[int, int, int, float, float, float]) -> Orders:
    account, row, side, size, slippage, deadline = zip(*rows, strict=True) if rows else [()] * 6
    return Orders(
        account_O=np.array(account, dtype=np.int64),
        row_O=np.array(row, dtype=np.int64),
        side_O=np.array(side, dtype=np.int8),
        size_O=np.array(size, dtype=np.float64),
        slippage_bps_O=np.array(slippage, dtype=np.float64),
        deadline_s_O=np.array(deadline, dtype=np.float64),
    )


def books(
    market: Tape,
    asked: Orders,
    *,
    base: float = 0.0,
    quote: float = 1_000.0,
    gas: float = 0.0,
    minimum: float = 1.0,
    accounts: int = 1,
) -> Books:
    return settle(
        market,
        asked,
        base_A=np.full(accounts, base),
        quote_A=np.full(accounts, quote),
        gas_quote=gas,
        min_order_quote=minimum,
    )


def statuses(result: Books) -> list[str]:
    return [STATUSES[code] for code in result.status_O]


def test_a_buy_spends_its_share_of_quote_at_the_next_price():
    result = books(tape([100.0, 200.0, 400.0]), orders(order(0, BUY, 0.5)))
    assert statuses(result) == ["filled"]
    assert result.filled_row_O.tolist() == [1]
    assert result.price_O.tolist() == [200.0]
    assert result.base_AG[0].tolist() == [0.0, 2.5, 2.5]
    assert result.quote_AG[0].tolist() == [1_000.0, 500.0, 500.0]


def test_the_pool_fee_is_taken_from_what_is_paid_in():
    bought = books(tape([100.0, 100.0], fee_bps=30), orders(order(0, BUY)))
    sold = books(tape([100.0, 100.0], fee_bps=30), orders(order(0, SELL)), base=10.0, quote=0.0)
    assert bought.fee_O.tolist() == pytest.approx([3.0])
    assert bought.base_AG[0, -1] == pytest.approx(9.97)
    assert sold.fee_O.tolist() == pytest.approx([3.0])
    assert sold.quote_AG[0, -1] == pytest.approx(997.0)


def test_own_impact_follows_the_constant_product():
    # price 4 and L 200: reserves of 200 / 2 = 100 base and 200 * 2 = 400 quote, 100 * 400 = 40,000.
    bought = books(tape([4.0, 4.0], depth=200.0), orders(order(0, BUY)), quote=100.0)
    assert bought.base_O.tolist() == pytest.approx([100 - 40_000 / 500])
    assert bought.price_O.tolist() == pytest.approx([5.0])
    assert bought.impact_O.tolist() == pytest.approx([20.0])
    sold = books(tape([4.0, 4.0], depth=200.0), orders(order(0, SELL)), base=25.0, quote=0.0)
    assert sold.quote_O.tolist() == pytest.approx([400 - 40_000 / 125])
    assert sold.price_O.tolist() == pytest.approx([3.2])
    assert sold.impact_O.tolist() == pytest.approx([20.0])


def test_swaps_of_the_same_moment_were_seen_already():
    market = tape([100.0, 110.0, 120.0, 130.0], seconds=[0, 0, 0, 5])
    result = books(market, orders(order(0, BUY, 0.1), order(1, BUY, 0.1)))
    assert result.filled_row_O.tolist() == [3, 3]
    assert result.price_O.tolist() == [130.0, 130.0]


def test_an_order_expires_after_its_deadline_and_costs_nothing():
    market = tape([100.0, 100.0, 100.0], seconds=[0, 60, 120.5])
    result = books(market, orders(order(0, BUY, 0.5), order(1, BUY, 0.5)), gas=1.0)
    assert statuses(result) == ["filled", "expired"]
    assert result.gas_O.tolist() == [1.0, 0.0]
    assert result.filled_row_O.tolist() == [1, -1]


def test_an_order_after_the_last_swap_expires():
    assert statuses(books(tape([100.0, 100.0]), orders(order(1, BUY)))) == ["expired"]


def test_a_worse_price_than_the_limit_reverts_and_pays_gas():
    market = tape([100.0, 100.6, 100.0])
    result = books(market, orders(order(0, BUY, 0.5, slippage_bps=50)), gas=1.0)
    assert statuses(result) == ["reverted"]
    assert result.quote_AG[0].tolist() == [1_000.0, 999.0, 999.0]
    assert np.isnan(result.price_O[0])
    assert statuses(books(market, orders(order(0, BUY, 0.5, slippage_bps=61)))) == ["filled"]
    assert statuses(books(market, orders(order(1, SELL, slippage_bps=50)), base=1.0)) == ["reverted"]
    assert statuses(books(market, orders(order(1, SELL, slippage_bps=60)), base=1.0)) == ["filled"]


def test_own_impact_counts_against_the_slippage_limit():
    # 1,000 of quote into reserves of 1e5 quote: the average price is 1 % worse.
    market = tape([100.0, 100.0], depth=1e4)
    assert statuses(books(market, orders(order(0, BUY, slippage_bps=99)))) == ["reverted"]
    assert statuses(books(market, orders(order(0, BUY, slippage_bps=101)))) == ["filled"]


def test_a_pool_without_liquidity_fills_nothing_at_any_limit():
    market = tape([100.0, 100.0, 100.0], depth=0.0)
    result = books(market, orders(order(0, BUY), order(1, SELL, slippage_bps=2e4)), base=1.0, gas=1.0)
    assert statuses(result) == ["reverted", "reverted"]
    assert result.quote_AG[0, -1] == 998.0


def test_nothing_to_spend_is_refused_without_gas():
    market = tape([100.0, 100.0, 100.0, 100.0])
    result = books(market, orders(order(0, SELL), order(1, BUY), order(2, BUY)), gas=1.0)
    assert statuses(result) == ["no_balance", "filled", "no_balance"]
    assert result.gas_O.tolist() == [0.0, 1.0, 0.0]
    assert result.quote_AG[0, -1] == 0.0


def test_a_tiny_order_is_not_sent():
    market = tape([100.0, 100.0])
    assert statuses(books(market, orders(order(0, BUY, 0.00099)), gas=0.5)) == ["too_small"]
    assert statuses(books(market, orders(order(0, BUY, 0.0)), minimum=0.0)) == ["too_small"]
    assert statuses(books(market, orders(order(0, SELL)), base=0.0099)) == ["too_small"]


def test_gas_that_quote_cannot_cover_comes_from_base():
    market = tape([100.0, 100.0, 100.0])
    result = books(market, orders(order(0, SELL, 0.5)), base=1.01, quote=0.0, gas=1.0)
    assert statuses(result) == ["filled"]
    assert result.base_AG[0, -1] == pytest.approx(0.5)
    assert result.quote_AG[0, -1] == pytest.approx(50.0)
    assert statuses(books(market, orders(order(0, SELL)), base=0.005, quote=0.0, gas=1.0)) == ["no_balance"]


def test_several_orders_in_flight_settle_in_the_order_of_their_decisions():
    market = tape([100.0, 100.0, 100.0, 50.0], seconds=[0, 1, 1, 2])
    result = books(market, orders(order(1, BUY, 0.5), order(2, BUY, 0.5)))
    assert result.quote_O.tolist() == [500.0, 250.0]
    assert result.filled_row_O.tolist() == [3, 3]


def test_profit_is_realised_against_the_average_cost():
    # Buys 5 at 100 (500) and 1.25 at 200 (250): 6.25 cost 750, 120 each. Half of them sold at 300.
    market = tape([100.0, 100.0, 200.0, 300.0])
    result = books(market, orders(order(0, BUY, 0.5), order(1, BUY, 0.5), order(2, SELL, 0.5)))
    assert result.base_O.tolist() == pytest.approx([5.0, 1.25, 3.125])
    assert np.isnan(result.realised_O[:2]).all()
    assert result.realised_O[2] == pytest.approx(3.125 * (300 - 120))


def test_base_held_at_the_start_cost_the_first_price():
    result = books(tape([100.0, 150.0]), orders(order(0, SELL)), base=2.0)
    assert result.realised_O.tolist() == pytest.approx([100.0])


def test_balances_can_be_marked_at_chosen_rows_only():
    market = tape([100.0, 200.0, 400.0, 400.0])
    asked, rows = orders(order(0, BUY, 0.5), order(2, SELL)), np.array([1, 3])
    everywhere = books(market, asked)
    chosen = settle(
        market,
        asked,
        base_A=np.zeros(1),
        quote_A=np.full(1, 1e3),
        gas_quote=0,
        min_order_quote=1,
        mark_row_G=rows,
    )
    assert chosen.base_AG.tolist() == everywhere.base_AG[:, rows].tolist()
    assert chosen.quote_AG.tolist() == everywhere.quote_AG[:, rows].tolist()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (order(0, BUY, 1.01), "size is not a share"),
        (order(0, BUY, -0.1), "size is not a share"),
        (order(0, BUY, float("nan")), "size is not a share"),
        (order(0, 0), "side is neither"),
        (order(0, BUY, slippage_bps=float("inf")), "slippage_bps is not"),
        (order(0, BUY, deadline_s=-1), "deadline_s is not"),
        (order(9, BUY), "row is not on the tape"),
        (order(0, BUY, account=3), "account has no balances"),
    ],
)
def test_an_order_with_a_bad_number_is_refused_at_the_door(
    bad: tuple[int, int, int, float, float, float], message: str
):
    with pytest.raises(ValueError, match=message):
        books(tape([1.0, 1.0]), orders(bad))


def test_orders_out_of_time_are_refused():
    with pytest.raises(ValueError, match="not sorted"):
        orders(order(2, BUY), order(1, BUY))


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bad_price_is_refused_with_its_place(price: float):
    with pytest.raises(ValueError, match="price is not a positive number at position 1"):
        tape([1.0, price])


def test_a_tape_that_runs_backwards_or_charges_everything_is_refused():
    with pytest.raises(ValueError, match="time runs backwards"):
        tape([1.0, 1.0], seconds=[1, 0])
    with pytest.raises(ValueError, match="fee is not a share"):
        tape([1.0, 1.0], fee_bps=10_000)
    with pytest.raises(ValueError, match="depth is not"):
        tape([1.0, 1.0], depth=float("nan"))
    with pytest.raises(ValueError, match="at least one row"):
        tape([])


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_bad_capital_is_refused(amount: float):
    with pytest.raises(ValueError, match="quote is not a finite number"):
        books(tape([1.0, 1.0]), orders(), quote=amount)


def test_the_kernel_is_compiled_once_for_all_callers():
    from rookery.market import ledger

    compile_kernels()
    before = len(ledger._settle.signatures)
    books(tape([1.0, 2.0], fee_bps=5), orders(order(0, BUY)), accounts=3)
    assert len(ledger._settle.signatures) == before == 1
