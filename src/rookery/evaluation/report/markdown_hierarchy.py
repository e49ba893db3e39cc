"""The specialists' panel as Markdown: gates, ablation, use, targets, breaches, limits, last figures of learning."""

from collections.abc import Iterator, Sequence

from rookery.evaluation.report.hierarchy import PhaseGate, PhaseTargets, SpecialistsPanel
from rookery.evaluation.report.markdown_table import table
from rookery.evaluation.report.record import Estimate
from rookery.evaluation.report.wording import interval, moment, number


def panel(panel: SpecialistsPanel) -> str:
    """What the specialists and their meta-controller learned, and what each part is worth."""
    return "\n\n".join(["## What the model learned", *_gates(panel.gates), *_parts(panel), *_targets(panel.targets),
                        *_limits(panel), *_learning(panel)])  # fmt: skip


def _gates(gates: Sequence[PhaseGate]) -> Iterator[str]:
    if gates:
        yield "### Phase gates"
    for gate in gates:
        state = "passed" if gate.passed else "refused" if gate.applied else "not passed"
        yield f"{gate.name}, {gate.span}: **{state}**. {gate.sentence}"
        rows = [[row.baseline, row.measure, *_shown(row.lead, signed=True), _yes(row.passed)] for row in gate.rows]
        yield table(["baseline", "lead in", "lead", "95 % interval", "beaten"], rows, left=(0, 1))


def _parts(panel: SpecialistsPanel) -> Iterator[str]:
    if panel.ablation:
        yield "### What each part adds"
        rows = [
            [one.name, *_shown(one.sharpe), *_shown(one.net, "percent"), *_shown(one.lead, signed=True)]
            for one in panel.ablation
        ]
        head = ["agent", "Sharpe", "95 % interval", "net return", "95 % interval", "whole minus this", "95 % interval"]
        yield table(head, rows)
    if panel.uses:
        yield f"### How each specialist was used, {panel.unit}"
        uses = [
            [
                one.name,
                ", ".join(one.instruments),
                *_shown(one.allocation, "percent", 1),
                number(one.in_market.value, "percent", 1),
                f"{one.fills:,}",
                number(one.profit, "money", 2),
                *_shown(one.alone),
            ]
            for one in panel.uses
        ]
        head = ["specialist", "instruments", "allocation", "95 % interval", "in the market", "fills", "net profit",
                "Sharpe alone", "95 % interval"]  # fmt: skip
        yield table(head, uses, left=(0, 1))
    if panel.allocations:
        time = panel.allocations.time_ms
        last = ", ".join(f"{one.name} {number(one.values[-1], 'percent', 1)}" for one in panel.allocations.shares)
        yield f"Allocations over {len(time):,} moments from {moment(time[0])} to {moment(time[-1])} UTC; last: {last}."


def _targets(targets: Sequence[PhaseTargets]) -> Iterator[str]:
    if not targets:
        return
    yield "### The specification's performance targets"
    rows = [
        [f"{one.phase}, {one.span}", claim.name, *_shown(claim.reached, claim.style, claim.digits), claim.state,
         claim.needed or "tested"]
        for one in targets
        for claim in one.claims
    ]  # fmt: skip
    yield table(["phase", "target", "reached", "95 % interval", "state", "it would take"], rows, left=(0, 1, 4, 5))


def _limits(panel: SpecialistsPanel) -> Iterator[str]:
    if panel.breaches:
        yield "### Value at risk"
        rows = [
            [one.name, number(one.limit, "percent", 1), f"{one.bars:,}", f"{one.breaches:,}",
             *_shown(one.compliance, "percent")]
            for one in panel.breaches
        ]  # fmt: skip
        yield table(["account", "limit a bar", "bars", "breaches", "within", "95 % interval"], rows)
    if panel.limits:
        yield "### Orders cut or refused by limits"
        yield table(["limit", "orders", "what it does"], [[one.name, f"{one.count:,}", one.text]
                                                          for one in panel.limits], left=(0, 2))  # fmt: skip


def _learning(panel: SpecialistsPanel) -> Iterator[str]:
    if panel.curves:
        yield "### Learning: first and last"
        rows = [
            [f"{one.phase}", one.learner, one.name, one.goal, f"{one.steps[-1]:,}", *_ends(one.values)]
            for one in panel.curves
        ]
        yield table(["phase", "learner", "figure", "better", "steps", "first", "last"], rows, left=(0, 1, 2, 3))


def _ends(values: Sequence[float | None]) -> list[str]:
    known = [value for value in values if value is not None]
    return [number(known[place] if known else None, digits=4) for place in (0, -1)]


def _shown(one: Estimate, style: str = "number", digits: int = 2, *, signed: bool = False) -> list[str]:
    return [number(one.value, style, digits, signed=signed), interval(one, style, digits, signed=signed)]


def _yes(passed: bool) -> str:
    return "yes" if passed else "no"
