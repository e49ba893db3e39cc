"""A bundle at work on a trader's tables: how well it foretells held-out markets, and what it would do."""

# R rows, K actions

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from rookery.datasets.trajectories import UNKNOWN, Trajectories, TrajectoryBatches, from_tables
from rookery.features.segments import SEGMENT
from rookery.features.state import state_features
from rookery.labels.returns import RTG_SCALE
from rookery.labels.trader import ACTIONS, ActionThresholds, trader_labels
from rookery.measures import Floats
from rookery.pipelines.tried import count_reading
from rookery.pipelines.twin.answers import chances
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.inference import Device, TraderInference
from rookery.pipelines.twin.origin import HistorySource
from rookery.pipelines.twin.saved import SavedTwin, load_twin
from rookery.pipelines.twin.steps import tables_of
from rookery.pipelines.twin.tables import TwinTables
from rookery.pipelines.twin.teaching import learnt_of
from rookery.pipelines.twin.training import TraderTrainer
from rookery.progress import Progress
from rookery.tables import write_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """How a bundle does on held-out markets. `log_loss` (nats a decision) is of a twin that is asked for the median
    return of its training at every bar, so that it knows nothing of the future; `told` are the scores of
    `TraderTrainer.validate`, which is given the true return-to-go as in training. `prior_log_loss` is that of one who
    knows how often each action is taken there and nothing else; `unseen` is whether all markets open after the last
    that the bundle was taught with; `readings` is how often these data's held-out markets were read by now."""

    log_loss: float
    told: dict[str, float]
    prior_log_loss: float
    markets: int
    decisions: int
    unseen: bool
    readings: int


def evaluate(
    model: Path, source: HistorySource, *, config: TwinConfig, device: Device = "auto", progress: Progress
) -> Evaluated:
    """Scores of the bundle `model` on the held-out markets of a prepared folder or of raw files.

    States and actions are made with the bundle's own scaler, order and thresholds; nothing is fitted on the markets.
    The look at them is counted in the ledger that the bundle's training is in.
    """
    twin = load_twin(model)
    given, config = _tables_for(twin, source, config, progress)
    readings = count_reading(model, data=given.history.fingerprint(), purpose="twin evaluate")
    held_out, learnt = as_taught(given, twin).part(given.validation), learnt_of(twin)
    chances_RK = _chances(twin, held_out, np.full(len(held_out), learnt.median_rtg), config, device)
    known_R = np.flatnonzero(held_out.actions_R != UNKNOWN)
    taken_R = held_out.actions_R[known_R]
    share_K = np.bincount(taken_R, minlength=len(ACTIONS)) / max(1, taken_R.size)
    trainer = TraderTrainer(twin.model, device, config=config.training)
    batches = TrajectoryBatches(held_out, device=trainer.device, window=config.window, stride=config.stride)
    return Evaluated(
        log_loss=float(-np.log(chances_RK[known_R, taken_R]).mean()),
        told=trainer.validate(batches),
        prior_log_loss=float(-(share_K[share_K > 0] * np.log(share_K[share_K > 0])).sum()),
        markets=held_out.segments,
        decisions=int(taken_R.size),
        unseen=int(held_out.time_ns_R.min()) > learnt.last_time_ns,
        readings=readings,
    )


def _tables_for(
    twin: SavedTwin, source: HistorySource, config: TwinConfig, progress: Progress
) -> tuple[TwinTables, TwinConfig]:
    """Tables with bars like those that `twin` was taught with; states and actions are made anew by `as_taught`."""
    learnt = learnt_of(twin)
    like = {
        "state": twin.state.model_copy(update={"fractional_order": twin.schema.fractional.order}),
        "interval_s": learnt.interval_s,
        "capital": learnt.capital,
        "window": min(config.window, twin.model.config.context),
    }
    fitted = ("state", "action_quantile", "by_side")
    return tables_of(source, config.model_copy(update=like), progress, bound=("interval_s", "capital"), free=fitted)


def as_taught(given: TwinTables, twin: SavedTwin) -> Trajectories:
    """Trajectories of the bars of `given` with the states, actions and scaling that `twin` was taught by."""
    states = state_features(given.bars, twin.state, order=twin.schema.fractional.order)
    labels = trader_labels(given.bars, ActionThresholds(**twin.schema.thresholds.model_dump()))
    return from_tables(states, labels, twin.scaler)


def predict(
    model: Path,
    source: HistorySource,
    output: Path,
    *,
    target_rtg: float,
    config: TwinConfig,
    device: Device = "auto",
    progress: Progress,
) -> pl.DataFrame:
    """Write what the twin would do at every bar, asked for `target_rtg` (0.02 is 2 %) in each market.

    A bar's answer knows states up to it and the trader's actions before it; what these earned comes off the target,
    which stays within what training has seen. Columns: time, market, segment, target_rtg, action, action_id, the
    chance of each action, and taken, the trader's own (null where unknown). Raises UserError for a target that training
    has never seen.
    """
    twin = load_twin(model)
    inference = TraderInference(twin.model, device, scaler=twin.scaler)
    inference.check_target(target_rtg)
    given, config = _tables_for(twin, source, config, progress)
    asked_R = still_asked(given.labels, target_rtg, inference.target_range)
    chances_RK = _chances(twin, as_taught(given, twin), asked_R * RTG_SCALE, config, device)
    answers = answered(given.bars.select("time", "market", SEGMENT), given.labels["action"], asked_R, chances_RK)
    write_table(answers, output)
    return answers


def _chances(twin: SavedTwin, rows: Trajectories, rtg_R: Floats, config: TwinConfig, device: Device) -> Floats:
    """(R, K) Chances of each action when `rtg_R` (x 100) is asked for."""
    return chances(
        TraderInference(twin.model, device, scaler=twin.scaler),
        rows,
        rtg_R,
        window=config.window,
        stride=config.stride,
        threads=config.training.num_threads,
    )


def still_asked(labels: pl.DataFrame, target: float, target_range: tuple[float, float]) -> Floats:
    """(R,) The target of each row: `target` less the `reward` of the rows before in its segment, within the range."""
    earned = pl.col("reward").fill_null(0.0)
    before = earned.cum_sum().over(SEGMENT) - earned
    return labels.select((target - before).clip(*target_range)).to_series().to_numpy().copy()


def answered(rows: pl.DataFrame, taken: pl.Series, asked_R: Floats, chances_RK: Floats) -> pl.DataFrame:
    """`rows` with what was asked for, the likeliest action, the chance of each, and `taken` (ids) by name."""
    names = np.array(ACTIONS)
    best_R = chances_RK.argmax(axis=1)
    return rows.with_columns(
        pl.Series("target_rtg", asked_R),
        pl.Series("action", names[best_R]),
        pl.Series("action_id", best_R.astype(np.int8)),
        *(pl.Series(f"chance_{name.lower()}", chances_RK[:, kind]) for kind, name in enumerate(ACTIONS)),
        taken.replace_strict(dict(enumerate(ACTIONS)), default=None, return_dtype=pl.String).alias("taken"),
    )
