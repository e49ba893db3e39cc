"""Charts of the specialists' panel: allocations over time, and what each phase learned."""

from itertools import groupby

from rookery.evaluation.report.charts import Chart, Line
from rookery.evaluation.report.hierarchy import Allocations, Curve, SpecialistsPanel

# Colour and dash of the lines of a chart, in their order.
ROLES = ("agent", "buy_and_hold", "teacher", "random", "other")
APPETITE = "risk appetite"


def hierarchy_charts(panel: SpecialistsPanel) -> tuple[Chart, ...]:
    """The allocations' chart, where there are any, then one small chart per phase and figure."""
    first = () if panel.allocations is None else (_allocations(panel.allocations),)
    return (*first, *(_curves(panel, group, order) for order, group in enumerate(curve_groups(panel))))


def curve_groups(panel: SpecialistsPanel) -> tuple[tuple[Curve, ...], ...]:
    """Curves that share a chart: of one phase and figure, over the same steps."""
    return tuple(tuple(group) for _, group in groupby(panel.curves, key=lambda one: (one.phase, one.name, one.steps)))


def learners(panel: SpecialistsPanel, phase: int) -> dict[str, str]:
    """Everyone who learns in a phase, with the role that names colour and dash in all of its charts."""
    names = dict.fromkeys(one.learner for one in panel.curves if one.phase == phase)
    return {name: ROLES[min(place, len(ROLES) - 1)] for place, name in enumerate(names)}


def allocation_lines(allocations: Allocations) -> tuple[Line, ...]:
    """One line per specialist, and the risk appetite."""
    named = [(one.name, one.values) for one in allocations.shares]
    named += [(APPETITE, allocations.appetite)] if allocations.appetite else []
    return tuple(
        Line(name=name, role=ROLES[min(order, len(ROLES) - 1)], values=values)
        for order, (name, values) in enumerate(named)
    )


def _allocations(allocations: Allocations) -> Chart:
    lines = allocation_lines(allocations)
    return Chart(
        id="allocation-chart",
        label=f"Allocation to {', '.join(line.name for line in lines)}",
        x_kind="time",
        x_title="Time (UTC)",
        y_title="Allocation",
        style="percent",
        digits=1,
        x=allocations.time_ms,
        lines=lines,
        height=220,
        group="equity",
    )


def _curves(panel: SpecialistsPanel, group: tuple[Curve, ...], order: int) -> Chart:
    first, roles = group[0], learners(panel, group[0].phase)
    better = f", {first.goal} is better" if first.goal else ""
    return Chart(
        id=f"curve-{order}",
        label=f"Phase {first.phase}: {first.name} of {', '.join(one.learner for one in group)}{better}",
        x_kind="number",
        x_title="Steps",
        y_title="",
        style="number",
        digits=4,
        x=first.steps,
        lines=tuple(Line(name=one.learner, role=roles[one.learner], values=one.values) for one in group),
        height=190,
        group=f"phase-{first.phase}",
    )
