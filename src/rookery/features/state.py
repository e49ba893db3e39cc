"""The state in which a trader decides: market, indicators, clock and his own position, as 17 numbers or 20."""

from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from rookery.config import Config
from rookery.errors import UserError
from rookery.features import calendar, holding
from rookery.features.bands import bollinger_width, z_score
from rookery.features.fractional import fractional_difference
from rookery.features.momentum import macd_histogram, rsi
from rookery.features.segments import SEGMENT, segment_offsets
from rookery.features.volatility import yang_zhang
from rookery.schema import Column, Contract, check

StateKind = Literal["spec17", "extended"]

# In the order of the specification: market, indicators, clock, position.
SPEC17 = (
    "fractional_difference",
    "yang_zhang",
    "volume_z",
    "rsi",
    "macd_histogram",
    "bollinger_width",
    "time_of_day_sin",
    "time_of_day_cos",
    "hour_sin",
    "hour_cos",
    "day_of_week_sin",
    "day_of_week_cos",
    "unrealised_pnl",
    "pnl_of_position",
    "inventory",
    "position_ratio",
    "time_since_entry",
)
# What a market maker's next bar hangs on besides: distance of the price from an even chance, and two clocks.
EXTENSION = ("distance_from_half", "time_since_fill", "time_to_end")
# In the place of the first six: the same of what the markets are about, on its own bars (`features.underlying`).
UNDERLYING = tuple(f"underlying_{name}" for name in SPEC17[:6])
_PRICES = ("open", "high", "low", "close")
CLOCK = frozenset(name for name in SPEC17 if name.endswith(("_sin", "_cos")))


def _column(meaning: str, *, nullable: bool = False) -> Column:
    return Column(dtype=pl.Float64, meaning=meaning, nullable=nullable)


_BARS = {
    "time": Column(dtype=pl.Datetime("ns", "UTC"), meaning="close of the bar, the moment at which all of it is known"),
    "open": _column("first price of the bar"),
    "high": _column("highest price of the bar"),
    "low": _column("lowest price of the bar"),
    "close": _column("last price of the bar"),
    "volume": _column("quantity traded in the market during the bar"),
}
_POSITION = {
    "inventory": _column("units held after the bar, long above and short below zero"),
    "entry_price": _column("average price at which they were entered, null when flat", nullable=True),
    "unrealised_pnl": _column("value of the position at the close less its cost, in quote"),
    "seconds_since_entry": _column("seconds since the position was entered, null when flat", nullable=True),
}
_EXTENDED = {
    "seconds_since_fill": _column("seconds since the trader's last fill in the segment", nullable=True),
    "seconds_to_end": _column("seconds from the bar's close to the segment's announced end", nullable=True),
}
_OUTSIDE = {
    name: _column("as the bar's close could know it, null where the underlying is unknown", nullable=True)
    for name in UNDERLYING
}
STATE_BARS = Contract(name="bars with position", columns={**_BARS, **_POSITION})
EXTENDED_BARS = Contract(name="bars with position", columns={**_BARS, **_POSITION, **_EXTENDED})


class StateConfig(Config):
    """Which numbers make the state, and over how many bars. Wider windows leave more of a short segment undefined.

    `fractional_order` and `fractional_tau` are of the differenced log close; an order of None is to be chosen on the
    training rows (`features.fractional.choose_order`). With `underlying` the first six columns are those of what the
    markets are about (UNDERLYING, from `features.underlying.with_underlying`), undefined where its last known bar is
    more than `underlying_max_age_s` seconds old; windows, order and tau are then of its bars.
    """

    state: StateKind = "spec17"
    underlying: bool = False
    underlying_max_age_s: float = Field(default=3_600.0, gt=0)
    fractional_order: float | None = Field(default=None, ge=0, le=2)
    fractional_tau: float = Field(default=1e-2, gt=0, lt=1)
    volatility_window: int = Field(default=10, ge=2)
    volume_window: int = Field(default=20, ge=2)
    rsi_window: int = Field(default=14, ge=1)
    macd_fast: int = Field(default=12, ge=1)
    macd_slow: int = Field(default=26, ge=2)
    macd_signal: int = Field(default=9, ge=1)
    bollinger_window: int = Field(default=20, ge=2)

    @property
    def names(self) -> tuple[str, ...]:
        """The state's columns in order."""
        market = UNDERLYING if self.underlying else SPEC17[:6]
        return market + SPEC17[6:] + (() if self.state == "spec17" else EXTENSION)


