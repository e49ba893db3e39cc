"""An agent beside its baselines on the same swaps: books, returns on one clock, intervals and verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rookery.agents.baselines import always_hold, buy_and_hold, random
from rookery.evaluation.backtest import Backtest, backtest, equity_of_draws
from rookery.evaluation.grid import Grid
from rookery.evaluation.report.record import Verdict
from rookery.evaluation.significance import Significance, significance
from rookery.evaluation.verdict import RIVALS, Gate, judge
from rookery.market.costs import Costs
from rookery.measures import Floats, Measure, periods_per_year, simple_returns
from rookery.types import Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All figures of a headline. Rivals are flat, buy_and_hold, random and teacher, in this order.

    `equity_G1` has agent and rivals on the grid, start first; random is the mean of `draws_net_D`'s accounts, as if the
    capital were spread evenly over all draws, and has no books of its own. `draws_beaten` is the share of draws that
    earned less than the agent.
    """

    agent: Backtest
    rivals: Mapping[str, Backtest]
    grid: Grid
    equity_G1: Mapping[str, Floats]
    draws_net_D: Floats
    draws_beaten: float
    periods_per_year: Measure
    significance: Significance
    verdict: Verdict


def compare(
    swaps: pl.DataFrame,
    decisions: pl.DataFrame,
    teacher: pl.DataFrame,
    *,
    costs: Costs,
    pair: Pair,
    seed: int,
    capital_quote: float = 10_000.0,
    draws: int = 200,
    resamples: int = 1_000,
    gates: Sequence[Gate] = (),
) -> Comparison:
    """Backtest `decisions` and `teacher` (DECISIONS over `swaps`) beside flat, buy-and-hold and random trading.

    All start with `capital_quote` in quote. Buy-and-hold pays fee and gas but no impact: who holds for long can buy in
    parts, and one order for all the capital would ruin it where a pool is thin at first. Measures are per year where
    the span allows it, otherwise per period of the grid; `periods_per_year.reason` says why. Raises what `backtest`
    raises.
    """
    if draws < 1:
        raise ValueError(f"{draws} draws of random trading, expected at least 1")

    def run(table: pl.DataFrame, costs: Costs = costs) -> Backtest:
        return backtest(swaps, table, costs=costs, pair=pair, capital_quote=capital_quote)

    agent = run(decisions)
    clock = agent.grid()
    patient = costs.model_copy(update={"impact": False})
    rivals = {
        "flat": run(always_hold(swaps)),
        "buy_and_hold": run(buy_and_hold(swaps), patient),
        "teacher": run(teacher),
    }
    tables = [random(swaps, decisions, seed=int(one)) for one in np.random.SeedSequence(seed).generate_state(draws)]
    drawn_DG1 = equity_of_draws(swaps, tables, costs=costs, pair=pair, capital_quote=capital_quote)
    equity = {"agent": agent.equity_on(clock)}
    for name in RIVALS:
        equity[name] = drawn_DG1.mean(axis=0) if name == "random" else rivals[name].equity_on(clock)
    returns = {name: simple_returns(values) for name, values in equity.items()}
    year = periods_per_year(clock.time_ns_G1)
    result = significance(returns.pop("agent"), returns, seed=seed, periods_per_year=year.value, resamples=resamples)
    net_D = drawn_DG1[:, -1] - drawn_DG1[:, 0]
    beaten = float((net_D < agent.totals.net).mean())
    return Comparison(
        agent=agent,
        rivals=rivals,
        grid=clock,
        equity_G1=equity,
        draws_net_D=net_D,
        draws_beaten=beaten,
        periods_per_year=year,
        significance=result,
        verdict=judge(result, fills=agent.fills, draws_beaten=beaten, gates=gates),
    )
