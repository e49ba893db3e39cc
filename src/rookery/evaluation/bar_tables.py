"""The tables of a backtest over bars: equity, positions, orders, fills and round trips."""

# T bars, M instruments, X fills, Y round trips, C columns

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.market.bar_record import BarRecord
from rookery.market.bars import CLOSE
from rookery.market.execution import BarTimes
from rookery.market.terms import CONTRACT, SPREAD
from rookery.market.trade_journal import (
    BOUGHT,
    BY_TAKE,
    CAUSES,
    CLOSED,
    ENTRY_BAR,
    EXIT_BAR,
    EXIT_CAUSE,
    FILL_BAR,
    FILL_CAUSE,
    FILL_FEE,
    FILL_INSTRUMENT,
    FILL_PRICE,
    FILL_QUANTITY,
    FILL_REFERENCE,
    LARGEST,
    MAE,
    MFE,
    PAID,
    RECEIVED,
    SIDE,
    TRIP_CARRY,
    TRIP_FEES,
    TRIP_FILLS,
    TRIP_INSTRUMENT,
    TRIP_SLIPPAGE,
)
from rookery.schema import TIME
from rookery.trading.order_book import Sent

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def gross_value(record: BarRecord) -> Floats:
    """Value of all positions, longs and shorts added, at each of T closes."""
    return _value(record, absolute=True)


def _value(record: BarRecord, *, absolute: bool) -> Floats:
    count = len(record.worth_T)
    unit_TM = record.market.quotes_TMQ[:count, :, CLOSE] * record.market.instruments_MI[:, CONTRACT]
    held_TM = np.abs(record.quantity_TM) if absolute else record.quantity_TM
    return np.asarray(np.einsum("tm,tm->t", held_TM, unit_TM))


def traded(record: BarRecord) -> Floats:
    """Value of each of X fills at its own price, unsigned."""
    contract_X = record.market.instruments_MI[record.fill_XC[:, FILL_INSTRUMENT].astype(np.int64), CONTRACT]
    return np.asarray(np.abs(record.fill_XC[:, FILL_QUANTITY]) * contract_X * record.fill_XC[:, FILL_PRICE])


def _slippage(record: BarRecord) -> Floats:
    row_XC = record.fill_XC
    contract_X = record.market.instruments_MI[row_XC[:, FILL_INSTRUMENT].astype(np.int64), CONTRACT]
    return np.asarray(row_XC[:, FILL_QUANTITY] * contract_X * (row_XC[:, FILL_PRICE] - row_XC[:, FILL_REFERENCE]))


def spread(record: BarRecord) -> Floats:
    """Money that each of X fills paid for half spread and slippage_bps alone; a take-profit rests and pays none."""
    row_XC = record.fill_XC
    terms_XI = record.market.instruments_MI[row_XC[:, FILL_INSTRUMENT].astype(np.int64)]
    share_X = np.where(row_XC[:, FILL_CAUSE] == BY_TAKE, 0.0, terms_XI[:, SPREAD])
    # A buy pays reference x (1 + s), a sell gets reference / (1 + s).
    lost_X = np.where(row_XC[:, FILL_QUANTITY] > 0.0, share_X, share_X / (1.0 + share_X))
    return np.asarray(np.abs(row_XC[:, FILL_QUANTITY]) * terms_XI[:, CONTRACT] * row_XC[:, FILL_REFERENCE] * lost_X)


