"""The record as plain Markdown, readable in a terminal: the same figures in the same order as the page."""

from collections.abc import Iterator, Sequence

from rookery.evaluation.report import markdown_hierarchy, markdown_imitation, markdown_model, markdown_scrutiny, wording
from rookery.evaluation.report.codec import digest
from rookery.evaluation.report.markdown_table import table
from rookery.evaluation.report.record import (
    Basis,
    Costs,
    Decisions,
    Equity,
    Estimate,
    Measure,
    NotTraded,
    Report,
    RookPanel,
    SpecialistsPanel,
    Trades,
)
from rookery.evaluation.report.wording import ABSENT, cell, heading, interval, moment, number

# A terminal's worth of trades; the CSV beside the report has all.
MOST_TRADES = 20


def text(report: Report, *, own: str | None = None) -> str:
    """The whole report; `own` is its digest where it is known. Sections that the record does not fill are left out."""
    parts = [
        _frame(report),
        *_headline(report),
        *_market(report),
        *_when(report),
        *_making(report, own or digest(report)),
    ]
    return "\n\n".join(parts) + "\n"


def _market(report: Report) -> Iterator[str]:
    if report.equity:
        yield _equity(report.equity)
    if report.belief and (report.belief.trials or report.belief.certificate):
        yield markdown_scrutiny.belief(report.belief, report.verdict.code)
    if report.claims:
        yield markdown_scrutiny.claims(report.claims)
    if report.likenesses:
        yield markdown_scrutiny.likenesses(report.likenesses)
    if report.costs:
        yield _costs(report.costs)
    if report.decisions:
        yield _decisions(report.decisions)
    if report.trades:
        yield _trades(report.trades)
    if report.round_trips:
        yield markdown_scrutiny.round_trips(report.round_trips)
    if report.not_traded:
        yield _not_traded(report.not_traded)


def _when(report: Report) -> Iterator[str]:
    if report.calendar:
        yield markdown_scrutiny.calendar(report.calendar)
    if report.regimes:
        yield markdown_scrutiny.regimes(report.regimes)
    if report.risk:
        yield markdown_scrutiny.risk(report.risk)


def _making(report: Report, own: str) -> Iterator[str]:
    if report.training:
        yield markdown_model.training(report.training)
    if report.panel:
        if isinstance(report.panel, RookPanel):
            yield markdown_model.panel(report.panel)
        elif isinstance(report.panel, SpecialistsPanel):
            yield markdown_hierarchy.panel(report.panel)
        else:
            yield markdown_imitation.panel(report.panel)
    if report.data:
        yield markdown_model.data(report.data, generated=report.generated)
    if report.repeat:
        yield markdown_model.repeat(report.repeat, own)
    if report.machine:
        yield markdown_model.machine(report.machine)


def _frame(report: Report) -> str:
    name = report.data_name + (" (generated data)" if report.generated else "")
    disguise = [one.text for one in report.likenesses if one.same]
    verdict = "\n\n".join([f"**{report.verdict.sentence}**", report.verdict.reason, *disguise])
    return f"# {report.title}\n\n{name}, {wording.seeds(report.seeds)}\n\n{verdict}"


def _headline(report: Report) -> Iterator[str]:
    yield "## Headline figures"
    if report.headline:
        yield table(["measure", "agent", "95 % interval"], [_agent(one, report) for one in report.headline])
        rivals = [row for measure in report.headline for row in _rivals(measure)]
        head = ["measure", "rival", "its figure", "95 % interval", "agent minus rival", "95 % interval"]
        yield table(head, rows=rivals, left=(0, 1)) if rivals else "No rivals."
    yield _basis(report.basis, wording.trial_count(report))
    for one in report.headline:
        yield f"{one.name}: {one.definition}\n`{one.formula}` ({one.source})"


def _agent(measure: Measure, report: Report) -> list[str]:
    value = _value(measure.agent, measure)
    trials = report.belief.trials if report.belief else None
    if trials is not None and measure.key == "sharpe":
        value += f", {wording.deflated(trials)}"
    return [_named(measure), value, _interval(measure.agent, measure)]


