"""Positions asked for bar by bar, turned into orders and settled in one pass.

`WISHES` says what a number in `wish_TM[t, m]`, decided at the close of bar t, means:

    order    trade so many contracts (0: nothing)
    contracts    hold so many contracts
    weight   hold this share of net worth, at the close's prices
    side     -1, 0 or 1: be short, flat or long with `size` x net worth; on the right side already, nothing is traded

A target that is nan leaves things as they are. What is under way already counts as held. Net worth is that of the
decision; a change worth less than `min_trade` x net worth is not sent.
"""

# T bars, M instruments, L places of orders under way

import math
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from rookery.market.accounts import CARRY, QUANTITY, REFUSED, Accounts
from rookery.market.bar_ledger import settle_bar
from rookery.market.bars import CLOSE
from rookery.market.compilation import hot, inlined
from rookery.market.execution import Execution, offer
from rookery.market.terms import CONTRACT, Market
from rookery.market.trade_journal import Journal, has_room

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Wish = Literal["order", "contracts", "weight", "side"]
WISHES: tuple[Wish, ...] = get_args(Wish)
_ORDER, _CONTRACTS, _WEIGHT, _SIDE = range(4)


class Plan(NamedTuple):
    """How wishes become orders: index in WISHES, share and least change of net worth, arrival (see Execution)."""

    wish: int
    size: float
    min_trade: float
    carries: bool
    arrival_T: Ints


class UnderWay(NamedTuple):
    """Orders not met: by decision (bar modulo L, a power of 2), their sum, rests of the volume limit, oldest bar."""

    sent_LM: Floats
    total_M: Floats
    rest_M: Floats
    oldest_1: Ints


def plan(execution: Execution, arrival_T: Ints, *, wish: Wish, size: float = 1.0, min_trade: float = 0.0) -> Plan:
    """Settings in kernel form. Raises ValueError for a wish that is not known, or a size that is no positive number."""
    if wish not in WISHES:
        raise ValueError(f"no wish '{wish}'; known: {', '.join(WISHES)}")
    if not (math.isfinite(size) and size > 0 and math.isfinite(min_trade) and min_trade >= 0):
        raise ValueError(f"size is {size} and min_trade {min_trade}; expected a share above 0 and one of 0 or above")
    return Plan(WISHES.index(wish), size, min_trade, execution.unfilled == "carry", arrival_T)


def nothing_under_way(arrival_T: Ints, instruments: int, first: int = 0) -> UnderWay:
    """No orders yet; the first decision comes at the close of bar `first`."""
    places = 1 << int((arrival_T - np.arange(len(arrival_T))).max()).bit_length()
    totals_M = np.zeros((2, instruments))
    return UnderWay(np.zeros((places, instruments)), totals_M[0], totals_M[1], np.array([first], np.int64))


@inlined
def arrive(way: UnderWay, plan: Plan, accounts: Accounts, n: int, market: Market, t: int) -> None:
    """Hand every order that meets bar `t` to the ledger."""
    first, instruments = way.oldest_1[0], way.total_M.shape[0]
    last = first
    while last < t and plan.arrival_T[last] <= t:
        last += 1
    way.oldest_1[0] = last
    for m in range(instruments):
        due = 0.0
        for s in range(first, last):
            sent = way.sent_LM[s & (len(way.sent_LM) - 1), m]
            if math.isfinite(sent):
                due += sent
            else:
                accounts.counts_NK[n, REFUSED] += 1
        # Summed afresh, not kept: a remainder by rounding would be an order out of nothing.
        way.total_M[m] = 0.0
        for s in range(last, t):
            if math.isfinite(way.sent_LM[s & (len(way.sent_LM) - 1), m]):
                way.total_M[m] += way.sent_LM[s & (len(way.sent_LM) - 1), m]
        offer(accounts, n, market, t, m, due, way.rest_M, plan.carries)


@inlined
def decide(
    way: UnderWay, plan: Plan, accounts: Accounts, n: int, market: Market, t: int, m: int, wish: float, worth: float
) -> None:
    """Send the order that `wish` asks for at the close of bar `t`."""
    order = wish
    if plan.wish != _ORDER:
        held = accounts.position_NMC[n, m, QUANTITY] + (way.total_M[m] + way.rest_M[m])
        order = _change(plan, market, t, m, wish, held, worth)
    way.sent_LM[t & (len(way.sent_LM) - 1), m] = order
    if math.isfinite(order):
        way.total_M[m] += order


@inlined
def _change(plan: Plan, market: Market, t: int, m: int, wish: float, held: float, worth: float) -> float:
    if math.isnan(wish) or (plan.wish == _SIDE and (wish * held > 0.0 or (wish == 0.0 and held == 0.0))):
        return 0.0
    unit = market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, CLOSE]
    wanted = wish if plan.wish == _CONTRACTS else plan.size * wish * max(worth, 0.0) / unit
    order = wanted - held
    return 0.0 if abs(order) * unit < plan.min_trade * worth else order


@hot
def trade_targets(
    accounts: Accounts,
    n: int,
    market: Market,
    plan: Plan,
    way: UnderWay,
    wish_TM: Floats,
    bars: tuple[int, int],
    worth_T: Floats,
    quantity_TM: Floats,
    carry_T: Floats,
    journal: Journal,
) -> int:
    """Account `n` lives through `bars` (from, to), then decides; the bar to go on with, which is `to` unless the
    journal is full. Decisions begin at the bar of `way`. `carry_T` is what has been paid by each bar since the start.
    """
    first = way.oldest_1[0]
    for t in range(bars[0], bars[1]):
        if not has_room(journal):
            return t
        if t > 0:
            arrive(way, plan, accounts, n, market, t)
            worth_T[t] = settle_bar(accounts, n, market, t, journal)
        for m in range(wish_TM.shape[1]):
            quantity_TM[t, m] = accounts.position_NMC[n, m, QUANTITY]
            if t >= first:
                decide(way, plan, accounts, n, market, t, m, float(wish_TM[t, m]), worth_T[t])
        carry_T[t] = accounts.money_NB[n, CARRY]
    return bars[1]
