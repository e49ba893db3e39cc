"""An agent on bars that nobody learned from: beside its baselines, without each of its parts, against the targets."""

# T bars of the span, G groups

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rookery.evaluation.bar_backtest import BarBacktest
from rookery.evaluation.report.hierarchy import (
    AblationRow,
    Allocations,
    Breaches,
    Limited,
    PhaseGate,
    PhaseTargets,
    Share,
    SpecialistUse,
)
from rookery.evaluation.report.record import Estimate, Verdict
from rookery.evaluation.significance import Significance, mean_estimate, significance
from rookery.evaluation.verdict import Gate, judge
from rookery.measures import HEADLINE, Floats, sharpe
from rookery.pipelines.specialists.ablation import EQUAL, ablation, without
from rookery.pipelines.specialists.books import Way, group_profit, only, settled, year_of
from rookery.pipelines.specialists.config import PhaseNumber, SpecialistsConfig
from rookery.pipelines.specialists.gating import BASELINES, Baseline, Ground
from rookery.pipelines.specialists.goals import breaches, phase_targets
from rookery.pipelines.specialists.groups import GroupName
from rookery.pipelines.specialists.portfolio import PortfolioBars

# Points of the allocations' chart; a screen shows no more.
_MOST_POINTS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """All figures of a report's headline and panel. `rivals` are the baselines' books and the specialists in equal
    parts, where that is another account than the agent's.
    """

    phase: int
    data: PortfolioBars
    agent: Way
    rivals: Mapping[Baseline, BarBacktest]
    significance: Significance
    ground: Ground
    verdict: Verdict
    ablation: tuple[AblationRow, ...]
    uses: tuple[SpecialistUse, ...]
    targets: tuple[PhaseTargets, ...]
    breaches: tuple[Breaches, ...]
    allocations: Allocations | None
    limits: tuple[Limited, ...]


def judged(
    data: PortfolioBars,
    ways: Mapping[PhaseNumber, Way],
    baselines: Mapping[Baseline, BarBacktest],
    *,
    gates: Sequence[PhaseGate],
    config: SpecialistsConfig,
    seed: int,
) -> Judged:
    """Judge the last of `ways`, the account of each phase that was trained, on all of `data`.

    That of phase 1 is the specialists in equal parts. A gate that stopped the run makes the verdict a refusal.
    """
    phase = max(ways)
    agent, equal = ways[phase], ways[1]
    ground = Ground(periods_per_year=year_of(data), resamples=config.evaluation.resamples, seed=seed)
    known = baselines if equal is agent else {**baselines, "equal_parts": equal.books}
    rivals: dict[Baseline, BarBacktest] = {name: known[name] for name in BASELINES if name in known}
    found = significance(
        agent.returns(),
        {str(name): books.returns() for name, books in rivals.items()},
        seed=seed,
        periods_per_year=ground.periods_per_year,
        formulas=HEADLINE,
        resamples=ground.resamples,
    )
    stopped = [
        Gate(name=f"of phase {one.phase}", passed=one.passed, reason=one.sentence) for one in gates if one.applied
    ]
    alone = {group: settled(data, only(data, agent.wishes, (group,)), config, shielded=True) for group in data.groups}
    return Judged(
        phase=phase,
        data=data,
        agent=agent,
        rivals=rivals,
        significance=found,
        ground=ground,
        verdict=judge(
            found,
            fills=len(agent.books.record.fill_XC),
            draws_beaten=None,
            gates=stopped,
            rivals=rival_names(rivals),
        ),
        ablation=ablation(agent.returns(), _parts(data, agent, equal, config), ground=ground),
        uses=tuple(_use(data, agent, group, alone[group], ground) for group in data.groups),
        targets=tuple(_targets(data, number, way, ground, config) for number, way in ways.items()),
        breaches=_breaches(agent, rivals, config),
        allocations=_allocations(data, agent),
        limits=_limits(agent),
    )


