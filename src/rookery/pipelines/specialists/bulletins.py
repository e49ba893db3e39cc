"""What the hierarchy tells itself after every rollout of phase 3, from the books of one portfolio on the real bars."""

# M instruments, G specialists

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rookery.agents.hedges import coordination_signals
from rookery.agents.messages import AlertMessage, AllocationMessage, Message, PerformanceReport, correlation_id
from rookery.features.regime import REGIMES, market_regime
from rookery.market.accounts import BREAKER, COST, EMERGENCY, QUANTITY, REALISED
from rookery.market.bars import CLOSE
from rookery.market.portfolio_env import MEAN, SQUARE, WON
from rookery.market.portfolio_vector_env import PortfolioVectorEnv
from rookery.market.terms import CONTRACT
from rookery.pipelines.specialists.observing import Observed

Floats = NDArray[np.float64]


def bulletin(
    env: PortfolioVectorEnv,
    observed: Observed,
    *,
    confidence: Mapping[str, float],
    max_sector: float,
    periods_per_year: float,
    path: tuple[str | int, ...],
) -> list[Message]:
    """Allocations, performance, coordination signals and alerts of the first copy of `env`, under one correlation id.

    `confidence` is each specialist's mean probability of what it did; `path` names the occasion.
    """
    state, bar = env.state, int(env.state.bar_N[0])
    seconds = int(observed.data.times.close_ns_T[bar]) / 1e9
    common: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(seconds, UTC).isoformat(),
        "correlation_id": correlation_id(*path),
    }
    exposure_M, value_M = _exposure(env, bar)
    regime = REGIMES[int(market_regime(state.returns_NR[0])[-1])]
    messages: list[Message] = []
    used: dict[str, float] = {}
    for s, (name, group) in enumerate(zip(observed.groups, observed.portfolio.groups, strict=True)):
        members = list(group)
        used[name] = float(np.abs(exposure_M[members]).sum() / max_sector)
        record_X = state.record_NSX[0, s]
        variance = float(record_X[SQUARE] - record_X[MEAN] ** 2)
        ratio = float(record_X[MEAN]) / math.sqrt(variance) * math.sqrt(periods_per_year) if variance > 0 else None
        messages.append(
            AllocationMessage(
                specialist_id=name,
                allocation=float(np.clip(state.share_NS[0, s], 0.0, 1.0)),
                risk_appetite=float(np.clip(state.risk_N[0], 0.0, 1.0)),
                market_regime=regime,
                metadata={"bar": bar},
                **common,
            )
        )
        books_MC = state.position_NMC[0, members]
        messages.append(
            PerformanceReport(
                specialist_id=name,
                confidence_score=float(np.clip(confidence[name], 0.0, 1.0)),
                realized_pnl=float(books_MC[:, REALISED].sum()),
                unrealized_pnl=float(value_M[members].sum() - books_MC[:, COST].sum()),
                sharpe_ratio=ratio,
                win_rate=float(np.clip(record_X[WON], 0.0, 1.0)),
                risk_utilization=used[name],
                **common,
            )
        )
    groups: dict[str, tuple[int, ...]] = dict(zip(observed.groups, observed.portfolio.groups, strict=True))
    covariance_MM = env.params.market.covariance_TMM[bar]
    messages += coordination_signals(covariance_MM, exposure_M, groups, risk_used=used, **common)
    return [*messages, *_alerts(env, common)]


def _exposure(env: PortfolioVectorEnv, bar: int) -> tuple[Floats, Floats]:
    """Signed shares of net worth, and values in money, of the first copy's positions."""
    market = env.params.market
    unit_M = market.instruments_MI[:, CONTRACT] * market.quotes_TMQ[bar, :, CLOSE]
    value_M = env.state.position_NMC[0, :, QUANTITY] * unit_M
    worth = max(float(env.state.worth_N[0]), 1e-6 * env.params.capital)
    return value_M / worth, value_M


def _alerts(env: PortfolioVectorEnv, common: Mapping[str, Any]) -> list[AlertMessage]:
    tripped, ended = int(env.state.counts_NK[:, BREAKER].sum()), int(env.state.counts_NK[:, EMERGENCY].sum())
    found = []
    if tripped:
        text = f"circuit breakers tripped {tripped} times in the episodes under way"
        found.append(AlertMessage(alert_type="circuit_breaker", severity="high", message=text, **common))
    if ended:
        text = f"{ended} of {env.num_envs} portfolios were closed in an emergency"
        found.append(AlertMessage(alert_type="risk_violation", severity="critical", message=text, **common))
    return found
