"""The loop by which a model learns from data that is already there."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from rookery.files import write_bytes
from rookery.learning import checkpoint
from rookery.learning.compiling import compiled
from rookery.learning.objectives import Objective
from rookery.learning.reproducible import choose_device, derive_seed, reproducible, seed_noise
from rookery.learning.training import FitConfig, Training
from rookery.progress import Advance
from rookery.run import Run, Stage

# N examples, B batch

Answers = TypeVar("Answers")
Wanted = TypeVar("Wanted")
Wanted_co = TypeVar("Wanted_co", covariant=True)

METRICS = "metrics.jsonl"
_CHECKPOINTS = ".checkpoints"
# Fixed, so that what a model scores does not hang on how it was trained.
_JUDGED_AT_ONCE = 512


class Batches(Protocol[Wanted_co]):
    """Examples that can be taken by number."""

    def __len__(self) -> int: ...

    def take(self, index_B: Tensor) -> tuple[Sequence[Tensor], Wanted_co]:
        """Inputs, in the order of the model's arguments, and targets of the examples numbered in `index_B`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was seen on the way: per epoch its number, learning rate, and loss terms and scores of both parts.

    Those of `validation` are empty where nothing was validated on.
    """

    epochs: tuple[Mapping[str, Any], ...]
    best_epoch: int
    stopped: str
    device: str
    num_threads: int


def fit(
    model: nn.Module,
    objective: Objective[Answers, Wanted],
    batches: Batches[Wanted],
    *,
    validate: Batches[Wanted] | None,
    config: FitConfig,
    run: Run,
    stage: Stage,
) -> History:
    """Minimise the sum of the objective's terms over `batches`; leave the best validated epoch's weights in `model`.

    With nothing to validate on, the last epoch's weights are left, as `config` must say: a `monitor` of "last", and a
    schedule that follows the clock alone.
    Writes `metrics.jsonl` into the stage, checkpoints beside it, and TensorBoard events and timings into `run.logs`.
    Called again after a kill it goes on from the last whole checkpoint and ends with the same weights, bit for bit:
    order and noise of a batch hang on the run's seed and the batch's place alone. Both parts must lie on `config`'s
    device. Raises UserError when the loss stops being finite.
    """
    if validate is None and (config.monitor != "last" or config.schedule == "plateau"):
        raise ValueError("without validation the monitor must be 'last' and the schedule another than 'plateau'")
    device = choose_device(config.device)
    steps = -(-len(batches) // config.batch_size)
    with reproducible(config.num_threads):
        training = Training(model.to(device), config, steps_per_epoch=steps)
        network = compiled(model, device) if config.compile else model
        folder = stage.path / _CHECKPOINTS
        if (moment := checkpoint.load(folder, say=run.progress.say)) is not None:
            training.restore(moment)
            run.progress.say(f"training goes on at epoch {training.epoch}, batch {training.batch + 1}")
        with run.progress.stage("training", total=config.last_epoch * len(batches), unit="samples") as advance:
            advance((training.epoch - 1) * len(batches) + training.batch * config.batch_size)
            while not training.stopped:
                started = time.perf_counter()
                _learn_epoch(training, network, objective, batches, run.seed, folder, advance)
                terms, tally = training.epoch_figures()
                with training.judged_weights():
                    judged = {} if validate is None else evaluate(model, objective, validate, device=device)
                    training.close_epoch({**terms, **objective.metrics(tally)}, judged)
                _write_metrics(stage.file(METRICS), training.history)
                checkpoint.save(folder, training.snapshot())
                _log(run, stage, training.history[-1], seconds=time.perf_counter() - started, config=config)
        training.take_best()
    _write_metrics(stage.file(METRICS), training.history)
    return History(
        epochs=tuple(training.history),
        best_epoch=training.best_epoch,
        stopped=training.stopped,
        device=device.type,
        num_threads=config.num_threads,
    )


def evaluate(
    model: nn.Module, objective: Objective[Answers, Wanted], batches: Batches[Wanted], *, device: torch.device
) -> dict[str, float]:
    """Loss terms, their sum and the objective's metrics over all examples, without noise and without learning."""
    model.eval()
    totals: dict[str, float] = {}
    tallies: list[Tensor] = []
    with torch.inference_mode():
        for index_B in torch.split(torch.arange(len(batches), device=device), _JUDGED_AT_ONCE):
            inputs, wanted = batches.take(index_B)
            answers = model(*inputs)
            for name, term in objective(answers, wanted).items():
                totals[name] = totals.get(name, 0.0) + float(term) * len(index_B)
            tallies.append(objective.tally(answers, wanted))
    terms = {name: total / len(batches) for name, total in totals.items()}
    tally = torch.stack(tallies).sum(dim=0).cpu()
    return {"loss": sum(terms.values()), **terms, **objective.metrics(tally)}


def _learn_epoch(
    training: Training,
    network: Callable[..., Answers],
    objective: Objective[Answers, Wanted],
    batches: Batches[Wanted],
    seed: int,
    folder: Path,
    advance: Advance,
) -> None:
    model, config = training.model.train(), training.config
    device = next(model.parameters()).device
    order_N = _shuffled(len(batches), seed=derive_seed(seed, "order", training.epoch))
    mixed = config.mixed_precision and device.type == "cuda" and torch.cuda.is_bf16_supported()
    for index_B in torch.split(order_N, config.batch_size)[training.batch :]:
        seed_noise(derive_seed(seed, "noise", training.epoch, training.batch), device)
        inputs, wanted = batches.take(index_B)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=mixed):
            answers = network(*inputs)
        training.learn(objective(answers, wanted), objective.tally(answers, wanted), count=len(index_B))
        advance(len(index_B))
        if config.checkpoint_batches and training.batch % config.checkpoint_batches == 0:
            # A loss that is no longer finite is refused here, before it is written.
            training.epoch_figures()
            checkpoint.save(folder, training.snapshot())


def _shuffled(count: int, *, seed: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def _write_metrics(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    lines = [json.dumps(row, sort_keys=True, allow_nan=False) for row in history]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def _log(run: Run, stage: Stage, row: Mapping[str, Any], *, seconds: float, config: FitConfig) -> None:
    run.log(stage.path.name, {"epoch": row["epoch"], "seconds": round(seconds, 3)})
    if not config.tensorboard:
        return
    # Imported here: it costs a tenth of a second, and nothing but this needs it.
    from torch.utils.tensorboard import SummaryWriter

    epoch = row["epoch"]
    with closing(SummaryWriter(str(run.logs / "tensorboard" / stage.path.name), purge_step=epoch)) as board:
        board.add_scalar("learning_rate", row["learning_rate"], epoch)
        for part in ("train", "validation"):
            for name, value in row[part].items():
                board.add_scalar(f"{name}/{part}", value, epoch)
