"""A trader who also sells in markets of two outcomes, told by his round trips.

Selling one token is buying the other, so his exposure to a market is one number: Up held less Down held. A round trip
begins when it leaves flat and ends when it is flat again, or turns to the other side, before the market is settled; its
profit is by average cost. What these do not explain of a market's profit came from what he held to the end.
"""

# M markets

from dataclasses import dataclass

import polars as pl

from rookery.evaluation.identifiability.resampling import mean_over_markets, ratio_over_markets
from rookery.evaluation.identifiability.trips import round_trips
from rookery.evaluation.report.estimate import Estimate
from rookery.schema import FILLS

# With fewer of his shares sold he is told by pairs and leftovers alone.
MATERIAL = 0.1
_HOUR_MINUTES = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeTrips:
    """Money is USDC before fees. `sold` is the share of his shares that he sold. `profit`, `profitable` and `longs` (of
    Up) are of a round trip, `minutes` the median time that one took. `by_trips` and `by_rest` are of a market, and
    together its profit. Intervals draw whole markets anew."""

    trips: int
    sold: float
    profit: Estimate
    profitable: Estimate
    longs: Estimate
    minutes: Estimate
    by_trips: Estimate
    by_rest: Estimate


def outcome_trips(trades: pl.DataFrame, books: pl.DataFrame, *, seed: int) -> OutcomeTrips | None:
    """The round trips of TRADES in the markets of `books` (`trader.market_books`); None where hardly any are sales."""
    fills = _fills(trades, books)
    size = float(fills["size"].sum())
    sold = float(fills.filter(~pl.col("is_bought"))["size"].sum()) / size if size else 0.0
    if sold < MATERIAL:
        return None
    found = round_trips(fills.drop("is_bought"))
    sums = found.group_by(pl.col("instrument").alias("market"), maintain_order=True).agg(
        pl.len().cast(pl.Float64).alias("count"),
        pl.col("profit").sum().alias("earned"),
        (pl.col("profit") > 0).sum().cast(pl.Float64).alias("profitable"),
        (pl.col("side") > 0).sum().cast(pl.Float64).alias("longs"),
    )
    known = books.select("market", "profit").join(sums, on="market", how="left", maintain_order="left")
    known = known.with_columns(pl.col("count", "earned", "profitable", "longs").fill_null(0.0))

    def a_trip(name: str) -> Estimate:
        return ratio_over_markets(known[name].to_numpy(), known["count"].to_numpy(), seed=seed)

    def a_market(values: pl.Series) -> Estimate:
        return mean_over_markets(values.to_numpy(), seed=seed)

    middle = found["hours"].median()
    return OutcomeTrips(
        trips=found.height,
        sold=sold,
        profit=a_trip("earned"),
        profitable=a_trip("profitable"),
        longs=a_trip("longs"),
        minutes=Estimate.exact(middle * _HOUR_MINUTES) if isinstance(middle, float) else _none(),
        by_trips=a_market(known["earned"]),
        by_rest=a_market(known["profit"] - known["earned"]),
    )


def _none() -> Estimate:
    return Estimate.absent("no trip was closed")


def _fills(trades: pl.DataFrame, books: pl.DataFrame) -> pl.DataFrame:
    """FILLS of Up in each market, as if its tokens were one instrument; `is_bought` is of the token itself."""
    bought, price = pl.col("side") == "BUY", pl.col("up_price")
    is_fill = (pl.col("kind") == "TRADE") & pl.col("outcome").is_not_null()
    inside = trades.filter(is_fill & pl.col("market").is_in(books["market"].implode()))
    plain = inside.select(
        "time",
        "trader",
        "size",
        pl.col("market").alias("instrument"),
        pl.when((pl.col("outcome") == "Up") == bought).then(pl.lit("BUY")).otherwise(pl.lit("SELL")).alias("side"),
        price.alias("price"),
        (pl.col("size") * price).alias("notional"),
        bought.alias("is_bought"),
    )
    rest = {name: column.dtype for name, column in FILLS.columns.items() if name not in plain.columns}
    filled = plain.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in rest.items())
    return filled.select(*FILLS.columns, "is_bought")
