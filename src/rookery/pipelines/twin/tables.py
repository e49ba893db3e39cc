"""A trader's history as the tables that a twin is taught and judged with, every fit on the training markets alone."""

# R rows, S segments

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field

from rookery.config import Config
from rookery.datasets.scaling import Scaler
from rookery.datasets.trajectories import Trajectories, fit_state_scaler, from_tables
from rookery.errors import UserError
from rookery.features.fractional import FractionalOrder, choose_order
from rookery.features.segments import SEGMENT, segment_offsets
from rookery.features.state import StateConfig, state_features
from rookery.features.underlying import AGE, is_known, with_underlying
from rookery.files import read_json, write_json
from rookery.labels.trader import ActionThresholds, fit_thresholds, trader_labels
from rookery.pipelines.twin import barriers
from rookery.pipelines.twin.barriers import FittedBarriers
from rookery.pipelines.twin.bars import bars_of
from rookery.pipelines.twin.config import TableConfig
from rookery.pipelines.twin.history import PROCESSED, TwinHistory, digest
from rookery.pipelines.twin.saved import Order, StateNormalization, Thresholds
from rookery.schema import TIME, fingerprint
from rookery.tables import read_table, require, write_table

DESCRIPTION = "description.json"

# A difference of order 1 needs two rows: what is left where no segment is long enough to choose a smaller order on.
PLAIN_ORDER = 1.0

_PARTS = (("train",), ("train", "validation"))
_LABELS = ("action", "reward", "return_to_go")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwinTables:
    """Bars of whole markets, one after the other by opening, and all that is made of them, row for row.

    `bars`      what `bars.state_bars` makes of complete markets, with `market` (slug)
    `states`    time, segment and the unscaled columns `state.names`
    `labels`    time, segment, action, reward, return_to_go (x 100), of the NEXT bar
    `barrier_labels` what came first after each bar (`barriers.label`), None where the settings want none
    `train`, `validation` are places of segments (of `trajectories`) and `train_rows`, `validation_rows` their rows;
    every market of `validation` opens after all of `train` have closed. `scaler`, `thresholds`, `order` and `barriers`
    were fitted on `train_rows` alone (an order of the underlying on its bars that were knowable by then, and its
    `fitted_rows` are rows of these). `left_out` counts markets that are not here, by reason. `history` has all markets,
    those too. `config` is what they were made by.
    """

    history: TwinHistory
    bars: pl.DataFrame
    states: pl.DataFrame
    labels: pl.DataFrame
    train: range
    validation: range
    scaler: Scaler
    thresholds: ActionThresholds
    order: FractionalOrder
    trajectories: Trajectories
    config: TableConfig
    left_out: Mapping[str, int]
    barriers: FittedBarriers | None = None
    barrier_labels: pl.DataFrame | None = None

    @property
    def state(self) -> StateConfig:
        """Which numbers make the states."""
        return self.config.state

    @property
    def interval_s(self) -> int:
        """Seconds of a bar."""
        return self.config.interval_s

    @property
    def capital(self) -> float:
        """USDC of which a reward is a fraction."""
        return self.config.capital

    @property
    def train_rows(self) -> range:
        """Rows of the training segments."""
        return self._rows(self.train)

    @property
    def validation_rows(self) -> range:
        """Rows of the held-out segments."""
        return self._rows(self.validation)

    @property
    def markets(self) -> tuple[str, ...]:
        """The market of each segment, by place."""
        return tuple(self.bars["market"].gather(self.trajectories.offsets_S[:-1]).to_list())

    @property
    def masked(self) -> int:
        """Bars that do not know the underlying, or only one that is too old: these columns of theirs are undefined."""
        if AGE not in self.bars.columns:
            return 0
        return self.bars.filter(~is_known(self.state.underlying_max_age_s)).height

    def fingerprint(self) -> str:
        """Of every value that a twin is taught with."""
        tables = (fingerprint(table) for table in (self.bars, self.states, self.labels))
        return digest(*tables, str(self.train), str(self.validation))

    def _rows(self, segments: range) -> range:
        offsets_S = self.trajectories.offsets_S
        return range(int(offsets_S[segments.start]), int(offsets_S[segments.stop]))


