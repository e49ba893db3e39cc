"""The part of a Markdown report on how a trader leaves his positions."""

from collections.abc import Iterator

from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.leaving import TOUCHED, Leaving
from rookery.evaluation.report.leaving_rows import (
    bars,
    exit_rows,
    horizons,
    is_chosen,
    mix_note,
    quantile_rows,
    width,
)
from rookery.evaluation.report.markdown_table import table
from rookery.evaluation.report.wording import action, interval, number


def leaves(one: Leaving) -> Iterator[str]:
    """What the page shows, in the same order."""
    yield "### How does he leave?"
    yield one.said
    yield table(["his exits", *(part.name for part in one.parts)], exit_rows(one))
    if quantiles := quantile_rows(one):
        yield table(["quantile", *(number(level, "percent", 0) for level in one.levels)], quantiles)
    yield one.note
    if one.tried:
        yield from _tried(one)
    counts = [[mix.name, *(f"{count:,}" for count in mix.counts)] for mix in one.mix]
    yield table(["bars by what comes first", *TOUCHED], counts)
    yield mix_note(one)
    if one.actions:
        yield _after(one)
        yield one.actions_note


def _tried(one: Leaving) -> Iterator[str]:
    cells = [
        [
            width(one, profit),
            *(_marked(one, error, is_chosen(one, profit, stop)) for stop, error in zip(one.stops, errors, strict=True)),
        ]
        for profit, errors in one.errors
    ]
    head = f"error by profit-taking \\ stop-loss, horizon {bars(one.horizon_bars)}"
    yield table([head, *(width(one, stop) for stop in one.stops)], cells)
    yield horizons(one)


def _after(one: Leaving) -> str:
    interval_head = "95 % interval"
    head = ["mean return after", "decisions", "trader", interval_head, "twin", interval_head]
    rows = [
        [
            action(after.name),
            f"{after.decisions:,}",
            *(text for score in (after.trader, after.twin, after.difference) for text in _score(one, score)),
        ]
        for after in one.actions
    ]
    return table([*head, "twin minus trader", interval_head], rows)


def _marked(one: Leaving, error: float, chosen: bool) -> str:
    text = number(error, one.style, one.digits)
    return f"**{text}**" if chosen else text


def _score(one: Leaving, score: Estimate) -> tuple[str, str]:
    return (
        number(score.value, one.style, one.digits + 1, signed=True),
        interval(score, one.style, one.digits + 1, signed=True),
    )
