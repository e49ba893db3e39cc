"""What a trader held in each instrument before each of his fills."""

import polars as pl

from rookery.features.position import positions
from rookery.schema import TIME

_NEAR = 0.01
# Units worth less than this in quote are rounding.
_ROUNDING = 5e-7


def fill_positions(fills: pl.DataFrame) -> pl.DataFrame:
    """One row per row of a FILLS table of one trader, in its order: his position in the row's instrument.

    `before` (signed units held before the fill, as the file states it, else what the fills before it leave),
    `entry_before` (their average price, null when flat), `since_before` (when they were entered, null when flat),
    `after` (units held after it), `earned` (quote gained so far in the instrument by average cost, before fees),
    `follows` (False where the stated position is off what the fill before leaves by more than 1 % of the larger of
    position and fill: rows are missing between them).

    Units that no fill explains (a deposit, a fee taken in units, a row that is missing) come and go at the price of
    the fill that first shows them. Only earlier rows, and the row's own stated position, are known to a row.
    """
    signed = pl.when(pl.col("side") == "BUY").then("size").otherwise(-pl.col("size"))
    by = "instrument"
    table = fills.with_row_index("row").with_columns(signed.alias("signed"))
    table = table.with_columns((pl.col("signed").cum_sum() - pl.col("signed")).over(by).alias("traded"))
    # What the file states beyond the sum of the fills: a step in it is what no fill explains.
    offset = (pl.col("position_before") - pl.col("traded")).forward_fill().over(by).fill_null(0.0)
    table = table.with_columns(offset.alias("offset"))
    step = pl.col("offset") - pl.col("offset").shift(1).over(by).fill_null(0.0)
    table = table.with_columns(step.alias("step"), (pl.col("traded") + pl.col("offset")).alias("before"))
    left = pl.col("before") - pl.col("step")
    off = pl.col("step").abs() > _NEAR * pl.max_horizontal(left.abs(), "size")
    is_first = pl.int_range(pl.len()).over(by) == 0
    table = table.with_columns((is_first | ~off).alias("follows"))
    found = pl.concat([_unexplained(table), _rows(table, pl.col("signed"), part=1)]).sort("row", "part")
    states = found.hstack(positions(found).select("entry_price", "held_s", "realised"))
    held = states.with_columns(
        pl.col("entry_price").shift(1).over("market").alias("entry_before"),
        _entered().shift(1).over("market").alias("since_before"),
    )
    mine = held.filter(pl.col("part") == 1)
    told = table.select("before", "follows", (pl.col("before") + pl.col("signed")).alias("after"))
    return told.hstack(mine.select("entry_before", "since_before", pl.col("realised").alias("earned")))


def _unexplained(table: pl.DataFrame) -> pl.DataFrame:
    return _rows(table.filter(pl.col("step").abs() * pl.col("price") > _ROUNDING), pl.col("step"), part=0)


def _rows(table: pl.DataFrame, change: pl.Expr, *, part: int) -> pl.DataFrame:
    """Changes of units as rows of trades by instrument, at the fill's price."""
    return table.select(
        "row",
        pl.lit(part).alias("part"),
        "time",
        pl.col("instrument").alias("market"),
        pl.lit("TRADE").alias("kind"),
        pl.lit("Up").alias("outcome"),
        pl.when(change > 0).then(pl.lit("BUY")).otherwise(pl.lit("SELL")).alias("side"),
        change.abs().alias("size"),
        (change.abs() * pl.col("price")).alias("usdc"),
        pl.col("price").alias("up_price"),
    )


def _entered() -> pl.Expr:
    """When what is held was entered; null when nothing is."""
    # Of years in nanoseconds a float has not all digits.
    age = pl.duration(microseconds=(pl.col("held_s") * 1e6).round().cast(pl.Int64))
    return pl.when(pl.col("entry_price").is_not_null()).then((pl.col("time") - age).cast(TIME))
