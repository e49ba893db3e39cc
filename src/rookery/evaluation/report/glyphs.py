"""Bars and whiskers inside tables, as places in percent of their cell: drawings that need no axis of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

from rookery.evaluation.report.record import Calendar, Costs, Estimate
from rookery.evaluation.report.wording import interval, number

# Percent of a colour over which text keeps a contrast of 4.5.
_STRONGEST = 38


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisker:
    """An estimate on a shared scale: places of interval, dot and zero, and the same in words."""

    name: str
    value: str
    interval: str
    low: float | None
    middle: float | None
    high: float | None
    zero: float
    includes_zero: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One bar of a waterfall, from gross to net."""

    name: str
    amount: str
    note: str
    left: float
    width: float
    zero: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """A cell of the calendar: how strong its colour is in percent, and its sign in words and text."""

    text: str
    kind: str
    share: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatRow:
    """One year or day of the calendar."""

    name: str
    cells: tuple[HeatCell, ...]
    total: str


def whiskers(rows: Sequence[tuple[str, Estimate]], *, style: str, digits: int, unit: str = "") -> tuple[Whisker, ...]:
    """Every estimate on one scale that also holds zero."""
    bounds = [bound for _, one in rows for bound in (one.value, one.low, one.high) if bound is not None]
    place = _scale([0.0, *bounds])
    return tuple(
        Whisker(
            name=name,
            value=number(one.value, style, digits, unit, signed=True),
            interval=interval(one, style, digits, signed=True),
            low=None if one.low is None else place(one.low),
            middle=None if one.value is None else place(one.value),
            high=None if one.high is None else place(one.high),
            zero=place(0.0),
            includes_zero=None if one.low is None or one.high is None else one.low <= 0 <= one.high,
        )
        for name, one in rows
    )


def waterfall(costs: Costs) -> tuple[Step, ...]:
    """Gross, each part hanging where the one before ended, and net."""
    bars = [("Gross result", costs.gross, "before any cost", 0.0, costs.gross, "total")]
    at = costs.gross
    for part in costs.parts:
        bars.append((part.name, part.amount, part.note, at, at + part.amount, "part"))
        at += part.amount
    bars.append(("Net result", costs.net, "what is left", 0.0, costs.net, "total"))
    place = _scale([0.0, *(edge for *_, start, end, _ in bars for edge in (start, end))])
    return tuple(
        Step(
            name=name,
            amount=number(amount, "money", 2, signed=kind == "part"),
            note=note,
            left=min(place(start), place(end)),
            width=abs(place(end) - place(start)),
            zero=place(0.0),
            kind=kind if amount >= 0 or kind == "total" else "loss",
        )
        for name, amount, note, start, end, kind in bars
    )


def shares(counts: Sequence[int]) -> tuple[float, ...]:
    """Each count in percent of their sum."""
    total = sum(counts) or 1
    return tuple(100 * count / total for count in counts)


def heat(calendar: Calendar) -> tuple[HeatRow, ...]:
    """Rows of the calendar in percent; the strongest cell has the strongest colour that text is still read on."""
    values = [abs(one) for row in calendar.rows for one in row.cells if one is not None]
    most = max(values, default=0.0) or 1.0
    return tuple(
        HeatRow(
            name=row.name,
            cells=tuple(
                _heat_cell(one, most, f"{row.name} {column}")
                for one, column in zip(row.cells, calendar.columns, strict=True)
            ),
            total=number(100 * row.total, digits=2, signed=True),
        )
        for row in calendar.rows
    )


def _heat_cell(value: float | None, most: float, when: str) -> HeatCell:
    if value is None:
        return HeatCell(text="", kind="none", share=0.0, title="")
    text = number(100 * value, digits=2, signed=True)
    kind = "gain" if value > 0 else "loss" if value < 0 else "still"
    share = round(_STRONGEST * abs(value) / most, 1)
    return HeatCell(text=text, kind=kind, share=share, title=f"{when}: {number(value, 'percent', 4, signed=True)}")


class _Scale:
    """Values to percent of a cell, with room at both ends."""

    def __init__(self, low: float, high: float) -> None:
        room = 0.04 * (high - low) or 1.0
        self.low, self.width = low - room, high - low + 2 * room

    def __call__(self, value: float) -> float:
        return round(100 * (value - self.low) / self.width, 2)


def _scale(values: Sequence[float]) -> _Scale:
    return _Scale(min(values), max(values))
