"""Prices from sqrtPriceX96, by integer arithmetic and correctly rounded."""

from collections.abc import Sequence
from math import log

import numpy as np
import polars as pl

from rookery.sources._faults import Check, Faults
from rookery.sources._records import INDEX
from rookery.types import Pair

# TickMath of v3-core and v4-core: the square-root prices of the ticks -887272 and 887272.
MIN_SQRT_PRICE = 4295128739
MAX_SQRT_PRICE = 1461446703485210103287273052203988822378723970342
_Q192 = 1 << 192
_LOG_TICK = log(1.0001)
# A swap that stops on a boundary while falling reports the tick below it, so one tick of slack each way.
_TICKS_BELOW, _TICKS_ABOVE = -1.0, 2.0
_ABSURD = 1e18
_LEAST_ROWS = 5


def raw_price(sqrt_price: int) -> float:
    """Token1 per token0 in the tokens' smallest units: S^2 / 2^192 (Uniswap v3 whitepaper, 6.1), correctly rounded."""
    return sqrt_price * sqrt_price / _Q192


def human_prices(sqrt_prices: Sequence[int], pair: Pair) -> list[float]:
    """Quote per base in human units, correctly rounded: python divides integers of any size exactly, then rounds."""
    unit0, unit1 = 10**pair.decimals0, 10**pair.decimals1
    if pair.base_is_token0:
        divisor = _Q192 * unit1
        return [value * value * unit0 / divisor for value in sqrt_prices]
    dividend = _Q192 * unit1
    return [dividend / (value * value * unit0) for value in sqrt_prices]


def with_prices(table: pl.DataFrame, pair: Pair, labels: dict[str, str], faults: Faults) -> pl.DataFrame:
    """`table` with `price_raw` and `price`; rows whose price or tick cannot be true are faulty.

    Takes `sqrt_price_x96` as text of whole numbers and `tick` as Int64. Raises UserError when the prices are so far
    off that the pair's tokens must have other decimals or the other order.
    """
    label = labels["sqrt_price_x96"]
    possible = pl.Series(
        "possible",
        [MIN_SQRT_PRICE <= int(text) <= MAX_SQRT_PRICE for text in table["sqrt_price_x96"].to_list()],
        dtype=pl.Boolean,
    )
    table = faults.sift(table, [_impossible(possible, label)])
    sqrt_prices = [int(text) for text in table["sqrt_price_x96"].to_list()]
    table = table.with_columns(
        pl.Series("price_raw", [raw_price(value) for value in sqrt_prices], dtype=pl.Float64),
        pl.Series("price", human_prices(sqrt_prices, pair), dtype=pl.Float64),
    )
    _refuse_absurd(table, pair, faults)
    exact = pl.Series("_exact_tick", np.log(table["price_raw"].to_numpy()) / _LOG_TICK)
    gap = pl.col("_exact_tick") - pl.col("tick")
    disagree = Check(
        kind="tick and price disagree",
        bad=(gap < _TICKS_BELOW) | (gap > _TICKS_ABOVE),
        what=f"{labels['tick']} {{}} of {label}",
        value=pl.format("{} is not the tick ({})", "tick", pl.col("_exact_tick").floor().cast(pl.Int64)),
        remedy="one of the two belongs to another event, or has lost digits",
    )
    return faults.sift(table.with_columns(exact), [disagree]).drop("_exact_tick")


def _impossible(possible: pl.Series, label: str) -> Check:
    text = pl.col("sqrt_price_x96")
    not_positive = text.str.contains(r"^-|^\+?0+$")
    return Check(
        kind=pl.when(not_positive).then(pl.lit("price zero or negative")).otherwise(pl.lit("price out of range")),
        bad=~pl.lit(possible),
        what=pl.when(not_positive)
        .then(pl.lit(f"the price is zero or negative: {label} '{{}}'"))
        .otherwise(pl.lit(f"{label} '{{}}' is outside what a pool can hold ({MIN_SQRT_PRICE} to 1.46e48)")),
        value=text,
        remedy="it is the square root of the price times 2^96, in full digits",
    )


def _refuse_absurd(table: pl.DataFrame, pair: Pair, faults: Faults) -> None:
    """Tokens taken the wrong way round shift a price by twice the difference of their decimals."""
    middle = table["price"].median()
    if table.height < _LEAST_ROWS or not isinstance(middle, float) or 1 / _ABSURD < middle < _ABSURD:
        return
    what = f"a price of {middle:.3g} {pair.quote} per {pair.base} cannot be"
    told = f"now token0 {pair.token0} ({pair.decimals0}), token1 {pair.token1} ({pair.decimals1})"
    faults.refuse(table[INDEX][0], what, f"check the order and decimals of the tokens: {told}")
