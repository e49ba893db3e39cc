"""Many tables of targets over one market, each settled alone, with nothing kept but its figures."""

# P accounts (parameter sets), T bars, M instruments, R figures, E ends

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.accounts import CARRY, FEES, FILL, QUANTITY, SLIPPAGE, Accounts, begin
from rookery.market.bar_ledger import settle_bar
from rookery.market.bars import CLOSE
from rookery.market.compilation import hot, inlined
from rookery.market.targets import Plan, UnderWay, arrive, decide
from rookery.market.terms import CONTRACT, Market

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# What is kept of a run; of its returns the number, mean, sum of squared deviations and sum of squared losses.
FIGURES = (
    "end",
    "peak",
    "max_drawdown",
    "returns",
    "returns_mean",
    "returns_spread",
    "losses_squares",
    "exposure",
    "bars_in_market",
    "fills",
    "fees",
    "slippage",
    "carry",
)
(
    END,
    PEAK,
    MAX_DRAWDOWN,
    RETURNS,
    RETURNS_MEAN,
    RETURNS_SPREAD,
    LOSSES_SQUARES,
    EXPOSURE,
    BARS_IN_MARKET,
    FILLS,
    FEES_PAID,
    SLIPPAGE_PAID,
    CARRY_PAID,
) = range(13)


@inlined
def begin_path(figures_R: Floats, capital: float) -> None:
    """No return yet."""
    for r in range(len(figures_R)):
        figures_R[r] = 0.0
    figures_R[END], figures_R[PEAK] = capital, capital


@inlined
def add_worth(figures_R: Floats, worth: float) -> None:
    """One bar later net worth is `worth`. Mean and spread of returns by Welford's update (1962), which keeps the digits
    of a small spread around a large mean. After ruin there is nothing to lose: 0.
    """
    change = worth / figures_R[END] - 1.0 if figures_R[END] > 0.0 else 0.0
    figures_R[RETURNS] += 1.0
    away = change - figures_R[RETURNS_MEAN]
    figures_R[RETURNS_MEAN] += away * (1.0 / figures_R[RETURNS])
    figures_R[RETURNS_SPREAD] += away * (change - figures_R[RETURNS_MEAN])
    lost = min(change, 0.0)
    figures_R[LOSSES_SQUARES] += lost * lost
    figures_R[END] = worth
    figures_R[PEAK] = max(figures_R[PEAK], worth)
    figures_R[MAX_DRAWDOWN] = max(figures_R[MAX_DRAWDOWN], 1.0 - worth / figures_R[PEAK])


@hot
def path_figures(worth_T: Floats, figures_R: Floats) -> None:
    """Fill the figures of net worth and its returns from END to LOSSES_SQUARES."""
    begin_path(figures_R, worth_T[0])
    for t in range(1, len(worth_T)):
        add_worth(figures_R, worth_T[t])


@njit(cache=True, nogil=True, error_model="numpy")
def sweep_targets(
    accounts: Accounts,
    market: Market,
    plan: Plan,
    way: UnderWay,
    wish_PTM: Floats,
    first: int,
    end_E: Ints,
    capital: float,
    figures_EPR: Floats,
) -> None:
    """Each row of `wish_PTM` trades from bar `first`, in account 0, and leaves its figures as of each of `end_E`.

    It begins flat, decides at the close of the first bar and is valued at the close of the last, `end - 1`; the ends
    rise. A run that falls to 0 or below ends there; its later returns are 0. `way` has room for the longest delay.
    """
    figures_R = np.empty(figures_EPR.shape[2])
    for p in range(len(wish_PTM)):
        begin(accounts, 0, capital)
        begin_path(figures_R, capital)
        way.rest_M[:] = 0.0
        way.total_M[:] = 0.0
        way.oldest_1[0] = first
        _decide_all(accounts, market, plan, way, wish_PTM[p], first, figures_R)
        bar = first + 1
        for e in range(len(end_E)):
            _run(accounts, market, plan, way, wish_PTM[p], bar, end_E[e], figures_R)
            figures_R[FILLS], figures_R[CARRY_PAID] = accounts.counts_NK[0, FILL], accounts.money_NB[0, CARRY]
            figures_R[FEES_PAID], figures_R[SLIPPAGE_PAID] = accounts.money_NB[0, FEES], accounts.money_NB[0, SLIPPAGE]
            figures_EPR[e, p] = figures_R
            bar = end_E[e]


@hot
def _run(
    accounts: Accounts,
    market: Market,
    plan: Plan,
    way: UnderWay,
    wish_TM: Floats,
    first: int,
    end: int,
    figures_R: Floats,
) -> None:
    for t in range(first, end):
        if figures_R[END] <= 0.0:
            add_worth(figures_R, figures_R[END])
            continue
        arrive(way, plan, accounts, 0, market, t)
        add_worth(figures_R, settle_bar(accounts, 0, market, t, None))
        if figures_R[END] > 0.0:
            _decide_all(accounts, market, plan, way, wish_TM, t, figures_R)


@inlined
def _decide_all(
    accounts: Accounts, market: Market, plan: Plan, way: UnderWay, wish_TM: Floats, t: int, figures_R: Floats
) -> None:
    worth, gross = figures_R[END], 0.0
    for m in range(wish_TM.shape[1]):
        held = accounts.position_NMC[0, m, QUANTITY]
        if held != 0.0:
            gross += abs(held) * market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, CLOSE]
        decide(way, plan, accounts, 0, market, t, m, float(wish_TM[t, m]), worth)
    if gross > 0.0:
        figures_R[EXPOSURE] += gross / worth
        figures_R[BARS_IN_MARKET] += 1.0
