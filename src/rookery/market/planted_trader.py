"""Made-up traders whose rules are known, in made-up markets: what a twin finds in them can be told from what is there.

Markets are shares of an event, priced 0 to 1: log-odds whose steps persist. A bar opens where the one before closed,
and what is decided at a close is filled at the next open.
"""

# M markets, T bars of a market, R rows (M * T)

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit
from pydantic import Field

from rookery.config import Config
from rookery.features.momentum import rsi
from rookery.features.segments import Floats, Offsets, segment_offsets
from rookery.schema import TIME

# The rule: one action below each bound of the RSI, and the last above them all (STRONG_BUY = 0 ... STRONG_SELL = 4).
RSI_BOUNDS = (30.0, 42.0, 58.0, 70.0)
# Units that each action buys (+) or sells (-).
UNITS = np.array([3.0, 1.0, 0.0, -1.0, -3.0])
# Between one unit and three, with what a trader's hand makes of them.
STRONG_UNITS = 1.8
CAPITAL = 10.0

_START_NS = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp()) * 10**9
_BAR_S = 60
_INNER_STEPS = 8


class PlantedMarkets(Config):
    """How many markets of how many bars; `persistence` of a step's size in the next, `volatility` of log-odds."""

    markets: int = Field(default=60, ge=1)
    bars: int = Field(default=60, ge=3)
    persistence: float = Field(default=0.8, ge=0, lt=1)
    volatility: float = Field(default=0.05, gt=0)


def planted_bars(config: PlantedMarkets, *, seed: int) -> pl.DataFrame:
    """Bars of one market after the other: time, segment, open, high, low, close, volume."""
    rng = np.random.default_rng(seed)
    shape = (config.markets, config.bars)
    steps_MT = rng.normal(0.0, config.volatility, shape)
    for t in range(1, config.bars):
        steps_MT[:, t] += config.persistence * steps_MT[:, t - 1]
    ends_MT = np.cumsum(steps_MT, axis=1)
    starts_MT = ends_MT - steps_MT
    # Inside a bar the log-odds wander around the straight way from open to close.
    shares = np.linspace(0.0, 1.0, _INNER_STEPS)
    wander = rng.normal(0.0, config.volatility / 4, (*shape, _INNER_STEPS)) * np.sqrt(shares * (1.0 - shares))
    inner = starts_MT[..., None] + steps_MT[..., None] * shares + wander
    rows = np.arange(config.markets * config.bars)
    return pl.DataFrame(
        {
            "time": pl.Series(_START_NS + (rows + 1) * _BAR_S * 10**9).cast(TIME),
            "segment": rows // config.bars,
            "open": _price(starts_MT),
            "high": _price(inner.max(axis=-1)),
            "low": _price(inner.min(axis=-1)),
            "close": _price(ends_MT),
            "volume": rng.lognormal(5.0, 0.5, rows.size),
        }
    ).with_columns(
        high=pl.max_horizontal("open", "high", "close"),
        low=pl.min_horizontal("open", "low", "close"),
    )


def rule_trader(bars: pl.DataFrame, *, noise: float, seed: int) -> pl.DataFrame:
    """`bars` with the position of a trader who follows the RSI and now and then anything at all.

    Adds what `held` adds, and `rule_action`: the action (0 to 4) that the rule asks for at the row's close. With the
    chance `noise` he does one of the five at random instead, so nobody foretells more than `best_accuracy` of them.
    """
    rng = np.random.default_rng(seed)
    strength = bars.select(rsi(14))["rsi"].fill_null(50.0).to_numpy()
    rule_R = np.digitize(strength, RSI_BOUNDS)
    done_R = np.where(rng.random(bars.height) < noise, rng.integers(0, 5, bars.height), rule_R)
    wanted_R = UNITS[done_R] * rng.uniform(0.8, 1.2, bars.height)
    bought_R = _delayed(bars["segment"], wanted_R)
    offsets_S = segment_offsets(bars["segment"])
    total_R = np.cumsum(bought_R)
    before_R = np.repeat(total_R[offsets_S[:-1]] - bought_R[offsets_S[:-1]], np.diff(offsets_S))
    return held(bars, total_R - before_R).with_columns(rule_action=pl.Series(rule_R).cast(pl.Int8))


def best_accuracy(noise: float, kinds: int = 5) -> float:
    """Share of a noisy trader's actions that one who knows his rule foretells."""
    return 1.0 - noise + noise / kinds


def mixed_skill_trader(bars: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """`bars` with the position of a trader who is long or short one unit, and skilled in some markets only.

    Steps persist, so the last one foretells the next. In each market he goes with it with a chance of his own, drawn
    evenly from 0 to 1, and against it otherwise: what is still to be earned tells how skilled he is there.
    """
    rng = np.random.default_rng(seed)
    offsets_S = segment_offsets(bars["segment"])
    skill_R = np.repeat(rng.random(offsets_S.size - 1), np.diff(offsets_S))
    step_R = np.sign(bars["close"].to_numpy() - bars["open"].to_numpy())
    wanted_R = np.where(rng.random(bars.height) < skill_R, step_R, -step_R)
    return held(bars, _delayed(bars["segment"], wanted_R))


def held(bars: pl.DataFrame, inventory_R: npt.ArrayLike) -> pl.DataFrame:
    """`bars` with the position columns of one who holds `inventory_R` units through each bar, bought at its open.

    Adds inventory, entry_price (average cost), unrealised_pnl, seconds_since_entry, net_quantity (bought in the bar)
    and bar_return: what the bar's move earned on 10 units of capital.
    """
    inventory = np.ascontiguousarray(inventory_R, dtype=np.float64)
    opens, close = (np.ascontiguousarray(bars[name].to_numpy()) for name in ("open", "close"))
    entry, age, bought = np.empty_like(inventory), np.empty_like(inventory), np.empty_like(inventory)
    _average_cost(segment_offsets(bars["segment"]), inventory, opens, entry, age, bought)
    return bars.with_columns(
        inventory=pl.Series(inventory),
        entry_price=pl.Series(entry, nan_to_null=True),
        unrealised_pnl=pl.Series(np.nan_to_num(inventory * (close - entry))),
        seconds_since_entry=pl.Series(age * _BAR_S, nan_to_null=True),
        net_quantity=pl.Series(bought),
        bar_return=pl.Series(inventory * (close - opens) / CAPITAL),
    )


def _price(log_odds: Floats) -> Floats:
    price: Floats = 1.0 / (1.0 + np.exp(-log_odds.ravel()))
    return price


def _delayed(segment: pl.Series, values_R: Floats) -> Floats:
    """What was wanted at the close before; nothing in a segment's first bar."""
    delayed_R = np.concatenate(([0.0], values_R[:-1]))
    delayed_R[segment_offsets(segment)[:-1]] = 0.0
    return delayed_R


@njit(cache=True, nogil=True)
def _average_cost(
    offsets_S: Offsets, inventory: Floats, opens: Floats, entry: Floats, age: Floats, bought: Floats
) -> None:
    for s in range(offsets_S.size - 1):
        before, cost, bars = 0.0, 0.0, 0.0
        for i in range(offsets_S[s], offsets_S[s + 1]):
            now = inventory[i]
            bought[i] = now - before
            if now * before <= 0.0:
                cost, bars = opens[i], 1.0
            else:
                bars += 1.0
                if abs(now) > abs(before):
                    cost = (abs(before) * cost + abs(now - before) * opens[i]) / abs(now)
            entry[i] = cost if now != 0.0 else np.nan
            age[i] = bars if now != 0.0 else np.nan
            before = now
