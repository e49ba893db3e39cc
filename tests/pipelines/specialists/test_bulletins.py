"""A bulletin tells the books as they are, and alerts when a breaker tripped."""

import numpy as np
import pytest

from rookery.agents.messages import AlertMessage, AllocationMessage, PerformanceReport, from_json, to_json
from rookery.market.accounts import BREAKER, COST, EMERGENCY, QUANTITY, REALISED
from rookery.market.bars import CLOSE
from rookery.market.portfolio_vector_env import PortfolioVectorEnv
from rookery.pipelines.specialists.bulletins import bulletin
from rookery.pipelines.specialists.config import quick
from rookery.pipelines.specialists.groups import GROUPS
from rookery.pipelines.specialists.inputs import BarSource, read
from rookery.pipelines.specialists.joint_worlds import portfolio_env
from rookery.pipelines.specialists.observing import Observed, observe
from rookery.pipelines.specialists.portfolio import portfolio


@pytest.fixture(scope="module")
def played() -> tuple[PortfolioVectorEnv, Observed]:
    """Two portfolios, long in everything for ten bars."""
    config = quick()
    data, _ = portfolio(read(BarSource(kind="generated", bars=600)), config)
    observed = observe(data, {group: config.specialist(group).instruments for group in GROUPS})
    env = portfolio_env(config, observed, 2)
    env.reset(seed=0)
    action = np.array([0.5, 0.3, 0.2, 0.8] + [0.0] * 8, np.float32)
    for _ in range(10):
        env.step(np.tile(action, (2, 1)))
    return env, observed


def told(played: tuple[PortfolioVectorEnv, Observed]) -> list[object]:
    env, observed = played
    confidence = {"forex": 0.4, "commodities": 0.5, "equity": 0.6}
    return list(
        bulletin(env, observed, confidence=confidence, max_sector=0.4, periods_per_year=1560.0, path=("run", 7))
    )


def test_allocations_are_those_of_the_last_step_and_all_messages_share_one_id(
    played: tuple[PortfolioVectorEnv, Observed],
):
    messages = told(played)
    shares = {one.specialist_id: one.allocation for one in messages if isinstance(one, AllocationMessage)}
    assert shares == pytest.approx({"forex": 0.5, "commodities": 0.3, "equity": 0.2})
    assert len({one.correlation_id for one in messages}) == 1  # type: ignore[attr-defined]
    assert all(from_json(to_json(one)) == one for one in messages)  # type: ignore[arg-type]


def test_reported_profits_are_those_of_the_books(played: tuple[PortfolioVectorEnv, Observed]):
    env, observed = played
    books, bar = env.state.position_NMC[0], int(env.state.bar_N[0])
    reports = [one for one in told(played) if isinstance(one, PerformanceReport)]
    assert sum(one.realized_pnl for one in reports) == pytest.approx(books[:, REALISED].sum())
    value = (books[:, QUANTITY] * env.params.market.quotes_TMQ[bar, :, CLOSE]).sum()
    assert sum(one.unrealized_pnl for one in reports) == pytest.approx(value - books[:, COST].sum())
    assert [one.confidence_score for one in reports] == [0.4, 0.5, 0.6]
    assert len(reports) == len(observed.groups)


def test_breakers_and_emergencies_are_alerts(played: tuple[PortfolioVectorEnv, Observed]):
    env, _ = played
    assert not [one for one in told(played) if isinstance(one, AlertMessage)]
    env.state.counts_NK[1, BREAKER], env.state.counts_NK[1, EMERGENCY] = 2, 1
    alerts = [one for one in told(played) if isinstance(one, AlertMessage)]
    env.state.counts_NK[1, [BREAKER, EMERGENCY]] = 0
    assert [(one.alert_type, one.severity) for one in alerts] == [
        ("circuit_breaker", "high"),
        ("risk_violation", "critical"),
    ]
