"""Static drawings of a twin's panel: what asking for more brings, and how far back the twin looks."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from rookery.evaluation.report.imitation import AskedLevel
from rookery.evaluation.report.svg import Frame, drawing, range_of, x_axis, y_axis
from rookery.evaluation.report.wording import interval, number

# Bars further back than this weigh too little to be seen.
MOST_LAGS = 40


def asked_svg(levels: Sequence[AskedLevel], unit: str) -> Markup:
    """Profit a market against the return that was asked for, with intervals; equal steps would hide uneven levels."""
    known = [one for one in levels if one.earned.value is not None]
    bounds = [bound for one in known for bound in (one.earned.value, one.earned.low, one.earned.high)]
    low, high = range_of([0.0, *bounds])
    left, right = range_of([100 * one.target for one in levels])
    frame = Frame(width=420, height=280, x_low=left, x_high=right, y_low=low, y_high=high)
    places = [(frame.x(100 * one.target), one.earned) for one in known]
    line = "L".join(f"{x:.1f} {frame.y(earned.value or 0.0):.1f}" for x, earned in places)
    parts = [y_axis(frame, f"Profit a market ({unit})"), f'<path class="line agent" d="M{line}"/>' if line else ""]
    for (x, earned), one in zip(places, known, strict=True):
        if earned.low is not None and earned.high is not None:
            parts.append(f'<path class="whisker" d="M{x:.1f} {frame.y(earned.low):.1f}V{frame.y(earned.high):.1f}"/>')
        said = (
            f"asked for {number(one.target, 'percent', 1)}: {number(earned.value, 'money', 2, unit, signed=True)} "
            f"({interval(earned, 'money', 2, signed=True)})"
        )
        place = f'cx="{x:.1f}" cy="{frame.y(earned.value or 0.0):.1f}" r="4"'
        parts.append(f'<circle class="dot agent" {place}><title>{escape(said)}</title></circle>')
    parts.append(x_axis(frame, "Return asked for (% of capital)"))
    return drawing(frame, "Profit a market against the return that was asked for", parts)


def attention_svg(weights: Sequence[float]) -> Markup:
    """Mean attention by how many bars back; the bar that is answered is 0."""
    shown = weights[:MOST_LAGS]
    top = max(shown, default=0.0)
    frame = Frame(width=420, height=280, x_low=-0.5, x_high=len(shown) - 0.5, y_low=0.0, y_high=100 * top * 1.06 or 1.0)
    width = max(1.0, 0.72 * (frame.width - frame.left - frame.right) / max(1, len(shown)))
    parts = [y_axis(frame, "Attention (%)"), x_axis(frame, "Bars back")]
    for lag, weight in enumerate(shown):
        y = frame.y(100 * weight)
        box = f'x="{frame.x(lag) - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{frame.y(0) - y:.1f}"'
        said = f"{lag} bars back: {number(weight, 'percent', 1)}"
        parts.append(f'<rect class="bar" {box}><title>{said}</title></rect>')
    return drawing(frame, "Mean attention by bars back", parts)
