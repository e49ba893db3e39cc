"""From labelled windows to a trained brain in a bundle."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import torch

from rookery.datasets.batches import SequenceBatches
from rookery.datasets.scaling import Scalers
from rookery.datasets.sequences import Sequences
from rookery.errors import UserError
from rookery.learning.fit import fit
from rookery.learning.objectives import HeadLoss
from rookery.learning.reproducible import choose_device, derive_seed
from rookery.models.lstm import build
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.config import RookConfig
from rookery.pipelines.rook.panel import Lesson
from rookery.pipelines.rook.saved import save_brain
from rookery.run import Run, Stage
from rookery.types import Pair

Device = Literal["auto", "cpu", "cuda"]

# Terms of a report in the order in which they are read.
SHOWN = ("loss", "side", "size", "slippage", "deadline", "accuracy", "macro_f1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """How a network came about. `last_time_ns` is the last moment that training or its choice of epoch has seen."""

    best_epoch: int
    stopped: str
    device: str
    lesson: Lesson
    last_time_ns: int


def learn(
    train: Sequences,
    validation: Sequences,
    scalers: Scalers,
    bundle: Path,
    *,
    config: RookConfig,
    pair: Pair,
    device: Device,
    data_fingerprint: str,
    run: Run,
    stage: Stage,
) -> Learnt:
    """Train a new network on `train`, choosing the epoch by `validation`, and save it as the folder `bundle`.

    `device` is where it is done and no part of the settings: a run may be taken up elsewhere.
    """
    units = config.target_units()
    place = choose_device(device)
    batches, judged = (SequenceBatches(part, scalers, units, device=place) for part in (train, validation))
    objective = HeadLoss(
        config.loss, train_side_N=torch.from_numpy(train.side_N.copy()).to(place), classes=train.classes
    )
    model = build(config.model, seed=derive_seed(run.seed, "weights"))
    settings = config.training.model_copy(update={"device": device})
    history = fit(model, objective, batches, validate=judged, config=settings, run=run, stage=stage)
    learnt = Learnt(
        best_epoch=history.best_epoch,
        stopped=history.stopped,
        device=history.device,
        lesson=Lesson.of(train),
        last_time_ns=int(validation.time_ns_N[-1]),
    )
    save_brain(
        bundle,
        model.cpu(),
        scalers,
        seq_len=train.seq_len,
        units=units,
        trading=config.trading,
        pair=pair,
        seed=run.seed,
        data_fingerprint=data_fingerprint,
        training=asdict(learnt),
    )
    return learnt


def learnt_of(brain: TrainedROOKBrain) -> Learnt:
    """What a bundle says of its own training. Raises UserError when it says something else."""
    facts = brain.get_model_info()["training"]
    try:
        known = {one.name: facts[one.name] for one in fields(Learnt)}
        return Learnt(**{**known, "lesson": Lesson.from_json(known["lesson"])})
    except (KeyError, TypeError) as failure:
        raise UserError(f"does not say how it was trained: {failure}", place="bundle") from None
