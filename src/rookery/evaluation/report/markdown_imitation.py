"""The section of a Markdown report on a twin: what can be learnt of its trader, and what that is worth."""

from collections.abc import Iterator, Sequence

from rookery.evaluation.report.estimate import Figure
from rookery.evaluation.report.imitation import Foreteller, TwinPanel
from rookery.evaluation.report.markdown_leaving import leaves
from rookery.evaluation.report.markdown_table import table
from rookery.evaluation.report.wording import ABSENT, action, interval, number

# Lags that a terminal has room for.
_LAGS = 10


def panel(panel: TwinPanel) -> str:
    """What the page shows, in the same order."""
    lede = f"{panel.rows:,} decisions in {panel.markets} held-out markets. {panel.asked}"
    parts = (*_foretold(panel), *_actions(panel), *_hangs_on(panel), *_asked(panel), *_worth(panel))
    return "\n\n".join(["## What the model learned", lede, *parts])


def _foretold(panel: TwinPanel) -> Iterator[str]:
    yield "### Can his next action be foretold?"
    head = ["model", "knows", "log loss", "95 % interval", "twin minus it", "95 % interval", "accuracy", "macro-F1"]
    yield table([*head, "calibration error"], [_model(one) for one in panel.models], left=(0, 1))
    yield "\n".join(f"- {'passed' if one.passed else 'FAILED'}: {one.name}. {one.text}" for one in panel.rules)


def _model(one: Foreteller) -> list[str]:
    apart = one.difference
    return [
        one.name,
        one.knows,
        number(one.log_loss.value, digits=3),
        interval(one.log_loss, "number", 3),
        number(apart.value, digits=3, signed=True) if apart else ABSENT,
        interval(apart, "number", 3, signed=True) if apart else ABSENT,
        number(one.accuracy.value, "percent", 1),
        number(one.macro_f1.value, digits=3),
        number(one.calibration_error.value, digits=3),
    ]


def _actions(panel: TwinPanel) -> Iterator[str]:
    yield "### Which actions does it know?"
    names = [action(name) for name in panel.classes]
    counts = [[name, *(f"{one:,}" for one in row)] for name, row in zip(names, panel.confusion, strict=True)]
    yield table(["trader \\ twin", *names], counts)
    scores = [
        [action(one.name), *(number(x, digits=3) for x in (one.precision, one.recall, one.f1)), f"{one.support:,}"]
        for one in panel.per_class
    ]
    yield table(["action", "precision", "recall", "F1", "decisions"], scores)
    bins = [
        [
            f"{one.low:.1f} to {one.high:.1f}",
            f"{one.count:,}",
            *(number(x, digits=3) for x in (one.confidence, one.accuracy)),
        ]
        for one in panel.reliability
        if one.count
    ]
    yield table(["confidence", "decisions", "mean confidence", "share right"], bins)
    mixes = [[one.name, *(f"{count:,}" for count in one.counts)] for one in panel.label_mix]
    yield table(["the trader's actions", *names], mixes)


def _hangs_on(panel: TwinPanel) -> Iterator[str]:
    yield "### How well could anybody do?"
    yield _figures(panel.ceiling)
    yield panel.ceiling_note
    yield "### What does the twin hang on?"
    risen = [
        [one.name, number(one.estimate.value, digits=3, signed=True), interval(one.estimate, "number", 3, signed=True)]
        for one in panel.importance
    ]
    yield table(["inputs", "rise in log loss", "95 % interval"], risen)
    yield panel.importance_note
    lags = [[f"{lag}", number(weight, "percent", 1)] for lag, weight in enumerate(panel.attention[:_LAGS])]
    yield table(["bars back", "attention"], lags)


def _asked(panel: TwinPanel) -> Iterator[str]:
    if not panel.levels:
        return
    yield "### Does asking for more bring more?"
    span = f"{number(panel.least, 'percent', 1)} to {number(panel.most, 'percent', 1)}"
    yield f"It may be asked for {span} of capital; anything else is refused. {panel.levels_note}"
    rows = [
        [
            number(one.target, "percent", 1),
            number(one.earned.value, "money", 2, signed=True),
            interval(one.earned, "money", 2, signed=True),
            *(number(share, "percent", 1) for share in one.mix),
            f"{one.orders:,}",
            f"{one.lapsed:,}",
        ]
        for one in panel.levels
    ]
    head = ["asked for", f"profit, {panel.unit}", "95 % interval", *(action(name) for name in panel.classes)]
    yield table([*head, "orders", "lapsed"], rows)


def _worth(panel: TwinPanel) -> Iterator[str]:
    yield "### What would it have earned beside him?"
    if panel.replay:
        yield _figures(panel.replay)
    yield panel.replay_note
    if panel.leaving is not None:
        yield from leaves(panel.leaving)
    yield "### What is the trader's edge?" if panel.edge else "### Who is the trader?"
    if panel.edge:
        yield panel.edge
    yield _figures(panel.trader)
    yield panel.trader_note


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
