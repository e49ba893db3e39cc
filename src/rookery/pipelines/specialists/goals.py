"""The specification's performance targets beside what was reached: reported, never asserted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from rookery.evaluation.claims import drawdown_claim, sharpe_claim, win_rate_claim, win_rate_estimate
from rookery.evaluation.report.belief import Claim
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.hierarchy import Breaches, PhaseTargets
from rookery.evaluation.report.wording import number
from rookery.evaluation.significance import significance
from rookery.measures import Floats, max_drawdown, sharpe
from rookery.pipelines.specialists.config import PhaseNumber, SpecialistsConfig
from rookery.pipelines.specialists.gating import Ground

State = Literal["met", "not met", "not distinguishable", "not testable with this data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """Sharpe ratio a year above, drawdown below, win rate above, share of bars within the value at risk above."""

    sharpe: float
    max_drawdown: float
    win_rate: float
    compliance: float | None


# The specification's table, phase by phase; its settings may ask other figures of phase 3 (see `goals_of`).
GOALS: Mapping[int, Goals] = {
    1: Goals(sharpe=1.5, max_drawdown=0.20, win_rate=0.55, compliance=None),
    2: Goals(sharpe=1.8, max_drawdown=0.18, win_rate=0.60, compliance=0.95),
    3: Goals(sharpe=2.0, max_drawdown=0.15, win_rate=0.65, compliance=0.98),
}


def goals_of(phase: PhaseNumber, config: SpecialistsConfig) -> Goals:
    """What a phase is hoped to reach: of phase 3 the Sharpe ratio and the drawdown that the settings name."""
    if phase < 3:
        return GOALS[phase]
    given = config.reward
    return replace(GOALS[3], sharpe=given.sharpe_target, max_drawdown=given.max_drawdown_target)


def phase_targets(
    phase: PhaseNumber,
    returns_N: Floats,
    profits: npt.ArrayLike,
    *,
    config: SpecialistsConfig,
    interval_s: int,
    ground: Ground,
    span: str,
) -> PhaseTargets:
    """The targets of a phase against N returns of `interval_s` each and the profits of its closed trades.

    The value at risk is that of one bar which the settings allow the account.
    """
    goals, limit = goals_of(phase, config), config.environment.max_portfolio_var
    found = significance(
        returns_N,
        {},
        seed=ground.seed,
        periods_per_year=ground.periods_per_year,
        formulas=(sharpe, max_drawdown),
        resamples=ground.resamples,
    )
    yearly = found.agent[sharpe.name]
    if ground.periods_per_year is None:
        yearly = Estimate.absent("the span is too short for a year")
    claims = [
        sharpe_claim(returns_N, goals.sharpe, interval_s=interval_s, reached=yearly),
        drawdown_claim(returns_N, goals.max_drawdown, interval_s=interval_s, reached=found.agent[max_drawdown.name]),
        win_rate_claim(profits, goals.win_rate),
    ]
    if goals.compliance is not None:
        claims.append(compliance_claim(returns_N, limit, goals.compliance))
    return PhaseTargets(phase=phase, span=span, claims=tuple(claims))


def compliance_claim(returns_N: Floats, limit: float, target: float) -> Claim:
    """The claim that more than `target` of the bars lost no more than `limit`, by the exact binomial interval."""
    reached, needed = compliance(returns_N, limit), _bars_needed(target)
    state: State = "not testable with this data"
    words = f"{needed:,} bars; there are {returns_N.size:,}"
    if returns_N.size >= needed and reached.low is not None and reached.high is not None:
        state, words = "not distinguishable", ""
        if reached.low > target or reached.high < target:
            state = "met" if reached.low > target else "not met"
    share = number(target, "percent", 0)
    return Claim(
        name=f"Within value at risk of {number(limit, 'percent', 1)} in {share} of the bars",
        target=f"> {share}",
        reached=reached,
        style="percent",
        digits=2,
        state=state,
        needed=words,
    )


def compliance(returns_N: Floats, limit: float) -> Estimate:
    """Share of N returns that lost no more than `limit`, with the exact binomial interval (Clopper, Pearson 1934)."""
    # A bar that keeps the limit is a trade won, in the words of the test that this shares.
    return win_rate_estimate(np.where(returns_N >= -limit, 1.0, -1.0))


def breaches(name: str, returns_N: Floats, limit: float) -> Breaches:
    """How often N returns lost more than `limit`."""
    return Breaches(
        name=name,
        limit=limit,
        bars=int(returns_N.size),
        breaches=int((returns_N < -limit).sum()),
        compliance=compliance(returns_N, limit),
    )


def _bars_needed(target: float) -> int:
    """Bars without one breach after which a share of `target` is excluded from below at 95 %: target^n <= 0.025."""
    return int(np.ceil(np.log(0.025) / np.log(target)))
