"""Which comes first after a row: the profit asked for, the loss allowed, or the end of patience."""

# R rows, S segments

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit
from pydantic import Field

from rookery.config import Config
from rookery.errors import UserError
from rookery.features.segments import Floats, Offsets, segment_offsets

Ints = npt.NDArray[np.int64]

OUTCOMES = ("upper", "lower", "timeout")
_UPPER, _LOWER, _TIMEOUT, _UNKNOWN = 0, 1, 2, 3
# Bars whose highest and lowest price are known ahead, so that a long quiet stretch is passed over in few steps.
_BLOCK = 16


class Barriers(Config):
    """Where the three barriers stand. `profit` and `stop` are fractions of the entry price, or multiples of `unit`.

    `touch`: high_low sees every price of a bar, close only its last. `timeout`: the label at the vertical barrier is 0,
    or the sign of the return. `segment_end`: a row whose vertical barrier lies beyond its segment has no label
    (`unknown`), since the bars that would decide it are missing, or is closed with the segment (`timeout`), as a
    market's positions are when it resolves.
    """

    profit: float = Field(default=0.02, gt=0)
    stop: float = Field(default=0.02, gt=0)
    horizon_bars: int = Field(default=8, ge=1, le=1_000_000)
    touch: Literal["high_low", "close"] = "high_low"
    timeout: Literal["zero", "sign"] = "zero"
    segment_end: Literal["unknown", "timeout"] = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierLabels:
    """`table`: row for row time, t0, t1, end_row, outcome, label, exit_price, return. `both_touched` counts the bars
    in which profit and stop were both within reach and the stop was taken to come first."""

    table: pl.DataFrame
    both_touched: int


def triple_barrier(
    bars: pl.DataFrame,
    barriers: Barriers,
    *,
    side: int | pl.Series | npt.ArrayLike = 1,
    unit: pl.Series | npt.ArrayLike | None = None,
) -> BarrierLabels:
    """Label every row of `bars` (time, open, high, low, close, segment), entered at its close (Lopez de Prado 2018,
    ch. 3).

    `side` is 1 (long), -1 (short) or 0 (no label), one for all or one per row; `unit` is a trailing volatility per row
    by which profit and stop are multiplied. `outcome` is upper (profit), lower (stop) or timeout; `label` 1, -1 or 0;
    `return` is that of the side, before costs. A barrier is filled at its own price, or at the open of a bar that
    opens beyond it; where a bar reaches both, the stop comes first. `t0` and `t1` are the times of entry and of the
    bar that decides, `end_row` its row: what lies in between may not be in both training and test. Null where the row
    has no label.
    """
    height = bars.height
    sides = _per_row(side, height, "side").astype(np.int64)
    units = np.ones(height) if unit is None else _per_row(unit, height, "unit").astype(np.float64)
    opens, high, low, close = (_prices(bars[name]) for name in ("open", "high", "low", "close"))
    outcome, end = np.empty(height, np.int64), np.empty(height, np.int64)
    exits, returns = np.empty(height), np.empty(height)
    both = _first_touches(
        segment_offsets(bars["segment"]),
        opens,
        high,
        low,
        close,
        sides,
        units * barriers.profit,
        units * barriers.stop,
        barriers.horizon_bars,
        barriers.touch == "close",
        barriers.segment_end == "timeout",
        outcome,
        end,
        exits,
        returns,
    )
    return BarrierLabels(table=_table(bars, barriers, outcome, end, exits, returns), both_touched=int(both))


def average_uniqueness(start: npt.ArrayLike, end: npt.ArrayLike) -> Floats:
    """Mean over a label's rows of 1 / (labels alive in that row), spans closed: [0,2] [1,3] [5,6] give 2/3 2/3 1.

    Lopez de Prado (2018), section 4.3. As sample weights they keep overlapping labels from counting as independent.
    """
    first, last = np.asarray(start, np.int64), np.asarray(end, np.int64)
    if first.shape != last.shape or first.ndim != 1:
        raise ValueError(f"starts and ends must be two equally long series, not {first.shape} and {last.shape}")
    if not first.size:
        return np.empty(0)
    if (last < first).any() or first.min() < 0:
        raise ValueError("a span ends before it starts, or starts below row 0")
    alive = np.zeros(int(last.max()) + 2, np.int64)
    np.add.at(alive, first, 1)
    np.subtract.at(alive, last + 1, 1)
    shares = 1.0 / np.maximum(np.cumsum(alive), 1)
    before = np.concatenate(([0.0], np.cumsum(shares)))
    unique: Floats = (before[last + 1] - before[first]) / (last - first + 1)
    return unique


