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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitAnalysis:
    """Barriers that come nearest to a trader's own exits, with the ground for them.

    `grid` has a row per setting tried: profit, stop, horizon_bars, error (mean absolute difference between his return
    and the barriers', per position) and agreement (share of positions whose return has the same sign in both).
    `quantiles` describes his own exits: of the returns above zero, below zero (as losses) and of the bars held.
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


def analyse_exits(bars: pl.DataFrame, rows: range, *, levels: Sequence[float] = _QUANTILES) -> ExitAnalysis:
    """Find the triple barrier that best repeats the exits of the positions entered and left within `rows`.

    The grid is made of the trader's own figures: `levels` as quantiles of his gains, of his losses and of the bars
    that he held. Best is the least `error`, the simplest first among equals (in the order of the grid). Raises
    UserError when there is no gain or no loss among them.
    """
    part = bars[rows.start : rows.stop]
    own = positions(part)
    gains, losses = own.filter(pl.col("return") > 0)["return"], -own.filter(pl.col("return") < 0)["return"]
    for crowd, name in ((gains, "gain"), (losses, "loss")):
        if crowd.is_empty():
            raise UserError(
                f"of {own.height} positions none was left at a {name}, so no barrier can be read from them",
                place="exit analysis",
                remedy="train on more markets, or give the barriers yourself",
            )
    spread = {"gain": gains, "loss": losses, "bars": own["bars"].cast(pl.Float64)}
    quantiles = {name: {f"{level:g}": _quantile(crowd, level) for level in levels} for name, crowd in spread.items()}
    settings = product(*(sorted(set(values.values())) for values in quantiles.values()))
    grid = pl.DataFrame([_compare(part, own, *setting) for setting in settings])
    best = grid.sort("error", maintain_order=True).row(0, named=True)
    return ExitAnalysis(
        barriers=_barriers(best["profit"], best["stop"], best["horizon_bars"]),
        grid=grid,
        quantiles=quantiles,
        positions=own.height,
        fitted_rows=(rows.start, rows.stop),
    )


def _barriers(profit: float, stop: float, horizon: float) -> Barriers:
    return Barriers(profit=profit, stop=stop, horizon_bars=max(1, round(horizon)), segment_end="timeout")


def _compare(part: pl.DataFrame, own: pl.DataFrame, profit: float, stop: float, horizon: float) -> dict[str, Any]:
    side = np.zeros(part.height, np.int64)
    side[own["entry_row"].to_numpy()] = own["side"].to_numpy()
    barriers = _barriers(profit, stop, horizon)
    labelled = triple_barrier(part, barriers, side=side).table
    ours = labelled["return"].gather(own["entry_row"]).to_numpy()
    his = own["return"].to_numpy()
    return {
        "profit": profit,
        "stop": stop,
        "horizon_bars": barriers.horizon_bars,
        "error": float(np.abs(ours - his).mean()),
        "agreement": float((np.sign(ours) == np.sign(his)).mean()),
    }


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
