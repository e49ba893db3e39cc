"""How a figure is written: one way for the page and for the Markdown, so that both say the same."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rookery.evaluation.report.record import Certificate, Column, Estimate, Measure, Report, Tally, Trials, Validation

MINUS = "−"
ABSENT = "–"


def number(value: float | None, style: str = "number", digits: int = 2, unit: str = "", *, signed: bool = False) -> str:
    """`value` as text: 0.0123 in `percent` is "1.23 %", `signed` "+1.23 %". Commas part thousands."""
    if value is None:
        return ABSENT
    scaled = value * 100 if style == "percent" else value
    suffix = {"percent": " %", "bps": " bps", "seconds": " s"}.get(style, f" {unit}" if unit else "")
    places = 0 if style == "count" else digits
    text = f"{abs(scaled):,.{places}f}"
    # A rounded zero carries no sign: -0.001 with 2 digits is 0.00.
    sign = "" if not any(digit in text for digit in "123456789") else MINUS if scaled < 0 else "+" if signed else ""
    return f"{sign}{text}{suffix}"


def significant(value: float | None, figures: int = 5) -> str:
    """`value` to so many significant figures, for features whose scales differ by orders of magnitude."""
    if value is None:
        return ABSENT
    return f"{value:,.{figures}g}".replace("-", MINUS)


def interval(estimate: Estimate, style: str, digits: int, *, signed: bool = False) -> str:
    """'1.20 to 3.40 %', or the estimate's note where it has no interval."""
    if estimate.low is None or estimate.high is None:
        return estimate.note
    low, high = (number(bound, style, digits, signed=signed) for bound in (estimate.low, estimate.high))
    return f"{low.split(' ')[0]} to {high}"


def figure(estimate: Estimate, measure: Measure) -> str:
    """A measure's estimate without its interval."""
    return number(estimate.value, measure.style, measure.digits, measure.unit)


def action(name: str) -> str:
    """'strong buy' of STRONG_BUY."""
    return name.replace("_", " ").lower()


def moment(time_ms: int, *, seconds: bool = True) -> str:
    """'2025-02-03 14:05:09', UTC."""
    when = datetime.fromtimestamp(time_ms / 1000, UTC)
    return when.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def short_moment(time_ms: int) -> str:
    """'3 Feb 14:05', UTC, for the axis of a chart."""
    when = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{when.day} {when:%b %H:%M}"


def span(start_ms: int, end_ms: int) -> str:
    """How long from start to end, in the largest unit that fits."""
    return duration((end_ms - start_ms) / 1000)


def duration(seconds: float) -> str:
    """'3.2 days', '5 hours', '12 min', '41 s'."""
    if seconds >= 2 * 86_400:
        return f"{round(seconds / 86_400, 1):g} days"
    if seconds >= 2 * 3_600:
        return f"{round(seconds / 3_600, 1):g} hours"
    if seconds >= 120 or seconds == 60:
        return f"{seconds / 60:.0f} min"
    return f"{round(seconds, 1):g} s" if seconds < 10 else f"{seconds:.0f} s"


def rate(count: int | None, seconds: float, unit: str) -> str:
    """'12,000 rows/s', or a dash where nothing was counted."""
    return ABSENT if count is None or seconds <= 0 else f"{count / seconds:,.0f} {unit}/s"


def heading(column: Column) -> str:
    """The unit that belongs under a column's name: times are always UTC."""
    return "UTC" if column.style == "time" else column.unit


def cell(value: str | int | float | None, column: Column) -> str:
    """A table cell by its column's style."""
    if value is None:
        return ABSENT
    if column.style is None or isinstance(value, str):
        return str(value)
    if column.style == "time":
        return moment(int(value))
    return number(float(value), column.style, column.digits)


def seeds(values: tuple[int, ...]) -> str:
    """'seed 0' or '5 seeds (0, 1, 2, 3, 4)'."""
    if len(values) == 1:
        return f"seed {values[0]}"
    return f"{len(values)} seeds ({', '.join(map(str, values))})"


def where_repeated(command: str) -> str:
    """Where a report's command is to be given, and with which settings; nothing for one that has no settings file."""
    if "config.yaml" not in command:
        return ""
    return "Give it in the folder that the run was started in, with the settings below there as config.yaml."


def p_value(estimate: Estimate) -> str:
    """'0.031', 'under 0.001', or why there is none."""
    if estimate.value is None:
        return estimate.note
    return "under 0.001" if estimate.value < 0.001 else number(estimate.value, digits=3)