def _rivals(measure: Measure) -> list[list[str]]:
    own = {one.name: one.estimate for one in measure.baselines}
    apart = {one.name: one.estimate for one in measure.differences}
    return [
        [
            _named(measure),
            name,
            _value(own.get(name), measure),
            _interval(own.get(name), measure),
            _value(apart.get(name), measure, signed=True),
            _interval(apart.get(name), measure, signed=True),
        ]
        for name in dict.fromkeys([*own, *apart])
    ]


def _named(measure: Measure) -> str:
    return f"{measure.name}, {measure.unit}" if measure.unit else measure.name


def _value(estimate: Estimate | None, measure: Measure, *, signed: bool = False) -> str:
    return number(estimate.value, measure.style, measure.digits, signed=signed) if estimate else ABSENT


def _interval(estimate: Estimate | None, measure: Measure, *, signed: bool = False) -> str:
    return interval(estimate, measure.style, measure.digits, signed=signed) if estimate else ABSENT


def _basis(basis: Basis, trials: str) -> str:
    counted = f"Trials counted: {trials}"
    return _bullets([f"Annualisation: {basis.annualisation}", f"Intervals: {basis.intervals}", counted, *basis.notes])


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _equity(equity: Equity) -> str:
    rows = [
        [one.name, number(one.values[0]), number(one.values[-1]), number(min(one.drawdown), "percent")]
        for one in equity.series
    ]
    start, end = moment(equity.time_ms[0]), moment(equity.time_ms[-1])
    lede = f"{len(equity.time_ms):,} points from {start} to {end} UTC, in {equity.unit}."
    return f"## Equity and drawdown\n\n{lede}\n\n{table(['line', 'first', 'last', 'largest drawdown'], rows)}"


def _costs(costs: Costs) -> str:
    steps = [("Gross result", costs.gross, "before any cost")]
    steps += [(one.name, one.amount, one.note) for one in costs.parts]
    steps.append(("Net result", costs.net, "what is left"))
    rows = [[name, number(amount), note] for name, amount, note in steps]
    parts = ["## Costs", table(["part", costs.unit, "note"], rows, left=(0, 2))]
    if costs.break_even_bps:
        even = costs.break_even_bps
        parts.append(f"Break-even: {number(even.value, 'bps', 1)} a trade ({interval(even, 'bps', 1)}).")
    if costs.curve:
        levels = [[f"x{one.multiple:g}", number(one.net.value), interval(one.net, "money", 2)] for one in costs.curve]
        parts.append(table(["costs", f"net, {costs.unit}", "95 % interval"], levels))
    if costs.lags:
        lags = [[str(one.swaps), f"{one.orders:,}", f"{one.fills:,}", number(one.net.value)] for one in costs.lags]
        parts += ["### Had it acted later", table(["swaps later", "orders", "fills", f"net, {costs.unit}"], lags)]
    return "\n\n".join([*parts, costs.note] if costs.note else parts)


def _decisions(made: Decisions) -> str:
    outcomes = [one.outcome for one in made.marks]
    counts = {name: outcomes.count(name) for name in ("filled", "clipped", "stopped", "refused")}
    orders = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "none"
    length = wording.duration(made.candles.interval_s)
    candles = f"{len(made.candles.time_ms):,} candles of {length}, {made.quote} per {made.base}"
    return f"## Decisions\n\n{candles}. Orders: {orders}. report.html shows why each was made."


def _trades(trades: Trades) -> str:
    head = [", ".join(filter(None, (one.name, heading(one)))) for one in trades.columns]
    first = trades.rows[:MOST_TRADES]
    rows = [[cell(value, column) for value, column in zip(row, trades.columns, strict=True)] for row in first]
    left = [index for index, one in enumerate(trades.columns) if one.style in (None, "time")]
    count = len(trades.rows)
    said = f"The first {len(first)} of {count:,}" if count > len(first) else f"{count} rows in the ledger"
    where = f"; all are in {trades.csv}." if trades.csv else "."
    return f"## Trades\n\n{said}{where}" + (f"\n\n{table(head, rows, left=left)}" if rows else "")


def _not_traded(missed: NotTraded) -> str:
    counts = f"{missed.decisions:,} decisions, {missed.orders:,} orders, {missed.fills:,} fills."
    rows = [[one.reason, one.text, f"{one.count:,}"] for one in missed.refusals]
    listed = f"\n\n{table(['reason', 'meaning', 'count'], rows, left=(0, 1))}" if rows else ""
    return f"## Not traded\n\n{missed.summary}\n\n{counts}{listed}"
