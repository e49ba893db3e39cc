"""From a trader's tables to a trained twin in a bundle."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from rookery.datasets.trajectories import TrajectoryBatches
from rookery.errors import UserError
from rookery.learning.reproducible import choose_device, derive_seed
from rookery.models.decision_transformer import build
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.saved import SavedTwin, save_twin
from rookery.pipelines.twin.tables import TwinTables
from rookery.pipelines.twin.training import TraderTrainer
from rookery.run import Run, Stage

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """How a network came about. `last_time_ns` is the last moment that training or its choice of epoch has seen.

    `taught` and `selection` are places of segments [start, stop): learnt from, and the epoch chosen by.
    """

    best_epoch: int
    stopped: str
    device: str
    taught: tuple[int, int]
    selection: tuple[int, int]
    last_time_ns: int


def parts(tables: TwinTables, config: TwinConfig) -> tuple[range, range]:
    """Places of the segments to learn from, and of those that choose the epoch. Raises UserError where one is empty."""
    train = tables.train
    if config.selection_share == 0:
        return train, tables.validation
    cut = train.stop - max(1, round(len(train) * config.selection_share))
    if cut <= train.start:
        raise UserError(
            f"{len(train)} training market is too few to learn from one and choose the epoch by another",
            place="selection_share",
            remedy="train on more markets",
        )
    return range(train.start, cut), range(cut, train.stop)


def learn(tables: TwinTables, bundle: Path, *, config: TwinConfig, device: Device, run: Run, stage: Stage) -> Learnt:
    """Train a new network on `tables` and save it as the folder `bundle`; stopped, it goes on at its last checkpoint.

    `device` is where it is done and no part of the settings: a run may be taken up elsewhere.
    """
    place = choose_device(device)
    taught, selection = parts(tables, config)
    lesson, exam = (
        TrajectoryBatches(tables.trajectories.part(segments), device=place, window=config.window, stride=config.stride)
        for segments in (taught, selection)
    )
    model = build(config.network, seed=derive_seed(run.seed, "weights"))
    history = TraderTrainer(model, device, config=config.training).fit(lesson, exam, run=run, stage=stage)
    seen = tables.trajectories.part(range(taught.start, selection.stop))
    learnt = Learnt(
        best_epoch=history.best_epoch,
        stopped=history.stopped,
        device=history.device,
        taught=(taught.start, taught.stop),
        selection=(selection.start, selection.stop),
        last_time_ns=int(seen.time_ns_R.max()),
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
    return learnt


def learnt_of(twin: SavedTwin) -> Learnt:
    """What a bundle says of its own training. Raises UserError when it says something else."""
    facts = twin.bundle.facts["training"]
    missing = [one.name for one in fields(Learnt) if one.name not in facts]
    if missing:
        raise UserError(f"does not say how it was trained: '{missing[0]}' is missing", place=twin.bundle.path)
    known = {one.name: facts[one.name] for one in fields(Learnt)}
    return Learnt(**{**known, "taught": tuple(known["taught"]), "selection": tuple(known["selection"])})
