"""What holds for the ledger whatever the prices, orders and costs."""

from decimal import Decimal, getcontext
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rookery.market.ledger import BUY, SELL, STATUSES, Books, Orders, Tape, settle

FILLED = STATUSES.index("filled")
CASES = settings(max_examples=150, deadline=None, derandomize=True)


def make(
    seed: int, *, count: int = 60, accounts: int = 1, fee: float | None = None, depth: float | None = None
) -> tuple[Tape, Orders]:
    """A random tape with repeated times, thin and deep pools, and equal random orders for each account."""
    generator = np.random.default_rng(seed)
    tape = Tape(
        time_ns_T=np.cumsum(generator.choice([0, 1, 7, 400], count)).astype(np.int64) * 10**9,
        price_T=2_000 * np.exp(np.cumsum(generator.normal(0, 0.01, count))),
        depth_T=np.full(count, depth) if depth else generator.choice([0.0, 30.0, 3e3, 3e5, np.inf], count),
        fee_T=np.full(count, fee) if fee is not None else generator.choice([0.0, 5e-4, 3e-3, 0.2], count),
    )
    rows = np.flatnonzero(generator.random(count) < 0.6)
    orders = Orders(
        account_O=np.repeat(np.arange(accounts), rows.size),
        row_O=np.tile(rows, accounts),
        side_O=np.tile(generator.choice(np.array([BUY, SELL], dtype=np.int8), rows.size), accounts),
        size_O=np.tile(generator.choice([0.0, 0.05, 0.5, 1.0], rows.size), accounts),
        slippage_bps_O=np.tile(generator.choice([0.0, 30.0, 1e3, 1e5], rows.size), accounts),
        deadline_s_O=np.tile(generator.choice([0.0, 5.0, 300.0, 1e12], rows.size), accounts),
    )
    return tape, orders


def books(tape: Tape, orders: Orders, *, gas: float, base: float, quote: float, accounts: int = 1) -> Books:
    return settle(
        tape,
        orders,
        base_A=np.full(accounts, base),
        quote_A=np.full(accounts, quote),
        gas_quote=gas,
        min_order_quote=1.0,
    )


@CASES
@given(
    seed=st.integers(0, 2**32),
    gas=st.sampled_from([0.0, 0.02, 40.0]),
    base=st.sampled_from([0.0, 3.0]),
    quote=st.sampled_from([0.5, 1e4]),
)
def test_value_is_conserved_to_the_last_cost(seed: int, gas: float, base: float, quote: float):
    tape, orders = make(seed)
    result = books(tape, orders, gas=gas, base=base, quote=quote)
    equity = result.quote_AG[0] + result.base_AG[0] * tape.price_T
    price_profit = (result.base_AG[0, :-1] * np.diff(tape.price_T)).sum()
    costs = result.fee_O.sum() + result.impact_O.sum() + result.gas_O.sum()
    scale = equity.max() + costs
    assert abs(equity[-1] - (quote + base * tape.price_T[0]) - (price_profit - costs)) <= 1e-9 * scale
    assert (result.fee_O >= 0).all()
    assert (result.impact_O >= -1e-12 * scale).all()


def by_hand(tape: Tape, orders: Orders, *, gas: float, base: float, quote: float) -> dict[str, Any]:
    """The same books in decimals, one order at a time, swaps as x y = k, cost of base by weighted average."""
    getcontext().prec = 80
    gas_D, held, cash, average = Decimal(gas), Decimal(base), Decimal(quote), Decimal(tape.price_T[0])
    statuses, realised = [], []
    for o, i in enumerate(orders.row_O):
        later = np.flatnonzero((tape.time_ns_T > tape.time_ns_T[i]) & (np.arange(60) > i))
        if not later.size or tape.time_ns_T[later[0]] - tape.time_ns_T[i] > orders.deadline_s_O[o] * 1e9:
            statuses.append("expired")
            continue
        j, buying = later[0], orders.side_O[o] == BUY
        price, depth, fee = Decimal(tape.price_T[j]), Decimal(min(tape.depth_T[j], 1e30)), Decimal(tape.fee_T[j])
        gas_cash = min(gas_D, cash)
        gas_held = (gas_D - gas_cash) / price
        free = cash - gas_cash if buying else held - gas_held
        spent = Decimal(orders.size_O[o]) * free
        if free <= 0 or gas_held > held:
            statuses.append("no_balance")
            continue
        if spent * (1 if buying else price) < 1:
            statuses.append("too_small")
            continue
        x, y, paid_in = depth / price.sqrt(), depth * price.sqrt(), spent * (1 - fee)
        received = (x - x * y / (y + paid_in) if buying else y - x * y / (x + paid_in)) if depth else Decimal(0)
        decided, allowed = Decimal(tape.price_T[i]), Decimal(orders.slippage_bps_O[o]) / 10_000
        worse = (paid_in / received / decided - 1 if buying else 1 - received / paid_in / decided) if depth else 10**9
        if worse > allowed:
            statuses.append("reverted")
            realised.append(-gas_cash - gas_held * average)
            held, cash = held - gas_held, cash - gas_cash
            continue
        statuses.append("filled")
        if buying:
            average = (held * average + spent + gas_cash) / (held + received)
            held, cash = held + received, cash - gas_cash - spent
        else:
            realised.append(received - gas_cash - (spent + gas_held) * average)
            held, cash = held - gas_held - spent, cash - gas_cash + received
    kept = {"base": held, "quote": cash, "open_cost": held * average}
    return {"statuses": statuses, "realised": [float(one) for one in realised]} | {k: float(v) for k, v in kept.items()}


