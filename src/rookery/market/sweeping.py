"""Many tables of targets over one market, each settled alone, with nothing kept but its figures."""

# P accounts (parameter sets), T bars, M instruments, R figures

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.accounts import CARRY, FEES, FILL, QUANTITY, SLIPPAGE, Accounts, begin
from rookery.market.bar_ledger import settle_bar
from rookery.market.bars import CLOSE
from rookery.market.compilation import hot
from rookery.market.targets import Plan, UnderWay, arrive, decide
from rookery.market.terms import CONTRACT, Market

Floats = npt.NDArray[np.float64]

FIGURES = (
    "end",
    "returns_sum",
    "returns_squares",
    "losses_squares",
    "max_drawdown",
    "exposure",
    "bars_in_market",
    "fills",
    "fees",
    "slippage",
    "carry",
)
(
    END,
    RETURNS_SUM,
    RETURNS_SQUARES,
    LOSSES_SQUARES,
    MAX_DRAWDOWN,
    EXPOSURE,
    BARS_IN_MARKET,
    FILLS,
    FEES_PAID,
    SLIPPAGE_PAID,
    CARRY_PAID,
) = range(11)


@njit(cache=True, nogil=True, error_model="numpy")
def sweep_targets(
    accounts: Accounts,
    market: Market,
    plan: Plan,
    way: UnderWay,
    wish_PTM: Floats,
    bars: tuple[int, int],
    capital: float,
    figures_PR: Floats,
) -> None:
    """Each row of `wish_PTM` trades `bars` (from, to) alone, in account 0, and leaves its figures.

    It begins flat, decides at the close of the first bar and is valued at the close of the last. A run that falls to 0
    or below ends there, with a return of what was left. `way` has room for the longest delay and is left empty.
    """
    for p in range(len(wish_PTM)):
        begin(accounts, 0, capital)
        way.rest_M[:] = 0.0
        way.total_M[:] = 0.0
        way.oldest_1[0] = bars[0]
        _run(accounts, market, plan, way, wish_PTM[p], bars, capital, figures_PR[p])


@hot
def _run(
    accounts: Accounts,
    market: Market,
    plan: Plan,
    way: UnderWay,
    wish_TM: Floats,
    bars: tuple[int, int],
    capital: float,
    figures_R: Floats,
) -> None:
    worth, peak, drawdown = capital, capital, 0.0
    total, squares, losses = 0.0, 0.0, 0.0
    exposure, in_market = 0.0, 0
    for t in range(bars[0], bars[1]):
        if t > bars[0]:
            arrive(way, plan, accounts, 0, market, t)
            after = settle_bar(accounts, 0, market, t)
            change = after / worth - 1.0
            total += change
            squares += change * change
            losses += min(change, 0.0) ** 2
            worth = after
            peak = max(peak, worth)
            drawdown = max(drawdown, 1.0 - worth / peak)
            if worth <= 0.0:
                break
        gross = 0.0
        for m in range(wish_TM.shape[1]):
            held = accounts.position_NMC[0, m, QUANTITY]
            if held != 0.0:
                gross += abs(held) * market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, CLOSE]
            decide(way, plan, accounts, 0, market, t, m, float(wish_TM[t, m]), worth)
        if gross > 0.0:
            exposure += gross / worth
            in_market += 1
    figures_R[END], figures_R[MAX_DRAWDOWN] = worth, drawdown
    figures_R[RETURNS_SUM], figures_R[RETURNS_SQUARES], figures_R[LOSSES_SQUARES] = total, squares, losses
    figures_R[EXPOSURE], figures_R[BARS_IN_MARKET] = exposure, in_market
    figures_R[FILLS] = accounts.counts_NK[0, FILL]
    figures_R[FEES_PAID], figures_R[SLIPPAGE_PAID] = accounts.money_NB[0, FEES], accounts.money_NB[0, SLIPPAGE]
    figures_R[CARRY_PAID] = accounts.money_NB[0, CARRY]
