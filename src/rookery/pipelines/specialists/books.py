"""Books over a span of bars: of an agent's own positions, and of the baselines that need no learning."""

# T bars of the span, M instruments, G groups

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from rookery.evaluation.bar_backtest import BarBacktest, backtest_targets
from rookery.market.terms import Account
from rookery.measures import Floats, periods_per_year
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.gating import Baseline
from rookery.pipelines.specialists.groups import GroupName
from rookery.pipelines.specialists.portfolio import PortfolioBars
from rookery.pipelines.specialists.shield import shielded_account


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wishes:
    """What an agent wanted at each of T closes: shares of net worth (T, M), nan where it leaves things as they are.

    `allocation_TG` is what each group was given and `appetite_T` how much of it all was put at risk, where someone
    allocates; `groups` names the columns. `limited` counts orders that a limit cut or refused, by the limit's name.
    """

    weight_TM: Floats
    groups: tuple[GroupName, ...]
    allocation_TG: Floats | None = None
    appetite_T: Floats | None = None
    limited: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """One account's way over a span: what it wanted, and what became of it."""

    wishes: Wishes
    books: BarBacktest

    def returns(self) -> Floats:
        """T - 1 simple returns of net worth."""
        return self.books.returns()


def settled(data: PortfolioBars, wishes: Wishes, config: SpecialistsConfig, *, shielded: bool = False) -> Way:
    """Books of wishes, settled with all costs by the ledger: what is decided at a close fills at the next open.

    `shielded` puts the portfolio's limits between the wishes and the market.
    """
    plain = config.env(data.instruments).account()
    account = shielded_account(config, bar_minutes=data.interval_s / 60) if shielded else plain
    books = _books(data, wishes.weight_TM, config, account=account)
    return Way(wishes=wishes, books=books)


def baseline_books(data: PortfolioBars, config: SpecialistsConfig) -> Mapping[Baseline, BarBacktest]:
    """Equal weights (rebalanced at every close), buy and hold (the same weights, bought once), and always flat.

    An instrument's weight is what it has at equal allocations and full risk appetite, `position_size` / G, so that no
    baseline holds more than an agent that holds all it may. Costs are the agent's; there is no stop.
    """
    size_M = np.where(data.available_M, _part(data, config), 0.0)
    once_TM = np.full(data.bars.shape, np.nan)
    once_TM[0] = size_M
    tables: Mapping[Baseline, Floats] = {
        "equal_weights": np.tile(size_M, (data.bars.shape[0], 1)),
        "buy_and_hold": once_TM,
        "flat": np.zeros(data.bars.shape),
    }
    account = config.env(data.instruments, stop_loss_pct=None).account()
    return {name: _books(data, weight_TM, config, account=account) for name, weight_TM in tables.items()}


def only(data: PortfolioBars, wishes: Wishes, groups: tuple[GroupName, ...]) -> Wishes:
    """The same wishes for the instruments of `groups`; the others stay flat."""
    columns = [m for group in groups for m in data.columns(group)]
    kept_TM = np.zeros_like(wishes.weight_TM)
    kept_TM[:, columns] = wishes.weight_TM[:, columns]
    return Wishes(weight_TM=kept_TM, groups=groups)


def in_equal_parts(wishes: Mapping[GroupName, Wishes], data: PortfolioBars) -> Wishes:
    """Every specialist's own wishes, each at an equal part of the size that they were made for."""
    weight_TM = np.zeros(data.bars.shape)
    for group, own in wishes.items():
        columns = list(data.columns(group))
        weight_TM[:, columns] = own.weight_TM[:, columns] / len(wishes)
    return Wishes(weight_TM=weight_TM, groups=tuple(wishes))


def year_of(data: PortfolioBars) -> float | None:
    """Bars a year by the bars' own times; None when the span is too short for a year."""
    return periods_per_year(data.times.close_ns_T).value


def group_profit(books: BarBacktest, data: PortfolioBars) -> Mapping[GroupName, float]:
    """Profit net of costs of each group's instruments, in money; round trips that are open count at the last close."""
    found = dict(books.trades().group_by("instrument", maintain_order=True).agg(pl.col("pnl").sum()).iter_rows())
    return {group: sum(found.get(data.instruments[m], 0.0) for m in data.columns(group)) for group in data.groups}


def _part(data: PortfolioBars, config: SpecialistsConfig) -> float:
    return config.position_size / len(data.groups)


def _books(data: PortfolioBars, wish_TM: Floats, config: SpecialistsConfig, *, account: Account) -> BarBacktest:
    shared = config.environment
    return backtest_targets(
        data.bars,
        wish_TM,
        wish="weight",
        instruments=[shared.instrument(name) for name in data.instruments],
        account=account,
        capital=shared.initial_capital,
        times=data.times,
    )
