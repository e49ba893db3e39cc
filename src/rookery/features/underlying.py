"""Market and indicator features of what a trader's markets are about, on its own continuous bars."""

import polars as pl

from rookery.errors import UserError
from rookery.features.segments import SEGMENT
from rookery.features.state import UNDERLYING, StateConfig, market_expressions
from rookery.schema import TIME

# Nanoseconds from the underlying's last known bar to a bar's own close; null before the first. Whole numbers, so that
# no rounding decides whether a bar is too old.
AGE = "underlying_age_ns"
_PRICES = ("open", "high", "low", "close")
_NEEDED = ("time", *_PRICES, "volume")


def underlying_features(
    bars: pl.DataFrame, underlying: pl.DataFrame, config: StateConfig, *, order: float, max_age_s: float | None = None
) -> pl.DataFrame:
    """The state's first six columns of `underlying`, as each row of `bars` (any order) could know them, row for row.

    `underlying` has `time` (the moment at which a bar is knowable, rising), prices above zero and volume, as
    `sources.bars_csv` reads them: Bitcoin's or ether's price, which goes on across markets where a token's begins anew
    (a difference between the last price of one token and the first of another means nothing). A row of `bars` has the
    last bar with `time` at or before its own; null before the first, and when that bar is more than `max_age_s`
    seconds old. Windows count the underlying's own bars. `order` is that of the fractional difference. Raises UserError
    naming a missing column, a price that is not above zero or a time that stands still.
    """
    checked = _checked(underlying).with_columns(pl.lit(0).alias(SEGMENT))
    made = checked.lazy().select("time", *market_expressions(config, order)).collect()
    joined = _as_of(bars, made)
    names = [name for name in made.columns if name != "time"]
    if max_age_s is None:
        return joined.select(names)
    return joined.select(pl.when(is_known(max_age_s)).then(pl.col(name)).alias(name) for name in names)


def with_underlying(bars: pl.DataFrame, underlying: pl.DataFrame, config: StateConfig, *, order: float) -> pl.DataFrame:
    """`bars` with the columns UNDERLYING, of which a state with `config.underlying` is made: `underlying_features`."""
    made = underlying_features(bars, underlying, config, order=order, max_age_s=config.underlying_max_age_s)
    return bars.with_columns(made.rename(dict(zip(made.columns, UNDERLYING, strict=True))).get_columns())


def with_age(bars: pl.DataFrame, underlying: pl.DataFrame) -> pl.DataFrame:
    """`bars` (any order) with the column AGE: how old the last bar of `underlying` is that each row could know."""
    return bars.with_columns(_as_of(bars, _checked(underlying).select("time"))[AGE])


def is_known(max_age_s: float) -> pl.Expr:
    """Whether there is an AGE, of no more than that."""
    return (pl.col(AGE) <= round(max_age_s * 1e9)).fill_null(False)


def _as_of(bars: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The last of `facts` at or before each row of `bars`, row for row, with its AGE."""
    rows = bars.select(pl.col("time").cast(TIME)).with_row_index("row").sort("time", maintain_order=True)
    known = facts.with_columns(pl.col("time").alias("known"))
    joined = rows.join_asof(known, on="time", strategy="backward").sort("row")
    return joined.with_columns((pl.col("time") - pl.col("known")).dt.total_nanoseconds().alias(AGE))


def _checked(underlying: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in _NEEDED if name not in underlying.columns]
    if missing:
        remedy = f"found: {', '.join(underlying.columns)}"
        raise UserError(f"lacks the column '{missing[0]}'", place="underlying", remedy=remedy)
    table = underlying.select(pl.col("time").cast(TIME), pl.col(_NEEDED[1:]).cast(pl.Float64))
    for bad, what in (
        (pl.col("time").diff() <= pl.duration(), "time stands still or runs backwards"),
        (~(pl.min_horizontal(_PRICES) > 0), "a price is not above zero"),
    ):
        if len(rows := table.select(bad.fill_null(False)).to_series().arg_true()):
            raise UserError(what, place="underlying", row=rows[0] + 2, remedy="mend or remove the bar")
    return table
