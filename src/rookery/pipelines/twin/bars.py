"""A trader's bars in markets of two outcomes as the bars that states and labels are made of."""

import polars as pl

from rookery.errors import UserError
from rookery.features.segments import SEGMENT

_NEEDED = (
    *("time", SEGMENT, "observed", "open", "high", "low", "close", "up_price", "since_fill_s", "to_close_s"),
    *("up_bought", "down_bought", "up_sold", "down_sold", "signed_quantity"),
    *("quantity", "entry_price", "realised", "unrealised", "held_s"),
)
# Shares have six decimals: less than half of the last one is nothing held.
_FLAT = 5e-7


def state_bars(bars: pl.DataFrame, *, capital: float) -> pl.DataFrame:
    """`features.trader_bars` (price of Up, signed Up-equivalent quantity) as `features.state` and `labels.trader` ask.

    A bar without a fill stands at the last price seen, or with quotes at the market's own; bars before a segment's
    first price are left out, since there is no state to speak of. `volume` is the trader's own: no other is in his
    history. `net_quantity` is null where rows may be missing, and HOLD is 0. `bar_return` is what realised and
    unrealised profit gained in the bar, over `capital` (USDC). Raises UserError for a missing column, ValueError for a
    capital of 0 or less.
    """
    if missing := [name for name in _NEEDED if name not in bars.columns]:
        raise UserError(f"lacks the column '{missing[0]}'", place="bars", remedy=f"found: {', '.join(bars.columns)}")
    if not capital > 0:
        raise ValueError(f"capital is {capital}; expected USDC above 0")
    before = pl.col("up_price").shift(1).over(SEGMENT)
    stood = pl.coalesce(before, "up_price")
    book = pl.col("realised") + pl.col("unrealised")
    is_open = pl.col("quantity").abs() >= _FLAT
    table = bars.select(
        "time",
        SEGMENT,
        pl.coalesce("open", stood).alias("open"),
        pl.coalesce("high", pl.max_horizontal(stood, "up_price")).alias("high"),
        pl.coalesce("low", pl.min_horizontal(stood, "up_price")).alias("low"),
        pl.coalesce("close", "up_price").alias("close"),
        pl.sum_horizontal("up_bought", "down_bought", "up_sold", "down_sold").cast(pl.Float64).alias("volume"),
        pl.when(is_open).then("quantity").otherwise(0.0).alias("inventory"),
        pl.when(is_open).then("entry_price").alias("entry_price"),
        pl.when(is_open).then("unrealised").otherwise(0.0).alias("unrealised_pnl"),
        pl.when(is_open).then("held_s").alias("seconds_since_entry"),
        pl.col("since_fill_s").alias("seconds_since_fill"),
        pl.col("to_close_s").clip(lower_bound=0.0).alias("seconds_to_end"),
        pl.when("observed").then("signed_quantity").alias("net_quantity"),
        ((book - book.shift(1).over(SEGMENT).fill_null(0.0)) / capital).alias("bar_return"),
    )
    return table.filter(pl.col("close").is_not_null())
