"""Sections on when the result came about: by month or hour, and by the state of the market."""

import math
from dataclasses import dataclass
from typing import Literal

from rookery.evaluation.report.estimate import Estimate

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRow:
    """Net return of each cell of one year or day (None: no figure was known then), and of the whole row."""

    name: str
    cells: tuple[float | None, ...]
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Net return by year and month, or by day and hour of a short span, UTC. Cells compound to the total."""

    kind: Literal["months", "hours"]
    columns: tuple[str, ...]
    rows: tuple[CalendarRow, ...]
    total: float

    def __post_init__(self) -> None:
        if any(len(row.cells) != len(self.columns) for row in self.rows):
            raise ValueError(f"every row of the calendar must have {len(self.columns)} cells")
        for row in self.rows:
            _compound(row.total, row.cells, f"the cells of {row.name}")
        _compound(self.total, [row.total for row in self.rows], "the rows of the calendar")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeRow:
    """One state of the market: the periods that began in it, what agent and market made of them, and a mean period."""

    name: str
    periods: int
    agent: float
    market: float
    each_bps: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Regimes:
    """The result by one point-in-time description of the market; rows compound to `total` and `market`."""

    name: str
    definition: str
    rows: tuple[RegimeRow, ...]
    total: float
    market: float

    def __post_init__(self) -> None:
        _compound(self.total, [row.agent for row in self.rows], f"the agent's rows {self.name.lower()}")
        _compound(self.market, [row.market for row in self.rows], f"the market's rows {self.name.lower()}")


def _compound(total: float, parts: list[float] | tuple[float | None, ...], what: str) -> None:
    made = math.prod(1 + (one or 0.0) for one in parts) - 1
    if abs(made - total) > _TOLERANCE * max(1.0, 1 + total):
        raise ValueError(f"{what} compound to {made}, the total says {total}")
