"""The tables on how a trader leaves, as text: the same on the page and in the Markdown."""

from rookery.evaluation.report.leaving import Leaving
from rookery.evaluation.report.wording import ABSENT, duration, number


def exit_rows(one: Leaving) -> list[list[str]]:
    """A line per figure that is known anywhere: its name, and a value for each part."""

    def share(value: float | None) -> str:
        return number(value, "percent", 1)

    def error(value: float | None) -> str:
        return number(value, one.style, one.digits)

    parts = one.parts
    rows = [
        ["left, mainly by selling", *(f"{part.by_sale:,}" for part in parts)],
        ["left, mainly by buying", *(f"{part.positions - part.by_sale:,}" for part in parts)],
        ["open at the market's end", *(f"{part.held_to_end:,}" for part in parts)],
        ["markets", *(f"{part.markets:,}" for part in parts)],
        ["shares sold again", *(share(part.sold) for part in parts)],
        ["shares merged in pairs", *(share(part.merged) for part in parts)],
        ["shares settled", *(share(part.settled) for part in parts)],
        ["error of the barriers", *(error(part.error) for part in parts)],
        ["error of leaving at once", *(error(part.at_once) for part in parts)],
        ["same sign as the barriers", *(share(part.agreement) for part in parts)],
    ]
    return [row for row in rows if any(value != ABSENT for value in row[1:])]


def quantile_rows(one: Leaving) -> list[list[str]]:
    """Return at exit and time in position of each part, a value for each level."""
    known = [part for part in one.parts if part.returns]
    returns = [[f"return, {part.name}", *(width(one, value, signed=True) for value in part.returns)] for part in known]
    times = [[f"time held, {part.name}", *(duration(value * one.interval_s) for value in part.bars)] for part in known]
    return [*returns, *times]


def width(one: Leaving, value: float, *, signed: bool = False) -> str:
    """A width or a return, without its unit where that is said elsewhere."""
    return number(value, one.style, one.digits, signed=signed)


def horizons(one: Leaving) -> str:
    """What the error is at each horizon that was tried."""
    told = ", ".join(f"{number(error, one.style, one.digits)} at {bars(count)}" for count, error in one.by_horizon)
    return f"At the chosen widths the error by horizon is {told}."


def bars(count: int) -> str:
    """'1 bar', '8 bars'."""
    return "1 bar" if count == 1 else f"{count:,} bars"


def mix_note(one: Leaving) -> str:
    """What the counts leave out."""
    reached = "In one bar" if one.both == 1 else f"From {one.both:,} bars"
    both = f" {reached} profit and loss were reached at once, and the loss counts." if one.both else ""
    return (
        f"Long from every bar's close. {one.unknown:,} bars have no label: nothing comes after them in their market, "
        f"or the width is not known yet.{both}"
    )


def is_chosen(one: Leaving, profit: float, stop: float) -> bool:
    """Whether these are the widths that were chosen."""
    return (profit, stop) == (one.profit, one.stop)


def shade(one: Leaving, error: float) -> float:
    """How strongly a cell is coloured, in percent: the least error the most."""
    errors = [each for _, row in one.errors for each in row]
    least, most = min(errors), max(errors)
    return round(34 * (most - error) / (most - least), 1) if most > least else 0.0
