"""Fewer points for the same picture: the lowest and the highest of every bucket stay."""

from collections.abc import Sequence

from rookery.evaluation.report.record import Candles


def keep(columns: Sequence[Sequence[float | None]], *, most: int) -> list[int]:
    """Indices, ascending, of the rows to draw when at most about `most` are wanted.

    The rows are cut into equal buckets; each keeps the row of every column's minimum and of its maximum, and the
    first and last row stay, so that no spike is lost and all columns still share one clock. A gap (None) stays a gap.
    """
    count = len(columns[0]) if columns else 0
    if count <= most:
        return list(range(count))
    buckets = max(1, most // (2 * len(columns)))
    kept = {0, count - 1}
    for bucket in range(buckets):
        start, stop = bucket * count // buckets, (bucket + 1) * count // buckets
        for column in columns:
            known = [index for index in range(start, stop) if column[index] is not None]
            if len(known) < stop - start:
                kept.add(next(index for index in range(start, stop) if column[index] is None))
            if known:
                kept.add(min(known, key=column.__getitem__))  # type: ignore[arg-type]
                kept.add(max(known, key=column.__getitem__))  # type: ignore[arg-type]
    return sorted(kept)


def merge(candles: Candles, *, most: int) -> Candles:
    """Neighbouring candles as one, until at most `most` remain: first open, highest high, lowest low, last close."""
    count = len(candles.time_ms)
    size = -(-count // most)
    if size <= 1:
        return candles
    starts = range(0, count, size)
    return Candles(
        interval_s=candles.interval_s * size,
        time_ms=tuple(candles.time_ms[start] for start in starts),
        open=tuple(candles.open[start] for start in starts),
        high=tuple(max(candles.high[start : start + size]) for start in starts),
        low=tuple(min(candles.low[start : start + size]) for start in starts),
        close=tuple(candles.close[min(start + size, count) - 1] for start in starts),
    )
