"""Where a trader leaves his positions, and the barriers that would leave them likewise."""

# R rows, P positions

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from rookery.errors import UserError
from rookery.features.segments import Floats, Offsets, segment_offsets
from rookery.labels.barrier import Barriers, triple_barrier

Ints = npt.NDArray[np.int64]

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
# A position that is entered in a market is over when the market is.
_LIKE = Barriers(segment_end="timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitAnalysis:
    """Barriers that come nearest to a trader's own exits, with the ground for them.

    `grid` has a row per setting tried: profit, stop, horizon_bars, error (mean absolute difference between his return
    and the barriers', per position) and agreement (share of positions whose return has the same sign in both).
    `quantiles` describes his own exits: of the returns above zero, below zero (as losses) and of the bars held. All
    but the bars are in units: fractions of the entry price, or multiples of the `unit` that was given.
    """

    barriers: Barriers
    grid: pl.DataFrame
    quantiles: dict[str, dict[str, float]]
    positions: int
    fitted_rows: tuple[int, int]


def positions(bars: pl.DataFrame) -> pl.DataFrame:
    """Every position that was opened and left, in order: entry_row, exit_row, side, bars, return, best, worst.

    From `inventory` (signed, after each bar) and `close`: a position runs while the inventory keeps its sign, is
    entered at the close of the first bar that shows it and left at the close of the first bar that does not, within
    its segment; what is open at a segment's end was never left and is not listed. `return` is that of the side;
    `best` and `worst` are the most and the least that it stood at on the way, by closes.
    """
    inventory = np.ascontiguousarray(bars["inventory"].cast(pl.Float64).fill_null(0.0).to_numpy())
    close = np.ascontiguousarray(bars["close"].cast(pl.Float64).to_numpy())
    spans, figures = np.empty((bars.height, 3), np.int64), np.empty((bars.height, 3))
    count = _find_positions(segment_offsets(bars["segment"]), inventory, close, spans, figures)
    table = pl.DataFrame(spans[:count], schema=["entry_row", "exit_row", "side"])
    return table.with_columns(
        (pl.col("exit_row") - pl.col("entry_row")).alias("bars"),
        *(pl.Series(name, figures[:count, f]) for f, name in enumerate(("return", "best", "worst"))),
    )


def analyse_exits(
    bars: pl.DataFrame,
    rows: range,
    *,
    levels: Sequence[float] = _QUANTILES,
    unit: pl.Series | None = None,
    horizon_bars: int | None = None,
    like: Barriers = _LIKE,
) -> ExitAnalysis:
    """Find the triple barrier that best repeats the exits of the positions entered and left within `rows`.

    The grid is made of the trader's own figures: `levels` as quantiles of his gains, of his losses and of the bars
    that he held (or `horizon_bars` alone). Best is the least `error`, the first among equals (in the order of the
    grid). `unit` (a value per row of `bars`) is what profit and stop are multiples of; positions entered where it is
    not known are left out. All else about the barriers is as in `like`. Raises UserError when there is no gain or no
    loss among them.
    """
    part = bars[rows.start : rows.stop]
    unit_R = np.ones(part.height) if unit is None else _floats(unit[rows.start : rows.stop])
    own = measured(positions(part), unit_R)
    if reason := unreadable(own):
        raise UserError(reason, place="exit analysis", remedy="train on more markets, or give the barriers yourself")
    spread = {
        "gain": own.filter(pl.col("gain") > 0)["gain"],
        "loss": -own.filter(pl.col("gain") < 0)["gain"],
        "bars": own["bars"].cast(pl.Float64),
    }
    quantiles = {name: {f"{level:g}": _quantile(crowd, level) for level in levels} for name, crowd in spread.items()}
    horizons = (
        [max(1, round(value)) for value in quantiles["bars"].values()] if horizon_bars is None else [horizon_bars]
    )
    widths = (sorted(set(quantiles[name].values())) for name in ("gain", "loss"))
    grid = pl.DataFrame(
        [
            compare(part, own, _like(like, profit, stop, horizon), unit_R)
            for profit, stop in product(*widths)
            for horizon in sorted(set(horizons))
        ]
    )
    best = grid.sort("error", maintain_order=True).row(0, named=True)
    return ExitAnalysis(
        barriers=_like(like, best["profit"], best["stop"], best["horizon_bars"]),
        grid=grid,
        quantiles=quantiles,
        positions=own.height,
        fitted_rows=(rows.start, rows.stop),
    )


def measured(own: pl.DataFrame, unit_R: Floats) -> pl.DataFrame:
    """`positions` with `gain`, the return in units; without those that were entered where the unit is not known."""
    known = own.with_columns(pl.Series("unit", unit_R[own["entry_row"].to_numpy()]))
    return known.filter(pl.col("unit") > 0, ~pl.col("unit").is_nan()).select(
        *own.columns, (pl.col("return") / pl.col("unit")).alias("gain")
    )


def unreadable(own: pl.DataFrame) -> str | None:
    """Why no barriers can be read from `measured` positions, None where they can."""
    for name, is_one in (("gain", pl.col("gain") > 0), ("loss", pl.col("gain") < 0)):
        if own.filter(is_one).is_empty():
            count = "one position" if own.height == 1 else f"{own.height:,} positions"
            return f"of {count} none was left at a {name}, so no barrier can be read from them"
    return None


def compare(part: pl.DataFrame, own: pl.DataFrame, barriers: Barriers, unit_R: Floats) -> dict[str, Any]:
    """A row of the grid: how the exits by `barriers` compare with those of `measured` positions in `part`."""
    entries = own["entry_row"].to_numpy()
    side = np.zeros(part.height, np.int64)
    side[entries] = own["side"].to_numpy()
    labelled = triple_barrier(part, barriers, side=side, unit=unit_R).table
    ours, his = labelled["return"].gather(entries).to_numpy() / unit_R[entries], own["gain"].to_numpy()
    return {
        "profit": barriers.profit,
        "stop": barriers.stop,
        "horizon_bars": barriers.horizon_bars,
        "error": float(np.abs(ours - his).mean()),
        "agreement": float((np.sign(ours) == np.sign(his)).mean()),
    }


def _like(like: Barriers, profit: float, stop: float, horizon_bars: int) -> Barriers:
    return like.model_copy(update={"profit": profit, "stop": stop, "horizon_bars": horizon_bars})


def _floats(values: pl.Series) -> Floats:
    # Null becomes NaN, which no position is measured by.
    return np.array(values.cast(pl.Float64).to_numpy(), dtype=np.float64)


def _quantile(values: pl.Series, level: float) -> float:
    return float(np.quantile(values.to_numpy(), level))


@njit(cache=True, nogil=True, error_model="numpy")
def _find_positions(offsets_S: Offsets, inventory: Floats, close: Floats, spans: Ints, figures: Floats) -> int:
    count = 0
    for s in range(offsets_S.size - 1):
        entry, side, best, worst = -1, 0, 0.0, 0.0
        for i in range(offsets_S[s], offsets_S[s + 1]):
            now = 1 if inventory[i] > 0.0 else (-1 if inventory[i] < 0.0 else 0)
            earned = side * (close[i] / close[entry] - 1.0) if entry >= 0 else 0.0
            best, worst = max(best, earned), min(worst, earned)
            if now == side:
                continue
            if entry >= 0:
                spans[count, 0], spans[count, 1], spans[count, 2] = entry, i, side
                figures[count, 0], figures[count, 1], figures[count, 2] = earned, best, worst
                count += 1
            entry, side, best, worst = (i if now else -1), now, 0.0, 0.0
    return count
