"""All instruments on one clock, those without bars masked, cut into train, validation and test."""

# T bars, M instruments

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.datasets.splits import Split
from rookery.errors import UserError
from rookery.market.aligned import AlignedBars, align
from rookery.market.bars import Bars
from rookery.market.execution import BarTimes
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.groups import GROUPS, GroupName
from rookery.pipelines.specialists.inputs import Reading
from rookery.schema import TIME

Flags = npt.NDArray[np.bool_]
# Volume of a bar whose file tells none, or tells 0 though the price moved; a bar that is no bar has 0.
_UNTOLD_VOLUME = 1.0
_FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PortfolioBars:
    """T bars of the M instruments of the settings, in their order, forex first; row t is known at `times` close t.

    Where `traded_TM` is False nothing became known: the bar is flat at the last close, its volume is 0, and no order is
    filled there (see `EnvironmentConfig.instrument`). An instrument without any bars (`available_M` False) stands as a
    flat price of 1 that is never traded. `split` holds ranges of bar numbers, in time order, with an embargo between.
    """

    instruments: tuple[str, ...]
    bars: Bars
    times: BarTimes
    traded_TM: Flags
    available_M: Flags
    split: Split
    interval_s: int

    def columns(self, group: GroupName) -> tuple[int, ...]:
        """Numbers of the columns of a group's instruments that have bars."""
        wanted = GROUPS[group]
        return tuple(m for m, name in enumerate(self.instruments) if name in wanted and self.available_M[m])

    @property
    def groups(self) -> tuple[GroupName, ...]:
        """Groups with at least one instrument that has bars."""
        return tuple(group for group in GROUPS if self.columns(group))

    def part(self, rows: range) -> "PortfolioBars":
        """The same, of some rows alone; the split is then all of them as test."""
        cut = slice(rows.start, rows.stop)
        picked = {f"{name}_TM": getattr(self.bars, f"{name}_TM")[cut] for name in _FIELDS}
        return PortfolioBars(
            instruments=self.instruments,
            bars=Bars(**picked),
            times=BarTimes(open_ns_T=self.times.open_ns_T[cut], close_ns_T=self.times.close_ns_T[cut]),
            traded_TM=self.traded_TM[cut],
            available_M=self.available_M,
            split=Split(train=range(0), validation=range(0), test=range(len(rows)), embargo=0),
            interval_s=self.interval_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """What putting instruments on one clock cost: moments before all had begun, and bars made flat (see align)."""

    rows_before: int
    collapsed: int
    untraded: Mapping[str, int]


def portfolio(reading: Reading, config: SpecialistsConfig) -> tuple[PortfolioBars, Alignment]:
    """The tables as one portfolio. Raises UserError when they do not overlap or are too few for the split."""
    wanted = config.instruments()
    tables = {name: reading.loaded[name].table for name in wanted if name in reading.loaded}
    if not tables:
        found = ", ".join(reading.loaded)
        raise UserError(f"none of the bars ({found}) is of the settings' instruments", place="specialists",
                        remedy=f"they are {', '.join(wanted)}")  # fmt: skip
    clock = config.data.clock
    if clock is not None and clock not in tables:
        raise UserError(f"no bars of '{clock}' to take the clock of", place="data.clock",
                        remedy=f"there are {', '.join(tables)}")  # fmt: skip
    aligned = _aligned(tables, clock)
    made = _masked(aligned, wanted)
    split = cut(len(made[1]), config)
    data = PortfolioBars(
        instruments=wanted,
        bars=made[0],
        times=aligned.times,
        traded_TM=made[1],
        available_M=np.array([name in tables for name in wanted]),
        split=split,
        interval_s=reading.interval_s,
    )
    untraded = {name: int((~data.traded_TM[:, m]).sum()) for m, name in enumerate(wanted) if name in tables}
    return data, Alignment(rows_before=aligned.rows_before, collapsed=aligned.collapsed, untraded=untraded)


def cut(count: int, config: SpecialistsConfig) -> Split:
    """Bar numbers of train, validation and test in time order, the embargo left out before each of the last two.

    Raises UserError when a part is too short to warm up and trade in.
    """
    data = config.data
    first, second = int(count * data.train_share), int(count * (data.train_share + data.validation_share))
    split = Split(
        train=range(first),
        validation=range(first + data.embargo, second),
        test=range(second + data.embargo, count),
        embargo=data.embargo,
    )
    least = config.environment.warmup_steps + 2
    for name, part in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        if len(part) < least:
            what = f"{count:,} bars leave {len(part):,} for {name}, fewer than {least:,} (warm-up and two more)"
            raise UserError(what, place="bars", remedy="give more bars, or lower data.embargo")
    return split


def to_table(data: PortfolioBars) -> pl.DataFrame:
    """One row per bar and instrument: its times, name and prices, and whether it traded and has bars at all."""
    count, instruments = data.bars.shape
    repeated = {
        "open_time": np.repeat(data.times.open_ns_T, instruments),
        "time": np.repeat(data.times.close_ns_T, instruments),
    }
    values = {name: getattr(data.bars, f"{name}_TM").ravel() for name in _FIELDS}
    return pl.DataFrame(
        {
            **repeated,
            "instrument": list(data.instruments) * count,
            **values,
            "traded": data.traded_TM.ravel(),
            "available": np.tile(data.available_M, count),
        }
    ).with_columns(pl.col("open_time", "time").cast(TIME))


def from_table(table: pl.DataFrame, config: SpecialistsConfig, *, interval_s: int) -> PortfolioBars:
    """The portfolio that `to_table` wrote, cut again by the settings."""
    instruments = config.instruments()
    shape = (-1, len(instruments))
    values = {f"{name}_TM": np.ascontiguousarray(table[name].to_numpy().reshape(shape)) for name in _FIELDS}
    stamps = table.gather_every(len(instruments))
    traded_TM = table["traded"].to_numpy().reshape(shape)
    return PortfolioBars(
        instruments=instruments,
        bars=Bars(**values),
        times=BarTimes(
            open_ns_T=stamps["open_time"].to_physical().to_numpy().astype(np.int64),
            close_ns_T=stamps["time"].to_physical().to_numpy().astype(np.int64),
        ),
        traded_TM=traded_TM,
        available_M=table["available"].to_numpy().reshape(shape)[0],
        split=cut(len(traded_TM), config),
        interval_s=interval_s,
    )


def _aligned(tables: Mapping[str, pl.DataFrame], clock: str | None) -> AlignedBars:
    try:
        return align(tables, clock=clock, missing_volume=_UNTOLD_VOLUME)
    except ValueError as failure:
        raise UserError(str(failure), place="bars", remedy="give files of one time, or leave one out") from None


def _masked(aligned: AlignedBars, wanted: tuple[str, ...]) -> tuple[Bars, Flags]:
    """Columns in the order of `wanted`: a missing instrument's are flat at 1 and never traded."""
    place = {name: m for m, name in enumerate(aligned.instruments)}
    count = len(aligned.traded_TM)
    traded_TM = np.zeros((count, len(wanted)), np.bool_)
    values = {name: np.ones((count, len(wanted))) for name in _FIELDS}
    for m, name in enumerate(wanted):
        if name in place:
            traded_TM[:, m] = aligned.traded_TM[:, place[name]]
            for field_name in _FIELDS:
                values[field_name][:, m] = getattr(aligned.bars, f"{field_name}_TM")[:, place[name]]
    values["volume"] = np.where(traded_TM, np.maximum(values["volume"], _UNTOLD_VOLUME), 0.0)
    return Bars(**{f"{name}_TM": one for name, one in values.items()}), traded_TM