class Span(Config):
    """Places [start, stop)."""

    start: int = Field(ge=0)
    stop: int = Field(ge=0)


class TwinDescription(Config):
    """description.json beside the processed table: how it was made, and what was fitted on its training rows."""

    pipeline: Literal["twin"]
    config: TableConfig
    bar_columns: tuple[str, ...]
    train: Span
    validation: Span
    left_out: dict[str, int]
    scaler: StateNormalization
    thresholds: Thresholds
    order: Order
    barriers: FittedBarriers | None = None


def build(history: TwinHistory, config: TableConfig) -> TwinTables:
    """Tables of all complete markets of `history`. Raises UserError where there is nothing to train or to judge on."""
    found = bars_of(history, config)
    parts = _parts(found.spans, config, place=history.facts.path)
    bars = found.bars.join(parts, on=SEGMENT, how="left", maintain_order="left")
    kept = bars.filter(pl.col("part").is_not_null())
    train, both = (kept.filter(pl.col("part").is_in(names))[SEGMENT].n_unique() for names in _PARTS)
    if not 0 < train < both:
        raise UserError(
            f"no market of the {'training' if train == 0 else 'held-out'} part has a price, and an underlying where "
            "one is given",
            place=history.facts.path,
            remedy="give the underlying's bars of all of the markets' time",
        )
    left_out = {**found.left_out, "across the cut": bars[SEGMENT].n_unique() - both}
    return _fitted(kept.drop("part"), range(train), range(train, both), history, config, left_out)


def _parts(spans: pl.DataFrame, config: TableConfig, *, place: str) -> pl.DataFrame:
    """Each segment's `part`: train, validation, or null for what lies across the cut."""
    held_out = max(1, round(spans.height * config.validation_share))
    since: datetime = config.validation_from or spans["opens"].sort().to_list()[-held_out]
    cut_at = pl.lit(since).cast(TIME)
    part = pl.when(pl.col("closes") <= cut_at).then(pl.lit("train"))
    parts = spans.select(SEGMENT, part.when(pl.col("opens") >= cut_at).then(pl.lit("validation")).alias("part"))
    for name in ("train", "validation"):
        if name not in parts["part"]:
            opens = [f"{moment:%Y-%m-%d %H:%M}" for moment in spans["opens"].sort().to_list()]
            raise UserError(
                f"the cut at {since:%Y-%m-%d %H:%M} UTC leaves no market for {name}",
                place=place,
                remedy=f"markets open from {opens[0]} to {opens[-1]}: choose another validation_from",
            )
    return parts


def _fitted(
    bars: pl.DataFrame,
    train: range,
    validation: range,
    history: TwinHistory,
    config: TableConfig,
    left_out: Mapping[str, int],
) -> TwinTables:
    """States and labels of `bars`, with all that is measured for them taken from the training segments."""
    rows = range(int(segment_offsets(bars[SEGMENT])[train.stop]))
    thresholds = fit_thresholds(bars["net_quantity"], rows, quantile=config.action_quantile, by_side=config.by_side)
    order = _order(bars, rows, history, config.state)
    if history.underlying is not None:
        bars = with_underlying(bars, history.underlying.table, config.state, order=order.order)
    states = state_features(bars, config.state, order=order.order)
    labels = trader_labels(bars, thresholds)
    scaler = fit_state_scaler(states, rows, config.state.names)
    trajectories = from_tables(states, labels, scaler)
    _refuse_idle({"training": trajectories.part(train), "held-out": trajectories.part(validation)}, history, config)
    fitted = barriers.fit(bars, rows, config.barriers, settles=history.pays_out) if config.barriers.enabled else None
    return TwinTables(
        history=history,
        bars=bars,
        states=states,
        labels=labels,
        train=train,
        validation=validation,
        scaler=scaler,
        thresholds=thresholds,
        order=order,
        trajectories=trajectories,
        config=config,
        left_out=left_out,
        barriers=fitted,
        barrier_labels=barriers.label(bars, fitted, config.barriers) if fitted else None,
    )