def _table(
    bars: pl.DataFrame, barriers: Barriers, outcome: Ints, end: Ints, exits: Floats, returns: Floats
) -> pl.DataFrame:
    known = pl.Series(outcome != _UNKNOWN)
    names = pl.Series(outcome).replace_strict(dict(enumerate(OUTCOMES)), default=None, return_dtype=pl.String)
    label = np.select([outcome == _UPPER, outcome == _LOWER], [1.0, -1.0], 0.0)
    if barriers.timeout == "sign":
        label = np.where(outcome == _TIMEOUT, np.sign(returns), label)
    columns = {
        "t0": bars["time"],
        "t1": bars["time"].gather(np.maximum(end, 0)),
        "end_row": pl.Series(end),
        "outcome": names,
        "label": pl.Series(np.nan_to_num(label)).cast(pl.Int8),
        "exit_price": pl.Series(exits),
        "return": pl.Series(returns),
    }
    hidden = pl.DataFrame(columns).select(pl.when(known).then(pl.all()))
    return pl.concat([bars.select("time"), hidden], how="horizontal")


def _prices(values: pl.Series) -> Floats:
    array = np.ascontiguousarray(values.cast(pl.Float64).to_numpy())
    if not (array > 0).all():
        raise UserError(f"'{values.name}' is not above zero everywhere, so there are no returns", place="bars")
    return array


def _per_row(values: int | pl.Series | npt.ArrayLike, height: int, name: str) -> npt.NDArray[np.generic]:
    array = values.to_numpy() if isinstance(values, pl.Series) else np.asarray(values)
    if array.ndim and array.shape != (height,):
        raise ValueError(f"{name} has shape {array.shape}; give one value, or one for each of {height} rows")
    return np.ascontiguousarray(np.broadcast_to(array, (height,)))


@njit(cache=True, nogil=True, error_model="numpy")
def _first_touches(
    offsets_S: Offsets,
    opens: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    sides: Ints,
    profit: Floats,
    stop: Floats,
    horizon: int,
    at_close: bool,
    closes_segment: bool,
    outcome: Ints,
    end: Ints,
    exits: Floats,
    returns: Floats,
) -> int:
    both = 0
    top, bottom = (close, close) if at_close else (high, low)
    tops, bottoms = _block_extremes(top, bottom)
    for s in range(offsets_S.size - 1):
        last_row = offsets_S[s + 1] - 1
        for i in range(offsets_S[s], last_row + 1):
            outcome[i], end[i], exits[i], returns[i] = _UNKNOWN, -1, math.nan, math.nan
            # A unit that is not known yet is NaN, and no comparison with it holds.
            if sides[i] == 0 or not (profit[i] > 0.0 and stop[i] > 0.0):
                continue
            entry, is_long = close[i], sides[i] > 0
            above = entry * (1.0 + (profit[i] if is_long else stop[i]))
            below = entry * (1.0 - (stop[i] if is_long else profit[i]))
            until = min(i + horizon, last_row)
            j = _first_beyond(i + 1, until, above, below, top, bottom, tops, bottoms)
            if j <= until:
                takes_above, both_here = _resolve(opens[j], top[j], bottom[j], above, below, is_long, at_close)
                both += both_here
                exits[i] = max(above, opens[j]) if takes_above else min(below, opens[j])
                outcome[i], end[i] = _UPPER if takes_above == is_long else _LOWER, j
            elif until > i and (until == i + horizon or closes_segment):
                outcome[i], end[i] = _TIMEOUT, until
            if end[i] >= 0:
                if at_close or outcome[i] == _TIMEOUT:
                    exits[i] = close[end[i]]
                returns[i] = (exits[i] / entry - 1.0) * (1.0 if is_long else -1.0)
    return both


@njit(cache=True, nogil=True)
def _block_extremes(top: Floats, bottom: Floats) -> tuple[Floats, Floats]:
    blocks = top.size // _BLOCK
    tops, bottoms = np.empty(blocks), np.empty(blocks)
    for b in range(blocks):
        tops[b] = top[b * _BLOCK : (b + 1) * _BLOCK].max()
        bottoms[b] = bottom[b * _BLOCK : (b + 1) * _BLOCK].min()
    return tops, bottoms


@njit(cache=True, nogil=True)
def _first_beyond(
    first: int, until: int, above: float, below: float, top: Floats, bottom: Floats, tops: Floats, bottoms: Floats
) -> int:
    """The first row from `first` to `until` that reaches a price, else `until + 1`; whole blocks that do not are
    passed over."""
    j = first
    while j <= until:
        block = j // _BLOCK
        if j % _BLOCK == 0 and j + _BLOCK <= until + 1 and tops[block] < above and bottoms[block] > below:
            j += _BLOCK
        elif top[j] < above and bottom[j] > below:
            j += 1
        else:
            return j
    return until + 1


@njit(cache=True, nogil=True)
def _resolve(
    opened: float, top: float, bottom: float, above: float, below: float, is_long: bool, at_close: bool
) -> tuple[bool, int]:
    """Whether the upper price was met first, and 1 when the bar cannot tell and the stop was taken."""
    if top < above or bottom > below:
        return top >= above, 0
    if not at_close and opened >= above:
        return True, 0
    if not at_close and opened <= below:
        return False, 0
    # The stop is below a long entry and above a short one.
    return not is_long, 1
