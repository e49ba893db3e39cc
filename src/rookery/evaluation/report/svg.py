"""The paper under every static drawing: a plotting area, its axes and its text, in SVG."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from rookery.evaluation.report.axes import number_ticks, tick_digits, time_ticks
from rookery.evaluation.report.wording import number


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A plotting area in SVG units: outer size, margins, and the ranges of both axes."""

    width: float
    height: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float
    left: float = 58
    right: float = 14
    top: float = 18
    bottom: float = 40

    def x(self, value: float) -> float:
        """Horizontal place of a value."""
        share = (value - self.x_low) / ((self.x_high - self.x_low) or 1)
        return self.left + share * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """Vertical place of a value, downwards."""
        share = (value - self.y_low) / ((self.y_high - self.y_low) or 1)
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)


def y_axis(frame: Frame, title: str) -> str:
    """Grid lines, their values at the left, and a turned title."""
    room = int((frame.height - frame.top - frame.bottom) / 36)
    ticks = number_ticks(frame.y_low, frame.y_high, most=max(4, min(room, 8)))
    digits = tick_digits(ticks)
    parts = []
    for tick in ticks:
        y = frame.y(tick)
        kind = "grid zero" if tick == 0 else "grid"
        parts.append(f'<path class="{kind}" d="M{frame.left} {y:.1f}H{frame.width - frame.right}"/>')
        parts.append(text_at(frame.left - 7, y + 3.5, number(tick, digits=digits), anchor="end"))
    middle = (frame.top + frame.height - frame.bottom) / 2
    turned = f'transform="translate(11 {middle:.0f})rotate(-90)"'
    parts.append(f'<text class="title" text-anchor="middle" {turned}>{escape(title)}</text>')
    return "".join(parts)


def x_axis(frame: Frame, title: str) -> str:
    """Round numbers under the plot."""
    ticks = number_ticks(frame.x_low, frame.x_high, most=7)
    digits = tick_digits(ticks)
    return x_labels(frame, [(frame.x(tick), number(tick, digits=digits)) for tick in ticks], title)


def time_axis(frame: Frame, title: str) -> str:
    """Round moments (UTC) under the plot."""
    ticks = time_ticks(int(frame.x_low), int(frame.x_high), most=8)
    return x_labels(frame, [(frame.x(moment), label) for moment, label in ticks], title)


def x_labels(frame: Frame, ticks: Iterable[tuple[float, str]], title: str) -> str:
    """Labels at given places under the plot, and the axis title."""
    parts = []
    for x, label in ticks:
        parts.append(text_at(x, frame.height - frame.bottom + 16, label, anchor="middle"))
    middle = (frame.left + frame.width - frame.right) / 2
    return "".join(parts) + text_at(middle, frame.height - 6, title, anchor="middle", kind="title")


def text_at(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    """Escaped text at a place."""
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def drawing(frame: Frame, label: str, parts: Iterable[str]) -> Markup:
    """A whole drawing, named for screen readers by `label`."""
    size = f'viewBox="0 0 {frame.width:g} {frame.height:g}" width="{frame.width:g}" height="{frame.height:g}"'
    return Markup(f'<svg class="plot" role="img" aria-label="{escape(label)}" {size}>{"".join(parts)}</svg>')  # noqa: S704


def path_of(points: Sequence[tuple[float, float]]) -> str:
    """A path through the points, in steps of a tenth."""
    # Steps between rounded places, so that rounding never adds up along the line.
    tenths = [(round(x * 10), round(y * 10)) for x, y in points]
    (x0, y0), steps = tenths[0], []
    for (x1, y1), (x2, y2) in pairwise(tenths):
        steps.append(f"{_tenth(x2 - x1)} {_tenth(y2 - y1)}".replace(" -", "-"))
    return f"M{x0 / 10:g} {y0 / 10:g}" + (f"l{' '.join(steps)}" if steps else "h.1")


def range_of(values: Iterable[float | None]) -> tuple[float, float]:
    """The axis range that shows all values, with a little room."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = 0.04 * (high - low) or max(abs(high) * 0.01, 1e-9)
    # Room above and below, but none beyond a zero that bounds the figures, such as drawdown's.
    return (0.0 if low == 0 else low - room), (0.0 if high == 0 else high + room)


def _tenth(tenths: int) -> str:
    text = f"{tenths / 10:g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
