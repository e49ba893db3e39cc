"""Line charts of a record as plain figures, to be drawn as SVG and by the page's script alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rookery.evaluation.report.decimation import keep
from rookery.evaluation.report.record import Equity, Series, Style, Term, Training

# Points that a page's script gets per chart; zooming into more would show nothing new on a screen 1,000 pixels wide.
MOST_POINTS = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: `role` names its colour and dash in the style sheet; None leaves a gap."""

    name: str
    role: str
    values: Sequence[float | None]
    filled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over one x axis: time (milliseconds, UTC) or a plain number. `group` ties cursors and zoom together."""

    id: str
    label: str
    x_kind: Literal["time", "number"]
    x_title: str
    y_title: str
    style: Style
    digits: int
    x: Sequence[int]
    lines: tuple[Line, ...]
    height: int = 280
    group: str = ""
    logarithmic: bool = False
    segments: tuple[tuple[str, int, int], ...] = ()
    rule: tuple[int, str] | None = None
    band: tuple[Line, Line] | None = None


def equity_charts(equity: Equity) -> tuple[Chart, Chart]:
    """Equity above, drawdown below: one clock, one cursor."""
    segments = tuple((one.name, one.start_ms, one.end_ms) for one in equity.segments)
    band = equity.band
    above = Chart(
        id="equity-chart",
        label=f"Equity in {equity.unit} of {_names(equity.series)}",
        x_kind="time",
        x_title="Time (UTC)",
        y_title=f"Equity ({equity.unit})",
        style="number",
        digits=2,
        x=equity.time_ms,
        lines=tuple(Line(name=one.name, role=one.role, values=one.values) for one in equity.series),
        height=340,
        group="equity",
        logarithmic=all(min(one.values, default=0) > 0 for one in equity.series),
        segments=segments,
        band=None if band is None else (_edge(band.name, band.low), _edge(band.name, band.high)),
    )
    below = Chart(
        id="drawdown-chart",
        label=f"Drawdown of {_names(equity.series)}",
        x_kind="time",
        x_title="Time (UTC)",
        y_title="Drawdown",
        style="percent",
        digits=2,
        x=equity.time_ms,
        lines=tuple(
            Line(name=one.name, role=one.role, values=one.drawdown, filled=one.role == "agent") for one in equity.series
        ),
        height=180,
        group="equity",
        segments=segments,
    )
    return above, below


def term_charts(training: Training) -> tuple[Chart, ...]:
    """One small chart per loss term or score, with the epoch that was kept."""
    return tuple(_term_chart(training, term, order) for order, term in enumerate(training.terms))


def payload(chart: Chart) -> dict[str, object]:
    """The chart for the page's script: decimated together, times as differences, values cut to what is shown."""
    columns = [line.values for line in chart.lines] + ([edge.values for edge in chart.band] if chart.band else [])
    rows = keep(columns, most=MOST_POINTS)
    scale, places = (100, chart.digits) if chart.style == "percent" else (1, chart.digits)
    x = [chart.x[row] for row in rows]
    return {
        "id": chart.id,
        "kind": chart.x_kind,
        "xTitle": chart.x_title,
        "yTitle": chart.y_title + (" (%)" if chart.style == "percent" else ""),
        "suffix": " %" if chart.style == "percent" else "",
        "digits": chart.digits,
        "height": chart.height,
        "group": chart.group,
        "log": chart.logarithmic,
        "segments": chart.segments,
        "rule": chart.rule,
        "band": chart.band is not None,
        "lines": [{"name": line.name, "role": line.role, "filled": line.filled} for line in chart.lines],
        "x": [after - before for before, after in zip([0, *x], x, strict=False)],
        "y": [[_cut(column[row], scale, places) for row in rows] for column in columns],
    }


def _term_chart(training: Training, term: Term, order: int) -> Chart:
    lines = (
        Line(name="train", role="train", values=term.train),
        Line(name="validation", role="validation", values=term.validation),
    )
    return Chart(
        id=f"term-{order}",
        label=f"{term.name} per epoch, {term.goal} is better",
        x_kind="number",
        x_title="Epoch",
        y_title="",
        style="number",
        digits=4,
        x=training.epochs,
        lines=tuple(line for line in lines if line.values),
        height=190,
        group="training",
        rule=(training.best_epoch, "kept"),
    )


def _names(series: Sequence[Series]) -> str:
    return ", ".join(one.name for one in series)


def _edge(name: str, values: Sequence[float]) -> Line:
    return Line(name=name, role="band", values=values)


def _cut(value: float | None, scale: int, places: int) -> float | None:
    return None if value is None else round(value * scale, places)
