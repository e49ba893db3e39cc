"""A bundle at work on a trader's tables: how well it foretells held-out markets, and what it would do."""

# R rows, K actions

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from rookery.datasets.trajectories import Trajectories, TrajectoryBatches, from_tables
from rookery.errors import UserError
from rookery.features.segments import SEGMENT
from rookery.features.state import state_features
from rookery.features.underlying import with_underlying
from rookery.labels.returns import RTG_SCALE
from rookery.labels.trader import ACTIONS, ActionThresholds, trader_labels
from rookery.measures import Floats
from rookery.pipelines.tried import count_reading
from rookery.pipelines.twin.answers import chances
from rookery.pipelines.twin.bars import bars_of
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.history import TwinHistory
from rookery.pipelines.twin.inference import Device, TraderInference
from rookery.pipelines.twin.origin import HistorySource
from rookery.pipelines.twin.saved import SavedTwin, load_twin
from rookery.pipelines.twin.steps import is_prepared, tables_of
from rookery.pipelines.twin.teaching import Learnt, learnt_of
from rookery.pipelines.twin.training import TraderTrainer
from rookery.progress import Progress
from rookery.schema import TIME
from rookery.tables import write_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """How a bundle does on held-out markets. `log_loss` (nats a decision) is of a twin that is asked for the median
    return of its training at every bar, so that it knows nothing of the future; `told` are the scores of
    `TraderTrainer.validate`, which is given the true return-to-go as in training. `prior_log_loss` is that of one who
    knows how often each action is taken there and nothing else; `unseen` is whether all markets open after the last
    that the bundle was taught with. `left_out` counts markets that it was not judged on, by reason, and files that
    could not be read; `readings` is how often these data's held-out markets were read by now."""

    log_loss: float
    told: dict[str, float]
    prior_log_loss: float
    markets: int
    decisions: int
    unseen: bool
    readings: int
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predicted:
    """A row of `answers` for every bar of complete markets; `left_out` counts others, by reason, and unread files."""

    answers: pl.DataFrame
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Given:
    """Bars like those that a bundle was taught with. `held_out` are the rows that a prepared folder is judged on."""

    bars: pl.DataFrame
    history: TwinHistory
    left_out: Mapping[str, int]
    held_out: range | None


def evaluate(
    model: Path, source: HistorySource, *, config: TwinConfig, device: Device = "auto", progress: Progress
) -> Evaluated:
    """Scores of the bundle `model` on the held-out markets of a prepared folder, or on raw files.

    Of raw files those complete markets are judged that open once the bundle's training has ended (and, where it is set,
    from `validation_from` on). States and actions are made with the bundle's own scaler, order and thresholds; nothing
    is fitted on the markets. The look at them is counted in the ledger that the bundle's training is in. Raises
    UserError where no market or no decision is left, and for data of another kind than the bundle was taught with.
    """
    twin = load_twin(model)
    given, config = _given(twin, source, config, progress)
    learnt = learnt_of(twin)
    bars, left_out = _unseen(given, learnt, config) if given.held_out is None else (given.bars, given.left_out)
    if given.held_out is not None:
        bars = bars[given.held_out.start : given.held_out.stop]
    held_out, _ = as_taught(bars, given.history, twin)
    known_R = np.flatnonzero(held_out.known_R)
    taken_R = held_out.actions_R[known_R]
    if not taken_R.size:
        raise UserError(
            "no bar of these markets is followed by another, so there is no decision to judge",
            place=given.history.facts.path,
            remedy=f"the bundle's bars are {learnt.interval_s:,} s: give longer markets or sessions",
        )
    readings = count_reading(model, data=given.history.fingerprint(), purpose="twin evaluate")
    chances_RK = _chances(twin, held_out, np.full(len(held_out), learnt.median_rtg), config, device)
    share_K = np.bincount(taken_R, minlength=len(ACTIONS)) / taken_R.size
    trainer = TraderTrainer(twin.model, device, config=config.training)
    batches = TrajectoryBatches(held_out, device=trainer.device, window=config.window, stride=config.stride)
    return Evaluated(
        log_loss=float(-np.log(chances_RK[known_R, taken_R]).mean()),
        told=trainer.validate(batches),
        prior_log_loss=float(-(share_K[share_K > 0] * np.log(share_K[share_K > 0])).sum()),
        markets=held_out.segments,
        decisions=int(taken_R.size),
        unseen=not _opened_before(bars, given, learnt).any(),
        readings=readings,
        left_out=left_out,
    )


def _given(twin: SavedTwin, source: HistorySource, config: TwinConfig, progress: Progress) -> tuple[_Given, TwinConfig]:
    """Bars like those that `twin` was taught with, and nothing fitted; `as_taught` makes states and actions of them."""
    learnt = learnt_of(twin)
    like = {
        "state": twin.state.model_copy(update={"fractional_order": twin.schema.fractional.order}),
        "interval_s": learnt.interval_s,
        "capital": learnt.capital,
        "window": min(config.window, twin.model.config.context),
    }
    config = config.model_copy(update=like)
    if source.path is None or not is_prepared(source.path):
        history = source.load(progress)
        _refuse_other_kind(learnt, history)
        found = bars_of(history, config.tables)
        left_out = _with_unread(found.left_out, history)
        return _Given(bars=found.bars, history=history, left_out=left_out, held_out=None), config
    fitted = ("state", "action_quantile", "by_side")
    made, config = tables_of(source, config, progress, bound=("interval_s", "capital"), free=fitted)
    if twin.state.underlying and made.history.underlying is None:
        raise UserError(
            "was prepared without an underlying, which the bundle was taught with",
            place=source.path,
            remedy="prepare it again with its bars: --underlying FILE",
        )
    if made.history.underlying is not None and not twin.state.underlying:
        raise UserError(
            "was prepared with an underlying, which the bundle knows nothing of",
            place=source.path,
            remedy="prepare it again without --underlying",
        )
    _refuse_other_kind(learnt, made.history)
    left_out = _with_unread(made.left_out, made.history)
    return _Given(bars=made.bars, history=made.history, left_out=left_out, held_out=made.validation_rows), config


