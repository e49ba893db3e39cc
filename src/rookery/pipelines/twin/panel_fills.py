"""What is shown of a trader of instruments, whose markets pay nothing out: his round trips, and no replay."""

from rookery.evaluation.identifiability.trips import TripDescription
from rookery.evaluation.report.estimate import Estimate, Figure, Style
from rookery.pipelines.twin.panel import Worth

QUOTE = "quote"
LEFT_OUT = (
    "Left out: replay, profit by what is asked for, matched pairs and how positions are left are told of markets that "
    "pay out; of these nothing but his own fills is known."
)


def worth_of_trips(trader: TripDescription) -> Worth:
    """The parts of a twin's panel on money, as far as fills in instruments tell them."""
    return Worth(
        levels=(),
        levels_note="",
        unit=QUOTE,
        replay=(),
        replay_note=LEFT_OUT,
        edge="",
        trader=_figures(trader),
        trader_note=_note(trader),
    )


def _figures(one: TripDescription) -> tuple[Figure, ...]:
    shown: tuple[tuple[str, Style, int, Estimate, str], ...] = (
        ("profit a round trip", "money", 2, one.profit, f"Mean of {one.trips:,}, by average cost, before fees."),
        ("round trips with a profit", "percent", 1, one.profitable, "Share of them."),
        ("long round trips", "percent", 1, one.longs, "Share of them; the others sold first."),
        ("hours held", "number", 2, one.hours, "Median, from the first fill of a trip to its last."),
        ("realised, as the file says", "money", 2, one.stated, "Sum over all fills."),
        ("fees, as the file says", "money", 2, one.fees, "Sum over all fills, whatever they were taken in."),
        ("took liquidity", "percent", 1, one.taken, "Share of his fills."),
    )
    return tuple(
        Figure(name=name, style=style, digits=digits, estimate=estimate, text=text, unit=QUOTE * (style == "money"))
        for name, style, digits, estimate, text in shown
    )


def _note(one: TripDescription) -> str:
    held = f"{one.still_open:,} positions were held at the end. " if one.still_open else ""
    lost = (
        f"{one.breaks:,} fills do not follow from the fill before: rows are missing there, and what they brought is in "
        "no figure but the file's own. "
        if one.breaks
        else ""
    )
    return (
        f"All {one.fills:,} fills in {one.instruments:,} instruments, training ones too. A round trip is from flat to "
        f"flat, or to the other side. {held}{lost}Intervals draw whole days anew, by the close of a trip."
    )
