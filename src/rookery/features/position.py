"""What a trader held in every market after each of his rows, and what it had earned: from the past only.

A market has two tokens, Up and Down, of which one pays 1 USDC in the end. Buying Down at p is selling Up at 1 - p, so a
holding is one signed number, the Up-equivalent quantity q = up - down, with an average entry in the price of Up:

    BUY Up, SELL Down      dq = +size at the price of Up          cash -+ usdc
    SELL Up, BUY Down      dq = -size at the price of Up          cash +- usdc
    MERGE, SPLIT           both tokens -+ size, q as it was       cash +- size: a pair is 1 USDC
    REDEEM                 the winner's shares are sold at 1, the loser's are worth 0 and written off

A pair is without risk, so its profit is realised when it is completed, not when it is merged. With `basis` the sum of
dq x price of the open quantity (average cost), at any price p of Up

    cash + up p + down (1 - p)  =  realised + q p - basis

holds to rounding. A REDEEM without an outcome, and a REWARD, are cash only.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

# T rows of all markets in time, S numbers of a market's state
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]

_KINDS = {"TRADE": 0, "MERGE": 1, "SPLIT": 2, "REDEEM": 3, "REWARD": 4}
_TRADE, _MERGE, _SPLIT, _REDEEM, _REWARD = range(5)
_UP, _DOWN, _CASH, _BASIS, _REALISED, _PRICE, _SINCE = range(7)
_STATE = 7
# Shares have six decimals: less than half of the last one is nothing held.
FLAT = 5e-7
_NANOSECONDS = 1e-9
# What a kernel is given for a price that is not known.
_NO_PRICE = -1.0


def positions(trades: pl.DataFrame, openings: pl.DataFrame | None = None) -> pl.DataFrame:
    """One row per row of a TRADES table (in its order): the position in that row's market just after it.

    Columns: `time`, `market`; `up_held`, `down_held` (shares), `cash` (USDC since the market's first row); `quantity`
    (signed, Up-equivalent); `entry_price` (average price of Up of what is open, null when flat); `up_price` (of the
    last trade, 1 or 0 once redeemed, null before any); `realised`, `unrealised` (USDC before fees; unrealised at
    `up_price`); `held_s` (seconds since the quantity left 0 or changed its sign, 0 when flat).
    A shortage (a file whose start is lost) goes negative and is not hidden. To know what was held before a row, look
    at the market's row before it. Raises ValueError when time runs backwards.

    `openings` has what was held before a market's first row, where that was anything: `market`, `quantity` (of Up),
    `entry_price`, `since` (when it was entered) and `first_price`. Its cost is that of its entry; `cash`, `realised`
    and `unrealised` together start from 0 at `first_price`, so that they tell what the market's own rows brought.
    """
    time_ns_T = trades["time"].to_physical().to_numpy()
    backwards = np.flatnonzero(np.diff(time_ns_T) < 0)
    if backwards.size:
        raise ValueError(f"trades are not sorted by time at row {backwards[0] + 1}")
    market_T = trades["market"].rank("dense").cast(pl.Int64).to_numpy() - 1
    sign = pl.when(pl.col("side") == "BUY").then(1).otherwise(-1) * pl.when(pl.col("outcome") == "Up").then(
        1
    ).otherwise(-1)
    outcome = pl.when(pl.col("outcome") == "Up").then(1).when(pl.col("outcome") == "Down").then(-1).otherwise(0)
    codes = trades.select(
        pl.col("kind").replace_strict(_KINDS, return_dtype=pl.Int8),
        outcome.fill_null(0).cast(pl.Int8).alias("outcome"),
        sign.fill_null(0).cast(pl.Int8).alias("sign"),
        pl.col("up_price").fill_null(_NO_PRICE),
    )
    states_TS = np.empty((trades.height, _STATE))
    state_MS, opened_ns_M = _opened(trades["market"].unique().sort(), openings)
    _walk(
        _own(time_ns_T),
        _own(market_T),
        (_own(codes["kind"].to_numpy()), _own(codes["outcome"].to_numpy()), _own(codes["sign"].to_numpy())),
        (_own(trades["size"].to_numpy()), _own(trades["usdc"].to_numpy()), _own(codes["up_price"].to_numpy())),
        state_MS,
        opened_ns_M,
        states_TS,
    )
    return _table(trades, states_TS)


def _opened(markets: pl.Series, openings: pl.DataFrame | None) -> tuple[Floats, Ints]:
    """State of each market before its first row, and when what it holds was entered."""
    state_MS, opened_ns_M = np.zeros((markets.len(), _STATE)), np.zeros(markets.len(), np.int64)
    if openings is not None:
        held = openings.filter(pl.col("quantity") != 0).sort("market")
        held = held.filter(pl.col("market").is_in(markets.implode()))
        at = np.asarray(markets.search_sorted(held["market"]), dtype=np.int64)
        quantity, entry, first = (held[name].to_numpy() for name in ("quantity", "entry_price", "first_price"))
        state_MS[at, _UP], state_MS[at, _BASIS] = quantity, quantity * entry
        state_MS[at, _CASH], state_MS[at, _REALISED] = -quantity * first, quantity * (entry - first)
        opened_ns_M[at] = held["since"].to_physical().to_numpy()
    return state_MS, opened_ns_M


def _table(trades: pl.DataFrame, states_TS: Floats) -> pl.DataFrame:
    quantity_T = states_TS[:, _UP] - states_TS[:, _DOWN]
    is_open_T = np.abs(quantity_T) >= FLAT
    price_T = states_TS[:, _PRICE]
    with np.errstate(divide="ignore", invalid="ignore"):
        entry_T = np.where(is_open_T, states_TS[:, _BASIS] / quantity_T, np.nan)
    known_T = np.where(price_T == _NO_PRICE, np.nan, price_T)
    unrealised_T = np.where(price_T == _NO_PRICE, 0.0, quantity_T * price_T - states_TS[:, _BASIS])
    return trades.select("time", "market").with_columns(
        pl.Series("up_held", states_TS[:, _UP]),
        pl.Series("down_held", states_TS[:, _DOWN]),
        pl.Series("cash", states_TS[:, _CASH]),
        pl.Series("quantity", quantity_T),
        pl.Series("entry_price", entry_T, nan_to_null=True),
        pl.Series("up_price", known_T, nan_to_null=True),
        pl.Series("realised", states_TS[:, _REALISED]),
        pl.Series("unrealised", unrealised_T),
        pl.Series("held_s", np.where(is_open_T, states_TS[:, _SINCE], 0.0)),
    )


def _own(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # A view of a data frame is read-only, for which numba would compile the kernel a second time.
    return np.require(values, requirements=["C", "W"])


@njit(cache=True, nogil=True, error_model="numpy")
def _walk(
    time_ns_T: Ints,
    market_T: Ints,
    codes: tuple[Codes, Codes, Codes],
    amounts: tuple[Floats, Floats, Floats],
    state_MS: Floats,
    opened_ns_M: Ints,
    states_TS: Floats,
) -> None:
    kind_T, outcome_T, sign_T = codes
    size_T, usdc_T, up_price_T = amounts
    state_MS[:, _PRICE] = _NO_PRICE
    for t in range(time_ns_T.size):
        market, size, usdc = market_T[t], size_T[t], usdc_T[t]
        state = state_MS[market]
        before = state[_UP] - state[_DOWN]
        if kind_T[t] == _TRADE:
            _trade(state, outcome_T[t], sign_T[t], size, usdc, up_price_T[t])
        elif kind_T[t] == _MERGE:
            _pair(state, -size, usdc)
        elif kind_T[t] == _SPLIT:
            _pair(state, size, -usdc)
        elif kind_T[t] == _REDEEM and outcome_T[t] != 0:
            _redeem(state, outcome_T[t], size, usdc)
        else:
            state[_CASH] += usdc
            state[_REALISED] += usdc
        after = state[_UP] - state[_DOWN]
        if abs(before) < FLAT or before * after < 0.0:
            opened_ns_M[market] = time_ns_T[t]
        state[_SINCE] = (time_ns_T[t] - opened_ns_M[market]) * _NANOSECONDS
        states_TS[t] = state


@njit(cache=True, nogil=True, error_model="numpy")
def _trade(state: Floats, outcome: int, sign: int, size: float, usdc: float, up_price: float) -> None:
    """Buy or sell one token; `sign` is that of the change in the Up-equivalent quantity."""
    bought = sign * outcome
    price = up_price if outcome == 1 else 1.0 - up_price
    _turn(state, sign * size, up_price)
    state[_UP if outcome == 1 else _DOWN] += bought * size
    state[_CASH] -= bought * usdc
    # Exporters round USDC to six decimals; the difference was paid, so it is a result.
    state[_REALISED] += bought * (size * price - usdc)
    state[_PRICE] = up_price


@njit(cache=True, nogil=True, error_model="numpy")
def _pair(state: Floats, pairs: float, received: float) -> None:
    """Make (+) or unmake (-) pairs of both tokens, for 1 USDC each."""
    state[_UP] += pairs
    state[_DOWN] += pairs
    state[_CASH] += received
    state[_REALISED] += received + pairs


@njit(cache=True, nogil=True, error_model="numpy")
def _redeem(state: Floats, outcome: int, size: float, usdc: float) -> None:
    """The winner's shares are paid 1 USDC each; the loser's are written off."""
    winner, loser = (_UP, _DOWN) if outcome == 1 else (_DOWN, _UP)
    price = 1.0 if outcome == 1 else 0.0
    _turn(state, outcome * (state[loser] - size), price)
    state[winner] -= size
    state[loser] = 0.0
    state[_CASH] += usdc
    state[_REALISED] += usdc - size
    state[_PRICE] = price


@njit(cache=True, nogil=True, error_model="numpy")
def _turn(state: Floats, change: float, price: float) -> None:
    """Change the signed quantity at a price of Up, by average cost. Call it before the tokens are moved."""
    quantity = state[_UP] - state[_DOWN]
    if quantity * change >= 0.0:
        state[_BASIS] += change * price
        return
    closed = min(abs(change), abs(quantity))
    released = state[_BASIS] * (closed / abs(quantity))
    state[_REALISED] += (closed if quantity > 0.0 else -closed) * price - released
    state[_BASIS] -= released
    if abs(change) > closed:
        # The part that goes beyond flat opens the other way.
        state[_BASIS] = (abs(change) - closed) * price * (1.0 if change > 0.0 else -1.0)
