"""Where an axis puts its marks and what it writes beside them."""

import math
from calendar import monthrange
from datetime import UTC, datetime, timedelta

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
STEPS_MS = (
    *(count * 1_000 for count in (1, 5, 15, 30)),
    *(count * MINUTE_MS for count in (1, 5, 15, 30)),
    *(count * HOUR_MS for count in (1, 2, 3, 6, 12)),
    *(count * DAY_MS for count in (1, 2, 7, 14)),
)


def number_ticks(low: float, high: float, *, most: int) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten) from low to high, at most `most` of them."""
    if not high > low:
        return [low]
    step = 10 ** math.floor(math.log10((high - low) / most))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if (high - low) / (step * factor) <= most - 1)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_digits(ticks: list[float]) -> int:
    """Decimals that tell neighbouring ticks apart."""
    if len(ticks) < 2:
        return 2
    return max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))


def time_ticks(start_ms: int, end_ms: int, *, most: int) -> list[tuple[int, str]]:
    """Round moments, UTC, from start to end with their labels: '14:00' within a day, '24 Jan' for days, 'Jan 2025'."""
    fitting = (step for step in STEPS_MS if (end_ms - start_ms) / step <= most)
    step = next(fitting, None)
    if step is None:
        return _months(start_ms, end_ms, most)
    # Weeks count from a Monday: 1970-01-05.
    offset = 4 * DAY_MS if step >= 7 * DAY_MS else 0
    first = -((offset - start_ms) // step) * step + offset
    first = first if first >= start_ms else first + step
    return [(moment, _label(moment, step)) for moment in range(first, end_ms + 1, step)]


def _label(moment: int, step: int) -> str:
    when = datetime.fromtimestamp(moment / 1000, UTC)
    if step >= DAY_MS or (when.hour == when.minute == when.second == 0):
        return f"{when.day} {when:%b}"
    return f"{when:%H:%M:%S}" if step < MINUTE_MS else f"{when:%H:%M}"


def _months(start_ms: int, end_ms: int, most: int) -> list[tuple[int, str]]:
    months = (end_ms - start_ms) / (30.4 * DAY_MS)
    step = next((one for one in (1, 2, 3, 6, 12, 24, 60) if months / one <= most), 120)
    when = datetime.fromtimestamp(start_ms / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    ticks: list[tuple[int, str]] = []
    while (moment := round(when.timestamp() * 1000)) <= end_ms:
        if moment >= start_ms and (when.year * 12 + when.month - 1) % step == 0:
            ticks.append((moment, f"{when:%b %Y}" if step < 12 else f"{when:%Y}"))
        when += timedelta(days=monthrange(when.year, when.month)[1])
    return ticks
