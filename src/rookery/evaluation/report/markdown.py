"""The record as plain Markdown, readable in a terminal: the same figures in the same order as the page."""

from collections.abc import Callable, Sequence

from rookery.evaluation.report import wording
from rookery.evaluation.report.codec import digest
from rookery.evaluation.report.record import (
    Costs,
    Data,
    Decisions,
    Estimate,
    Measure,
    NotTraded,
    Profit,
    Repeat,
    Report,
    RookPanel,
    Trades,
    Training,
)
from rookery.evaluation.report.wording import cell, interval, moment, number, span

# A terminal's worth of trades; the CSV beside the report has all.
MOST_TRADES = 20


def text(report: Report) -> str:
    """The whole report. Sections that the record does not fill are left out."""
    parts = [_frame(report), _headline(report)]
    sections: tuple[tuple[str, Callable[[Report], str]], ...] = (
        ("equity", _equity),
        ("costs", lambda one: _costs(one.costs) if one.costs else ""),
        ("decisions", lambda one: _decisions(one.decisions) if one.decisions else ""),
        ("trades", lambda one: _trades(one.trades) if one.trades else ""),
        ("not_traded", lambda one: _not_traded(one.not_traded) if one.not_traded else ""),
        ("training", lambda one: _training(one.training) if one.training else ""),
        ("panel", lambda one: _panel(one.panel) if one.panel else ""),
        ("data", lambda one: _data(one.data, generated=one.generated) if one.data else ""),
        ("repeat", lambda one: _repeat(one.repeat, digest(one)) if one.repeat else ""),
        ("machine", _machine),
    )
    parts += [draw(report) for name, draw in sections if getattr(report, name)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> str:
    """A Markdown table padded to equal widths; columns after the first `text_columns` are set to the right."""
    cells = [[one.replace("|", "\\|").replace("\n", " ") for one in row] for row in (head, *rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(head))]
    rule = [("-" * width) if column < text_columns else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    lines = [
        [_pad(one, width, column < text_columns) for column, (one, width) in enumerate(zip(row, widths, strict=True))]
        for row in cells
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))


def _pad(value: str, width: int, left: bool) -> str:
    return value.ljust(width) if left else value.rjust(width)


def _frame(report: Report) -> str:
    data = report.data_name + (" (generated data)" if report.generated else "")
    lines = [f"# {report.title}", f"{data}, {wording.seeds(report.seeds)}"]
    lines += [f"**{report.verdict.sentence}.** {report.verdict.reason}".replace("..**", ".**")]
    return "\n\n".join(lines)


def _headline(report: Report) -> str:
    rivals = list(dict.fromkeys(one.name for measure in report.headline for one in measure.baselines))
    rows = [_measure(measure, rivals) for measure in report.headline]
    parts = ["## Headline figures", table(["measure", "agent", "95 % interval", *rivals], rows) if rows else ""]
    apart = [
        [
            measure.name,
            one.name,
            _value(one.estimate, measure, signed=True),
            _interval(one.estimate, measure, signed=True),
        ]
        for measure in report.headline
        for one in measure.differences
    ]
    if apart:
        parts += [
            "### Agent minus rival",
            table(["measure", "rival", "difference", "95 % interval"], apart, text_columns=2),
        ]
    basis = report.basis
    parts.append(
        "\n".join(
            f"- {one}"
            for one in (
                basis.annualisation,
                basis.intervals,
                f"Trials counted on this data: {basis.trials:,}.",
                *basis.notes,
            )
        )
    )
    meanings = [f"- {one.name}: {one.definition} `{one.formula}` ({one.source})" for one in report.headline]
    parts += ["### Definitions", "\n".join(meanings)] if meanings else []
    return "\n\n".join(part for part in parts if part)


def _measure(measure: Measure, rivals: Sequence[str]) -> list[str]:
    own = {one.name: one.estimate for one in measure.baselines}
    name = f"{measure.name}, {measure.unit}" if measure.unit else measure.name
    baselines = [_value(own[rival], measure) if rival in own else wording.ABSENT for rival in rivals]
    return [name, _value(measure.agent, measure), _interval(measure.agent, measure), *baselines]


def _value(estimate: Estimate, measure: Measure, *, signed: bool = False) -> str:
    return number(estimate.value, measure.style, measure.digits, signed=signed)


def _interval(estimate: Estimate, measure: Measure, *, signed: bool = False) -> str:
    return interval(estimate, measure.style, measure.digits, signed=signed)


def _equity(report: Report) -> str:
    equity = report.equity
    if equity is None:
        return ""
    rows = [
        [one.name, number(one.values[0]), number(one.values[-1]), number(min(one.drawdown), "percent")]
        for one in equity.series
    ]
    lede = f"{len(equity.time_ms):,} points from {moment(equity.time_ms[0])} to {moment(equity.time_ms[-1])} UTC, in {equity.unit}."
    return f"## Equity and drawdown\n\n{lede}\n\n{table(['line', 'first', 'last', 'largest drawdown'], rows)}"


def _costs(costs: Costs) -> str:
    steps = [
        ("Gross result", costs.gross, "before any cost"),
        *((one.name, one.amount, one.note) for one in costs.parts),
    ]
    rows = [[name, number(amount), note] for name, amount, note in (*steps, ("Net result", costs.net, "what is left"))]
    parts = ["## Costs", table(["part", costs.unit, "note"], rows)]
    if costs.break_even_bps:
        even = costs.break_even_bps
        parts.append(f"Break-even: {number(even.value, 'bps', 1)} a trade ({interval(even, 'bps', 1)}).")
    if costs.curve:
        levels = [[f"x{one.multiple:g}", number(one.net.value), interval(one.net, "money", 2)] for one in costs.curve]
        parts.append(table(["costs", f"net, {costs.unit}", "95 % interval"], levels))
    return "\n\n".join([*parts, costs.note] if costs.note else parts)


def _decisions(made: Decisions) -> str:
    counts = {
        name: sum(one.outcome == name for one in made.marks) for name in ("filled", "clipped", "stopped", "refused")
    }
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    candles = f"{len(made.candles.time_ms):,} candles of {wording.duration(made.candles.interval_s)}, {made.quote} per {made.base}"
    return f"## Decisions\n\n{candles}. Orders: {said or 'none'}. report.html shows each with its reason."


def _trades(trades: Trades) -> str:
    head = [f"{one.name}, {one.unit}" if one.unit else one.name for one in trades.columns]
    rows = [
        [cell(value, column) for value, column in zip(row, trades.columns, strict=True)]
        for row in trades.rows[:MOST_TRADES]
    ]
    more = f"The first {len(rows)} of {len(trades.rows):,}" if len(trades.rows) > len(rows) else f"{len(rows)} trades"
    where = f"; all are in {trades.csv}." if trades.csv else "."
    return f"## Trades\n\n{more}{where}" + (f"\n\n{table(head, rows)}" if rows else "")


def _not_traded(missed: NotTraded) -> str:
    counts = f"{missed.decisions:,} decisions, {missed.orders:,} orders, {missed.fills:,} fills."
    rows = [[one.reason, one.text, f"{one.count:,}"] for one in missed.refusals]
    listed = f"\n\n{table(['reason', 'meaning', 'count'], rows, text_columns=2)}" if rows else ""
    return f"## Not traded\n\n{missed.summary}\n\n{counts}{listed}"


def _training(training: Training) -> str:
    best = training.epochs.index(training.best_epoch) if training.best_epoch in training.epochs else -1
    rows = [[one.name, one.goal, _at(one.train, best), _at(one.validation, best)] for one in training.terms]
    lede = f"{len(training.epochs)} epochs; epoch {training.best_epoch} was kept. Ended: {training.stopped}."
    head = ["term", "better", f"train, epoch {training.best_epoch}", "validation"]
    return f"## Training\n\n{lede}\n\n{table(head, rows, text_columns=2)}"


def _at(values: Sequence[float | None], index: int) -> str:
    return number(values[index], digits=4) if values else wording.ABSENT


def _panel(panel: RookPanel) -> str:
    parts = ["## What the model learned", f"The brain against its teacher's labels on the {panel.split} rows."]
    scores = [
        [
            one.name,
            number(one.model.value, one.style, one.digits),
            interval(one.model, one.style, one.digits),
            number(one.rival.value, one.style, one.digits),
            one.rival_name,
        ]
        for one in panel.scores
    ]
    parts.append(table(["score", "model", "95 % interval", "rival", "the rival"], scores))
    confusion = [
        [name, *(f"{count:,}" for count in row)] for name, row in zip(panel.classes, panel.confusion, strict=True)
    ]
    parts.append(table(["teacher \\ model", *panel.classes], confusion))
    by_class = [
        [
            one.name,
            number(one.precision, digits=3),
            number(one.recall, digits=3),
            number(one.f1, digits=3),
            f"{one.support:,}",
        ]
        for one in panel.per_class
    ]
    parts.append(table(["class", "precision", "recall", "F1", "rows"], by_class))
    heads = [
        [
            f"{one.head}, {one.unit}",
            number(one.error, digits=one.digits),
            number(one.constant_error, digits=one.digits),
            f"{one.rows:,}",
        ]
        for one in panel.heads
    ]
    parts += (
        ["### Mean absolute error of the other heads", table(["head", "model", "training median", "rows"], heads)]
        if heads
        else []
    )
    mix = [[one.name, *(f"{count:,}" for count in one.counts)] for one in panel.label_mix]
    parts += ["### The teacher's labels in each split", table(["split", *panel.classes], mix)] if mix else []
    parts += _certainty(panel)
    moves = [
        [
            one.name,
            f"{one.rows:,}",
            f"{one.count:,}",
            number(one.move_bps.value, "bps", 1, signed=True),
            interval(one.move_bps, "bps", 1, signed=True),
        ]
        for one in panel.forward
    ]
    parts += (
        [
            "### Price move after a teacher's label, before any cost",
            table(["label", "rows ahead", "labels", "move", "95 % interval"], moves),
        ]
        if moves
        else []
    )
    for rows, name in ((panel.by_action, "action"), (panel.by_rule, "rule")):
        parts += [f"### Result by {name}, {panel.unit}", _profits(rows, name)] if rows else []
    return "\n\n".join(parts)


def _certainty(panel: RookPanel) -> list[str]:
    bins = [
        [
            f"{one.low:.2f} to {one.high:.2f}",
            f"{one.count:,}",
            number(one.confidence, digits=3),
            number(one.accuracy, digits=3),
        ]
        for one in panel.reliability
    ]
    parts = ["### Reliability", table(["confidence", "rows", "mean confidence", "share right"], bins)] if bins else []
    if panel.calibration_error:
        parts.append(
            f"Expected calibration error {number(panel.calibration_error.value, digits=3)} ({interval(panel.calibration_error, 'number', 3)})."
        )
    return parts


def _profits(rows: Sequence[Profit], name: str) -> str:
    cells = [
        [
            one.name,
            f"{one.trades:,}",
            number(one.gross),
            number(one.net),
            number(one.each_bps.value, "bps", 1),
            interval(one.each_bps, "bps", 1),
        ]
        for one in rows
    ]
    return table([name, "trades", "gross", "net", "net per trade", "95 % interval"], cells)


def _data(data: Data, *, generated: bool) -> str:
    mark = " (generated data)" if generated else ""
    parts = [f"## Data\n\n{data.source}{mark}. Licence: {data.licence}."]
    parts.append(
        f"{data.rows_read:,} rows read, {data.rows_kept:,} kept, {moment(data.start_ms)} to {moment(data.end_ms)} UTC ({span(data.start_ms, data.end_ms)})."
    )
    dropped = [[one.reason, f"{one.count:,}"] for one in data.dropped]
    parts += [table(["dropped", "rows"], dropped)] if dropped else []
    splits = [
        [one.name, f"{one.rows:,}", f"{one.first_row:,}", f"{one.last_row:,}", moment(one.start_ms), moment(one.end_ms)]
        for one in data.splits
    ]
    parts += [table(["split", "rows", "first row", "last row", "from, UTC", "to, UTC"], splits)] if splits else []
    fits = [
        [one.name, f"{one.first_row:,}", f"{one.last_row:,}", "yes" if one.inside_train else "NO: this is a leak"]
        for one in data.fits
    ]
    parts += [table(["fitted", "first row", "last row", "inside train"], fits)] if fits else []
    facts = [f"- {one.name}: {one.value}" for one in (*data.facts, *data.fingerprints)]
    return "\n\n".join([*parts, "\n".join(facts)] if facts else parts)


def _repeat(repeat: Repeat, own: str) -> str:
    facts = [("code", repeat.code_version), *((one.name, one.value) for one in (*repeat.versions, *repeat.hashes))]
    listed = "\n".join(f"- {name}: {value}" for name, value in (*facts, ("report.json without machine, sha256", own)))
    return f"## Repeat it\n\n```\n{repeat.command}\n```\n\n{listed}\n\n```yaml\n{repeat.config.rstrip()}\n```"


def _machine(report: Report) -> str:
    machine = report.machine
    if machine is None:
        return ""
    rows = [
        [one.name, number(one.seconds, "seconds"), wording.rate(one.count, one.seconds, one.unit)]
        for one in machine.stages
    ]
    parts = ["## This machine", f"{machine.device}. Not part of the report's hash."]
    parts += [table(["stage", "time", "rate"], rows)] if rows else []
    facts = "\n".join(f"- {one.name}: {one.value}" for one in machine.facts)
    return "\n\n".join([*parts, facts] if facts else parts)
