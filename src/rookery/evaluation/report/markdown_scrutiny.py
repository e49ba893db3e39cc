"""The sections of a Markdown report that look closer: belief, claims, likeness, when, at what risk, round trips."""

from collections.abc import Iterator, Sequence

from rookery.evaluation.report import wording
from rookery.evaluation.report.markdown_table import table
from rookery.evaluation.report.record import (
    Belief,
    Calendar,
    Certificate,
    Claim,
    Figure,
    Likeness,
    Regimes,
    Risk,
    RoundTrips,
    Trials,
    Validation,
    VerdictCode,
)
from rookery.evaluation.report.wording import cell, heading, interval, moment, number, span

# A terminal's worth of round trips; the page has more.
MOST_TRIPS = 20


def belief(belief: Belief, code: VerdictCode) -> str:
    """Trials and certificate; `code` is the verdict that they led to."""
    parts = ["## Can it be believed"]
    if belief.before.code != code:
        parts.append(f"By its figures alone the verdict would be {belief.before.code.replace('_', ' ')}.")
    if belief.trials:
        parts.extend(_trials(belief.trials))
    if belief.tally:
        parts.append(f"Trials: {wording.tally_line(belief.tally)}.")
    if belief.certificate:
        parts.extend(_certificate(belief.certificate))
    for validation in belief.validations:
        parts.extend(_validation(validation))
    return "\n\n".join(parts)


def claims(claims: Sequence[Claim]) -> str:
    """Every claim, what was reached and what it would take."""
    rows = [
        [
            one.name,
            number(one.reached.value, one.style, one.digits),
            interval(one.reached, one.style, one.digits),
            one.state,
            one.needed or "tested",
        ]
        for one in claims
    ]
    head = ["claim", "reached", "95 % interval", "state", "it would take"]
    return f"## Claims\n\n{table(head, rows, left=(0, 3, 4))}"


def likenesses(likenesses: Sequence[Likeness]) -> str:
    """The agent beside each baseline."""
    rows = [
        [one.rival, number(one.correlation, digits=3), number(one.same_position, "percent", 1), one.text]
        for one in likenesses
    ]
    head = ["baseline", "correlation of returns", "holds the same", "in words"]
    return f"## Likeness to baselines\n\n{table(head, rows, left=(0, 3))}"


def calendar(calendar: Calendar) -> str:
    """Net return of every month or hour in percent."""
    what, whole = ("day and hour", "day") if calendar.kind == "hours" else ("year and month", "year")
    rows = [
        [row.name, _percent(row.total), *("" if one is None else _percent(one) for one in row.cells)]
        for row in calendar.rows
    ]
    lede = f"Net return in percent by {what}, UTC; the cells compound to {_percent(calendar.total)}."
    return f"## Calendar\n\n{lede}\n\n{table([whole, 'all', *calendar.columns], rows)}"


def regimes(regimes: Sequence[Regimes]) -> str:
    """The result by the state of the market."""
    parts = ["## Market regimes"]
    head = ["market", "periods", "agent, net", "price", "mean period", "95 % interval"]
    for part in regimes:
        rows = [
            [
                row.name,
                f"{row.periods:,}",
                number(row.agent, "percent", signed=True),
                number(row.market, "percent", signed=True),
                number(row.each_bps.value, "bps", signed=True),
                interval(row.each_bps, "bps", 2, signed=True),
            ]
            for row in part.rows
        ]
        whole, market = (number(one, "percent", signed=True) for one in (part.total, part.market))
        total = f"All together: agent {whole}, price {market}."
        parts += [f"### {part.name}", part.definition, table(head, rows), total]
    return "\n\n".join(parts)


def risk(risk: Risk) -> str:
    """Tails, tests of forecasts, exposure and the worst drawdowns."""
    parts = ["## Risk", risk.basis, _figures(risk.tails)]
    if risk.exceedances:
        head = ["forecast", "periods", "promised", "exceeded", "number, p", "scatter, p", "both, p"]
        rows = [
            [
                one.name,
                f"{one.periods:,}",
                number(one.expected * one.periods, digits=1),
                f"{one.exceedances:,}",
                *(wording.p_value(test) for test in (one.coverage, one.independence, one.conditional)),
            ]
            for one in risk.exceedances
        ]
        parts += ["### Did forecasts of value at risk hold?", risk.forecast, table(head, rows)]
    parts += ["### Exposure and turnover", _figures(risk.exposure)]
    if risk.falls:
        rows = [
            [
                number(one.depth, "percent"),
                moment(one.start_ms),
                moment(one.trough_ms),
                "not yet" if one.end_ms is None else moment(one.end_ms),
                span(one.start_ms, one.last_ms),
            ]
            for one in risk.falls
        ]
        head = ["depth", "from, UTC", "deepest, UTC", "back, UTC", "lasted"]
        parts += ["### The worst drawdowns", table(head, rows, left=(1, 2, 3))]
    return "\n\n".join(parts)


def round_trips(trips: RoundTrips) -> str:
    """What the round trips come to, and the first of them."""
    columns = trips.table.columns
    head = [", ".join(filter(None, (one.name, heading(one)))) for one in columns]
    first = trips.table.rows[:MOST_TRIPS]
    rows = [[cell(value, column) for value, column in zip(row, columns, strict=True)] for row in first]
    left = [index for index, one in enumerate(columns) if one.style in (None, "time")]
    shown = [f"The first {len(first)} of {len(trips.table.rows):,}:", table(head, rows, left=left)] if rows else []
    return "\n\n".join(["## Round trips", trips.note, _figures(trips.figures), *shown])


def _trials(trials: Trials) -> Iterator[str]:
    effective = number(trials.effective, digits=1)
    yield (
        f"Trials on these data: {trials.count:,}, worth {effective} independent ones. "
        f"Readings of the test split: {trials.readings:,}."
    )
    yield table(["figure", "value", "what it is"], wording.trial_rows(trials), left=(0, 2))
    if trials.note:
        yield trials.note


def _validation(validation: Validation) -> Iterator[str]:
    yield f"### Cross-validation: {validation.scheme}"
    left_out = "; the test split was left out" if validation.sealed else ""
    yield f"{validation.sentence} {validation.splits} networks, each judged where it had not learned{left_out}."
    yield table(list(wording.OUTCOME_HEAD), [list(row) for row in wording.outcome_rows(validation)], left=(0,))
    yield f"Repeat it: `{validation.command}`"


def _certificate(certificate: Certificate) -> Iterator[str]:
    yield f"### Leakage certificate: {'passed' if certificate.passed else 'FAILED'}"
    yield f"{wording.probe_counts(certificate)}; {certificate.rows:,} rows, seed {certificate.seed}."
    probes = [
        [
            "FAILED" if one.outcome == "failed" else one.outcome.replace("_", " "),
            one.name,
            one.subject,
            f"{one.times:,}",
            one.tested,
            one.found or "nothing",
            one.remedy,
        ]
        for one in certificate.probes
    ]
    head = ["outcome", "probe", "subject", "times", "what was done", "found", "remedy"]
    yield table(head, probes, left=(0, 1, 2, 4, 5, 6))
    yield f"Repeat it: `{certificate.command}`"


def _figures(figures: Sequence[Figure]) -> str:
    rows = [
        [
            one.name,
            number(one.estimate.value, one.style, one.digits, one.unit),
            interval(one.estimate, one.style, one.digits),
            one.text,
        ]
        for one in figures
    ]
    return table(["figure", "value", "95 % interval", "what it is"], rows, left=(0, 3))


def _percent(share: float) -> str:
    return number(100 * share, digits=2, signed=True)