def state_features(bars: pl.DataFrame, config: StateConfig, *, order: float | None = None) -> pl.DataFrame:
    """States of bars, row for row: time, segment and the float64 columns `config.names`, unscaled.

    `bars` has `segment` and the columns of STATE_BARS (`state="extended"`: EXTENDED_BARS; with `underlying` UNDERLYING
    besides), sorted by time within each segment; prices above zero. A row knows its own bar, which is over at `time`,
    and earlier ones of its segment; its position is the one after that bar. Null where a segment is still too young for
    a window. `order` is the fractional order to use where the settings leave it open. Raises UserError naming what is
    missing or wrong.
    """
    order = config.fractional_order if order is None else order
    if order is None:
        raise ValueError("give the fractional order, or choose one on the training rows with choose_order")
    checked = check_bars(bars, config.state, underlying=config.underlying)
    return checked.lazy().select("time", SEGMENT, *_expressions(config, order)).collect()


def check_bars(bars: pl.DataFrame, state: StateKind = "spec17", *, underlying: bool = False) -> pl.DataFrame:
    """`bars` with `segment` and its contract's columns alone. Raises UserError for what no state can be made of."""
    contract = STATE_BARS if state == "spec17" else EXTENDED_BARS
    if SEGMENT not in bars.columns:
        raise UserError(
            "lacks the column 'segment'", place="bars", remedy="name each market or session; a constant if there is one"
        )
    columns = {**contract.columns, **(_OUTSIDE if underlying else {})}
    # The contract of `time` asks that it never run backwards; segments may overlap, so it is looked at within each.
    clock = columns.pop("time")
    if bars.schema.get("time") != clock.dtype or bars["time"].null_count():
        raise UserError(
            f"column 'time' is {bars.schema.get('time')}, or has gaps; expected {clock.dtype}",
            place="bars",
            remedy=f"it holds the {clock.meaning}",
        )
    table = check(bars, Contract(name=contract.name, columns=columns), place="bars")
    _check_order(bars)
    _check_prices(table)
    return pl.concat([bars.select("time", SEGMENT), table], how="horizontal")


def _check_order(bars: pl.DataFrame) -> None:
    offsets_S = segment_offsets(bars[SEGMENT])
    if offsets_S.size - 1 > bars[SEGMENT].n_unique():
        raise UserError("a segment goes on after another began", place="bars", remedy="sort by segment, then by time")
    steps = np.diff(bars["time"].to_physical().to_numpy())
    steps[offsets_S[1:-1] - 1] = 1
    if (steps <= 0).any():
        row = int(np.argmax(steps <= 0)) + 3
        raise UserError("time stands still or runs backwards within a segment", place="bars", row=row)


def _check_prices(bars: pl.DataFrame) -> None:
    low, high = bars.select(low=pl.min_horizontal(_PRICES), high=pl.max_horizontal(_PRICES))
    for bad, what in (
        (low <= 0, "a price is not above zero"),
        ((bars["low"] > low) | (bars["high"] < high), "open or close lies outside low to high"),
    ):
        if len(rows := bad.arg_true()):
            raise UserError(what, place="bars", row=rows[0] + 2, remedy="mend or remove the bar")


def market_expressions(config: StateConfig, order: float) -> list[pl.Expr]:
    """The first six columns of a state, of open, high, low, close and volume by segment."""
    return [
        fractional_difference(order, config.fractional_tau),
        yang_zhang(config.volatility_window),
        z_score(pl.col("volume"), config.volume_window).alias("volume_z"),
        # -1 to 1, so that an even market is 0.
        (rsi(config.rsi_window) * 0.02 - 1.0).alias("rsi"),
        # Relative to the price, as the other two are.
        (macd_histogram(config.macd_fast, config.macd_slow, config.macd_signal) / pl.col("close")).alias(
            "macd_histogram"
        ),
        bollinger_width(config.bollinger_window),
    ]


def _expressions(config: StateConfig, order: float) -> list[pl.Expr]:
    market = [pl.col(name) for name in UNDERLYING] if config.underlying else market_expressions(config, order)
    made = [
        *market,
        *calendar.time_of_day(),
        *calendar.hour(),
        *calendar.day_of_week(),
        pl.col("unrealised_pnl"),
        holding.pnl_of_position(),
        pl.col("inventory"),
        holding.position_ratio(),
        holding.time_since_entry(),
    ]
    if config.state == "extended":
        made += [holding.distance_from_half(), holding.time_since_fill(), holding.time_to_end()]
    return made
