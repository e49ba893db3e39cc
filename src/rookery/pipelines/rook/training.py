"""From labelled windows to a trained brain in a bundle."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from rookery.datasets.batches import SequenceBatches
from rookery.datasets.scaling import Scalers
from rookery.datasets.sequences import Sequences
from rookery.evaluation.report.record import Term, Training
from rookery.learning.fit import History, fit
from rookery.learning.objectives import HeadLoss
from rookery.learning.reproducible import choose_device, derive_seed
from rookery.models.lstm import SwapLSTM, build
from rookery.pipelines.rook.config import RookConfig
from rookery.run import Run, Stage

# Terms of a report in the order in which they are read; what is not named here is left to the metrics file.
_SHOWN = ("loss", "side", "size", "slippage", "deadline", "accuracy", "macro_f1")
_HIGHER_IS_BETTER = ("accuracy", "macro_f1")


def learn(
    train: Sequences, validation: Sequences, scalers: Scalers, *, config: RookConfig, run: Run, stage: Stage
) -> tuple[SwapLSTM, History]:
    """Train a new network on `train`, choosing the epoch by `validation`; the network comes back on the CPU."""
    device = choose_device(config.training.device)
    units = config.target_units()
    part = {
        name: SequenceBatches(sequences, scalers, units, device=device)
        for name, sequences in (("train", train), ("validation", validation))
    }
    objective = HeadLoss(
        config.loss, train_side_N=torch.from_numpy(train.side_N.copy()).to(device), classes=train.classes
    )
    model = build(config.model, seed=derive_seed(run.seed, "weights"))
    history = fit(
        model, objective, part["train"], validate=part["validation"], config=config.training, run=run, stage=stage
    )
    return model.cpu(), history


def training_section(epochs: Sequence[Mapping[str, Any]], *, best_epoch: int, stopped: str) -> Training:
    """The report's training section from the rows of metrics.jsonl."""
    known = [name for name in _SHOWN if name in epochs[0]["train"] or name in epochs[0]["validation"]]
    return Training(
        epochs=tuple(row["epoch"] for row in epochs),
        terms=tuple(
            Term(
                name=name.replace("_", " "),
                goal="higher" if name in _HIGHER_IS_BETTER else "lower",
                train=tuple(row["train"].get(name) for row in epochs),
                validation=tuple(row["validation"].get(name) for row in epochs),
            )
            for name in known
        ),
        best_epoch=best_epoch,
        stopped=stopped,
    )