@CASES
@given(
    seed=st.integers(0, 2**32),
    gas=st.sampled_from([0.0, 0.02, 40.0]),
    base=st.sampled_from([0.0, 3.0]),
    quote=st.sampled_from([0.5, 1e4]),
)
def test_the_kernel_keeps_the_books_that_are_kept_by_hand(seed: int, gas: float, base: float, quote: float):
    tape, orders = make(seed)
    result = books(tape, orders, gas=gas, base=base, quote=quote)
    expected = by_hand(tape, orders, gas=gas, base=base, quote=quote)
    realised = result.realised_O[np.isfinite(result.realised_O)]
    price = tape.price_T[-1]
    scale = 1e-9 * (quote + base * tape.price_T.max())
    assert [STATUSES[code] for code in result.status_O] == expected["statuses"]
    assert abs(result.base_AG[0, -1] - expected["base"]) * price <= scale
    assert abs(result.quote_AG[0, -1] - expected["quote"]) <= scale
    assert np.abs(realised - expected["realised"]).max(initial=0.0) <= scale
    net = (result.quote_AG[0, -1] + result.base_AG[0, -1] * price) - (quote + base * tape.price_T[0])
    open_profit = expected["base"] * price - expected["open_cost"]
    assert abs(net - realised.sum() - open_profit) <= 1e-9 * (quote + 3 * price)


@CASES
@given(seed=st.integers(0, 2**32), gas=st.sampled_from([0.0, 0.02, 40.0, 1e5]), quote=st.floats(0, 1e5))
def test_no_balance_is_ever_negative(seed: int, gas: float, quote: float):
    tape, orders = make(seed)
    result = books(tape, orders, gas=gas, base=1.0, quote=quote)
    assert result.base_AG.min() >= 0
    assert result.quote_AG.min() >= 0


@CASES
@given(seed=st.integers(0, 2**32))
def test_nothing_fills_at_or_before_its_decision(seed: int):
    tape, orders = make(seed)
    result = books(tape, orders, gas=0.02, base=3.0, quote=1e4)
    met = result.filled_row_O >= 0
    decided, filled = orders.row_O[met], result.filled_row_O[met]
    assert (filled > decided).all()
    waited = tape.time_ns_T[filled] - tape.time_ns_T[decided]
    assert (waited > 0).all()
    assert (waited <= orders.deadline_s_O[met] * 1e9).all()
    # Nothing lies between: the row before is of the decision's own moment.
    assert (tape.time_ns_T[filled - 1] == tape.time_ns_T[decided]).all()


@CASES
@given(seed=st.integers(0, 2**32), cut=st.integers(2, 59))
def test_the_future_changes_nothing_before_it(seed: int, cut: int):
    tape, orders = make(seed)
    generator = np.random.default_rng(seed + 1)
    changed = Tape(
        time_ns_T=tape.time_ns_T,
        price_T=np.concatenate((tape.price_T[:cut], generator.uniform(1, 9_000, 60 - cut))),
        depth_T=np.concatenate((tape.depth_T[:cut], generator.uniform(0, 1e4, 60 - cut))),
        fee_T=np.concatenate((tape.fee_T[:cut], generator.uniform(0, 0.5, 60 - cut))),
    )
    before = books(tape, orders, gas=0.02, base=3.0, quote=1e4)
    after = books(changed, orders, gas=0.02, base=3.0, quote=1e4)
    assert before.base_AG[0, :cut].tolist() == after.base_AG[0, :cut].tolist()
    assert before.quote_AG[0, :cut].tolist() == after.quote_AG[0, :cut].tolist()


@CASES
@given(seed=st.integers(0, 2**32), low=st.floats(0, 0.05), more=st.floats(1e-6, 0.1))
def test_a_higher_fee_never_raises_equity_when_the_same_orders_fill(seed: int, low: float, more: float):
    cheap_tape, orders = make(seed, fee=low, depth=3e4)
    dear_tape, _ = make(seed, fee=low + more, depth=3e4)
    cheap = books(cheap_tape, orders, gas=0.02, base=3.0, quote=1e4)
    dear = books(dear_tape, orders, gas=0.02, base=3.0, quote=1e4)
    assume(cheap.status_O.tolist() == dear.status_O.tolist())
    cheap_equity = cheap.quote_AG[0] + cheap.base_AG[0] * cheap_tape.price_T
    dear_equity = dear.quote_AG[0] + dear.base_AG[0] * dear_tape.price_T
    assert (dear_equity <= cheap_equity * (1 + 1e-12)).all()


@CASES
@given(seed=st.integers(0, 2**32))
def test_one_account_or_a_hundred_make_the_same_books(seed: int):
    tape, orders = make(seed)
    _, many = make(seed, accounts=100)
    one = books(tape, orders, gas=0.02, base=3.0, quote=1e4)
    hundred = books(tape, many, gas=0.02, base=3.0, quote=1e4, accounts=100)
    assert (hundred.base_AG == one.base_AG).all()
    assert (hundred.quote_AG == one.quote_AG).all()
    assert hundred.fee_O.tolist() == np.tile(one.fee_O, 100).tolist()


@CASES
@given(seed=st.integers(0, 2**32))
def test_without_costs_and_price_moves_equity_stays(seed: int):
    moving, orders = make(seed)
    tape = Tape(
        time_ns_T=moving.time_ns_T, price_T=np.full(60, 2_000.0), depth_T=np.full(60, np.inf), fee_T=np.zeros(60)
    )
    result = books(tape, orders, gas=0.0, base=3.0, quote=1e4)
    equity = result.quote_AG[0] + result.base_AG[0] * 2_000.0
    assert np.abs(equity - 16_000.0).max() <= 1e-9 * 16_000.0
