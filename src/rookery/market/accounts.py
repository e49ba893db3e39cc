"""What N accounts hold in M instruments, and the two things that move it: a fill and the cost of carry."""

# N accounts, M instruments, K events

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rookery.market.compilation import inlined
from rookery.market.fills import cost_given

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EVENTS = (
    "fill",
    "stop",
    "take",
    "stop_and_take",
    "liquidation",
    "clipped",
    "refused",
    "trimmed",
    "halted",
    "breaker",
    "emergency",
)
FILL, STOP, TAKE, STOP_AND_TAKE, LIQUIDATION, CLIPPED, REFUSED, TRIMMED, HALTED, BREAKER, EMERGENCY = range(11)


# Columns of money_NB and of position_NMC.
CASH, FEES, SLIPPAGE, CARRY, DAY_START, PEAK, WAIT, LEVEL = range(8)
QUANTITY, COST, REALISED, ORDER = range(4)


class Accounts(NamedTuple):
    """Books of N accounts; each trades as if alone. Money is in the account's currency, quantities in contracts.

    money_NB: CASH; FEES, SLIPPAGE (what fills paid against their reference prices: spread, slippage, impact, tick) and
    CARRY (funding and borrowing), summed since the start; and for circuit breakers net worth at the day's START, its
    PEAK, the minute up to which nothing may be opened (WAIT; inf: stopped for good) and the highest LEVEL of the day.
    position_NMC: QUANTITY held; COST of the open position by
    average cost, without fees (negative: what a short brought in); REALISED profit; ORDER, the signed quantity that the
    next settlement is to trade. counts_NK: how often each of EVENTS happened. At all times
    cash + sum of cost = capital + sum of realised - fees - carry.
    """

    money_NB: Floats
    position_NMC: Floats
    counts_NK: Ints


def open_accounts(capital_N: Floats, instruments: int) -> Accounts:
    """N accounts that hold nothing but cash. Raises ValueError for a capital that is not finite and above 0."""
    if not (np.isfinite(capital_N) & (capital_N > 0)).all():
        raise ValueError("capital must be finite and above 0")
    count = len(capital_N)
    money_NB = np.zeros((count, 8))
    money_NB[:, [CASH, DAY_START, PEAK]] = np.asarray(capital_N)[:, None]
    money_NB[:, WAIT] = -np.inf
    return Accounts(money_NB, np.zeros((count, instruments, 4)), np.zeros((count, len(EVENTS)), np.int64))


@inlined
def begin(accounts: Accounts, n: int, capital: float) -> None:
    """Account `n` starts afresh with `capital` in cash."""
    # Loops, not slices: a view costs more than what it saves in a function this hot.
    for b in range(accounts.money_NB.shape[1]):
        accounts.money_NB[n, b] = 0.0
    accounts.money_NB[n, CASH] = capital
    accounts.money_NB[n, DAY_START] = capital
    accounts.money_NB[n, PEAK] = capital
    accounts.money_NB[n, WAIT] = -math.inf
    for m in range(accounts.position_NMC.shape[1]):
        for c in range(accounts.position_NMC.shape[2]):
            accounts.position_NMC[n, m, c] = 0.0
    for k in range(accounts.counts_NK.shape[1]):
        accounts.counts_NK[n, k] = 0


@inlined
def trade(accounts: Accounts, n: int, m: int, quantity: float, value: float, reference: float, fee: float) -> None:
    """Buy (quantity > 0) or sell `quantity` contracts for `value` money (same sign), which would be `reference` free.

    What reduces a position realises profit against its average cost; what is left over opens or adds.
    """
    held, cost = accounts.position_NMC[n, m, QUANTITY], accounts.position_NMC[n, m, COST]
    accounts.money_NB[n, CASH] -= value + fee
    accounts.money_NB[n, FEES] += fee
    accounts.money_NB[n, SLIPPAGE] += value - reference
    accounts.counts_NK[n, FILL] += 1
    if held * quantity < 0.0:
        closed = min(abs(quantity), abs(held))
        spent = value * (closed / abs(quantity))
        given = cost_given(cost, closed, abs(held))
        accounts.position_NMC[n, m, REALISED] -= spent + given
        # Exactly 0 once all is closed: a remainder by rounding would be an entry price out of nothing.
        cost = cost - given if closed < abs(held) else 0.0
        value = value - spent if closed < abs(quantity) else 0.0
    accounts.position_NMC[n, m, COST] = cost + value
    accounts.position_NMC[n, m, QUANTITY] = held + quantity


@inlined
def pay_carry(accounts: Accounts, n: int, amount: float) -> None:
    """Funding and borrowing, positive when paid."""
    accounts.money_NB[n, CASH] -= amount
    accounts.money_NB[n, CARRY] += amount