def equity(record: BarRecord, times: BarTimes | None) -> pl.DataFrame:
    """bar, time, equity (net worth at the close), cash, exposure and net_exposure (gross and signed position value over
    net worth, null when that is not above 0), drawdown (share below the highest equity so far), and of this bar alone:
    traded (value), fees, slippage, of which spread (the rest is impact and tick), carry.
    """
    count, worth_T = len(record.worth_T), record.worth_T
    bar_X = record.fill_XC[:, FILL_BAR].astype(np.int64)

    def by_bar(value_X: Floats) -> Floats:
        return np.bincount(bar_X, weights=value_X, minlength=count).astype(np.float64)

    gross_T, net_T = gross_value(record), _value(record, absolute=False)
    sound_T = worth_T > 0
    share_T = np.divide(1.0, worth_T, out=np.full(count, np.nan), where=sound_T)
    table = pl.DataFrame(
        {
            "equity": worth_T,
            "cash": worth_T - net_T,
            "exposure": gross_T * share_T,
            "net_exposure": net_T * share_T,
            "drawdown": 1.0 - worth_T / np.maximum.accumulate(worth_T),
            "traded": by_bar(traded(record)),
            "fees": by_bar(record.fill_XC[:, FILL_FEE]),
            "slippage": by_bar(_slippage(record)),
            "spread": by_bar(spread(record)),
            "carry": np.diff(record.carry_T, prepend=0.0),
        }
    ).with_columns(pl.col("exposure", "net_exposure").fill_nan(None))
    return pl.concat((_when("", np.arange(count), times), table), how="horizontal")


def positions(record: BarRecord, names: Sequence[str], times: BarTimes | None) -> pl.DataFrame:
    """bar, time, and one column per instrument: contracts held after the bar."""
    held = pl.DataFrame({name: record.quantity_TM[:, m] for m, name in enumerate(names)})
    return pl.concat((_when("", np.arange(len(record.worth_T)), times), held), how="horizontal")


def fills(record: BarRecord, names: Sequence[str], times: BarTimes | None) -> pl.DataFrame:
    """bar, time, instrument, cause (order, stop, take, liquidation), quantity (signed contracts), price, reference
    (price before spread, slippage, impact and tick), value, fee, slippage (money), of which spread.
    """
    row_XC = record.fill_XC
    table = pl.DataFrame(
        {
            "instrument": _named(names, row_XC[:, FILL_INSTRUMENT]),
            "cause": _named(CAUSES, row_XC[:, FILL_CAUSE]),
            "quantity": row_XC[:, FILL_QUANTITY],
            "price": row_XC[:, FILL_PRICE],
            "reference": row_XC[:, FILL_REFERENCE],
            "value": traded(record),
            "fee": row_XC[:, FILL_FEE],
            "slippage": _slippage(record),
            "spread": spread(record),
        }
    )
    return pl.concat((_when("", row_XC[:, FILL_BAR].astype(np.int64), times), table), how="horizontal")


