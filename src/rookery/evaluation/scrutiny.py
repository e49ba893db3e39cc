"""A report's closer looks at an agent's books: when, at what risk, how late, like which baseline, worth which claim."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from rookery.evaluation.calendar import calendar_section
from rookery.evaluation.claims import Targets, claims
from rookery.evaluation.comparison import Comparison
from rookery.evaluation.delay import lag_curve
from rookery.evaluation.likeness import likenesses
from rookery.evaluation.regimes import regime_sections
from rookery.evaluation.report.record import Estimate, Report
from rookery.evaluation.report.wording import duration
from rookery.evaluation.risk import risk_section
from rookery.evaluation.round_trips import round_trip_section
from rookery.market.costs import Costs
from rookery.measures import max_drawdown, sharpe, simple_returns
from rookery.types import Pair, Side


def scrutinised(
    report: Report,
    result: Comparison,
    swaps: pl.DataFrame,
    decisions: pl.DataFrame,
    *,
    costs: Costs,
    pair: Pair,
    capital_quote: float,
    names: Mapping[str, str],
    seed: int,
    targets: Targets | None = None,
) -> Report:
    """`report` with calendar, regimes, risk, round trips, lag curve, likenesses and claims of `result`.

    `swaps` and `decisions` are those that `result` came from; `names` says what the reader calls each rival.
    """
    agent, clock = result.agent, result.grid
    known = agent.equity
    price_G1 = np.concatenate((known["price"].to_numpy()[:1], known["price"].to_numpy()[clock.row_G]))
    lags = lag_curve(swaps, decisions, costs=costs, pair=pair, capital_quote=capital_quote)
    return replace(
        report,
        costs=None if report.costs is None else replace(report.costs, lags=lags),
        calendar=calendar_section(
            known["time"].to_physical().to_numpy(), known["equity"].to_numpy(), start=agent.totals.start
        ),
        regimes=regime_sections(price_G1, result.equity_G1["agent"], period=duration(clock.interval_s), seed=seed),
        risk=risk_section(agent, clock, seed=seed),
        round_trips=round_trip_section(agent, pair=pair, seed=seed),
        likenesses=likenesses(agent, result.rivals, clock, names),
        claims=claims(
            simple_returns(result.equity_G1["agent"]),
            _sold(agent.orders),
            interval_s=clock.interval_s,
            sharpe=_per_year(result),
            max_drawdown=result.significance.agent[max_drawdown.name],
            targets=targets,
        ),
    )


def _sold(orders: pl.DataFrame) -> pl.Series:
    """Realised profit of every sale."""
    return orders.filter((pl.col("status") == "filled") & (pl.col("side") == Side.SELL))["realised"]


def _per_year(result: Comparison) -> Estimate:
    if result.periods_per_year.value is None:
        return Estimate.absent(result.periods_per_year.reason)
    return result.significance.agent[sharpe.name]
