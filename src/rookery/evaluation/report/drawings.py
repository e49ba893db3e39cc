"""Static drawings of a record's charts: what a page shows without script, and on paper."""

from bisect import bisect_right
from collections.abc import Sequence

from markupsafe import Markup, escape

from rookery.evaluation.report.charts import Chart, Line
from rookery.evaluation.report.decimation import keep, merge
from rookery.evaluation.report.record import Bin, CostLevel, Decisions, Estimate, LagLevel
from rookery.evaluation.report.svg import (
    Frame,
    drawing,
    path_of,
    range_of,
    text_at,
    time_axis,
    x_axis,
    x_labels,
    y_axis,
)
from rookery.evaluation.report.wording import number, short_moment

# About one point per two pixels of paper keeps every extreme and few bytes.
MOST_POINTS = 360
MOST_CANDLES = 180


def line_svg(chart: Chart, *, width: float = 760) -> Markup:
    """Lines with axes, segments and rule, every line decimated on its own so that its extremes stay."""
    edges = chart.band or ()
    scale = 100 if chart.style == "percent" else 1
    lines = [_scaled(line, scale) for line in (*chart.lines, *edges)]
    low, high = range_of(value for line in lines for value in line.values)
    frame = Frame(width=width, height=chart.height, x_low=chart.x[0], x_high=chart.x[-1], y_low=low, y_high=high)
    parts = [_segments(chart, frame), y_axis(frame, chart.y_title + (" (%)" if scale == 100 else ""))]
    parts.append(time_axis(frame, chart.x_title) if chart.x_kind == "time" else x_axis(frame, chart.x_title))
    if edges:
        parts.append(_band(chart.x, lines[-2], lines[-1], frame))
    # The agent is drawn last, so that it lies on top.
    parts.extend(_line(chart.x, line, frame) for line in reversed(lines[: len(chart.lines)]))
    if chart.rule:
        at, text = chart.rule
        parts.append(f'<path class="rule" d="M{frame.x(at):.1f} {frame.top}V{frame.height - frame.bottom}"/>')
        parts.append(text_at(frame.x(at), frame.top - 5, text, anchor="middle"))
    return drawing(frame, chart.label, parts)


def candle_svg(decisions: Decisions, *, width: float = 760, height: float = 340) -> Markup:
    """Candles, hollow when the price rose, with every order: triangles up for BUY, down for SELL, squares refused."""
    made = merge(decisions.candles, most=MOST_CANDLES)
    low, high = range_of([*made.low, *made.high])
    frame = Frame(width=width, height=height, x_low=-0.5, x_high=len(made.time_ms) - 0.5, y_low=low, y_high=high)
    half = min(6.0, 0.35 * (width - frame.left - frame.right) / len(made.time_ms))
    rising: list[str] = []
    falling: list[str] = []
    wicks: list[str] = []
    for index, (first, top, bottom, last) in enumerate(zip(made.open, made.high, made.low, made.close, strict=True)):
        x, upper, lower = frame.x(index), frame.y(max(first, last)), frame.y(min(first, last))
        wicks.append(f"M{x:.1f} {frame.y(top):.1f}V{upper:.1f}M{x:.1f} {lower:.1f}V{frame.y(bottom):.1f}")
        box = f"M{x - half:.1f} {upper:.1f}h{2 * half:.1f}v{max(lower - upper, 0.4):.1f}h{-2 * half:.1f}z"
        (rising if last >= first else falling).append(box)
    parts = [
        y_axis(frame, f"{decisions.quote} per {decisions.base}"),
        _candle_times(made.time_ms, frame),
        f'<path class="wick" d="{"".join(wicks)}"/><path class="rising" d="{"".join(rising)}"/>',
        f'<path class="falling" d="{"".join(falling)}"/>',
        _marks(decisions, made.time_ms, frame),
    ]
    return drawing(frame, f"Price of {decisions.base} in {decisions.quote} with every order", parts)


