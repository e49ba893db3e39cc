"""Sections on where a report comes from: its data, how to make it again, and the machine."""

from dataclasses import dataclass

from rookery.evaluation.report.estimate import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows of one split: first and last row (0-based, inclusive) of the table, and their times."""

    name: str
    rows: int
    first_row: int
    last_row: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRange:
    """On which rows (0-based, inclusive) something was fitted: a scaler, a class weight, a threshold."""

    name: str
    first_row: int
    last_row: int
    inside_train: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Rows that were read and not used, and why."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Where the rows came from and what became of them: kept and dropped sum to read."""

    source: str
    licence: str
    rows_read: int
    rows_kept: int
    start_ms: int
    end_ms: int
    dropped: tuple[Dropped, ...] = ()
    splits: tuple[Split, ...] = ()
    fits: tuple[FitRange, ...] = ()
    facts: tuple[Fact, ...] = ()
    fingerprints: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        total = self.rows_kept + sum(one.count for one in self.dropped)
        if total != self.rows_read:
            raise ValueError(f"kept and dropped rows sum to {total}, rows read are {self.rows_read}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """All that is needed to make the same report again: `config` is the settings as YAML text."""

    command: str
    config: str
    code_version: str
    versions: tuple[Fact, ...] = ()
    hashes: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """Wall time of one stage and what it worked through."""

    name: str
    seconds: float
    count: int | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The only place for wall-clock facts: it is left out of the report's hash."""

    device: str
    stages: tuple[StageTime, ...] = ()
    facts: tuple[Fact, ...] = ()
