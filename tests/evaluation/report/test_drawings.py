"""Static drawings show the extremes, in the right place, and escape every name."""

import re
from dataclasses import replace

import pytest

from rookery.evaluation.report.charts import MOST_POINTS, Chart, Line, equity_charts, payload, term_charts
from rookery.evaluation.report.drawings import (
    candle_svg,
    cost_svg,
    histogram_svg,
    lag_svg,
    line_svg,
    reliability_svg,
)
from rookery.evaluation.report.record import Band, Bin, CostLevel, Estimate, LagLevel, Report
from rookery.evaluation.report.svg import Frame, path_of, range_of


def chart(values: list[float | None], **more: object) -> Chart:
    lines = (Line(name="agent", role="agent", values=values),)
    return Chart(
        id="c",
        label="Equity",
        x_kind="number",
        x_title="Epoch",
        y_title="Equity",
        style="number",
        digits=2,
        x=tuple(range(len(values))),
        lines=lines,
        **more,  # type: ignore[arg-type]
    )


def points(path: str) -> list[tuple[float, float]]:
    """Absolute places along a path of one M and relative l steps."""
    start, _, steps = path.partition("l")
    x, y = (float(one) for one in start[1:].split())
    found = [(x, y)]
    numbers = [float(one) for one in re.findall(r"-?\d*\.?\d+", steps)]
    for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
        x, y = x + dx, y + dy
        found.append((x, y))
    return found


def test_a_long_path_ends_where_its_points_end():
    places = [(index * 0.37, (index * 7919 % 1000) / 3) for index in range(2_000)]
    drawn = points(path_of(places))
    assert len(drawn) == 2_000
    for (x, y), (wanted_x, wanted_y) in zip(drawn, places, strict=True):
        assert abs(x - wanted_x) < 0.051
        assert abs(y - wanted_y) < 0.051


def test_a_spike_of_one_point_in_ten_thousand_is_drawn_at_its_height():
    values: list[float | None] = [0.0] * 10_000
    values[1_234] = 100.0
    drawing = str(line_svg(chart(values)))
    path = re.search(r'class="line agent" d="(M[^"]+)"', drawing)
    assert path is not None
    places = points(path.group(1))
    low, high = range_of(values)
    frame = Frame(width=760, height=280, x_low=0, x_high=9_999, y_low=low, y_high=high)
    assert min(y for _, y in places) == round(frame.y(100.0), 1)
    assert len(places) < 400


def test_a_gap_breaks_the_line():
    drawing = str(line_svg(chart([1.0, 2.0, None, 3.0, 4.0])))
    path = re.search(r'class="line agent" d="([^"]+)"', drawing)
    assert path is not None
    assert path.group(1).count("M") == 2


def test_segments_rule_and_band_are_drawn(report: Report):
    assert report.equity is not None
    edges = Band(name="seeds", low=report.equity.series[0].values, high=report.equity.series[2].values)
    above, below = equity_charts(replace(report.equity, band=edges))
    drawing = str(line_svg(above))
    assert drawing.count('class="segment') == 2
    assert 'class="area band"' in drawing
    assert "Time (UTC)" in drawing
    assert "Equity (USDC)" in drawing
    assert 'class="area agent"' in str(line_svg(below))
    assert report.training is not None
    assert ">kept</text>" in str(line_svg(term_charts(report.training)[0]))


def test_names_cannot_become_markup():
    drawing = str(line_svg(replace(chart([1.0, 2.0]), label='<script>"', y_title="<b>", rule=(1, "<i>"))))
    assert "<script>" not in drawing
    assert "<b>" not in drawing
    assert "<i>" not in drawing


def test_every_order_has_a_shape_by_its_side(report: Report):
    assert report.decisions is not None
    drawing = str(candle_svg(report.decisions))
    filled = [one for one in report.decisions.marks if one.price is not None]
    for name, count in (
        ("buy", sum(one.side == "BUY" for one in filled)),
        ("sell", sum(one.side == "SELL" for one in filled)),
        ("refused", len(report.decisions.marks) - len(filled)),
    ):
        path = re.search(rf'class="mark {name}" d="([^"]+)"', drawing)
        assert path is not None
        assert path.group(1).count("M") == count > 0


def test_a_cost_level_without_figure_is_left_out():
    levels = [
        CostLevel(multiple=0.0, net=Estimate.exact(5.0)),
        CostLevel(multiple=1.0, net=Estimate.absent("no fills")),
        CostLevel(multiple=2.0, net=Estimate(value=-5.0, low=-6.0, high=-4.0)),
    ]
    drawing = str(cost_svg(levels, "USDC"))
    assert drawing.count("<circle") == 2
    assert drawing.count('class="whisker"') == 1
    assert "<title>×0 times the true costs: 5.00 USDC</title>" in drawing


def test_the_price_of_delay_is_drawn_by_swaps():
    levels = [LagLevel(swaps=swaps, orders=3, fills=3, net=Estimate.exact(9.0 - swaps)) for swaps in (0, 1, 5)]
    drawing = str(lag_svg(levels, "USDC"))
    assert drawing.count("<circle") == 3
    assert "<title>5 swaps later: 4.00 USDC</title>" in drawing
    places = [float(one) for one in re.findall(r'<circle class="dot agent" cx="([\d.]+)"', drawing)]
    assert (places[1] - places[0]) * 5 == pytest.approx(places[2] - places[0], abs=1)


def test_confidence_below_the_threshold_is_hollow_and_an_empty_bin_has_no_dot():
    bins = [Bin(low=0.0, high=0.5, count=3), Bin(low=0.5, high=1.0, count=1, confidence=0.7, accuracy=1.0)]
    drawing = str(histogram_svg(bins, 0.5))
    assert drawing.count('class="bar below"') == 1
    assert "threshold 0.5" in drawing
    assert str(reliability_svg(bins)).count("<circle") == 1


def test_what_the_script_gets_are_the_figures_themselves_cut_to_their_digits():
    figures = payload(chart([1.23456, None, 3.0]))
    assert figures["x"] == [0, 1, 1]
    assert figures["y"] == [[1.23, None, 3.0]]
    drawdown = payload(replace(chart([-0.012345, 0.0]), style="percent"))
    assert drawdown["y"] == [[-1.23, 0.0]]
    long = payload(chart([float(index % 97) for index in range(50_000)]))
    assert len(long["x"]) <= MOST_POINTS + 2  # type: ignore[arg-type]
