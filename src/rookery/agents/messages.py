"""What agents of a hierarchy tell each other: four frozen records, checked when made, that survive JSON unchanged."""

import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from rookery.errors import UserError, did_you_mean

Regime = Literal["bull", "bear", "neutral", "volatile"]
SignalType = Literal["hedge_opportunity", "correlation_alert", "risk_warning"]
Priority = Literal["low", "normal", "high", "critical"]
AlertType = Literal["circuit_breaker", "system_error", "risk_violation"]
_KIND = "type"
_LONGEST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationMessage:
    """What the meta-controller gives one specialist: a share of the capital, 0 to 1, and the appetite for risk."""

    specialist_id: str
    allocation: float
    risk_appetite: float
    market_regime: Regime
    timestamp: str
    correlation_id: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self, names=("specialist_id",), shares=("allocation", "risk_appetite"))
        _one_of("market_regime", self.market_regime, get_args(Regime))


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceReport:
    """What a specialist has done: profit in money, an annualised Sharpe ratio (None: undefined), shares 0 to 1."""

    specialist_id: str
    confidence_score: float
    realized_pnl: float
    unrealized_pnl: float
    sharpe_ratio: float | None
    win_rate: float
    risk_utilization: float
    timestamp: str
    correlation_id: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        amounts = ("realized_pnl", "unrealized_pnl") + (() if self.sharpe_ratio is None else ("sharpe_ratio",))
        _check(self, names=("specialist_id",), shares=("confidence_score", "win_rate"), amounts=amounts)
        if not (math.isfinite(self.risk_utilization) and self.risk_utilization >= 0):
            raise ValueError(f"risk_utilization is {self.risk_utilization}; expected 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinationSignal:
    """What one agent lets another know. `data` holds the numbers behind it."""

    from_specialist: str
    to_specialist: str
    signal_type: SignalType
    data: Mapping[str, Any]
    timestamp: str
    correlation_id: str
    priority: Priority = "normal"

    def __post_init__(self) -> None:
        _check(self, names=("from_specialist", "to_specialist"))
        _one_of("signal_type", self.signal_type, get_args(SignalType))
        _one_of("priority", self.priority, get_args(Priority))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """Something that must not be overlooked."""

    alert_type: AlertType
    severity: Priority
    message: str
    timestamp: str
    correlation_id: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self, names=("message",))
        _one_of("alert_type", self.alert_type, get_args(AlertType))
        _one_of("severity", self.severity, get_args(Priority))


Message = AllocationMessage | PerformanceReport | CoordinationSignal | AlertMessage
KINDS: Mapping[str, type[Message]] = {
    kind.__name__: kind for kind in (AllocationMessage, PerformanceReport, CoordinationSignal, AlertMessage)
}


def correlation_id(*path: str | int) -> str:
    """The same UUID (version 5) for the same path, say (run, "episode", 3), so that a repeated run repeats its ids."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(str(part) for part in path)))


def to_dict(message: Message) -> dict[str, Any]:
    """The message as JSON values, with its kind under `type`."""
    return {_KIND: type(message).__name__, **asdict(message)}


def from_dict(values: Mapping[str, Any]) -> Message:
    """The message that `to_dict` was given. Raises UserError for an unknown kind or key, ValueError for its content."""
    kind = values.get(_KIND)
    if not isinstance(kind, str) or kind not in KINDS:
        raise UserError(f"no message of type {kind!r}", place=_KIND, remedy=did_you_mean(str(kind), KINDS))
    record = KINDS[kind]
    given = {name: value for name, value in values.items() if name != _KIND}
    known = {one.name for one in fields(record)}
    if unknown := sorted(given.keys() - known):
        raise UserError(f"{kind} has no field '{unknown[0]}'", place=_KIND, remedy=did_you_mean(unknown[0], known))
    try:
        return record(**given)
    except TypeError as failure:
        raise UserError(f"{kind} lacks a field: {failure}", place=_KIND) from None


def to_json(message: Message) -> str:
    """One line of JSON."""
    return json.dumps(to_dict(message), sort_keys=True, allow_nan=False)


def from_json(text: str) -> Message:
    """The message of one line. Raises UserError when it is no JSON object, else as `from_dict`."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError("a message is not valid JSON") from None
    if not isinstance(values, dict):
        raise UserError("a message is not a JSON object")
    return from_dict(values)


def _check(
    message: Message, *, names: tuple[str, ...], shares: tuple[str, ...] = (), amounts: tuple[str, ...] = ()
) -> None:
    for name in names:
        value = getattr(message, name)
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
            raise ValueError(f"{name} is {value!r:.60}; expected a text of 1 to {_LONGEST} characters")
    for name in (*shares, *amounts):
        value = getattr(message, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{name} is {value!r:.60}; expected a finite number")
        if name in shares and not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; expected 0 to 1")
    _check_time(message.timestamp)
    if not isinstance(message.correlation_id, str) or str(uuid.UUID(message.correlation_id)) != message.correlation_id:
        raise ValueError(f"correlation_id {message.correlation_id!r:.60} is not a lower-case UUID")
    extra = message.data if isinstance(message, CoordinationSignal) else message.metadata
    # A tuple or a number that is not finite would come back as something else, or not at all.
    if json.loads(json.dumps(extra, allow_nan=False)) != extra:
        raise ValueError("data and metadata hold JSON values alone: text keys, lists, finite numbers")


def _check_time(timestamp: str) -> None:
    when = datetime.fromisoformat(timestamp)
    if when.utcoffset() != timedelta(0):
        raise ValueError(f"timestamp {timestamp} is not in UTC")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}")
