"""What N accounts hold in M instruments, and the two things that move it: a fill and the cost of carry."""

# N accounts, M instruments, K events

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.fills import cost_given

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EVENTS = ("fill", "stop", "take", "stop_and_take", "liquidation", "clipped", "refused")
FILL, STOP, TAKE, STOP_AND_TAKE, LIQUIDATION, CLIPPED, REFUSED = range(7)


class Accounts(NamedTuple):
    """Books of N accounts; each trades as if alone. Money is in the account's currency, quantities in contracts.

    `cost_NM` is what the open position cost (negative: what a short brought in), by average cost, without fees.
    `order_NM` is the signed quantity that the next settlement is to trade. `slippage_N` sums what fills paid against
    their reference prices (spread, slippage, impact, tick), `fees_N` fees, `carry_N` funding and borrowing. At all
    times cash + sum of cost = capital + sum of realised - fees - carry.
    """

    cash_N: Floats
    quantity_NM: Floats
    cost_NM: Floats
    realised_NM: Floats
    order_NM: Floats
    fees_N: Floats
    slippage_N: Floats
    carry_N: Floats
    counts_NK: Ints


def open_accounts(capital_N: Floats, instruments: int) -> Accounts:
    """N accounts that hold nothing but cash. Raises ValueError for a capital that is not finite and above 0."""
    if not (np.isfinite(capital_N) & (capital_N > 0)).all():
        raise ValueError("capital must be finite and above 0")
    count = len(capital_N)
    return Accounts(
        cash_N=np.array(capital_N, np.float64),
        quantity_NM=np.zeros((count, instruments)),
        cost_NM=np.zeros((count, instruments)),
        realised_NM=np.zeros((count, instruments)),
        order_NM=np.zeros((count, instruments)),
        fees_N=np.zeros(count),
        slippage_N=np.zeros(count),
        carry_N=np.zeros(count),
        counts_NK=np.zeros((count, len(EVENTS)), np.int64),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def begin(accounts: Accounts, n: int, capital: float) -> None:
    """Account `n` starts afresh with `capital` in cash."""
    accounts.cash_N[n] = capital
    accounts.fees_N[n] = 0.0
    accounts.slippage_N[n] = 0.0
    accounts.carry_N[n] = 0.0
    for m in range(accounts.quantity_NM.shape[1]):
        accounts.quantity_NM[n, m] = 0.0
        accounts.cost_NM[n, m] = 0.0
        accounts.realised_NM[n, m] = 0.0
        accounts.order_NM[n, m] = 0.0
    for k in range(accounts.counts_NK.shape[1]):
        accounts.counts_NK[n, k] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def trade(accounts: Accounts, n: int, m: int, quantity: float, value: float, reference: float, fee: float) -> None:
    """Buy (quantity > 0) or sell `quantity` contracts for `value` money (same sign), which would be `reference` free.

    What reduces a position realises profit against its average cost; what is left over opens or adds.
    """
    held, cost = accounts.quantity_NM[n, m], accounts.cost_NM[n, m]
    accounts.cash_N[n] -= value + fee
    accounts.fees_N[n] += fee
    accounts.slippage_N[n] += value - reference
    accounts.counts_NK[n, FILL] += 1
    if held * quantity < 0.0:
        closed = min(abs(quantity), abs(held))
        spent = value * (closed / abs(quantity))
        given = cost_given(cost, closed, abs(held))
        accounts.realised_NM[n, m] -= spent + given
        # Exactly 0 once all is closed: a remainder by rounding would be an entry price out of nothing.
        cost = cost - given if closed < abs(held) else 0.0
        value = value - spent if closed < abs(quantity) else 0.0
    accounts.cost_NM[n, m] = cost + value
    accounts.quantity_NM[n, m] = held + quantity


@njit(cache=True, nogil=True, error_model="numpy")
def pay_carry(accounts: Accounts, n: int, amount: float) -> None:
    """Funding and borrowing, positive when paid."""
    accounts.cash_N[n] -= amount
    accounts.carry_N[n] += amount
