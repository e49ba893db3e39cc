"""From a trader's tables to a trained twin in a bundle."""

import time
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rookery.datasets.trajectories import TrajectoryBatches
from rookery.errors import UserError
from rookery.evaluation.trials.recording import Recorder
from rookery.files import read_json, sha256, write_json
from rookery.learning.fit import History
from rookery.learning.reproducible import choose_device, derive_seed
from rookery.models.decision_transformer import TraderDecisionTransformer, build
from rookery.pipelines.closing import log_time
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.inference import Device
from rookery.pipelines.twin.saved import SavedTwin, save_twin
from rookery.pipelines.twin.tables import TwinTables
from rookery.pipelines.twin.training import TraderTrainer
from rookery.run import Run, Stage

# A network that learns from the earlier training markets chooses the number of epochs; then one learns from all.
SELECTION, MODELS = "selection", "models"
# The bundle, in the folder of the stage `models`.
BUNDLE = "twin"
_CHOICE = "choice.json"


def chosen_in(config: TwinConfig) -> str:
    """The stage whose metrics tell how the number of epochs was chosen, by markets that were not learnt from."""
    return SELECTION if config.selection_share else MODELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """How a network came about. `last_time_ns` is the last moment that training or its choice of epoch has seen.

    `chosen_by` are places of segments [start, stop) that chose the number of epochs; `epochs` is how many there were.
    `interval_s` and `capital` are those of the tables, `median_rtg` (x 100) is of the training rows with an action.
    `session_s` are the seconds of a session of instruments; None where markets pay out, as in bundles that lack it.
    """

    best_epoch: int
    epochs: int
    stopped: str
    device: str
    chosen_by: tuple[int, int]
    last_time_ns: int
    interval_s: int
    capital: float
    median_rtg: float
    session_s: int | None = None


def teach(made: Run, tables: TwinTables, config: TwinConfig, device: Device, pen: Recorder) -> Path:
    """Train a network on `tables` in the stages `selection` and `models`, unless that was done; the bundle's folder.

    `device` is where it is done and no part of the settings: a run may be taken up elsewhere. Where held-out markets
    are to choose the epoch, `pen` counts the look at them; else nothing is asked of them.
    """
    inputs = {"tables": tables.fingerprint()}
    with made.stage(SELECTION, inputs=inputs) as stage:
        choice = stage.file(_CHOICE)
        if not stage.finished:
            started = time.perf_counter()
            write_json(choice, _choose(tables, config, device, made, stage))
            log_time(made, "choice of epochs", time.perf_counter() - started, len(tables.train), "markets")
        chosen = read_json(choice)
    with made.stage(MODELS, inputs={**inputs, "choice": sha256(choice)}) as stage:
        bundle = stage.path / BUNDLE
        if not stage.finished:
            started = time.perf_counter()
            if chosen["epochs"] is None:
                pen.unseal("choice of epochs")
            _learn(tables, bundle, chosen, config, device, made, stage)
            log_time(made, "training", time.perf_counter() - started, len(tables.train), "markets")
    return bundle


def _choose(tables: TwinTables, config: TwinConfig, device: Device, run: Run, stage: Stage) -> dict[str, Any]:
    """The number of epochs by the last of the training markets, or None where the held-out ones are to choose it."""
    train = tables.train
    if config.selection_share == 0:
        return {"epochs": None, "stopped": None, "chosen_by": [tables.validation.start, tables.validation.stop]}
    cut = train.stop - max(1, round(len(train) * config.selection_share))
    if cut <= train.start:
        raise UserError(
            "one training market cannot both be learnt from and choose the epoch",
            place="selection_share",
            remedy="train on more markets",
        )
    _, history = _fit(tables, range(train.start, cut), range(cut, train.stop), config, device, run, stage)
    return {"epochs": history.best_epoch, "stopped": history.stopped, "chosen_by": [cut, train.stop]}


def _learn(
    tables: TwinTables,
    bundle: Path,
    chosen: Mapping[str, Any],
    config: TwinConfig,
    device: Device,
    run: Run,
    stage: Stage,
) -> None:
    """Learn from all training markets and save the bundle."""
    if chosen["epochs"] is not None:
        # As many of the epochs that the schedule is laid out for: at another rate another number would be right.
        so_many = {"stop_after": chosen["epochs"], "patience": 0, "monitor": "last"}
        config = config.model_copy(update={"training": config.training.model_copy(update=so_many)})
    exam = tables.validation if chosen["epochs"] is None else None
    model, history = _fit(tables, tables.train, exam, config, device, run, stage)
    first, stop = chosen["chosen_by"]
    seen = tables.trajectories.part(range(tables.train.start, max(tables.train.stop, stop)))
    learnt = Learnt(
        best_epoch=history.best_epoch,
        epochs=len(history.epochs),
        stopped=chosen["stopped"] or history.stopped,
        device=history.device,
        chosen_by=(first, stop),
        last_time_ns=int(seen.time_ns_R.max()),
        interval_s=tables.interval_s,
        capital=tables.capital,
        median_rtg=tables.trajectories.part(tables.train).median_rtg,
        session_s=tables.history.session_s,
    )
    save_twin(
        bundle,
        model.cpu(),
        tables.scaler,
        state=tables.state,
        fractional=tables.order,
        thresholds=tables.thresholds,
        seed=run.seed,
        data_fingerprint=tables.fingerprint(),
        training=asdict(learnt),
    )


def _fit(
    tables: TwinTables,
    lesson: range,
    exam: range | None,
    config: TwinConfig,
    device: Device,
    run: Run,
    stage: Stage,
) -> tuple[TraderDecisionTransformer, History]:
    """A new network that has learnt from the segments of `lesson`, watched by those of `exam`."""

    def windows(segments: range) -> TrajectoryBatches:
        part = tables.trajectories.part(segments)
        return TrajectoryBatches(part, device=choose_device(device), window=config.window, stride=config.stride)

    batches, watched = windows(lesson), None if exam is None else windows(exam)
    model = build(config.network, seed=derive_seed(run.seed, "weights"))
    return model, TraderTrainer(model, device, config=config.training).fit(batches, watched, run=run, stage=stage)


def learnt_of(twin: SavedTwin) -> Learnt:
    """What a bundle says of its own training. Raises UserError when it says something else."""
    facts = twin.bundle.facts["training"]
    missing = [one.name for one in fields(Learnt) if one.default is MISSING and one.name not in facts]
    if missing:
        raise UserError(f"does not say how it was trained: '{missing[0]}' is missing", place=twin.bundle.path)
    known = {one.name: facts[one.name] for one in fields(Learnt) if one.name in facts}
    return Learnt(**{**known, "chosen_by": tuple(known["chosen_by"])})
