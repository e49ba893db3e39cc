"""What one account did over bars, as arrays: what both paths of a backtest leave behind."""

# T bars, M instruments, X fills, Y round trips, K events

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.market.accounts import CASH, FEES, SLIPPAGE, Accounts, open_accounts
from rookery.market.bar_ledger import market
from rookery.market.bars import Bars
from rookery.market.execution import BarTimes, Execution, arrival_bars
from rookery.market.targets import Wish, nothing_under_way, plan, trade_targets
from rookery.market.terms import Account, Instrument, Market
from rookery.market.trade_journal import Journal, larger, open_journal

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarRecord:
    """Net worth, contracts held and carry paid so far after each bar, every fill, every round trip, and event counts.

    `worth_T[t]` is known at the close of bar t and starts with the capital. Columns of `fill_XC`, `trip_YC` and
    `open_MC` (round trips still open) are those of `trade_journal`; counts are in the order of `accounts.EVENTS`.
    """

    market: Market
    worth_T: Floats
    quantity_TM: Floats
    carry_T: Floats
    fill_XC: Floats
    trip_YC: Floats
    open_MC: Floats
    counts_K: Ints
    fees: float
    slippage: float
    cash: float


def record_of(
    market: Market, accounts: Accounts, journal: Journal, worth_T: Floats, quantity_TM: Floats, carry_T: Floats
) -> BarRecord:
    """The record of account 0 after its last bar."""
    fills, trips = journal.written_2
    return BarRecord(
        market=market,
        worth_T=worth_T,
        quantity_TM=quantity_TM,
        carry_T=carry_T,
        fill_XC=journal.fill_XC[:fills].copy(),
        trip_YC=journal.trip_YC[:trips].copy(),
        open_MC=journal.open_MC,
        counts_K=accounts.counts_NK[0],
        fees=float(accounts.money_NB[0, FEES]),
        slippage=float(accounts.money_NB[0, SLIPPAGE]),
        cash=float(accounts.money_NB[0, CASH]),
    )


def record_targets(
    terms: Market,
    wish_TM: npt.NDArray[np.generic],
    *,
    capital: float,
    wish: Wish,
    size: float = 1.0,
    min_trade: float = 0.0,
    execution: Execution | None = None,
    times: BarTimes | None = None,
) -> BarRecord:
    """Settle the wishes of `wish_TM` (see `targets`), decided at each close, in one compiled pass.

    Raises ValueError when shapes do not fit or capital is not positive.
    """
    rules = execution or Execution()
    count, instruments, _ = terms.quotes_TMQ.shape
    if wish_TM.shape != (count, instruments):
        raise ValueError(f"targets have shape {wish_TM.shape}; the market has {(count, instruments)}")
    arrival_T = arrival_bars(rules, count, times)
    orders = plan(rules, arrival_T, wish=wish, size=size, min_trade=min_trade)
    accounts = open_accounts(np.array([capital], np.float64), instruments)
    way, journal = nothing_under_way(arrival_T, instruments, rules.warmup_bars), open_journal(instruments)
    worth_T, quantity_TM, carry_T = np.empty(count), np.empty((count, instruments)), np.empty(count)
    worth_T[0] = capital
    asked_TM, t = np.require(wish_TM, np.float64, ["C", "W"]), 0
    while True:
        # An account that is no constant: numba compiles the ledger anew for a constant one.
        t = trade_targets(accounts, 0, terms, orders, way, asked_TM, (t, count), worth_T, quantity_TM, carry_T, journal)
        if t == count:
            return record_of(terms, accounts, journal, worth_T, quantity_TM, carry_T)
        journal = larger(journal)


def market_of(
    bars: Bars,
    instruments: Sequence[Instrument],
    account: Account | None = None,
    *,
    covariance_window: int = 100,
    times: BarTimes | None = None,
) -> Market:
    """Bars and terms in kernel form; no instruments means plain ones, no account one without leverage or costs."""
    named = instruments or [Instrument(name=f"instrument {m}") for m in range(bars.shape[1])]
    return market(bars, named, account or Account(), covariance_window=covariance_window, times=times)
