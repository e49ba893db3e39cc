"""Signals between groups follow from their positions' covariance, not from names."""

import numpy as np
import pytest

from rookery.agents.hedges import coordination_signals, group_correlation
from rookery.agents.messages import correlation_id

GROUPS = {"forex": [0], "commodities": [1], "equity": [2, 3]}
WHEN = {"timestamp": "2024-01-02T03:04:05+00:00", "correlation_id": correlation_id("test")}
# One and two move together, three and four by themselves.
COVARIANCE = np.array([[4.0, 3.8, 0, 0], [3.8, 4.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 1.0]]) * 1e-4


def kinds(exposure: list[float], **settings: object) -> list[tuple[str, str, str]]:
    signals = coordination_signals(COVARIANCE, np.array(exposure), GROUPS, **WHEN, **settings)  # type: ignore[arg-type]
    return [(one.signal_type, one.from_specialist, one.to_specialist) for one in signals]


def test_two_longs_that_move_together_are_a_correlation_alert_and_urgent_when_nearly_one():
    assert kinds([0.1, 0.1, 0.1, 0.1]) == [("correlation_alert", "forex", "commodities")]
    signal = coordination_signals(COVARIANCE, np.array([0.1, 0.1, 0, 0]), GROUPS, **WHEN)[0]
    assert signal.priority == "critical"
    assert signal.data["correlation"] == pytest.approx(0.95)


def test_a_long_and_a_short_that_move_together_are_a_hedge():
    assert kinds([0.1, -0.1, 0.0, 0.0]) == [("hedge_opportunity", "forex", "commodities")]


def test_a_group_that_holds_nothing_has_no_correlation_and_sends_nothing():
    assert kinds([0.1, 0.0, 0.0, 0.0]) == []
    assert group_correlation(COVARIANCE, np.zeros(4), GROUPS).tolist() == np.zeros((3, 3)).tolist()


def test_a_groups_correlation_is_that_of_its_positions_sum():
    draws = np.random.default_rng(0)
    returns = draws.standard_normal((5000, 4)) @ draws.standard_normal((4, 4))
    exposure = np.array([0.2, -0.1, 0.3, 0.4])
    correlation = group_correlation(np.cov(returns.T), exposure, GROUPS)
    equity = returns[:, 2:] @ exposure[2:]
    assert correlation[0, 2] == pytest.approx(np.corrcoef(returns[:, 0], equity)[0, 1], abs=1e-12)


def test_a_group_near_its_budget_warns_every_other():
    assert kinds([0.0, 0.0, 0.0, 0.0], risk_used={"equity": 0.95, "forex": 0.5}) == [
        ("risk_warning", "equity", "forex"),
        ("risk_warning", "equity", "commodities"),
    ]
