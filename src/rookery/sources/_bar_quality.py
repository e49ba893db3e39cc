"""What is odd about a table of bars: gaps, pauses, flat bars, jumps. Counted and shown, never mended."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.sources._bar_clock import zone_of

_LARGE_MOVE = 0.05
_SPIKE_SCALES = 10.0
_SPIKE_LEFT = 0.3
_NORMAL_PER_MEDIAN = 1.4826
_NEARBY = 101
_PAUSE_S = 3_300
_SHOWN_CLOCKS = 4
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class BarQuality:
    """Counts over one instrument's bars. Times are openings, UTC ISO 8601; moves are log returns of the close.

    `gaps` are steps longer than the usual one, of which `pauses` are longer than 55 minutes and the interval.
    `bad_ticks` are closes that jump over ten times the usual nearby move (the median of 101, times 1.4826) and come
    back by 70 % or more with the next bar. `restarts` says at which local clock times bars resume after a pause.
    """

    rows: int
    first: str
    last: str
    interval_s: float | None
    gaps: int
    longest_gap_s: float
    longest_gap_ends: str | None
    short_steps: int
    pauses: int
    restarts: Mapping[str, int]
    weekend_bars: int
    flat_bars: int
    zero_volume: int
    synthetic: int
    moves_over_5pct: int
    largest_move: float
    largest_move_at: str | None
    bad_ticks: int
    spread_median: float | None
    spread_max: float | None


def usual_step_ns(steps_ns: pl.Series) -> int | None:
    """The most common step between bars, the shortest of equals; None where nothing steps forward."""
    forward = steps_ns.filter(steps_ns > 0)
    counts = forward.value_counts().sort(["count", forward.name], descending=[True, False])
    return int(counts[forward.name][0]) if counts.height else None


def quality(table: pl.DataFrame, *, tz: str = "UTC") -> BarQuality:
    """Measure one instrument's BARS table; `tz` is the clock in which restarts and weekends are told."""
    zone = zone_of(tz)
    opens = table["open_time"]
    local = opens.dt.convert_time_zone(zone.region or "UTC").dt.replace_time_zone(None)
    local = _shifted(local, zone.shift_minutes)
    steps = opens.diff().dt.total_nanoseconds()
    usual = usual_step_ns(steps)
    longer = (steps > (usual or 0)).fill_null(False)
    pause_ns = max(_PAUSE_S * 10**9, usual or 0)
    paused = (steps > pause_ns).fill_null(False)
    longest = int(steps.fill_null(0).arg_max() or 0)
    close = table["close"].to_numpy()
    moves = np.diff(np.log(close)) if len(close) > 1 else np.zeros(0)
    biggest = int(np.abs(moves).argmax()) if len(moves) else -1
    spread = table["spread"].drop_nulls()
    return BarQuality(
        rows=table.height,
        first=_iso(opens, 0),
        last=_iso(opens, table.height - 1),
        interval_s=None if usual is None else usual / 1e9,
        gaps=int(longer.sum()),
        longest_gap_s=float(steps[longest] or 0) / 1e9,
        longest_gap_ends=_iso(opens, longest) if longer.any() else None,
        short_steps=int((steps < (usual or 0)).sum()),
        pauses=int(paused.sum()),
        restarts=_restarts(local.filter(paused), usual),
        weekend_bars=int((local.dt.weekday() >= 6).sum()),
        flat_bars=int((table["high"] == table["low"]).sum()),
        zero_volume=int((table["volume"] == 0).sum()),
        synthetic=int(table["synthetic"].sum()),
        moves_over_5pct=int((np.abs(moves) > _LARGE_MOVE).sum()),
        largest_move=float(moves[biggest]) if len(moves) else 0.0,
        largest_move_at=_iso(opens, biggest + 1) if len(moves) else None,
        bad_ticks=_bad_ticks(moves),
        spread_median=_number(spread.median()),
        spread_max=_number(spread.max()),
    )


def notes(found: BarQuality, tz: str) -> dict[str, str]:
    """The same in words, for a report's data section."""
    gap = f"; the longest {_span(found.longest_gap_s)} to {found.longest_gap_ends}" if found.gaps else ""
    restarts = ", ".join(f"{clock} ({count:,})" for clock, count in found.restarts.items())
    told = {
        "gaps": f"{found.gaps:,} steps longer than the usual one{gap}",
        "sessions": f"{found.pauses:,} pauses, most often ending at {restarts} {tz}" if found.pauses else "no pauses",
        "bad ticks": f"{found.bad_ticks:,} closes jump and come back, kept",
        "moves": f"{found.moves_over_5pct:,} over 5 %; largest {found.largest_move:+.4f} at {found.largest_move_at}",
        "flat bars": f"{found.flat_bars:,}, with volume 0: {found.zero_volume:,}, filled in: {found.synthetic:,}",
    }
    if found.short_steps:
        told["short steps"] = f"{found.short_steps:,} steps are shorter than the usual one"
    if found.spread_median is not None:
        told["spread"] = f"median {found.spread_median:.6g}, at most {found.spread_max:.6g}"
    return told


def _shifted(local: pl.Series, minutes: int) -> pl.Series:
    return (local.cast(pl.Int64) + minutes * 60 * 10**9).cast(pl.Datetime("ns")) if minutes else local


def _iso(moments: pl.Series, position: int) -> str:
    return str(moments[position].strftime("%Y-%m-%dT%H:%M:%SZ"))


def _restarts(resumed: pl.Series, usual: int | None) -> dict[str, int]:
    form = "%a" if (usual or 0) >= _DAY_S * 10**9 else "%H:%M"
    counts = resumed.dt.strftime(form).alias("clock").value_counts().sort(["count", "clock"], descending=[True, False])
    return dict(counts.head(_SHOWN_CLOCKS).iter_rows())


def _bad_ticks(moves: npt.NDArray[np.float64]) -> int:
    if len(moves) < 3:
        return 0
    size = pl.Series(np.abs(moves))
    # The usual move nearby: a crash of many large moves is no bad tick.
    near = size.rolling_median(min(_NEARBY, len(moves)), min_samples=1, center=True).to_numpy() * _NORMAL_PER_MEDIAN
    out, back = moves[:-1], moves[1:]
    jumps = np.abs(out) > np.maximum(_SPIKE_SCALES * near[:-1], 1e-9)
    returns = (np.sign(out) != np.sign(back)) & (np.abs(out + back) < _SPIKE_LEFT * np.abs(out))
    return int((jumps & returns).sum())


def _span(seconds: float) -> str:
    days, rest = divmod(int(seconds), _DAY_S)
    return f"{days} d {rest // 3600} h" if days else f"{rest // 3600} h {rest % 3600 // 60} min"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
