"""What the same decisions would have earned had they been carried out later."""

from collections.abc import Sequence

import polars as pl

from rookery.evaluation.backtest import backtest
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.results import LagLevel
from rookery.market.costs import Costs
from rookery.types import Pair

LAGS = (0, 1, 2, 5)


def delayed(decisions: pl.DataFrame, swaps: pl.DataFrame, *, by: int) -> pl.DataFrame:
    """DECISIONS over `swaps` as if each had been made `by` swaps later; what would come after the last one is dropped.

    Slippage limit and deadline count from the later swap, as they would for an agent that is slow to decide.
    """
    if by < 0:
        raise ValueError(f"decisions cannot be carried out {-by} swaps before they are made")
    if not by:
        return decisions
    late = decisions.filter(pl.col("row") + by < swaps.height).with_columns(pl.col("row") + by)
    return late.with_columns(time=swaps["time"].gather(late["row"]))


def lag_curve(
    swaps: pl.DataFrame,
    decisions: pl.DataFrame,
    *,
    costs: Costs,
    pair: Pair,
    capital_quote: float = 10_000.0,
    lags: Sequence[int] = LAGS,
) -> tuple[LagLevel, ...]:
    """Net profit of `decisions`, settled anew at each lag in swaps. Raises what `backtest` raises."""
    levels = []
    for lag in lags:
        table = delayed(decisions, swaps, by=lag)
        books = backtest(swaps, table, costs=costs, pair=pair, capital_quote=capital_quote)
        levels.append(
            LagLevel(swaps=lag, orders=books.orders.height, fills=books.fills, net=Estimate.exact(books.totals.net))
        )
    return tuple(levels)
