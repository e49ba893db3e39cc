"""Candles, tracks and orders for the page's script: every word of an order's detail is written here, none there."""

from bisect import bisect_right

from rookery.evaluation.report.decimation import merge
from rookery.evaluation.report.record import Decisions, Gate, Mark
from rookery.evaluation.report.wording import moment, number, significant

# What the chart draws within half a second; a longer record shows its last orders and says so.
MOST_CANDLES = 10_000
MOST_MARKS = 2_000


def shown_marks(decisions: Decisions) -> tuple[Mark, ...]:
    """The orders that the page draws: all, or the last `MOST_MARKS`."""
    return decisions.marks[-MOST_MARKS:]


def payload(decisions: Decisions) -> dict[str, object]:
    """Columns for the chart. Candle starts are counted in intervals, prices cut to the digits shown."""
    made = merge(decisions.candles, most=MOST_CANDLES)
    size = made.interval_s // decisions.candles.interval_s
    step, digits = made.interval_s * 1000, decisions.price_digits
    marks = shown_marks(decisions)
    gates = list(dict.fromkeys(gate.name for mark in marks for gate in mark.gates))
    return {
        "base": decisions.base,
        "quote": decisions.quote,
        "digits": digits,
        "interval": made.interval_s,
        "start": made.time_ms[0] // 1000,
        "at": [(one - made.time_ms[0]) // step for one in made.time_ms],
        "prices": [[round(one, digits) for one in column] for column in (made.open, made.high, made.low, made.close)],
        "tracks": [
            {
                "name": track.name,
                "title": f"{track.name} ({track.unit})" if track.unit else track.name,
                "digits": track.digits,
                "level": track.level,
                "levelName": track.level_name,
                "values": [
                    None if one is None else round(one, track.digits + 2) for one in _last_of(track.values, size)
                ],
            }
            for track in decisions.tracks
        ],
        "labels": _labels(decisions, gates),
        "marks": [_mark(mark, decisions, made.time_ms, gates) for mark in marks],
    }


def _labels(decisions: Decisions, gates: list[str]) -> dict[str, object]:
    """What the values of a mark are called, in their order: written once, not with every order."""
    quote, base = decisions.quote, decisions.base
    prices = (f"Decision price ({quote})", f"Next price ({quote})")
    return {
        "facts": ("Decided (UTC)", "Next price (UTC)", "Reason", *prices, "Size (%)", base, quote),
        "costs": (f"Fee ({quote})", f"Price impact ({quote})", f"Gas ({quote})"),
        "classes": decisions.classes,
        "features": decisions.features,
        "gates": gates,
    }


def _mark(mark: Mark, decisions: Decisions, starts: tuple[int, ...], gates: list[str]) -> list[object]:
    filled = mark.price is not None
    return [
        mark.id,
        max(0, bisect_right(starts, mark.time_ms) - 1),
        mark.side,
        mark.outcome,
        _facts(mark, decisions.price_digits),
        [number(one, digits=4) for one in (mark.fee, mark.impact, mark.gas)] if filled else [],
        [number(100 * one, digits=1) for one in mark.probabilities],
        [number(mark.confidence, digits=3), number(mark.threshold, digits=3)],
        [_gate(gate, gates) for gate in mark.gates],
        [significant(one) for one in mark.features],
    ]


def _facts(mark: Mark, digits: int) -> list[str]:
    filled = mark.price is not None
    return [
        moment(mark.decided_ms),
        moment(mark.time_ms),
        mark.reason,
        number(mark.decision_price, digits=digits),
        number(mark.price, digits=digits),
        number(100 * mark.size, digits=1),
        number(mark.base if filled else None, digits=6),
        number(mark.quote if filled else None, digits=2),
    ]


def _gate(gate: Gate, names: list[str]) -> list[object]:
    return [names.index(gate.name), significant(gate.value, 4), significant(gate.limit, 4), int(gate.passed)]


def _last_of(values: tuple[float | None, ...], size: int) -> list[float | None]:
    count = len(values)
    return [values[min(start + size, count) - 1] for start in range(0, count, size)]
