"""One rule with many parameters over walk-forward folds: every set judged on train and test, the best of train named.

The best of many is good by luck too: count every set of the grid as a trial when its Sharpe ratio is deflated.
"""

# P parameter sets, T bars, M instruments, R figures, S spans

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.evaluation.path_measures import by_name
from rookery.market.accounts import open_accounts
from rookery.market.bar_record import market_of
from rookery.market.bars import Bars
from rookery.market.execution import BarTimes, Execution, arrival_bars
from rookery.market.sweeping import (
    BARS_IN_MARKET,
    CARRY_PAID,
    EXPOSURE,
    FEES_PAID,
    FIGURES,
    FILLS,
    SLIPPAGE_PAID,
    sweep_targets,
)
from rookery.market.targets import Plan, Wish, nothing_under_way, plan
from rookery.market.terms import Account, Instrument, Market

Floats = npt.NDArray[np.float64]
# Targets (P, T) or (P, T, M) of some rows of the parameter table; row t may use bars up to t and none after.
Rule = Callable[[Bars, pl.DataFrame], npt.NDArray[Any]]
Criterion = Literal["sharpe", "sortino", "total_return"]
# Targets of one block, in bytes as float64: bounds the memory of a sweep, by thread.
_BLOCK_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Bars (from, to) to choose parameters on, and later bars (from, to) to judge the choice by."""

    train: tuple[int, int]
    test: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """`table`: one row per fold, part (train, test) and parameter set, in this order; `chosen`: the best set of each
    fold's train part by the criterion, with its figures there and, prefixed test_, on the fold's test part.

    Columns after fold, part, set (row of the parameters) and the parameters: total_return, sharpe, sortino (as in
    `measures`, per year when periods_per_year was given, else per bar; null where returns do not vary, or none lost),
    max_drawdown, exposure (mean gross), time_in_market (share of bars), fills, fees, slippage, carry (money).
    """

    table: pl.DataFrame
    chosen: pl.DataFrame


def parameter_grid(**axes: Sequence[float]) -> pl.DataFrame:
    """Every combination of the values given, one column per name; leave out what makes no sense with `.filter`."""
    rows = itertools.product(*axes.values())
    return pl.DataFrame(list(rows), schema=list(axes), orient="row")


def walk_forward(count: int, *, folds: int = 3, expanding: bool = True, embargo: int = 0) -> tuple[Fold, ...]:
    """`count` bars cut into folds + 1 equal parts; each part after the first is tested on, what came before trains.

    With `expanding` all that came before, else the part just before. The last `embargo` bars of train are left out.
    Raises ValueError when a part would have fewer than 3 bars.
    """
    edges = np.linspace(0, count, folds + 2).astype(int).tolist()
    if folds < 1 or embargo < 0 or min(np.diff(edges)) - embargo < 3:
        raise ValueError(f"{count} bars do not make {folds} folds with an embargo of {embargo}")
    return tuple(
        Fold(train=(0 if expanding else edges[f], edges[f + 1] - embargo), test=(edges[f + 1], edges[f + 2]))
        for f in range(folds)
    )


def sweep(
    bars: Bars,
    rule: Rule,
    parameters: pl.DataFrame,
    *,
    folds: Sequence[Fold],
    wish: Wish = "side",
    size: float = 1.0,
    min_trade: float = 0.0,
    criterion: Criterion = "sharpe",
    instruments: Sequence[Instrument] = (),
    account: Account | None = None,
    execution: Execution | None = None,
    capital: float = 100_000.0,
    times: BarTimes | None = None,
    periods_per_year: float | None = None,
    threads: int = 2,
) -> Sweep:
    """Run `rule` with every row of `parameters` on every part of every fold, each alone, flat and with full capital.

    `rule(bars, some_rows)` sees all bars, so that its windows are full at a part's start; parameters are handed to it
    in blocks of bounded memory, from `threads` threads at once. Raises ValueError when shapes do not fit.
    """
    if not parameters.height:
        raise ValueError("the parameter table is empty")
    if criterion not in get_args(Criterion):
        raise ValueError(f"no criterion '{criterion}'; known: {', '.join(get_args(Criterion))}")
    market, rules = market_of(bars, instruments, account, times=times), execution or Execution()
    orders = plan(rules, arrival_bars(rules, bars.shape[0], times), wish=wish, size=size, min_trade=min_trade)
    spans = [span for fold in folds for span in (fold.train, fold.test)]
    for first, end in spans:
        if not 0 <= first < end - 2 or end > bars.shape[0]:
            raise ValueError(f"bars {first} to {end} of {bars.shape[0]} are no span of at least 3 bars")
    figures_SPR = np.empty((len(spans), parameters.height, len(FIGURES)))
    rows = max(1, _BLOCK_BYTES // (8 * bars.shape[0] * bars.shape[1]))

    def block(first: int) -> None:
        some = parameters.slice(first, rows)
        wish_PTM = _targets(rule(bars, some), (some.height, *bars.shape))
        _settle(market, orders, wish_PTM, spans, capital, figures_SPR[:, first : first + rows])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(block, range(0, parameters.height, rows)))
    table = _table(figures_SPR, spans, parameters, capital, periods_per_year)
    return Sweep(table=table, chosen=_chosen(table, parameters, criterion))


def _targets(targets: npt.NDArray[Any], shape: tuple[int, int, int]) -> npt.NDArray[Any]:
    whole = targets[:, :, None] if targets.ndim == 2 and shape[2] == 1 else targets
    if whole.shape != shape:
        raise ValueError(f"the rule gave targets of shape {targets.shape}; expected {shape}")
    # Two types, for which the kernel is compiled; sides as int8 take an eighth of the memory.
    return np.require(whole, np.int8 if whole.dtype == np.int8 else np.float64, ["C", "W"])


def _settle(
    market: Market,
    orders: Plan,
    wish_PTM: npt.NDArray[Any],
    spans: Sequence[tuple[int, int]],
    capital: float,
    figures_SPR: Floats,
) -> None:
    accounts = open_accounts(np.array([capital]), wish_PTM.shape[2])
    way = nothing_under_way(orders.arrival_T, wish_PTM.shape[2])
    for first in {span[0] for span in spans}:
        # What begins at one bar is one run, looked at where each of its spans ends.
        same = sorted((end, s) for s, (start, end) in enumerate(spans) if start == first)
        end_E, figures_EPR = np.array([end for end, _ in same]), np.empty((len(same), *figures_SPR.shape[1:]))
        sweep_targets(accounts, market, orders, way, wish_PTM, first, end_E, capital, figures_EPR)
        figures_SPR[[s for _, s in same]] = figures_EPR


def _table(
    figures_SPR: Floats,
    spans: Sequence[tuple[int, int]],
    parameters: pl.DataFrame,
    capital: float,
    periods_per_year: float | None,
) -> pl.DataFrame:
    parts = []
    for s, (first, end) in enumerate(spans):
        labels = parameters.select(
            pl.lit(s // 2).alias("fold"), pl.lit(("train", "test")[s % 2]).alias("part"), pl.all()
        ).with_row_index("set")
        parts.append(
            pl.concat((labels, _measured(figures_SPR[s], end - first, capital, periods_per_year)), how="horizontal")
        )
    return pl.concat(parts).select("fold", "part", "set", pl.exclude("fold", "part", "set"))


def _measured(figures_PR: Floats, bars: int, capital: float, periods_per_year: float | None) -> pl.DataFrame:
    ratios = by_name(figures_PR, capital, periods_per_year)
    measures = ("total_return", "sharpe", "sortino", "max_drawdown")
    return pl.DataFrame(
        {name: ratios[name] for name in measures}
        | {
            "exposure": figures_PR[:, EXPOSURE] / bars,
            "time_in_market": figures_PR[:, BARS_IN_MARKET] / bars,
            "fills": figures_PR[:, FILLS].astype(np.int64),
            "fees": figures_PR[:, FEES_PAID],
            "slippage": figures_PR[:, SLIPPAGE_PAID],
            "carry": figures_PR[:, CARRY_PAID],
        }
    ).with_columns(pl.col(measures).fill_nan(None))


def _chosen(table: pl.DataFrame, parameters: pl.DataFrame, criterion: Criterion) -> pl.DataFrame:
    """The first of the best by fold; sets without the criterion cannot win, and a fold without any has no row."""
    train, test = (table.filter(pl.col("part") == part).drop("part") for part in ("train", "test"))
    best = (
        train.filter(pl.col(criterion).is_not_null())
        .sort("fold", criterion, "set", descending=[False, True, False])
        .group_by("fold", maintain_order=True)
        .first()
    )
    own = ("fold", "set", *parameters.columns)
    judged = test.drop(parameters.columns).rename({name: f"test_{name}" for name in test.columns if name not in own})
    return best.join(judged, on=["fold", "set"], how="left", maintain_order="left")
