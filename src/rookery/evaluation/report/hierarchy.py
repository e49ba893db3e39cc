"""The panel of agents that allocate to specialists: phases and their gates, who adds what, and who was used when."""

from dataclasses import dataclass
from typing import Literal

from rookery.evaluation.report.belief import Claim
from rookery.evaluation.report.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRow:
    """One baseline of a gate: the lead over it in `measure`, and whether the lead's interval lies above 0."""

    baseline: str
    measure: str
    lead: Estimate
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseGate:
    """Whether a phase beat its frozen baselines on `span`. `applied` is False where the gate was told not to stop."""

    phase: int
    name: str
    span: str
    passed: bool
    applied: bool
    sentence: str
    rows: tuple[GateRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationRow:
    """The agent with a part taken away. `lead` is the whole agent's Sharpe ratio minus this one's, paired."""

    name: str
    sharpe: Estimate
    net: Estimate
    lead: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialistUse:
    """How one specialist was used: mean allocation, share of bars with a position, fills, profit net of costs."""

    name: str
    instruments: tuple[str, ...]
    allocation: Estimate
    in_market: Estimate
    fills: int
    profit: float
    alone: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTargets:
    """What the specification hopes that a phase reaches, each held against what it did on `span`."""

    phase: int
    span: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaches:
    """Bars of `span` that lost more than the limit of the account's value at risk, a share of net worth."""

    name: str
    limit: float
    bars: int
    breaches: int
    compliance: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One figure of learning over environment steps. `goal` says which way is better; '' where neither is."""

    phase: int
    learner: str
    name: str
    goal: Literal["lower", "higher", ""]
    steps: tuple[int, ...]
    values: tuple[float | None, ...]

    def __post_init__(self) -> None:
        if not self.steps or len(self.steps) != len(self.values):
            raise ValueError(f"curve '{self.name}' must have a value, or None, for each of at least one step")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one specialist was allocated at each time, 0 to 1."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocations:
    """Allocations over time, on one clock, with the risk appetite beside them."""

    time_ms: tuple[int, ...]
    shares: tuple[Share, ...]
    appetite: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        columns = [one.values for one in self.shares] + ([self.appetite] if self.appetite else [])
        if not self.shares or any(len(column) != len(self.time_ms) for column in columns):
            raise ValueError(f"every allocation must have {len(self.time_ms)} values, one per time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """How often a limit cut or refused an order."""

    name: str
    count: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialistsPanel:
    """What the specialists and their meta-controller learned; `unit` is of money."""

    unit: str
    phase: int
    gates: tuple[PhaseGate, ...]
    ablation: tuple[AblationRow, ...]
    uses: tuple[SpecialistUse, ...]
    targets: tuple[PhaseTargets, ...]
    breaches: tuple[Breaches, ...] = ()
    allocations: Allocations | None = None
    limits: tuple[Limited, ...] = ()
    curves: tuple[Curve, ...] = ()
