"""What a specialist sees of one instrument and of its account: fifty numbers, in the order of VIEW."""

# T bars, M instruments, N accounts, V view, K market columns of a view

import numpy as np
import numpy.typing as npt

from rookery.features.instruments import MARKET_FEATURES, lagged_returns, market_features
from rookery.market.accounts import CASH, COST, QUANTITY, Accounts
from rookery.market.bars import CLOSE, Bars
from rookery.market.compilation import inlined
from rookery.market.terms import CONTRACT, Market

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

POSITION_FEATURES = ("quantity_to_max", "open_profit", "price_to_entry", "has_position", "trade_frequency")
ACCOUNT_FEATURES = (
    "growth",
    "drawdown",
    "cash_share",
    "gross_exposure",
    "net_exposure",
    "last_growth",
    "mean_growth",
    "growth_deviation",
    "episode_elapsed",
    "bars_since_trade",
)
LAGS = 20
# The published observation is 50 wide and fills 20: the ten of the account and the last 20 returns take the rest.
VIEW: tuple[str, ...] = (
    *MARKET_FEATURES,
    *POSITION_FEATURES,
    *ACCOUNT_FEATURES,
    *(f"return_lag_{lag}" for lag in range(LAGS)),
)
VIEW_SIZE = len(VIEW)
# The columns that depend on the account, between those that the market alone decides.
OWN_FIRST, OWN_LAST = len(MARKET_FEATURES), len(MARKET_FEATURES) + len(POSITION_FEATURES) + len(ACCOUNT_FEATURES)
OWN_SIZE = OWN_LAST - OWN_FIRST
# Decay of the trade frequency, and the bars at which "since the last trade" is full.
_FREQUENCY = 0.05
_LONG_AGO = 100.0
_LARGEST = 10.0

# Columns of trading_NMX and of growth_NX, the memory that a view needs beside the books.
TRADES, SINCE = range(2)
LAST, MEAN, SQUARE, PEAK = range(4)


def market_view(bars: Bars) -> Singles:
    """The columns of VIEW that the market alone decides, first those before the account's, then those after (T, M, K).

    Row t knows bars up to its own.
    """
    before = market_features(bars.high_TM, bars.low_TM, bars.close_TM, bars.volume_TM)
    return np.concatenate((before, lagged_returns(bars.close_TM, LAGS)), axis=2)


@inlined
def begin_view(trading_NMX: Floats, growth_NX: Floats, n: int, capital: float) -> None:
    """Account `n` starts an episode."""
    for m in range(trading_NMX.shape[1]):
        trading_NMX[n, m, TRADES] = 0.0
        trading_NMX[n, m, SINCE] = _LONG_AGO
    growth_NX[n, LAST] = 0.0
    growth_NX[n, MEAN] = 0.0
    growth_NX[n, SQUARE] = 0.0
    growth_NX[n, PEAK] = capital


@inlined
def note_trade(trading_NMX: Floats, n: int, m: int, traded: bool) -> None:
    """Account `n` lived through a bar in which instrument `m` was traded, or was not."""
    trading_NMX[n, m, TRADES] += _FREQUENCY * ((1.0 if traded else 0.0) - trading_NMX[n, m, TRADES])
    trading_NMX[n, m, SINCE] = 0.0 if traded else min(trading_NMX[n, m, SINCE] + 1.0, _LONG_AGO)


@inlined
def note_growth(growth_NX: Floats, n: int, before: float, after: float, decay: float) -> None:
    """Account `n` went from net worth `before` to `after`."""
    gained = after / before - 1.0 if before > 0.0 else 0.0
    growth_NX[n, LAST] = gained
    growth_NX[n, MEAN] += decay * (gained - growth_NX[n, MEAN])
    growth_NX[n, SQUARE] += decay * (gained * gained - growth_NX[n, SQUARE])
    growth_NX[n, PEAK] = max(growth_NX[n, PEAK], after)


@inlined
def write_account(
    accounts: Accounts,
    growth_NX: Floats,
    market: Market,
    n: int,
    t: int,
    worth: float,
    capital: float,
    elapsed: float,
    row_O: Singles,
    place: int,
) -> None:
    """ACCOUNT_FEATURES but for the last, which is the instrument's, into `row_O` from `place` on."""
    scale, gross, net = 1.0 / max(worth, 1e-6 * capital), 0.0, 0.0
    for m in range(accounts.position_NMC.shape[1]):
        held = accounts.position_NMC[n, m, QUANTITY]
        if held != 0.0:
            value = held * market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, CLOSE]
            gross += abs(value)
            net += value
    variance = growth_NX[n, SQUARE] - growth_NX[n, MEAN] * growth_NX[n, MEAN]
    row_O[place] = bounded(worth / capital - 1.0)
    row_O[place + 1] = bounded(1.0 - worth / max(growth_NX[n, PEAK], worth))
    row_O[place + 2] = bounded(accounts.money_NB[n, CASH] * scale)
    row_O[place + 3] = bounded(gross * scale)
    row_O[place + 4] = bounded(net * scale)
    row_O[place + 5] = bounded(growth_NX[n, LAST])
    row_O[place + 6] = bounded(growth_NX[n, MEAN])
    row_O[place + 7] = max(variance, 0.0) ** 0.5
    row_O[place + 8] = elapsed


@inlined
def write_position(
    accounts: Accounts,
    trading_NMX: Floats,
    market: Market,
    n: int,
    m: int,
    t: int,
    worth: float,
    capital: float,
    size: float,
    row_O: Singles,
    place: int,
) -> None:
    """POSITION_FEATURES of instrument `m` into `row_O` from `place` on; the last of ACCOUNT_FEATURES at its place.

    quantity_to_max: value over `size` x net worth; open_profit: over net worth; price_to_entry: close over the average
    entry price, less 1, turned for shorts; trade_frequency: share of bars with a trade, recent ones (20) weighing most.
    """
    scale, held = 1.0 / max(worth, 1e-6 * capital), accounts.position_NMC[n, m, QUANTITY]
    value, cost = 0.0, accounts.position_NMC[n, m, COST]
    if held != 0.0:
        value = held * market.instruments_MI[m, CONTRACT] * market.quotes_TMQ[t, m, CLOSE]
    row_O[place] = bounded(value * scale / size)
    row_O[place + 1] = bounded((value - cost) * scale)
    row_O[place + 2] = bounded((value - cost) / abs(cost)) if cost != 0.0 else 0.0
    row_O[place + 3] = 1.0 if held != 0.0 else 0.0
    row_O[place + 4] = trading_NMX[n, m, TRADES]
    row_O[place + OWN_SIZE - 1] = trading_NMX[n, m, SINCE] / _LONG_AGO


@inlined
def bounded(value: float) -> float:
    """Within +-10: a ruined account's shares of net worth have no size, and a network must still read them."""
    return min(max(value, -_LARGEST), _LARGEST)