def _refuse_idle(parts: Mapping[str, Trajectories], history: TwinHistory, config: TableConfig) -> None:
    """Refuse a part without a single decision: an action is what is done in the bar after, and what that earned."""
    for name, part in parts.items():
        if not part.known_R.any():
            raise UserError(
                f"no bar of the {name} markets is followed by another, so no action is known",
                place=history.facts.path,
                remedy=f"bars are {config.interval_s:,} s: make them shorter with --interval, or give longer markets "
                "or sessions",
            )


def _order(bars: pl.DataFrame, rows: range, history: TwinHistory, state: StateConfig) -> FractionalOrder:
    if state.fractional_order is not None:
        return FractionalOrder(order=state.fractional_order, tau=state.fractional_tau)
    if history.underlying is None:
        return choose_order(bars, rows, tau=state.fractional_tau, otherwise=PLAIN_ORDER)
    outside = history.underlying.table
    known = known_underlying(outside, bars["time"][rows.start : rows.stop])
    return choose_underlying_order(outside, known, state.fractional_tau)


def known_underlying(outside: pl.DataFrame, times: pl.Series) -> range:
    """Rows of the underlying that were knowable at the last of `times`."""
    return range(int((outside["time"] <= times.max()).sum()))


def choose_underlying_order(outside: pl.DataFrame, rows: range, tau: float) -> FractionalOrder:
    """The order of differencing of the underlying, on these of its rows, which know no market and no break."""
    return choose_order(outside.with_columns(pl.lit(0).alias(SEGMENT)), rows, tau=tau, otherwise=PLAIN_ORDER)


def write(tables: TwinTables, folder: Path) -> None:
    """Write the processed table and its description into `folder`."""
    new = [name for name in tables.states.columns if name not in tables.bars.columns]
    parts = [tables.bars, tables.states.select(new), tables.labels.select(_LABELS)]
    parts += [] if tables.barrier_labels is None else [tables.barrier_labels]
    whole = pl.concat(parts, how="horizontal")
    write_table(whole, folder / PROCESSED)
    described = TwinDescription(
        pipeline="twin",
        config=tables.config,
        bar_columns=tuple(tables.bars.columns),
        train=Span(start=tables.train.start, stop=tables.train.stop),
        validation=Span(start=tables.validation.start, stop=tables.validation.stop),
        left_out=dict(tables.left_out),
        scaler=StateNormalization.of(tables.scaler),
        thresholds=Thresholds.model_validate(tables.thresholds.to_json()),
        order=Order.model_validate(tables.order.to_json()),
        barriers=tables.barriers,
    )
    write_json(folder / DESCRIPTION, described.model_dump(mode="json"))


def read(folder: Path, history: TwinHistory) -> TwinTables:
    """Read what `write` wrote of `history`. Raises UserError naming the file and what is wrong with it."""
    path, place = folder / PROCESSED, folder / DESCRIPTION
    table = read_table(path, remedy="make it with: rookery twin prepare")
    known = TwinDescription.parse(read_json(place), place=place)
    touched = () if known.barriers is None else barriers.LABELS
    require(table, (*known.bar_columns, *known.config.state.names, *_LABELS, *touched), path)
    states, labels = (table.select("time", SEGMENT, *names) for names in (known.config.state.names, _LABELS))
    scaler = known.scaler.scaler()
    return TwinTables(
        history=history,
        bars=table.select(known.bar_columns),
        states=states,
        labels=labels,
        train=range(known.train.start, known.train.stop),
        validation=range(known.validation.start, known.validation.stop),
        scaler=scaler,
        thresholds=ActionThresholds(**known.thresholds.model_dump()),
        order=FractionalOrder(**known.order.model_dump()),
        trajectories=from_tables(states, labels, scaler),
        config=known.config,
        left_out=known.left_out,
        barriers=known.barriers,
        barrier_labels=table.select(touched) if touched else None,
    )
