"""The sections of a Markdown report on what was learned, from which data, and how to make it again."""

from collections.abc import Iterator, Sequence

from rookery.evaluation.report import wording
from rookery.evaluation.report.markdown_table import table
from rookery.evaluation.report.record import Data, Fact, Machine, Profit, Repeat, RookPanel, Training
from rookery.evaluation.report.wording import ABSENT, interval, moment, number, span


def training(training: Training) -> str:
    """Every term at the epoch that was kept."""
    kept = training.epochs.index(training.best_epoch) if training.best_epoch in training.epochs else None
    rows = [[one.name, one.goal, _at(one.train, kept), _at(one.validation, kept)] for one in training.terms]
    lede = f"{len(training.epochs)} epochs; epoch {training.best_epoch} was kept. Ended: {training.stopped}."
    head = ["term", "better", f"train, epoch {training.best_epoch}", f"validation, epoch {training.best_epoch}"]
    return f"## Training\n\n{lede}\n\n{table(head, rows, left=(0, 1))}"


def panel(panel: RookPanel) -> str:
    """What the ROOK brain learned of its teacher."""
    lede = f"The brain against its teacher's labels on the {panel.split} rows."
    return "\n\n".join(["## What the model learned", lede, *_imitation(panel), *_certainty(panel), *_worth(panel)])


def data(data: Data, *, generated: bool) -> str:
    """Where the rows came from and what became of them."""
    mark = " (generated data)" if generated else ""
    kept = f"{data.rows_read:,} rows read, {data.rows_kept:,} kept"
    time = f"{moment(data.start_ms)} to {moment(data.end_ms)} UTC ({span(data.start_ms, data.end_ms)})"
    parts = ["## Data", f"{data.source}{mark}. Licence: {data.licence}.", f"{kept}, {time}."]
    if data.dropped:
        parts.append(table(["dropped", "rows"], [[one.reason, f"{one.count:,}"] for one in data.dropped]))
    if data.splits:
        splits = [
            [
                one.name,
                f"{one.rows:,}",
                f"{one.first_row:,}",
                f"{one.last_row:,}",
                moment(one.start_ms),
                moment(one.end_ms),
            ]
            for one in data.splits
        ]
        parts.append(table(["split", "rows", "first row", "last row", "from, UTC", "to, UTC"], splits, left=(0, 4, 5)))
    if data.fits:
        fits = [
            [one.name, f"{one.first_row:,}", f"{one.last_row:,}", "yes" if one.inside_train else "NO: this is a leak"]
            for one in data.fits
        ]
        parts.append(table(["fitted", "first row", "last row", "inside train"], fits, left=(0, 3)))
    return "\n\n".join([*parts, *_facts((*data.facts, *data.fingerprints))])


def repeat(repeat: Repeat, digest: str) -> str:
    """The command, the settings and the hashes; `digest` is the report's own."""
    own = Fact(name="report.json without its machine block, sha256", value=digest)
    code = Fact(name="code", value=repeat.code_version)
    facts = _facts((code, *repeat.versions, *repeat.hashes, own))
    command, settings = f"```\n{repeat.command}\n```", f"```yaml\n{repeat.config.rstrip()}\n```"
    where = wording.where_repeated(repeat.command)
    return "\n\n".join(["## Repeat it", command, *([where] if where else []), *facts, settings])


def machine(machine: Machine) -> str:
    """Wall-clock facts."""
    parts = ["## This machine", f"{machine.device}. Not part of the report's hash."]
    if machine.stages:
        rows = [
            [one.name, number(one.seconds, "seconds"), wording.rate(one.count, one.seconds, one.unit)]
            for one in machine.stages
        ]
        parts.append(table(["stage", "time", "rate"], rows))
    return "\n\n".join([*parts, *_facts(machine.facts)])


def _imitation(panel: RookPanel) -> Iterator[str]:
    for one in panel.scores:
        model, rival = (number(score.value, one.style, one.digits) for score in (one.model, one.rival))
        near, other = (interval(score, one.style, one.digits) for score in (one.model, one.rival))
        yield f"{one.name}: {model} ({near}); {one.rival_name}: {rival} ({other})."
    counts = [[name, *(f"{one:,}" for one in row)] for name, row in zip(panel.classes, panel.confusion, strict=True)]
    yield table(["teacher \\ model", *panel.classes], counts)
    scores = [
        [one.name, *(number(score, digits=3) for score in (one.precision, one.recall, one.f1)), f"{one.support:,}"]
        for one in panel.per_class
    ]
    yield table(["class", "precision", "recall", "F1", "rows"], scores)
    if panel.heads:
        yield "### Mean absolute error of the other heads"
        errors = [
            [
                f"{one.head}, {one.unit}",
                *(number(error, digits=one.digits) for error in (one.error, one.constant_error)),
                f"{one.rows:,}",
            ]
            for one in panel.heads
        ]
        yield table(["head", "model", "training median", "rows"], errors)
    if panel.label_mix:
        yield "### The teacher's labels in each split"
        yield table(
            ["split", *panel.classes], [[one.name, *(f"{row:,}" for row in one.counts)] for one in panel.label_mix]
        )


def _certainty(panel: RookPanel) -> Iterator[str]:
    if panel.reliability:
        yield "### Reliability"
        bins = [
            [
                f"{one.low:.2f} to {one.high:.2f}",
                f"{one.count:,}",
                number(one.confidence, digits=3),
                number(one.accuracy, digits=3),
            ]
            for one in panel.reliability
        ]
        yield table(["confidence", "rows", "mean confidence", "share right"], bins)
    if panel.calibration_error:
        error = panel.calibration_error
        yield f"Expected calibration error {number(error.value, digits=3)} ({interval(error, 'number', 3)})."
    if panel.confidence:
        yield "### Decisions by confidence"
        yield table(
            ["confidence", "decisions"],
            [[f"{one.low:.2f} to {one.high:.2f}", f"{one.count:,}"] for one in panel.confidence if one.count],
        )


def _worth(panel: RookPanel) -> Iterator[str]:
    if panel.forward:
        yield "### Price move after a teacher's label, before any cost"
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
        yield table(["label", "rows ahead", "labels", "move", "95 % interval"], moves)
    for rows, heading, name in (
        (panel.by_action, "The agent's trades by action", "action"),
        (panel.by_agents_rule, "The agent's trades by the teacher's rule on that row", "rule"),
        (panel.by_rule, "The teacher's own trades by rule", "rule"),
    ):
        if rows:
            yield f"### {heading}, {panel.unit}"
            yield _profits(rows, name)


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


def _facts(facts: Sequence[Fact]) -> list[str]:
    return ["\n".join(f"- {one.name}: {one.value}" for one in facts)] if facts else []


def _at(values: Sequence[float | None], index: int | None) -> str:
    return number(values[index], digits=4) if values and index is not None else ABSENT
