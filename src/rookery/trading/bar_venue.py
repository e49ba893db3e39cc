"""Bars of the past as a venue: one account in M instruments, through the ledger that training uses, bar by bar."""

# T bars, M instruments, F features

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.accounts import CARRY, CASH, QUANTITY, REFUSED, Accounts, open_accounts
from rookery.market.bar_ledger import settle_bar
from rookery.market.bar_orders import BarFill, BarObservation, BarOrder
from rookery.market.bar_record import BarRecord, record_of
from rookery.market.bars import CLOSE, OPEN
from rookery.market.execution import BarTimes, Execution, arrival_bars, offer
from rookery.market.limits import volume_limit
from rookery.market.terms import CONTRACT, Market
from rookery.market.trade_journal import (
    BY_ORDER,
    CAUSES,
    FILL_CAUSE,
    FILL_FEE,
    FILL_INSTRUMENT,
    FILL_PRICE,
    FILL_QUANTITY,
    FILL_REFERENCE,
    Journal,
    has_room,
    larger,
    open_journal,
)
from rookery.trading.order_book import DEADLINE, NO_BAR, NOT_FINITE, SLIPPAGE, ZERO, Sent, share_out

Floats = npt.NDArray[np.float64]


class BarVenue:
    """Shows each close and what is held, settles orders in later bars, and keeps a journal of all of it.

    Orders fill as `Execution` and `Account` say. Several orders that meet in one bar in one instrument are settled as
    their sum. Features are row t known at the close of bar t. The last bar is not shown: no order could follow it.
    """

    def __init__(
        self,
        market: Market,
        *,
        capital: float = 100_000.0,
        execution: Execution | None = None,
        times: BarTimes | None = None,
        features_TF: npt.NDArray[np.floating] | None = None,
    ) -> None:
        self._market, self._rules, self._times = market, execution or Execution(), times
        count, instruments, _ = market.quotes_TMQ.shape
        if features_TF is not None and len(features_TF) != count:
            raise ValueError(f"features have {len(features_TF)} rows for {count} bars")
        self._features_TF = np.zeros((count, 0)) if features_TF is None else features_TF
        self._arrival_T = arrival_bars(self._rules, count, times)
        self._accounts = open_accounts(np.array([capital], np.float64), instruments)
        self._journal = open_journal(instruments)
        self._rest_M, self._most_M = np.zeros(instruments), np.zeros(instruments)
        self._worth_T, self._quantity_TM, self._carry_T = (
            np.empty(count),
            np.zeros((count, instruments)),
            np.zeros(count),
        )
        self._worth_T[0] = capital
        self._bar = 0
        self._under_way: list[Sent] = []
        self.orders: list[Sent] = []
        while self._bar < min(self._rules.warmup_bars, count - 1):
            self._advance()

    def observe(self) -> BarObservation | None:
        """The close of the present bar; None at the last bar."""
        t, money_B = self._bar, self._accounts.money_NB[0]
        if t >= len(self._worth_T) - 1:
            return None
        close_M = self._market.quotes_TMQ[t, :, CLOSE].copy()
        under_way_M = np.zeros(len(close_M))
        for order in self._under_way:
            if math.isfinite(order.quantity) and order.meets > t:
                under_way_M[order.instrument] += order.quantity
        return BarObservation(
            bar=t,
            time_ns=self._time_ns(t),
            close_M=close_M,
            unit_M=close_M * self._market.instruments_MI[:, CONTRACT],
            features_F=self._features_TF[t].copy(),
            quantity_M=self._accounts.position_NMC[0, :, QUANTITY].copy(),
            under_way_M=under_way_M + self._rest_M,
            cash=float(money_B[CASH]),
            worth=float(self._worth_T[t]),
        )

    def submit(self, orders: Sequence[BarOrder]) -> Sequence[BarFill]:
        """Send orders at this close and live through the next bar; its fills, stops and liquidations included.

        Raises ValueError for an instrument that does not exist, a deadline without times, and when no bar is left.
        """
        if self._bar >= len(self._worth_T) - 1:
            raise ValueError("there is no bar left to trade in")
        for order in orders:
            if not 0 <= order.instrument < len(self._rest_M):
                raise ValueError(f"order for instrument {order.instrument}; there are {len(self._rest_M)}")
            if order.deadline_s < math.inf and self._times is None:
                raise ValueError("an order has a deadline in seconds; give the venue the bars' times")
        for order in orders:
            sent = Sent(
                bar=self._bar,
                meets=int(self._arrival_T[self._bar]),
                instrument=order.instrument,
                quantity=float(order.quantity),
                max_slippage_bps=order.max_slippage_bps,
                deadline_s=order.deadline_s,
                reason=order.reason,
            )
            self.orders.append(sent)
            self._under_way.append(sent)
        return self._advance()

    def record(self) -> BarRecord:
        """What has been done so far, over all bars when `observe` answers None."""
        for order in self._under_way:
            order.why = order.why or NO_BAR
        bars = slice(0, self._bar + 1)
        return record_of(
            self._market,
            self._accounts,
            self._journal,
            self._worth_T[bars],
            self._quantity_TM[bars],
            self._carry_T[bars],
        )

    def _advance(self) -> list[BarFill]:
        self._bar += 1
        t, first = self._bar, int(self._journal.written_2[0])
        if not has_room(self._journal):
            self._journal = larger(self._journal)
        due_M = self._due(t)
        worth = _meet_bar(
            self._accounts,
            self._market,
            t,
            due_M,
            self._rest_M,
            self._rules.unfilled == "carry",
            self._most_M,
            self._journal,
        )
        self._worth_T[t] = worth
        self._quantity_TM[t] = self._accounts.position_NMC[0, :, QUANTITY]
        self._carry_T[t] = self._accounts.money_NB[0, CARRY]
        fills = [self._fill(row_C, t) for row_C in self._journal.fill_XC[first : self._journal.written_2[0]]]
        self._share_out(t, fills)
        return fills

    def _due(self, t: int) -> Floats:
        """The sum of the orders that meet bar `t`, by instrument; the ones that cannot be traded are refused here."""
        due_M = np.zeros(len(self._rest_M))
        for order in self._under_way:
            if order.meets != t:
                continue
            if not math.isfinite(order.quantity):
                self._accounts.counts_NK[0, REFUSED] += 1
                order.refuse(NOT_FINITE)
            elif order.quantity == 0.0:
                order.refuse(ZERO)
            elif self._slips(order, t):
                self._accounts.counts_NK[0, REFUSED] += 1
                order.refuse(SLIPPAGE)
            elif self._late(order, t):
                self._accounts.counts_NK[0, REFUSED] += 1
                order.refuse(DEADLINE)
            else:
                due_M[order.instrument] += order.quantity
        self._under_way = [order for order in self._under_way if not order.done]
        return due_M

    def _slips(self, order: Sent, t: int) -> bool:
        if order.max_slippage_bps == math.inf:
            return False
        quotes_TQ = self._market.quotes_TMQ[:, order.instrument]
        price = quotes_TQ[t, CLOSE if self._market.terms.fill_at_close else OPEN]
        worse = math.copysign(1.0, order.quantity) * (price / quotes_TQ[order.bar, CLOSE] - 1.0)
        return bool(worse * 1e4 > order.max_slippage_bps)

    def _late(self, order: Sent, t: int) -> bool:
        if order.deadline_s == math.inf or self._times is None:
            return False
        times = self._times
        met_ns = times.close_ns_T[t] if self._market.terms.fill_at_close else times.open_ns_T[t]
        return bool(met_ns - times.close_ns_T[order.bar] > order.deadline_s * 1e9)

    def _share_out(self, t: int, fills: Sequence[BarFill]) -> None:
        """Tell every order that met bar `t` what became of it."""
        for m in range(len(self._rest_M)):
            met = [order for order in self._under_way if order.instrument == m and order.meets <= t]
            if met:
                fill = next((f for f in fills if f.instrument == m and f.cause == CAUSES[BY_ORDER]), None)
                share_out(met, fill, rest=float(self._rest_M[m]), most=float(self._most_M[m]))
        self._under_way = [order for order in self._under_way if not order.done]

    def _fill(self, row_C: Floats, t: int) -> BarFill:
        return BarFill(
            bar=t,
            time_ns=self._time_ns(t),
            instrument=int(row_C[FILL_INSTRUMENT]),
            cause=CAUSES[int(row_C[FILL_CAUSE])],
            quantity=float(row_C[FILL_QUANTITY]),
            price=float(row_C[FILL_PRICE]),
            reference=float(row_C[FILL_REFERENCE]),
            fee=float(row_C[FILL_FEE]),
        )

    def _time_ns(self, t: int) -> int | None:
        return None if self._times is None else int(self._times.close_ns_T[t])


@njit(cache=True, nogil=True, error_model="numpy")
def _meet_bar(
    accounts: Accounts,
    market: Market,
    t: int,
    due_M: Floats,
    rest_M: Floats,
    carries: bool,
    most_M: Floats,
    journal: Journal,
) -> float:
    """Account 0 trades `due_M` and what is left over in bar `t`; its net worth. `most_M` is what the volume allows."""
    for m in range(len(due_M)):
        most_M[m] = volume_limit(market, t, m)
        offer(accounts, 0, market, t, m, due_M[m], rest_M, carries)
    return float(settle_bar(accounts, 0, market, t, journal))
