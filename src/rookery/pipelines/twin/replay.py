"""Actions carried out in a trader's markets, one bar after the other, and what they earned.

The only prices are those of the trader's own fills. An action that is decided at a bar's close is filled at the first
price of the next bar, and lapses where that bar has none: an open without a fill is a price that was known. Whoever
trades so gets the price at which he was filled, as if he had waited in the queue as well as he; the spread is not
charged, so a result is rather too good. What is held at the end is worth what the market paid out, which nothing
before has seen.
"""

# S markets, R rows of all markets, K kinds of action, N markets that still run

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from rookery.datasets.trajectories import UNKNOWN
from rookery.features.segments import SEGMENT, segment_offsets
from rookery.labels.trader import ACTIONS, HOLD, action_of
from rookery.measures import Floats, Ints
from rookery.pipelines.twin.fees import TakerFee
from rookery.pipelines.twin.tables import TwinTables

_SECOND = 1e9
_FLAT = 5e-7
# What a state says of a position, row by row.
POSITION = ("inventory", "entry_price", "unrealised_pnl", "seconds_since_entry", "seconds_since_fill")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Shares of Up that each action buys (+) or sells (-), that is buys of Down, and the most held either way."""

    shares_K: tuple[float, ...]
    most: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """What came of it: `profit_S` by market (USDC, after `fees_S`, settled), from `cash_S` and `left_S` shares of Up at
    the end; `book_R`, profit so far at each close; `orders`, and how many of them `lapsed` for want of a price."""

    profit_S: Floats
    fees_S: Floats
    cash_S: Floats
    left_S: Floats
    book_R: Floats
    actions_R: Ints
    orders: int
    lapsed: int


class Account:
    """Shares of Up (below 0: of Down), cash and average cost in every market while it is played.

    `columns` hold what a state says of the position at the close of each row that has been played, `book_R` its profit
    so far after fees.
    """

    def __init__(self, bars: pl.DataFrame, fee: TakerFee) -> None:
        self.offsets_S = segment_offsets(bars[SEGMENT])
        self.length_S = np.diff(self.offsets_S)
        self.open_R, self.close_R, volume_R = (bars[name].to_numpy() for name in ("open", "close", "volume"))
        self.has_price_R = volume_R > 0
        self.time_ns_R = bars["time"].to_physical().to_numpy()
        self.fee = fee
        markets = self.length_S.size
        self.held_S, self.cash_S, self.basis_S, self.fees_S = (np.zeros(markets) for _ in range(4))
        self.entered_ns_S, self.filled_ns_S = np.zeros(markets), np.full(markets, np.nan)
        self.columns = {name: np.full(bars.height, np.nan) for name in POSITION}
        self.book_R = np.zeros(bars.height)
        self.orders = self.lapsed = 0

    def fill(self, market_N: Ints, row_N: Ints, shares_N: Floats) -> None:
        """Carry out what was decided a bar ago, where these rows have a price of their own."""
        asked_N = np.abs(shares_N) > _FLAT
        done_N = asked_N & self.has_price_R[row_N]
        self.orders += int(asked_N.sum())
        self.lapsed += int((asked_N & ~done_N).sum())
        at, row, shares = market_N[done_N], row_N[done_N], shares_N[done_N]
        price, before = self.open_R[row], self.held_S[at]
        after = before + shares
        fees = self.fee.of(shares, price)
        self.cash_S[at] -= shares * price + fees
        self.fees_S[at] += fees
        turned = (np.abs(before) < _FLAT) | (before * after < 0)
        closed = (before * shares < 0) & ~turned
        part = np.divide(after, before, out=np.zeros_like(after), where=np.abs(before) >= _FLAT)
        # Average cost: what is closed leaves at the mean, what goes through flat starts anew.
        basis = np.where(closed, self.basis_S[at] * part, self.basis_S[at] + shares * price)
        self.basis_S[at] = np.where(turned, after * price, basis)
        self.entered_ns_S[at] = np.where(turned, self._opened_ns(row), self.entered_ns_S[at])
        self.filled_ns_S[at] = self._opened_ns(row)
        self.held_S[at] = after

    def mark(self, market_N: Ints, row_N: Ints) -> None:
        """Write down the position at these rows' close."""
        held_N, close_N, now_N = self.held_S[market_N], self.close_R[row_N], self.time_ns_R[row_N]
        is_open_N = np.abs(held_N) >= _FLAT
        with np.errstate(divide="ignore", invalid="ignore"):
            entry_N = np.where(is_open_N, self.basis_S[market_N] / held_N, np.nan)
        self.columns["inventory"][row_N] = np.where(is_open_N, held_N, 0.0)
        self.columns["entry_price"][row_N] = entry_N
        self.columns["unrealised_pnl"][row_N] = np.where(is_open_N, held_N * close_N - self.basis_S[market_N], 0.0)
        age_N = (now_N - self.entered_ns_S[market_N]) / _SECOND
        self.columns["seconds_since_entry"][row_N] = np.where(is_open_N, age_N, np.nan)
        self.columns["seconds_since_fill"][row_N] = (now_N - self.filled_ns_S[market_N]) / _SECOND
        self.book_R[row_N] = self.cash_S[market_N] + held_N * close_N

    def _opened_ns(self, row_N: Ints) -> Floats:
        """When the bar of a row began: the close of the one before (a filled row is never a market's first)."""
        return np.asarray(self.time_ns_R[row_N - 1], dtype=np.float64)


