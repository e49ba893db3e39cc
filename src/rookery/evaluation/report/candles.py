"""Prices to candles, and values to one per candle: what fills a record's Decisions."""

from collections.abc import Sequence

from rookery.evaluation.report.record import Candles

# Lengths that a trader knows: seconds, minutes, hours, days, a week.
INTERVALS_S = (1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 604_800)


def candles(time_ms: Sequence[int], price: Sequence[float], *, most: int = 2_000) -> Candles:
    """OHLC at the shortest usual interval that gives at most `most` candles. Intervals without a price are absent."""
    if len(time_ms) != len(price) or not time_ms:
        raise ValueError(f"candles need as many prices as times, at least one: {len(price)} and {len(time_ms)}")
    interval_s = next((one for one in INTERVALS_S if _count(time_ms, one) <= most), INTERVALS_S[-1])
    step = interval_s * 1000
    starts: list[int] = []
    rows: list[list[float]] = []
    for time, value in zip(time_ms, price, strict=True):
        start = time - time % step
        if starts and starts[-1] == start:
            row = rows[-1]
            row[1], row[2], row[3] = max(row[1], value), min(row[2], value), value
        else:
            starts.append(start)
            rows.append([value] * 4)
    opens, highs, lows, closes = (tuple(column) for column in zip(*rows, strict=True))
    return Candles(interval_s=interval_s, time_ms=tuple(starts), open=opens, high=highs, low=lows, close=closes)


def per_candle(made: Candles, time_ms: Sequence[int], values: Sequence[float | None]) -> tuple[float | None, ...]:
    """The last value known before each candle's end (None before the first): what stood when it closed."""
    result: list[float | None] = []
    position, last = 0, None
    for start in made.time_ms:
        end = start + made.interval_s * 1000
        while position < len(time_ms) and time_ms[position] < end:
            last = values[position]
            position += 1
        result.append(last)
    return tuple(result)


def _count(time_ms: Sequence[int], interval_s: int) -> int:
    step = interval_s * 1000
    return len({time // step for time in time_ms})