def _refuse_other_kind(learnt: Learnt, history: TwinHistory) -> None:
    """Refuse shares where fills were taught, fills where shares were, and sessions of another length."""
    if learnt.session_s == history.session_s:
        return
    taught, given = (
        "markets that pay out" if span_s is None else f"sessions of {span_s:,} s"
        for span_s in (learnt.session_s, history.session_s)
    )
    option = "" if learnt.session_s is None else f": --fills FILE --session {learnt.session_s}s"
    raise UserError(
        f"is of {given}; the bundle was taught with {taught}",
        place=history.facts.path,
        remedy=f"give data of the same kind{option}",
    )


def _with_unread(left_out: Mapping[str, int], history: TwinHistory) -> Mapping[str, int]:
    return {**left_out, "that could not be read": len(history.skipped_files)}


def _unseen(given: _Given, learnt: Learnt, config: TwinConfig) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """The bars of markets that the bundle may be judged on, and how many others there are."""
    early = _opened_before(given.bars, given, learnt)
    markets = given.bars["market"]
    left_out = {**given.left_out, "opened before the training ended": markets.filter(early).n_unique()}
    if config.validation_from is not None:
        later = _opens(given.bars, given) >= config.validation_from
        left_out["opened before validation_from"] = markets.filter(~early & ~later).n_unique()
        early = early | ~later
    if early.all():
        since = max(moment for moment in (_ended(learnt)[0], config.validation_from) if moment is not None)
        raise UserError(
            f"none of the {markets.n_unique()} complete markets can be judged: "
            + ", ".join(f"{count} {reason}" for reason, count in left_out.items() if reason.startswith("opened")),
            place=given.history.facts.path,
            remedy=f"give markets that open from {since:%Y-%m-%d %H:%M} UTC on",
        )
    return given.bars.filter(~early), left_out


def _opened_before(bars: pl.DataFrame, given: _Given, learnt: Learnt) -> pl.Series:
    """Whether a bar's market was there before the last moment of the bundle's training: what it says is no result."""
    return _opens(bars, given) < _ended(learnt)


def _opens(bars: pl.DataFrame, given: _Given) -> pl.Series:
    """The moment from which anything is known of each bar's market."""
    opens = given.history.markets.select("market", pl.min_horizontal("first_time", "open_time").alias("opens"))
    return bars.select("market").join(opens, on="market", how="left", maintain_order="left")["opens"]


def _ended(learnt: Learnt) -> pl.Series:
    return pl.Series([learnt.last_time_ns]).cast(TIME)


def as_taught(bars: pl.DataFrame, history: TwinHistory, twin: SavedTwin) -> tuple[Trajectories, pl.DataFrame]:
    """Trajectories of `bars` with the states, actions and scaling that `twin` was taught by, and the labels."""
    order = twin.schema.fractional.order
    if twin.state.underlying and history.underlying is not None:
        bars = with_underlying(bars, history.underlying.table, twin.state, order=order)
    states = state_features(bars, twin.state, order=order)
    labels = trader_labels(bars, ActionThresholds(**twin.schema.thresholds.model_dump()))
    return from_tables(states, labels, twin.scaler), labels


def predict(
    model: Path,
    source: HistorySource,
    output: Path,
    *,
    target_rtg: float,
    config: TwinConfig,
    device: Device = "auto",
    progress: Progress,
) -> Predicted:
    """Write what the twin would do at every bar of complete markets, asked for `target_rtg` (0.02 is 2 %) in each.

    A bar's answer knows states up to it and the trader's actions before it; what these earned comes off the target,
    which stays within what training has seen. Columns: time, market, segment, target_rtg, action, action_id, the
    chance of each action, and taken, the trader's own (null where unknown). Raises UserError for a target that training
    has never seen, and for data of another kind than the bundle was taught with.
    """
    twin = load_twin(model)
    inference = TraderInference(twin.model, device, scaler=twin.scaler)
    inference.check_target(target_rtg)
    given, config = _given(twin, source, config, progress)
    rows, labels = as_taught(given.bars, given.history, twin)
    asked_R = still_asked(labels, target_rtg, inference.target_range)
    chances_RK = _chances(twin, rows, asked_R * RTG_SCALE, config, device)
    answers = answered(given.bars.select("time", "market", SEGMENT), labels["action"], asked_R, chances_RK)
    write_table(answers, output)
    return Predicted(answers=answers, left_out=given.left_out)


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
    before_R = labels.select(earned.cum_sum().over(SEGMENT) - earned).to_series().to_numpy()
    # Subtracted by polars 0 less 0 would be -0.
    asked_R: Floats = np.clip(target - before_R, *target_range)
    return asked_R


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