# Rows that have just closed (N,), and the step within their markets, to the actions (N,) that are decided there.
Decide = Callable[[Account, Ints, int], Ints]


def replay(bars: pl.DataFrame, payoff_S: Floats, decide: Decide, *, sizes: Sizes, fee: TakerFee) -> Replayed:
    """Play all markets side by side, bar by bar: fill what was decided, mark, decide. `payoff_S` only settles."""
    account = Account(bars, fee)
    shares_K = np.array((*sizes.shares_K, 0.0))  # the last is of an unknown action, -1
    actions_R = np.full(bars.height, UNKNOWN)
    for step in range(int(account.length_S.max(initial=0))):
        market_N = np.flatnonzero(account.length_S > step)
        row_N = account.offsets_S[market_N] + step
        if step:
            held_N = account.held_S[market_N]
            wanted_N = np.clip(held_N + shares_K[actions_R[row_N - 1]], -sizes.most, sizes.most)
            account.fill(market_N, row_N, wanted_N - held_N)
        account.mark(market_N, row_N)
        goes_on_N = row_N[account.length_S[market_N] > step + 1]
        if goes_on_N.size:
            actions_R[goes_on_N] = decide(account, goes_on_N, step)
    return Replayed(
        profit_S=account.cash_S + account.held_S * payoff_S,
        fees_S=account.fees_S,
        cash_S=account.cash_S,
        left_S=account.held_S,
        book_R=account.book_R,
        actions_R=actions_R,
        orders=account.orders,
        lapsed=account.lapsed,
    )


def as_given(actions_R: Ints) -> Decide:
    """Decide as in a list, -1 for nothing: with the trader's own actions, a perfect copy of him."""
    return lambda _account, row_N, _step: np.asarray(actions_R[row_N])


def median_sizes(tables: TwinTables) -> Sizes:
    """The trader's median net quantity of a bar by action, and his largest holding, over training rows alone.

    An action that he never took there trades nothing.
    """
    bars = tables.bars[tables.train_rows.start : tables.train_rows.stop]
    known = bars.select("net_quantity", action_of(pl.col("net_quantity"), tables.thresholds)).drop_nulls()
    medians = dict(known.group_by("action").agg(pl.col("net_quantity").median()).iter_rows())
    return Sizes(
        shares_K=tuple(0.0 if kind == HOLD else float(medians.get(kind, 0.0)) for kind in range(len(ACTIONS))),
        most=float(np.abs(bars["inventory"].to_numpy()).max(initial=0.0)),
    )
