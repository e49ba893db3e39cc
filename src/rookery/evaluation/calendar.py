"""The net return of every month, or of every hour of a short span."""

import numpy as np

from rookery.evaluation.report.record import Calendar, CalendarRow
from rookery.measures import Floats, Ints

# T rows of an account, K cells
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SHORT_DAYS = 90
_DAY_NS = 86_400 * 10**9


def calendar_section(time_ns_T: Ints, equity_T: Floats, *, start: float) -> Calendar:
    """Net return by year and month, UTC; by day and hour when the span is under 90 days.

    `equity_T` is what was held after each row, `start` what was held before the first. A cell runs from the last equity
    known before it to the last known in it, so that cells compound to the total exactly; a cell without a row is None.
    Raises ValueError without a row, or when times run backwards.
    """
    if not time_ns_T.size or time_ns_T.shape != equity_T.shape or (np.diff(time_ns_T) < 0).any():
        raise ValueError("a calendar needs one equity per time, at least one, and times that do not run backwards")
    short = int(time_ns_T[-1] - time_ns_T[0]) < SHORT_DAYS * _DAY_NS
    unit, whole, size = ("h", "D", 24) if short else ("M", "Y", 12)
    stamps = time_ns_T.astype("datetime64[ns]")
    at_T = stamps.astype(f"datetime64[{unit}]").astype(np.int64)
    last_K = np.append(np.flatnonzero(np.diff(at_T)), at_T.size - 1)
    gain_K = _gains(np.concatenate(([start], equity_T[last_K])))
    row_K, column_K = np.divmod(at_T[last_K], size)
    first, stop = (int(column_K.min()), int(column_K.max()) + 1) if short else (0, size)
    rows = []
    for row in np.unique(row_K):
        mine = row_K == row
        cells: list[float | None] = [None] * size
        for column, gain in zip(column_K[mine], gain_K[mine], strict=True):
            cells[column] = float(gain)
        name = str(row.astype(f"datetime64[{whole}]"))
        rows.append(CalendarRow(name=name, cells=tuple(cells[first:stop]), total=float(np.prod(1 + gain_K[mine]) - 1)))
    names = [f"{hour:02d}" for hour in range(24)] if short else MONTHS
    total = float(_gains(np.array([start, equity_T[-1]]))[0])
    return Calendar(
        kind="hours" if short else "months", columns=tuple(names[first:stop]), rows=tuple(rows), total=total
    )


def _gains(equity: Floats) -> Floats:
    before = equity[:-1]
    # After ruin there is nothing to lose.
    return np.asarray(np.divide(equity[1:], before, out=np.ones_like(before), where=before > 0) - 1.0)