def deflated(trials: Trials) -> str:
    """'deflated 0.41 after 37 trials': what must stand beside a Sharpe ratio."""
    count = f"{trials.count:,} {'trial' if trials.count == 1 else 'trials'}"
    return f"deflated {number(trials.deflated)} after {count}"


def trial_count(report: Report) -> str:
    """How many trials the headline was chosen from, as far as is known."""
    trials = report.belief.trials if report.belief else None
    if report.belief and report.belief.tally:
        return tally_line(report.belief.tally)
    if trials is None:
        return f"{report.basis.trials:,}, in this run; others were not counted"
    return f"{trials.count:,}, worth {number(trials.effective, digits=1)} independent ones"


def tally_line(tally: Tally) -> str:
    """'12 (10 models trained, 9 judgements); held-out data read 9 times': what a result was chosen from."""
    models = "model" if tally.fits == 1 else "models"
    judgements = "judgement" if tally.judgements == 1 else "judgements"
    times = "once" if tally.readings == 1 else f"{tally.readings:,} times"
    made = f"{tally.fits:,} {models} trained, {tally.judgements:,} {judgements}"
    return f"{tally.count:,} on these data ({made}); held-out data read {times}"


def _spread(trials: Trials) -> str:
    if trials.sharpe_variance is None:
        return "one trial was not chosen among others"
    variance = number(trials.sharpe_variance, digits=6)
    return f"the variance of the Sharpe ratios of {trials.with_returns:,} trials is {variance}"


def trial_rows(trials: Trials) -> tuple[tuple[str, str, str], ...]:
    """Name, value and meaning of what the trials leave of the Sharpe ratio."""
    record = "–" if trials.track_record is None else f"{trials.track_record:,.0f}"
    rows = (
        ("Sharpe ratio per period", number(trials.sharpe, digits=4), f"Of {trials.periods:,} periods."),
        (
            "Expected maximum",
            number(trials.expected_maximum, digits=4),
            f"What the best of as many worthless trials is expected to reach; {_spread(trials)}.",
        ),
        (
            "Probabilistic Sharpe ratio",
            number(trials.probabilistic),
            "Confidence that the true Sharpe ratio is above 0, had this been the only trial.",
        ),
        (
            "Deflated Sharpe ratio",
            number(trials.deflated),
            "Confidence that it is above the expected maximum: what is left after all trials.",
        ),
        (
            "Minimum track record",
            record,
            f"Periods that it takes to say with 95 % confidence that the Sharpe ratio is above 0; there are "
            f"{trials.periods:,}.",
        ),
    )
    return (*rows, *_among_trials(trials))


OUTCOME_HEAD = ("Part", "Fills", "Net return", "Maximum drawdown", "Buy and hold")


def outcome_rows(validation: Validation) -> list[tuple[str, ...]]:
    """Folds and paths of a cross-validation, under OUTCOME_HEAD."""
    return [
        (
            f"{one.kind} {one.number + 1}",
            f"{one.fills:,}",
            number(one.total_return, "percent", signed=True),
            number(one.max_drawdown, "percent"),
            number(one.held, "percent", signed=True),
        )
        for one in validation.outcomes
    ]


def _among_trials(trials: Trials) -> Iterator[tuple[str, str, str]]:
    """What takes several trials, or several seeds, to be said at all."""
    if trials.overfitting is not None:
        meaning = "How often the best trial of one half of the time is below the middle of all in the other half."
        yield ("Probability of overfitting", number(trials.overfitting), meaning)
    if trials.superiority is not None:
        meaning = "P-value of: none of the trials earns more than always-HOLD (Hansen 2005)."
        yield ("Superior ability", number(trials.superiority, digits=3), meaning)
    if trials.seeds is not None:
        spread = interval(trials.seeds, "number", 4)
        meaning = f"Interquartile mean of {trials.seed_count} seeds of these settings: {spread}."
        yield ("Sharpe ratio of the seeds", number(trials.seeds.value, digits=4), meaning)


def probe_counts(certificate: Certificate) -> str:
    """'12 probes passed, 1 failed, 2 not tested'."""
    outcomes = [probe.outcome for probe in certificate.probes]
    named = (("passed", "passed"), ("failed", "failed"), ("possible", "possible"), ("not_tested", "not tested"))
    counts = [f"{outcomes.count(key)} {name}" for key, name in named if key in outcomes]
    return f"{len(outcomes)} probes: {', '.join(counts)}" if outcomes else "no probe was made"