def rival_names(rivals: Mapping[Baseline, BarBacktest]) -> Mapping[str, str]:
    """What a reader calls each rival."""
    return {str(name): BASELINES[name] for name in rivals}


def closed_profits(books: BarBacktest) -> Floats:
    """Profit net of costs of every round trip that was closed."""
    trades = books.trades()
    return trades.filter(trades["status"] == "closed")["pnl"].to_numpy()


def _targets(
    data: PortfolioBars, phase: PhaseNumber, way: Way, ground: Ground, config: SpecialistsConfig
) -> PhaseTargets:
    return phase_targets(
        phase,
        way.returns(),
        closed_profits(way.books),
        config=config,
        interval_s=data.interval_s,
        ground=ground,
        span="test",
    )


def _parts(data: PortfolioBars, agent: Way, equal: Way, config: SpecialistsConfig) -> dict[str, Floats]:
    parts = {} if equal is agent else {EQUAL: equal.returns()}
    for group in data.groups:
        rest = tuple(one for one in data.groups if one != group)
        parts[without(group)] = settled(data, only(data, agent.wishes, rest), config, shielded=True).returns()
    return parts


def _use(data: PortfolioBars, agent: Way, group: GroupName, alone: Way, ground: Ground) -> SpecialistUse:
    """How one specialist was used; `alone` are the books of its own orders."""
    wishes, columns = agent.wishes, list(data.columns(group))
    share = Estimate.absent("nobody allocates in phase 1")
    if wishes.allocation_TG is not None:
        # At the last close nothing is decided.
        share = mean_estimate(wishes.allocation_TG[:-1, wishes.groups.index(group)], seed=ground.seed)
    held_T = (agent.books.record.quantity_TM[:, columns] != 0).any(axis=1)
    own = significance(
        alone.returns(),
        {},
        seed=ground.seed,
        periods_per_year=ground.periods_per_year,
        formulas=(sharpe,),
        resamples=ground.resamples,
    )
    names = tuple(data.instruments[m] for m in columns)
    fills = agent.books.fills()
    return SpecialistUse(
        name=group,
        instruments=names,
        allocation=share,
        in_market=Estimate.exact(float(held_T.mean())),
        fills=fills.filter(fills["instrument"].is_in(list(names))).height,
        profit=float(group_profit(agent.books, data)[group]),
        alone=own.agent[sharpe.name],
    )


def _breaches(agent: Way, rivals: Mapping[Baseline, BarBacktest], config: SpecialistsConfig) -> tuple[Breaches, ...]:
    limit = config.environment.max_portfolio_var
    rows = [("the agent", agent.books)]
    rows += [(BASELINES[name], books) for name, books in rivals.items() if name != "flat"]
    return tuple(breaches(name, books.returns(), limit) for name, books in rows)


def _allocations(data: PortfolioBars, agent: Way) -> Allocations | None:
    wishes = agent.wishes
    if wishes.allocation_TG is None:
        return None
    count = len(wishes.allocation_TG) - 1
    rows = np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).round().astype(np.int64))
    appetite = () if wishes.appetite_T is None else tuple(float(one) for one in wishes.appetite_T[rows])
    return Allocations(
        time_ms=tuple(int(ns) // 1_000_000 for ns in data.times.close_ns_T[rows]),
        shares=tuple(
            Share(name=group, values=tuple(float(one) for one in wishes.allocation_TG[rows, g]))
            for g, group in enumerate(wishes.groups)
        ),
        appetite=appetite,
    )


_LIMITS: Mapping[str, str] = {
    "clipped": "an order that would have raised what a limit bounds was cut",
    "refused": "an order that was no number was not sent",
    "stop": "a position lost as much as its stop allows and was closed",
}


def _limits(agent: Way) -> tuple[Limited, ...]:
    events = dict(agent.books.totals().events)
    rows = [Limited(name=name, count=events.get(name, 0), text=text) for name, text in _LIMITS.items()]
    return (*rows, *(Limited(name=name, count=count, text="") for name, count in (agent.wishes.limited or {}).items()))
