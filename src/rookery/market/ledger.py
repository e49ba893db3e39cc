"""Settles orders into balances, fees, impact, gas and fills: the one set of books of the house.

Spot against an automated market maker. An order decided at row i of the swaps (knowable at time_i) meets the market at
the first later row j whose time is strictly later: swaps of the same block were seen already. At j, in this order:

    expired     no such row, or time_j - time_i > deadline; nothing is paid
    no_balance  nothing is left to spend after gas is kept; nothing is paid
    too_small   what would be spent is worth less than the minimum; nothing is paid
    reverted    the price is worse than price_i by more than slippage_bps; gas is paid
    filled      gas, fee and impact are paid

BUY spends size x (quote - gas), SELL spends size x base. Gas comes from the quote held, and what quote cannot cover
from the base held, at price_j. The pool is a constant product on the virtual reserves of the liquidity in range
(Uniswap v3 whitepaper, 6.2.1): with L in human units, liquidity / 10^((decimals0 + decimals1) / 2), and p quote per
base, base reserve L / sqrt(p) and quote reserve L sqrt(p) - the same whichever token is the base. With fee share f:

    BUY of q quote    n = q (1 - f)    price = p (1 + n / (L sqrt(p)))    base received n / price
    SELL of b base    n = b (1 - f)    price = p / (1 + n sqrt(p) / L)    quote received n price

`price` is what slippage_bps limits. L holds over the whole order (no tick is crossed), and the order leaves no trace in
later prices. Costs in quote, so that each fill changes equity at price_j by exactly -fee - impact - gas:

    BUY     fee = q f            impact = received (price - p)
    SELL    fee = b f price      impact = b (p - price)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.fills import cost_given

# A accounts, T rows of the tape, O orders of all accounts, G rows at which balances are marked
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Signs = npt.NDArray[np.int8]

BUY, SELL = 1, -1
STATUSES = ("filled", "expired", "reverted", "no_balance", "too_small")
# Longer than any tape, and within 63 bits of nanoseconds.
_FOR_EVER_S = 9e9
_FILLED, _EXPIRED, _REVERTED, _NO_BALANCE, _TOO_SMALL = range(5)
_PRICE, _BASE, _QUOTE, _FEE, _IMPACT, _GAS, _REALISED = range(7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """What orders meet, one row per swap: time (ns, not falling), price (quote per base), depth L, fee share."""

    time_ns_T: Ints
    price_T: Floats
    depth_T: Floats
    fee_T: Floats

    def __post_init__(self) -> None:
        count = self.time_ns_T.size
        if count == 0 or any(column.shape != (count,) for column in (self.price_T, self.depth_T, self.fee_T)):
            raise ValueError("a tape needs at least one row, and columns of one length")
        _refuse(np.diff(self.time_ns_T) < 0, "time", "runs backwards")
        _refuse(~(np.isfinite(self.price_T) & (self.price_T > 0)), "price", "is not a positive number")
        _refuse(~(self.depth_T >= 0), "depth", "is not a number of 0 or above")
        _refuse(~((self.fee_T >= 0) & (self.fee_T < 1)), "fee", "is not a share of at least 0 and below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Orders by account, and within an account by the row after which they were decided."""

    account_O: Ints
    row_O: Ints
    side_O: Signs
    size_O: Floats
    slippage_bps_O: Floats
    deadline_s_O: Floats

    def __post_init__(self) -> None:
        _refuse(~np.isin(self.side_O, (BUY, SELL)), "side", "is neither BUY nor SELL")
        _refuse(~((self.size_O >= 0) & (self.size_O <= 1)), "size", "is not a share of 0 to 1")
        for name, values in (("slippage_bps", self.slippage_bps_O), ("deadline_s", self.deadline_s_O)):
            _refuse(~(np.isfinite(values) & (values >= 0)), name, "is not a number of 0 or above")
        step, account_step = np.diff(self.row_O), np.diff(self.account_O)
        _refuse((account_step < 0) | ((account_step == 0) & (step < 0)), "orders", "are not sorted by account and row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What became of every order, and the balances of every account after each marked row.

    `filled_row_O` is -1 without a meeting. `price_O` includes impact, not the fee. `base_O` and `quote_O` are what was
    spent and received: BUY quote = base x price + fee, SELL quote = base x price - fee. `realised_O` is the profit of
    a SELL, or of a reverted order, by average cost (fee, impact and gas included) and NaN for the others.
    """

    status_O: Signs
    filled_row_O: Ints
    price_O: Floats
    base_O: Floats
    quote_O: Floats
    fee_O: Floats
    impact_O: Floats
    gas_O: Floats
    realised_O: Floats
    base_AG: Floats
    quote_AG: Floats


def settle(
    tape: Tape,
    orders: Orders,
    *,
    base_A: Floats,
    quote_A: Floats,
    gas_quote: float,
    min_order_quote: float,
    mark_row_G: Ints | None = None,
) -> Books:
    """Settle the orders of A accounts that start with `base_A` and `quote_A`; each account trades as if alone.

    Balances are marked at every row of the tape, or at `mark_row_G` (rising). Base held at the start counts as bought
    at the first price. Raises ValueError when a number cannot be: not finite, negative, a row off the tape.
    """
    count, rows = orders.row_O.size, tape.time_ns_T.size
    marks = np.arange(rows, dtype=np.int64) if mark_row_G is None else mark_row_G
    _refuse(~((orders.row_O >= 0) & (orders.row_O < rows)), "row", "is not on the tape")
    _refuse(~((orders.account_O >= 0) & (orders.account_O < base_A.size)), "account", "has no balances")
    for name, values in (("base", base_A), ("quote", quote_A), ("gas", np.array([gas_quote, min_order_quote]))):
        _refuse(~(np.isfinite(values) & (values >= 0)), name, "is not a finite number of 0 or above")
    status_O, filled_row_O = np.full(count, _EXPIRED, dtype=np.int8), np.full(count, -1, dtype=np.int64)
    fill_FO = np.zeros((7, count))
    fill_FO[_PRICE], fill_FO[_REALISED] = np.nan, np.nan
    base_AG, quote_AG = np.empty((base_A.size, marks.size)), np.empty((base_A.size, marks.size))
    deadline_ns_O = (np.minimum(orders.deadline_s_O, _FOR_EVER_S) * 1e9).astype(np.int64)
    _settle(
        (_own(tape.time_ns_T), _own(tape.price_T), _own(tape.depth_T), _own(tape.fee_T)),
        np.searchsorted(orders.account_O, np.arange(base_A.size + 1)).astype(np.int64),
        (_own(orders.row_O), _own(orders.side_O), _own(orders.size_O), orders.slippage_bps_O * 1e-4, deadline_ns_O),
        (_own(base_A), _own(quote_A)),
        (float(gas_quote), float(min_order_quote)),
        _own(marks),
        (status_O, filled_row_O, fill_FO),
        (base_AG, quote_AG),
    )
    return Books(
        status_O=status_O,
        filled_row_O=filled_row_O,
        price_O=fill_FO[_PRICE],
        base_O=fill_FO[_BASE],
        quote_O=fill_FO[_QUOTE],
        fee_O=fill_FO[_FEE],
        impact_O=fill_FO[_IMPACT],
        gas_O=fill_FO[_GAS],
        realised_O=fill_FO[_REALISED],
        base_AG=base_AG,
        quote_AG=quote_AG,
    )


def compile_kernels() -> None:
    """Compile the kernel, or load it from numba's cache, by settling one small order."""
    one = np.ones(1)
    tape = Tape(time_ns_T=np.array([0, 1]), price_T=np.ones(2), depth_T=np.ones(2), fee_T=np.zeros(2))
    orders = Orders(
        account_O=np.zeros(1, dtype=np.int64),
        row_O=np.zeros(1, dtype=np.int64),
        side_O=np.full(1, BUY, dtype=np.int8),
        size_O=one,
        slippage_bps_O=one,
        deadline_s_O=one,
    )
    settle(tape, orders, base_A=one, quote_A=one, gas_quote=0.0, min_order_quote=0.0)


def _own(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # A view of a data frame is read-only, for which numba would compile the kernel a second time.
    return np.require(values, requirements=["C", "W"])


def _refuse(bad: npt.NDArray[np.bool_], name: str, what: str) -> None:
    places = np.flatnonzero(bad)
    if places.size:
        raise ValueError(f"{name} {what} at position {places[0]}")


@njit(cache=True, nogil=True, error_model="numpy")
def _settle(
    tape: tuple[Ints, Floats, Floats, Floats],
    first_A: Ints,
    orders: tuple[Ints, Signs, Floats, Floats, Ints],
    start: tuple[Floats, Floats],
    limits: tuple[float, float],
    marks: Ints,
    fills: tuple[Signs, Ints, Floats],
    balances: tuple[Floats, Floats],
) -> None:
    """Walk each account's orders in time; `held` is base, quote and what the base cost."""
    time, price, depth, fee = tape
    row, side, size, slippage, deadline = orders
    status, filled_row, fill = fills
    base_AG, quote_AG = balances
    for account in range(first_A.size - 1):
        held = (start[0][account], start[1][account], start[0][account] * price[0])
        meeting, marked = 0, 0
        for order in range(first_A[account], first_A[account + 1]):
            decided = row[order]
            meeting = max(meeting, decided + 1)
            while meeting < time.size and time[meeting] <= time[decided]:
                meeting += 1
            while marked < marks.size and marks[marked] < meeting:
                base_AG[account, marked], quote_AG[account, marked] = held[0], held[1]
                marked += 1
            if meeting == time.size or time[meeting] - time[decided] > deadline[order]:
                continue
            limit = price[decided] * (1.0 + side[order] * slippage[order])
            pool = (price[meeting], depth[meeting], fee[meeting])
            status[order], held = _meet(side[order], size[order], limit, pool, held, limits, fill[:, order])
            filled_row[order] = meeting
        while marked < marks.size:
            base_AG[account, marked], quote_AG[account, marked] = held[0], held[1]
            marked += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _meet(
    side: int,
    size: float,
    limit: float,
    pool: tuple[float, float, float],
    held: tuple[float, float, float],
    limits: tuple[float, float],
    fill: Floats,
) -> tuple[int, tuple[float, float, float]]:
    """One order against the pool: its status, what is held afterwards, and its column of `fill`."""
    price, depth, fee = pool
    base, quote, cost = held
    gas, minimum = limits
    gas_quote = min(gas, quote)
    gas_base = (gas - gas_quote) / price
    free = quote - gas_quote if side == BUY else base - gas_base
    if free <= 0.0 or gas_base > base:
        return _NO_BALANCE, held
    spent = size * free
    if spent <= 0.0 or (spent if side == BUY else spent * price) < minimum:
        return _TOO_SMALL, held
    net = spent * (1.0 - fee)
    root = np.sqrt(price)
    average = price * (1.0 + net / (depth * root)) if side == BUY else price / (1.0 + net * root / depth)
    fill[_GAS] = gas
    if depth == 0.0 or side * average > side * limit:
        given = cost_given(cost, gas_base, base) if gas_base > 0.0 else 0.0
        fill[_REALISED] = -gas_quote - given
        return _REVERTED, (base - gas_base, quote - gas_quote, cost - given)
    fill[_PRICE] = average
    if side == BUY:
        received = net / average
        fill[_BASE], fill[_QUOTE], fill[_FEE] = received, spent, spent - net
        fill[_IMPACT] = received * (average - price)
        return _FILLED, (base + received, free - spent, cost + gas_quote + spent)
    received = net * average
    fill[_BASE], fill[_QUOTE], fill[_FEE] = spent, received, (spent - net) * average
    fill[_IMPACT] = spent * (price - average)
    given = cost_given(cost, spent + gas_base, base)
    fill[_REALISED] = received - gas_quote - given
    return _FILLED, (free - spent, quote - gas_quote + received, cost - given)
