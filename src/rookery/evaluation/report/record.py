"""The frozen record of one report: every fact that report.json, report.md and report.html show."""

from dataclasses import dataclass

from rookery.evaluation.report.belief import (
    Belief,
    Certificate,
    Claim,
    Likeness,
    Probe,
    Tally,
    Trials,
    Validation,
    Verdict,
    VerdictCode,
)
from rookery.evaluation.report.estimate import (
    Estimate,
    Fact,
    Figure,
    Named,
    Style,
)
from rookery.evaluation.report.hazards import Exceedances, Fall, Risk
from rookery.evaluation.report.hierarchy import SpecialistsPanel
from rookery.evaluation.report.imitation import AskedLevel, Foreteller, Rule, TwinPanel
from rookery.evaluation.report.learned import (
    Bin,
    ClassScore,
    Forward,
    HeadError,
    Mix,
    Profit,
    RookPanel,
    Score,
    Term,
    Training,
)
from rookery.evaluation.report.leaving import AfterAction, ExitPart, Leaving, Tried
from rookery.evaluation.report.origin import (
    Data,
    Dropped,
    FitRange,
    Machine,
    Repeat,
    Split,
    StageTime,
)
from rookery.evaluation.report.periods import Calendar, CalendarRow, RegimeRow, Regimes
from rookery.evaluation.report.results import (
    Band,
    Candles,
    Cell,
    Column,
    CostLevel,
    CostPart,
    Costs,
    Decisions,
    Equity,
    Gate,
    LagLevel,
    Mark,
    MarkSide,
    NotTraded,
    Outcome,
    Refusal,
    Role,
    RoundTrips,
    Segment,
    Series,
    Track,
    Trades,
)

__all__ = [
    "AfterAction",
    "AskedLevel",
    "Band",
    "Basis",
    "Belief",
    "Bin",
    "Calendar",
    "CalendarRow",
    "Candles",
    "Cell",
    "Certificate",
    "Claim",
    "ClassScore",
    "Column",
    "CostLevel",
    "CostPart",
    "Costs",
    "Data",
    "Decisions",
    "Dropped",
    "Equity",
    "Estimate",
    "Exceedances",
    "ExitPart",
    "Fact",
    "Fall",
    "Figure",
    "FitRange",
    "Foreteller",
    "Forward",
    "Gate",
    "HeadError",
    "LagLevel",
    "Leaving",
    "Likeness",
    "Machine",
    "Mark",
    "MarkSide",
    "Measure",
    "Mix",
    "Named",
    "NotTraded",
    "Outcome",
    "Probe",
    "Profit",
    "Refusal",
    "RegimeRow",
    "Regimes",
    "Repeat",
    "Report",
    "Risk",
    "Role",
    "RookPanel",
    "RoundTrips",
    "Rule",
    "Score",
    "Segment",
    "Series",
    "SpecialistsPanel",
    "Split",
    "StageTime",
    "Style",
    "Tally",
    "Term",
    "Track",
    "Trades",
    "Training",
    "Trials",
    "Tried",
    "TwinPanel",
    "Validation",
    "Verdict",
    "VerdictCode",
]

# Times are whole milliseconds since 1970, UTC: JavaScript holds them without loss.
# A section that a pipeline has no figures for is None (or an empty tuple) and is left out of every page.


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """On what ground the headline stands: annualisation and intervals in words, and how many trials were made."""

    annualisation: str
    intervals: str
    trials: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One headline row. A `percent` value is a fraction (0.05 is 5 %); `unit` names money and plain numbers."""

    key: str
    name: str
    style: Style
    digits: int
    unit: str = ""
    definition: str
    formula: str
    source: str
    agent: Estimate
    baselines: tuple[Named, ...] = ()
    differences: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report. `generated` marks data that was made up by a seeded program, wherever the data is named."""

    title: str
    pipeline: str
    data_name: str
    generated: bool
    seeds: tuple[int, ...]
    verdict: Verdict
    basis: Basis
    headline: tuple[Measure, ...]
    equity: Equity | None = None
    belief: Belief | None = None
    claims: tuple[Claim, ...] = ()
    likenesses: tuple[Likeness, ...] = ()
    costs: Costs | None = None
    decisions: Decisions | None = None
    trades: Trades | None = None
    round_trips: RoundTrips | None = None
    not_traded: NotTraded | None = None
    calendar: Calendar | None = None
    regimes: tuple[Regimes, ...] = ()
    risk: Risk | None = None
    training: Training | None = None
    panel: RookPanel | TwinPanel | SpecialistsPanel | None = None
    data: Data | None = None
    repeat: Repeat | None = None
    machine: Machine | None = None
