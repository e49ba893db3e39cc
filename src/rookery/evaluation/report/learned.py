"""Sections on what the model learned: training, and one panel per pipeline."""

from dataclasses import dataclass
from typing import Literal

from rookery.evaluation.report.estimate import Estimate, Style


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One figure per epoch: a loss term or a score. `goal` says which way is better."""

    name: str
    goal: Literal["lower", "higher"]
    train: tuple[float | None, ...]
    validation: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How the model learned; epochs count from 1. `stopped` says why it ended."""

    epochs: tuple[int, ...]
    terms: tuple[Term, ...]
    best_epoch: int
    stopped: str

    def __post_init__(self) -> None:
        for term in self.terms:
            if {len(term.train), len(term.validation)} - {0, len(self.epochs)}:
                raise ValueError(f"term '{term.name}' must have {len(self.epochs)} values, one per epoch, or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """Precision, recall and F1 of one class (None where undefined) and its rows."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A score of the whole classifier beside what the simplest rival scores on the same rows."""

    name: str
    style: Style
    digits: int
    model: Estimate
    rival_name: str
    rival: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadError:
    """Mean absolute error of one regression head beside that of always saying the training median."""

    head: str
    unit: str
    digits: int
    error: float | None
    constant_error: float | None
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bin of confidence [low, high): rows in it, mean confidence and share that was right (None if empty)."""

    low: float
    high: float
    count: int
    confidence: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Rows per class in one split, in the order of the panel's classes."""

    name: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profit:
    """Result of the agent's trades of one action, or of the teacher's by one rule; `each_bps`: mean net of a trade."""

    name: str
    trades: int
    gross: float
    net: float
    each_bps: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Mean price move over the next `rows` rows after a teacher's label, before any cost."""

    name: str
    rows: int
    count: int
    move_bps: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class RookPanel:
    """What the ROOK brain learned of its teacher, and what the teacher's labels were worth.

    `confusion[i][j]` counts rows of true class i that the model called class j, in the order of `classes`. `by_rule` is
    of the teacher's own trades, `by_agents_rule` of the agent's, by the rule that the teacher's label had on that row.
    """

    classes: tuple[str, ...]
    split: str
    confusion: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassScore, ...]
    scores: tuple[Score, ...]
    heads: tuple[HeadError, ...] = ()
    reliability: tuple[Bin, ...] = ()
    calibration_error: Estimate | None = None
    label_mix: tuple[Mix, ...] = ()
    confidence: tuple[Bin, ...] = ()
    threshold: float | None = None
    unit: str = ""
    by_action: tuple[Profit, ...] = ()
    by_rule: tuple[Profit, ...] = ()
    by_agents_rule: tuple[Profit, ...] = ()
    forward: tuple[Forward, ...] = ()