def cost_svg(levels: Sequence[CostLevel], unit: str) -> Markup:
    """Net result against how many times the true costs were paid, with intervals."""
    points = [(level.multiple, f"×{level.multiple:g}", level.net) for level in levels]
    return _level_svg(points, unit, "times the true costs", "Net result when costs are multiplied")


def lag_svg(levels: Sequence[LagLevel], unit: str) -> Markup:
    """Net result against how many swaps later every decision was carried out."""
    points = [(float(level.swaps), f"{level.swaps}", level.net) for level in levels]
    return _level_svg(points, unit, "swaps later", "Net result when every decision comes later")


def _level_svg(points: Sequence[tuple[float, str, Estimate]], unit: str, title: str, label: str) -> Markup:
    values = [net for _, _, net in points if net.value is not None]
    low, high = range_of([0.0, *(bound for one in values for bound in (one.value, one.low, one.high))])
    frame = Frame(width=420, height=250, x_low=points[0][0], x_high=points[-1][0], y_low=low, y_high=high)
    places = [(frame.x(at), net) for at, _, net in points if net.value is not None]
    line = "L".join(f"{x:.1f} {frame.y(net.value or 0):.1f}" for x, net in places)
    parts = [y_axis(frame, f"Net ({unit})"), f'<path class="line agent" d="M{line}"/>']
    words = [f"{name} {title}: {number(net.value)} {unit}" for _, name, net in points if net.value is not None]
    for (x, net), said in zip(places, words, strict=True):
        if net.low is not None and net.high is not None:
            parts.append(f'<path class="whisker" d="M{x:.1f} {frame.y(net.low):.1f}V{frame.y(net.high):.1f}"/>')
        place = f'cx="{x:.1f}" cy="{frame.y(net.value or 0):.1f}" r="4"'
        parts.append(f'<circle class="dot agent" {place}><title>{escape(said)}</title></circle>')
    parts.append(x_labels(frame, [(frame.x(at), name) for at, name, _ in points], title))
    return drawing(frame, label, parts)


def reliability_svg(bins: Sequence[Bin]) -> Markup:
    """Share that was right against mean confidence; the diagonal is perfect, a dot's area is its rows."""
    frame = Frame(width=420, height=300, x_low=0, x_high=1, y_low=0, y_high=1)
    most = max((one.count for one in bins), default=1) or 1
    parts = [y_axis(frame, "Share right"), x_axis(frame, "Mean confidence")]
    parts.append(f'<path class="rule" d="M{frame.x(0):.1f} {frame.y(0):.1f}L{frame.x(1):.1f} {frame.y(1):.1f}"/>')
    known = [(one, one.confidence, one.accuracy) for one in bins if one.confidence is not None]
    places = [(one, frame.x(sure), frame.y(right)) for one, sure, right in known if right is not None]
    parts.append(
        f'<path class="line agent" d="M{"L".join(f"{x:.1f} {y:.1f}" for _, x, y in places)}"/>' if places else ""
    )
    for one, x, y in places:
        title = f"{one.count:,} rows: confidence {one.confidence:.2f}, right {one.accuracy:.2f}"
        radius = 2.5 + 7 * (one.count / most) ** 0.5
        parts.append(
            f'<circle class="dot agent" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{title}</title></circle>'
        )
    return drawing(frame, "Reliability: share right against confidence", parts)


def histogram_svg(bins: Sequence[Bin], threshold: float | None) -> Markup:
    """Rows per bin of confidence; bins under the threshold are hatched by being hollow."""
    top = max((one.count for one in bins), default=0)
    frame = Frame(width=420, height=300, x_low=bins[0].low, x_high=bins[-1].high, y_low=0, y_high=top * 1.06 or 1)
    parts = [y_axis(frame, "Decisions"), x_axis(frame, "Confidence")]
    for one in bins:
        left, right, height = frame.x(one.low) + 1, frame.x(one.high) - 1, frame.y(one.count)
        below = threshold is not None and one.high <= threshold + 1e-9
        box = f'x="{left:.1f}" y="{height:.1f}" width="{right - left:.1f}" height="{frame.y(0) - height:.1f}"'
        title = f"{one.low:.2f} to {one.high:.2f}: {one.count:,}"
        parts.append(f'<rect class="{"bar below" if below else "bar"}" {box}><title>{title}</title></rect>')
    if threshold is not None and frame.x_low <= threshold <= frame.x_high:
        x = frame.x(threshold)
        parts.append(f'<path class="rule strong" d="M{x:.1f} {frame.top}V{frame.y(0):.1f}"/>')
        parts.append(text_at(x, frame.top - 5, f"threshold {threshold:g}", anchor="middle"))
    return drawing(frame, "Decisions by confidence", parts)


