"""What an agent, or a table of targets, would have earned on bars that really happened, net of all costs."""

# T bars, M instruments, X fills, Y round trips

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.agents.agent import Agent
from rookery.evaluation import bar_tables
from rookery.evaluation.path_measures import headline
from rookery.market.accounts import EVENTS
from rookery.market.bar_orders import BarObservation, BarOrder
from rookery.market.bar_record import BarRecord, market_of, record_targets
from rookery.market.bars import Bars
from rookery.market.execution import BarTimes, Execution
from rookery.market.targets import Wish
from rookery.market.terms import Account, Instrument
from rookery.market.trade_journal import TRIP_CARRY
from rookery.measures import Measure, periods_per_year, simple_returns
from rookery.trading.bar_venue import BarVenue
from rookery.trading.loop import trade

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarTotals:
    """Where the profit went, in money: gross - slippage - fees - carry = net = end - start.

    `gross` is the profit had every fill been made at its reference price. `slippage` holds `spread` (half spread and
    slippage_bps) and what impact and tick cost; `carry` holds funding, borrowing and `interest` on negative cash, below
    0 when received. `traded` is the value of all fills.

    `exposure` is the mean over bars of gross position value / net worth, `time_in_market` the share of bars that closed
    with a position, `turnover` traded / mean net worth; exposure and turnover are None where net worth was not always
    above 0. `events` counts accounts.EVENTS.
    """

    start: float
    end: float
    net: float
    gross: float
    slippage: float
    spread: float
    fees: float
    carry: float
    interest: float
    traded: float
    exposure: float | None
    turnover: float | None
    time_in_market: float
    events: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarBacktest:
    """One account over T bars. Tables are made when asked for; columns are described in `bar_tables`.

    `orders` is the journal of what an agent sent; a table of targets has none (its fills are in `fills`).
    """

    record: BarRecord
    names: Sequence[str]
    times: BarTimes | None
    orders: pl.DataFrame | None

    def equity(self) -> pl.DataFrame:
        """Per bar: net worth, cash, exposure, what was traded and what it cost, by kind."""
        return bar_tables.equity(self.record, self.times)

    def positions(self) -> pl.DataFrame:
        """Per bar: contracts held of each instrument after it."""
        return bar_tables.positions(self.record, self.names, self.times)

    def fills(self) -> pl.DataFrame:
        """Every fill: orders, stops, take-profits and liquidations."""
        return bar_tables.fills(self.record, self.names, self.times)

    def trades(self) -> pl.DataFrame:
        """Every round trip with entry, exit, profit, duration, MAE and MFE; those still open come last."""
        return bar_tables.trades(self.record, self.names, self.times)

    def returns(self) -> Floats:
        """T - 1 simple returns of net worth, close to close. Raises ValueError when net worth fell below 0."""
        return simple_returns(self.record.worth_T)

    def measures(self, *, periods_per_year: float | None = None) -> Mapping[str, Measure]:
        """The headline measures by name, per year by the bars' own times, else by `periods_per_year`, else per bar."""
        year = periods_per_year
        if year is None and self.times is not None:
            year = _year(self.times)
        return headline(self.record.worth_T, periods_per_year=year)

    def totals(self) -> BarTotals:
        """Profit and costs over the whole span."""
        record = self.record
        start, end, carry = float(record.worth_T[0]), float(record.worth_T[-1]), float(record.carry_T[-1])
        value_T, traded = bar_tables.gross_value(record), float(bar_tables.traded(record).sum())
        sound = bool((record.worth_T > 0).all())
        return BarTotals(
            start=start,
            end=end,
            net=end - start,
            gross=end - start + record.fees + record.slippage + carry,
            slippage=record.slippage,
            spread=float(bar_tables.spread(record).sum()),
            fees=record.fees,
            carry=carry,
            interest=carry - float(record.trip_YC[:, TRIP_CARRY].sum() + record.open_MC[:, TRIP_CARRY].sum()),
            traded=traded,
            exposure=float((value_T / record.worth_T).mean()) if sound else None,
            turnover=traded / float(record.worth_T.mean()) if sound else None,
            time_in_market=float((value_T > 0).mean()),
            events=dict(zip(EVENTS, record.counts_K.tolist(), strict=True)),
        )


def backtest_agent(
    agent: Agent[BarObservation, BarOrder],
    bars: Bars,
    *,
    instruments: Sequence[Instrument] = (),
    account: Account | None = None,
    execution: Execution | None = None,
    capital: float = 100_000.0,
    times: BarTimes | None = None,
    features_TF: npt.NDArray[np.floating] | None = None,
) -> BarBacktest:
    """Let `agent` decide at every close but the last, event by event.

    Raises ValueError for bars, terms, times or features that do not fit, and for orders of an unknown instrument.
    """
    market = market_of(bars, instruments, account, times=times)
    venue = BarVenue(market, capital=capital, execution=execution, times=times, features_TF=features_TF)
    trade(agent, venue)
    record, names = venue.record(), _names(instruments, bars.shape[1])
    orders = bar_tables.orders(venue.orders, names, times, count=bars.shape[0])
    return BarBacktest(record=record, names=names, times=times, orders=orders)


def backtest_targets(
    bars: Bars,
    targets_TM: npt.ArrayLike,
    *,
    wish: Wish,
    size: float = 1.0,
    min_trade: float = 0.0,
    instruments: Sequence[Instrument] = (),
    account: Account | None = None,
    execution: Execution | None = None,
    capital: float = 100_000.0,
    times: BarTimes | None = None,
) -> BarBacktest:
    """Settle targets that were decided at each close, in one compiled pass; one column per instrument.

    `wish` says what the numbers mean: order, contracts, weight or side (see `market.targets`). `targets_TM[t]` may
    use bars up to t and none after: this function cannot check that, `backtest_agent` makes it so. Books equal those of
    an agent that asks for the same. Raises ValueError for what does not fit.
    """
    wish_TM = np.asarray(targets_TM)
    wish_TM = wish_TM[:, None] if wish_TM.ndim == 1 else wish_TM
    record = record_targets(
        market_of(bars, instruments, account, times=times),
        wish_TM,
        capital=capital,
        wish=wish,
        size=size,
        min_trade=min_trade,
        execution=execution,
        times=times,
    )
    return BarBacktest(record=record, names=_names(instruments, bars.shape[1]), times=times, orders=None)


def _names(instruments: Sequence[Instrument], count: int) -> tuple[str, ...]:
    return tuple(one.name for one in instruments) or tuple(f"instrument {m}" for m in range(count))


def _year(times: BarTimes) -> float | None:
    return periods_per_year(times.close_ns_T).value
