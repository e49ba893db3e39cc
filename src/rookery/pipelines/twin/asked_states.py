"""A bare table of states, from anywhere, answered by a twin: no fills, no prices, no market files."""

# R rows

from pathlib import Path

import polars as pl

from rookery.datasets.trajectories import from_tables
from rookery.errors import UserError
from rookery.features.segments import SEGMENT, segment_offsets
from rookery.labels.returns import RTG_SCALE
from rookery.labels.trader import ACTIONS
from rookery.pipelines.twin.answers import chances
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.inference import Device, TraderInference
from rookery.pipelines.twin.saved import load_twin
from rookery.pipelines.twin.using import answered, still_asked
from rookery.schema import TIME
from rookery.tables import numbers, read_table, require, write_table

_KNOWN = {name: kind for kind, name in enumerate(ACTIONS)} | {str(kind): kind for kind in range(len(ACTIONS))}


def predict_states(
    model: Path, states: Path, output: Path, *, target_rtg: float, config: TwinConfig, device: Device = "auto"
) -> pl.DataFrame:
    """Write what the twin would do at each row of `states` (CSV or parquet), asked for `target_rtg` in each segment.

    The file has the bundle's state columns, unscaled, empty where undefined. Optional: `segment`, whose rows follow on
    one another (all rows are one without it); `time`, rising within a segment; `action`, what was done in a row (name
    or 0 to 4, empty where unknown); `reward`, the fraction that this earned, which comes off the target. An answer
    knows its own and earlier states, and earlier actions and rewards. Columns: segment, time where there is one,
    target_rtg, action, action_id, the chance of each action, taken.

    Raises UserError naming the column or row that is wrong, and for a target that training has never seen.
    """
    twin = load_twin(model)
    inference = TraderInference(twin.model, device, scaler=twin.scaler)
    inference.check_target(target_rtg)
    table = _checked(read_table(states), twin.schema.features, states)
    asked_R = still_asked(table, target_rtg, inference.target_range)
    keys = [SEGMENT, *(["time"] if "time" in table.columns else [])]
    clocked = table if "time" in table.columns else table.with_columns(pl.int_range(pl.len()).cast(TIME).alias("time"))
    labels = clocked.select("time", SEGMENT, "action", pl.lit(0.0).alias("return_to_go"))
    chances_RK = chances(
        inference,
        from_tables(clocked.select("time", SEGMENT, *twin.schema.features), labels, twin.scaler),
        asked_R * RTG_SCALE,
        window=min(config.window, twin.model.config.context),
        stride=config.stride,
        threads=config.training.num_threads,
    )
    answers = answered(table.select(keys), table["action"], asked_R, chances_RK)
    write_table(answers, output)
    return answers


def _checked(table: pl.DataFrame, features: tuple[str, ...], place: Path) -> pl.DataFrame:
    """The states as numbers, with segment, action and reward, and time where there is one."""
    require(table, features, place)
    optional = [name for name in ("reward",) if name in table.columns]
    given = [name for name in (*features, *optional) if table[name].null_count() < table.height]
    # An empty cell is a state that is not defined yet; any other text is a fault.
    filled = table.with_columns(pl.col(name).fill_null(0.0) for name in given if table[name].dtype.is_numeric())
    parsed = numbers(filled, given, place)
    made = table.with_columns(
        *(pl.when(table[name].is_not_null()).then(parsed[name]).alias(name) for name in given),
        *(pl.lit(None, pl.Float64).alias(name) for name in (*features, *optional) if name not in given),
    )
    if SEGMENT not in made.columns:
        made = made.with_columns(pl.lit(0).alias(SEGMENT))
    if "reward" not in made.columns:
        made = made.with_columns(pl.lit(None, pl.Float64).alias("reward"))
    if segment_offsets(made[SEGMENT]).size - 1 > made[SEGMENT].n_unique():
        raise UserError("a segment goes on after another began", place=place, remedy="sort by segment, then by time")
    return _with_actions(_with_time(made, place), place)


def _with_time(table: pl.DataFrame, place: Path) -> pl.DataFrame:
    if "time" not in table.columns:
        return table
    stamps = table["time"]
    if stamps.dtype == pl.String:
        stamps = stamps.str.to_datetime(time_unit="ns", time_zone="UTC", strict=False)
    if not isinstance(stamps.dtype, pl.Datetime) or stamps.null_count():
        row = int(stamps.is_null().arg_max() or 0) + 2
        raise UserError("time is not a moment", place=place, row=row, remedy="write it like 2026-01-11 09:00:00")
    timed = table.with_columns(stamps.cast(TIME).alias("time"))
    still = timed.select((pl.col("time").diff().over(SEGMENT) <= pl.duration()).fill_null(False)).to_series().arg_true()
    if len(still):
        raise UserError("time stands still or runs backwards within a segment", place=place, row=still[0] + 2)
    return timed


def _with_actions(table: pl.DataFrame, place: Path) -> pl.DataFrame:
    if "action" not in table.columns:
        return table.with_columns(pl.lit(None, pl.Int64).alias("action"))
    told = table["action"].cast(pl.String)
    found = told.replace_strict(_KNOWN, default=None, return_dtype=pl.Int64)
    wrong = (found.is_null() & told.is_not_null()).arg_true()
    if len(wrong):
        remedy = f"it is one of {', '.join(ACTIONS)}, or 0 to {len(ACTIONS) - 1}"
        raise UserError(f"'{told[wrong[0]]}' is no action", place=place, row=wrong[0] + 2, remedy=remedy)
    return table.with_columns(found.alias("action"))
