"""Messages are what they say, refuse what they cannot mean, and come back from JSON as they went."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.agents.messages import (
    AlertMessage,
    AllocationMessage,
    CoordinationSignal,
    Message,
    PerformanceReport,
    correlation_id,
    from_dict,
    from_json,
    to_dict,
    to_json,
)
from rookery.errors import UserError

SHARES = st.floats(0, 1)
AMOUNTS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable())
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | AMOUNTS | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
COMMON: dict[str, Any] = {
    "timestamp": st.datetimes().map(lambda when: when.isoformat() + "+00:00"),
    "correlation_id": st.uuids().map(str),
}
EXTRA = st.dictionaries(NAMES, PLAIN, max_size=3)
PRIORITIES = st.sampled_from(["low", "normal", "high", "critical"])
MESSAGES = st.one_of(
    st.builds(
        AllocationMessage,
        specialist_id=NAMES,
        allocation=SHARES,
        risk_appetite=SHARES,
        market_regime=st.sampled_from(["bull", "bear", "neutral", "volatile"]),
        metadata=EXTRA,
        **COMMON,
    ),
    st.builds(
        PerformanceReport,
        specialist_id=NAMES,
        confidence_score=SHARES,
        realized_pnl=AMOUNTS,
        unrealized_pnl=AMOUNTS,
        sharpe_ratio=st.none() | AMOUNTS,
        win_rate=SHARES,
        risk_utilization=st.floats(0, 10),
        metadata=EXTRA,
        **COMMON,
    ),
    st.builds(
        CoordinationSignal,
        from_specialist=NAMES,
        to_specialist=NAMES,
        signal_type=st.sampled_from(["hedge_opportunity", "correlation_alert", "risk_warning"]),
        data=EXTRA,
        priority=PRIORITIES,
        **COMMON,
    ),
    st.builds(
        AlertMessage,
        alert_type=st.sampled_from(["circuit_breaker", "system_error", "risk_violation"]),
        severity=PRIORITIES,
        message=NAMES,
        metadata=EXTRA,
        **COMMON,
    ),
)
ALLOCATION: dict[str, Any] = {
    "specialist_id": "forex",
    "allocation": 0.4,
    "risk_appetite": 0.5,
    "market_regime": "bull",
    "timestamp": "2024-01-02T03:04:05+00:00",
    "correlation_id": correlation_id("test"),
}


@given(MESSAGES)
def test_a_message_survives_the_way_through_dict_and_json(message: Message):
    assert from_dict(to_dict(message)) == message
    assert from_json(to_json(message)) == message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allocation", 1.01),
        ("allocation", -0.01),
        ("allocation", float("nan")),
        ("allocation", "0.4"),
        ("allocation", True),
        ("risk_appetite", float("inf")),
        ("market_regime", "sideways"),
        ("specialist_id", ""),
        ("timestamp", "2024-01-02T03:04:05"),
        ("timestamp", "2024-01-02T03:04:05+02:00"),
        ("timestamp", "yesterday"),
        ("correlation_id", "7"),
        ("metadata", {"a": float("nan")}),
        ("metadata", {"a": (1, 2)}),
        ("metadata", {1: 2}),
    ],
)
def test_what_an_allocation_cannot_mean_is_refused(field: str, value: object):
    AllocationMessage(**ALLOCATION)
    with pytest.raises(ValueError):
        AllocationMessage(**{**ALLOCATION, field: value})


def test_an_unknown_type_or_field_names_the_nearest_one():
    with pytest.raises(UserError) as wrong:
        from_dict({"type": "AlocationMessage", **ALLOCATION})
    assert wrong.value.remedy == "did you mean 'AllocationMessage'?"
    with pytest.raises(UserError, match="no field 'alocation'"):
        from_dict({"type": "AllocationMessage", **ALLOCATION, "alocation": 1})
    with pytest.raises(UserError, match="lacks a field"):
        from_dict({"type": "AlertMessage", "message": "x"})


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, json.dumps({"type": ["a"]}), "null", "NaN"])
def test_a_line_that_is_no_message_is_refused(text: str):
    with pytest.raises(UserError):
        from_json(text)


def test_a_correlation_id_hangs_on_its_path_alone():
    assert correlation_id("run", 1) == correlation_id("run", 1) != correlation_id("run", 2)