def trades(record: BarRecord, names: Sequence[str], times: BarTimes | None) -> pl.DataFrame:
    """One row per round trip, in the order in which they ended, then those still open, valued at the last close.

    instrument, side (long, short), status (closed, open), entry_bar, exit_bar, entry_time, exit_time, duration_bars,
    duration_s, exit_cause, quantity (the most contracts held), entry_price and exit_price (means over its fills),
    gross (profit at the prices of its fills), fees, slippage (in `gross` already), carry (without interest on cash),
    pnl = gross - fees - carry, return (pnl over what was paid to enter), mae and mfe (money, see `trade_journal`),
    mae_share and mfe_share (over what was paid to enter), fills.
    """
    open_YC = record.open_MC[record.open_MC[:, TRIP_FILLS] > 0]
    row_YC = np.concatenate((record.trip_YC, open_YC))
    closed_Y = np.arange(len(row_YC)) < len(record.trip_YC)
    m_Y, last = row_YC[:, TRIP_INSTRUMENT].astype(np.int64), len(record.worth_T) - 1
    contract_Y = record.market.instruments_MI[m_Y, CONTRACT]
    held_Y = np.where(closed_Y, 0.0, np.abs(record.quantity_TM[last, m_Y]))
    marked_Y = held_Y * contract_Y * record.market.quotes_TMQ[last, m_Y, CLOSE]
    gross_Y = row_YC[:, SIDE] * (row_YC[:, RECEIVED] + marked_Y - row_YC[:, PAID])
    pnl_Y = gross_Y - row_YC[:, TRIP_FEES] - row_YC[:, TRIP_CARRY]
    exit_Y = np.where(closed_Y, row_YC[:, EXIT_BAR], last).astype(np.int64)
    out_Y = np.divide(
        row_YC[:, RECEIVED], row_YC[:, CLOSED] * contract_Y, out=np.full(len(m_Y), np.nan), where=row_YC[:, CLOSED] > 0
    )
    entry = _when("entry_", row_YC[:, ENTRY_BAR].astype(np.int64), times)
    leave = _when("exit_", exit_Y, times)
    table = pl.DataFrame(
        {
            "instrument": _named(names, m_Y),
            "side": _named(("short", "long"), row_YC[:, SIDE] > 0),
            "status": _named(("open", "closed"), closed_Y),
            "duration_bars": exit_Y - row_YC[:, ENTRY_BAR].astype(np.int64),
            "exit_cause": _named(CAUSES, row_YC[:, EXIT_CAUSE]),
            "quantity": row_YC[:, LARGEST],
            "entry_price": row_YC[:, PAID] / (row_YC[:, BOUGHT] * contract_Y),
            "exit_price": out_Y,
            "gross": gross_Y,
            "fees": row_YC[:, TRIP_FEES],
            "slippage": row_YC[:, TRIP_SLIPPAGE],
            "carry": row_YC[:, TRIP_CARRY],
            "pnl": pnl_Y,
            "return": pnl_Y / row_YC[:, PAID],
            "mae": row_YC[:, MAE],
            "mfe": row_YC[:, MFE],
            "mae_share": row_YC[:, MAE] / row_YC[:, PAID],
            "mfe_share": row_YC[:, MFE] / row_YC[:, PAID],
            "fills": row_YC[:, TRIP_FILLS].astype(np.int64),
        }
    ).with_columns(pl.col("exit_price").fill_nan(None))
    whole = pl.concat((entry, leave, table), how="horizontal").with_columns(
        duration_s=(pl.col("exit_time") - pl.col("entry_time")).dt.total_nanoseconds() / 1e9
    )
    ended = pl.when(pl.col("status") == "closed")
    gone = whole.with_columns(ended.then(pl.col(name)).alias(name) for name in ("exit_bar", "exit_time", "exit_cause"))
    first = ["instrument", "side", "status", "entry_bar", "exit_bar", "entry_time", "exit_time"]
    return gone.select(*first, "duration_bars", "duration_s", pl.exclude(*first, "duration_bars", "duration_s"))


def orders(sent: Sequence[Sent], names: Sequence[str], times: BarTimes | None, *, count: int) -> pl.DataFrame:
    """One row per order that an agent sent over `count` bars, in that order.

    bar and time (of the decision), meets_bar (null when none came), instrument, quantity, filled (signed contracts),
    price (mean, null when nothing was traded), fee, filled_bar (the last), status (filled, partly, refused, working),
    why (what stood in the way of the rest, see `order_book`), reason (the agent's own).
    """
    schema = {
        "meets_bar": pl.Int64,
        "instrument": pl.String,
        "quantity": pl.Float64,
        "filled": pl.Float64,
        "price": pl.Float64,
        "fee": pl.Float64,
        "filled_bar": pl.Int64,
        "status": pl.String,
        "why": pl.String,
        "reason": pl.String,
    }
    rows = [
        (
            one.meets if one.meets < count else None,
            names[one.instrument],
            one.quantity,
            one.filled,
            one.price,
            one.fee,
            one.filled_bar,
            one.status,
            one.why,
            one.reason,
        )
        for one in sent
    ]
    when = _when("", np.array([one.bar for one in sent], np.int64), times)
    return pl.concat((when, pl.DataFrame(rows, schema=schema, orient="row")), how="horizontal")


def _when(prefix: str, bar_X: npt.NDArray[np.integer], times: BarTimes | None) -> pl.DataFrame:
    """Bars by number and by the time at which they closed (null without times)."""
    if times is None:
        time = pl.Series([None] * len(bar_X), dtype=TIME)
    else:
        time = pl.Series(times.close_ns_T[bar_X]).cast(TIME)
    return pl.DataFrame({f"{prefix}bar": bar_X.astype(np.int64), f"{prefix}time": time})


def _named(names: Sequence[str], index_X: npt.NDArray[np.generic]) -> pl.Series:
    """Names by index, as text."""
    return pl.Series(list(names), dtype=pl.String).gather(pl.Series(index_X.astype(np.int64)))
