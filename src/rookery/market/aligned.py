"""Bars of several instruments on one clock, each known no earlier than it was, the missing ones masked."""

# T bars, M instruments

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.market.bars import Bars
from rookery.market.execution import BarTimes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedBars:
    """T moments of M instruments. Where `traded_TM` is False nothing of the instrument became known since the moment
    before: its bar is flat at the last known close, volume 0, and nothing should be filled there.

    `age_ns_TM` is how long the last known close has stood. `rows_before` counts moments left out at the start because
    an instrument had no bar yet; `collapsed` counts bars that began before their moment's own span and stand as flat
    bars at their close, so that no order is filled at a price older than itself.
    """

    instruments: tuple[str, ...]
    bars: Bars
    times: BarTimes
    traded_TM: Flags
    age_ns_TM: Ints
    rows_before: int
    collapsed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One instrument on the grid; prices are nan before its first bar."""

    ohlcv_TQ: Floats
    traded_T: Flags
    known_ns_T: Ints
    collapsed: int


def to_bars(table: pl.DataFrame, *, missing_volume: float = 0.0) -> tuple[Bars, BarTimes]:
    """One instrument's BARS table as bars and their times; `missing_volume` stands for a volume that is not known.

    A bar that would open before the last one closed (a day of 23 hours) opens at that close. Raises ValueError when
    the table is empty, holds several instruments, or two bars are known at one moment.
    """
    _check(table, "the table")
    close_ns = table["time"].to_physical().to_numpy().astype(np.int64)
    open_ns = table["open_time"].to_physical().to_numpy().astype(np.int64)
    ohlcv_TQ = _ohlcv(table, missing_volume)
    times = BarTimes(open_ns_T=np.maximum(open_ns, np.append(open_ns[:1], close_ns[:-1])), close_ns_T=close_ns)
    return _bars([ohlcv_TQ]), times


def align(tables: Mapping[str, pl.DataFrame], *, clock: str | None = None, missing_volume: float = 0.0) -> AlignedBars:
    """Put BARS tables on one clock by the moment at which each bar is known.

    The clock is every moment at which any instrument has a bar, or the bars of the instrument `clock` alone; bars that
    became known since the last moment are joined (first open, highest high, lowest low, last close, summed volume).
    The grid begins when every instrument has had a bar: nothing is ever filled backwards. Bars filled in by the
    exporter (`synthetic`) count as missing. Raises ValueError when a table is empty or `clock` is not one of them.
    """
    if not tables:
        raise ValueError("no instruments to align")
    for name, table in tables.items():
        _check(table, f"'{name}'")
    if clock is not None and clock not in tables:
        raise ValueError(f"no instrument '{clock}' to take the clock of; there are {', '.join(tables)}")
    real = {name: table.filter(~pl.col("synthetic")) for name, table in tables.items()}
    empty = [name for name, table in real.items() if table.is_empty()]
    if empty:
        raise ValueError(f"every bar of '{empty[0]}' was filled in by the exporter")
    grid_T = _grid([real[clock]] if clock is not None else list(real.values()))
    step_ns = max(_usual_length(table) for table in ([real[clock]] if clock is not None else real.values()))
    begins_T = np.maximum(np.append(grid_T[:1] - step_ns, grid_T[:-1]), grid_T - step_ns)
    columns = [_on_grid(table, grid_T, begins_T, missing_volume) for table in real.values()]
    start = int(max(np.isfinite(column.ohlcv_TQ[:, 3]).argmax() for column in columns))
    if not all(np.isfinite(column.ohlcv_TQ[start:, 3]).all() for column in columns):
        raise ValueError("an instrument has no bar within the clock's time: they do not overlap")
    known_TM = np.stack([column.known_ns_T[start:] for column in columns], axis=1)
    return AlignedBars(
        instruments=tuple(tables),
        bars=_bars([column.ohlcv_TQ[start:] for column in columns]),
        times=BarTimes(open_ns_T=begins_T[start:], close_ns_T=grid_T[start:]),
        traded_TM=np.stack([column.traded_T[start:] for column in columns], axis=1),
        age_ns_TM=grid_T[start:, None] - known_TM,
        rows_before=start,
        collapsed=sum(column.collapsed for column in columns),
    )


def _check(table: pl.DataFrame, what: str) -> None:
    if table.is_empty():
        raise ValueError(f"{what} has no bars")
    if "instrument" in table.columns and table["instrument"].n_unique() > 1:
        raise ValueError(f"{what} holds bars of several instruments: filter it by one")
    steps = table["time"].to_physical().diff()
    if (steps <= 0).any():
        raise ValueError(f"{what} does not rise strictly in time at bar {(steps <= 0).fill_null(False).arg_true()[0]}")


def _grid(tables: list[pl.DataFrame]) -> Ints:
    every = pl.concat([table.select(pl.col("time").to_physical()) for table in tables])
    return every["time"].unique().sort().to_numpy().astype(np.int64)


def _usual_length(table: pl.DataFrame) -> int:
    lengths = (table["time"].to_physical() - table["open_time"].to_physical()).alias("length")
    return int(lengths.mode().min())  # type: ignore[arg-type]


def _ohlcv(table: pl.DataFrame, missing_volume: float) -> Floats:
    volume = table["volume"].fill_null(missing_volume)
    return np.stack([*(table[name].to_numpy() for name in ("open", "high", "low", "close")), volume.to_numpy()], axis=1)


def _on_grid(table: pl.DataFrame, grid_T: Ints, begins_T: Ints, missing_volume: float) -> _Column:
    """Join the bars known within each step of the grid; carry the last close where there is none."""
    close_ns = table["time"].to_physical().to_numpy()
    place = np.searchsorted(grid_T, close_ns, side="left")
    # What was known before the grid begins is carried into it, not joined to its first bar.
    before = int(np.searchsorted(close_ns, begins_T[0], side="right"))
    inside = (place < len(grid_T)) & (np.arange(len(place)) >= before)
    values = pl.DataFrame(
        _ohlcv(table, missing_volume), schema=["open", "high", "low", "close", "volume"], orient="row"
    )
    rows = values.with_columns(
        pl.Series("place", place), pl.Series("opened", table["open_time"].to_physical()), pl.Series("known", close_ns)
    ).filter(pl.Series(inside))
    joined = rows.group_by("place", maintain_order=True).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
        pl.col("opened").min(),
        pl.col("known").last(),
    )
    at = joined["place"].to_numpy()
    ohlcv_TQ = np.full((len(grid_T), 5), np.nan)
    ohlcv_TQ[at] = joined.select("open", "high", "low", "close", "volume").to_numpy()
    # The open lies before the span in which an order could have met it, and high and low may as well.
    early = joined["opened"].to_numpy() < begins_T[at]
    ohlcv_TQ[at[early], 0:3] = ohlcv_TQ[at[early], 3:4]
    traded_T = np.zeros(len(grid_T), dtype=np.bool_)
    traded_T[at] = True
    last = np.maximum.accumulate(np.where(traded_T, np.arange(len(grid_T)), -1))
    carried = ~traded_T & (last >= 0)
    ohlcv_TQ[carried, 0:4] = ohlcv_TQ[last[carried], 3:4]
    if before:
        ohlcv_TQ[last < 0, 0:4] = table["close"][before - 1]
        carried |= last < 0
    ohlcv_TQ[carried, 4] = 0.0
    known_ns_T = np.zeros(len(grid_T), dtype=np.int64)
    known_ns_T[at] = joined["known"].to_numpy()
    known_ns_T = np.where(last >= 0, known_ns_T[np.maximum(last, 0)], close_ns[before - 1] if before else 0)
    return _Column(ohlcv_TQ=ohlcv_TQ, traded_T=traded_T, known_ns_T=known_ns_T, collapsed=int(early.sum()))


def _bars(columns: list[Floats]) -> Bars:
    ohlcv_TMQ = np.stack(columns, axis=1)
    open_TM, high_TM, low_TM, close_TM, volume_TM = (np.ascontiguousarray(ohlcv_TMQ[:, :, q]) for q in range(5))
    return Bars(open_TM=open_TM, high_TM=high_TM, low_TM=low_TM, close_TM=close_TM, volume_TM=volume_TM)