def _marks(decisions: Decisions, starts: Sequence[int], frame: Frame) -> str:
    shapes: dict[str, list[str]] = {"buy": [], "sell": [], "refused": []}
    for mark in decisions.marks:
        x = frame.x(max(0, bisect_right(starts, mark.time_ms) - 1))
        y = frame.y(mark.decision_price if mark.price is None else mark.price)
        if mark.price is None:
            shapes["refused"].append(f"M{x - 2.5:.1f} {y - 2.5:.1f}h5v5h-5z")
        elif mark.side == "BUY":
            shapes["buy"].append(f"M{x:.1f} {y:.1f}l4 8h-8z")
        else:
            shapes["sell"].append(f"M{x:.1f} {y:.1f}l4 -8h-8z")
    return "".join(f'<path class="mark {name}" d="{"".join(one)}"/>' for name, one in shapes.items() if one)


def _line(x: Sequence[int], line: Line, frame: Frame) -> str:
    rows = keep([line.values], most=MOST_POINTS)
    pieces: list[list[int]] = [[]]
    for row in rows:
        if line.values[row] is None:
            pieces.append([])
        else:
            pieces[-1].append(row)
    path = "".join(
        path_of([(frame.x(x[row]), frame.y(line.values[row] or 0.0)) for row in piece]) for piece in pieces if piece
    )
    drawn = f'<path class="line {line.role}" d="{path}"/>'
    if not line.filled or len(pieces) != 1 or not pieces[0]:
        return drawn
    base, first, last = frame.y(frame.y_high), frame.x(x[pieces[0][0]]), frame.x(x[pieces[0][-1]])
    return f'<path class="area {line.role}" d="{path}L{last:.1f} {base:.1f}L{first:.1f} {base:.1f}z"/>{drawn}'


def _band(x: Sequence[int], low: Line, high: Line, frame: Frame) -> str:
    rows = keep([low.values, high.values], most=MOST_POINTS)
    there = [(frame.x(x[row]), frame.y(high.values[row] or 0.0)) for row in rows]
    back = [(frame.x(x[row]), frame.y(low.values[row] or 0.0)) for row in reversed(rows)]
    return f'<path class="area band" d="{path_of([*there, *back])}z"/>'


def _segments(chart: Chart, frame: Frame) -> str:
    parts = []
    for order, (name, start, end) in enumerate(chart.segments):
        left, right = frame.x(max(start, frame.x_low)), frame.x(min(end, frame.x_high))
        if right <= left:
            continue
        shape = f"M{left:.1f} {frame.top}H{right:.1f}V{frame.height - frame.bottom}H{left:.1f}z"
        parts.append(f'<path class="segment s{order % 2}" d="{shape}"/>')
        parts.append(text_at(left + 4, frame.top - 5, name))
    return "".join(parts)


def _scaled(line: Line, scale: int) -> Line:
    values = [None if value is None else value * scale for value in line.values]
    return Line(name=line.name, role=line.role, values=values, filled=line.filled)


def _candle_times(starts: Sequence[int], frame: Frame) -> str:
    # Intervals without a price are left out, so places are counted in candles and each label is its candle's own time.
    count = min(6, len(starts))
    rows = sorted({round((order + 0.5) * len(starts) / count - 0.5) for order in range(count)})
    return x_labels(frame, [(frame.x(row), short_moment(starts[row])) for row in rows], "Time (UTC)")
