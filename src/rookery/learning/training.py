"""Everything about a training run that must survive a kill: weights, optimizer, position, best so far."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from rookery.config import Config
from rookery.errors import UserError
from rookery.learning.checkpoint import Checkpoint
from rookery.learning.schedule import Plateau, cosine, warm_up


class FitConfig(Config):
    """How to learn. The defaults of batch size, learning rate and epochs are the published ones.

    `patience`: epochs without a better validation score (`monitor`) before stopping; 0 never stops early. With a
    `monitor` of "last" validation is only looked at: the last epoch is kept.
    `stop_after`: end after so many of the `num_epochs`, at the rates that the schedule over all of them has there;
    None goes through all.
    `schedule`: cosine falls to `final_share` of the rate over all epochs, plateau halves it when validation stands
    still, constant does neither; all rise in a line over the first `warmup_share` of the steps.
    `mixed_precision`: bfloat16 on a GPU that has it; a CPU always computes in float32.
    `compile`: learn through torch.compile (a CPU needs a C++ compiler); rounding and noise are then other than without
    it, and the same from one run to the next on one machine. Judging is never compiled.
    `num_threads`: fixed, not taken from the machine, so that one seed gives one result on any number of cores.
    `averaging`: weights are judged and kept as their exponential mean over steps (Polyak and Juditsky 1992, with the
    decay of the mean and the correction of its start of Adam); 0 judges and keeps them as they are.
    `checkpoint_batches`: save a checkpoint every so many batches besides every epoch; 0 for epochs alone.
    """

    num_epochs: int = Field(default=10, ge=1, le=100_000)
    stop_after: int | None = Field(default=None, ge=1, le=100_000)
    batch_size: int = Field(default=32, ge=1, le=1_000_000)
    learning_rate: float = Field(default=5e-4, gt=0, allow_inf_nan=False)
    optimizer: Literal["adamw", "adam"] = "adamw"
    weight_decay: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup_share: float = Field(default=0.05, ge=0, le=1)
    final_share: float = Field(default=0.05, ge=0, le=1)
    plateau_patience: int = Field(default=1, ge=0)
    plateau_shrink: float = Field(default=0.5, gt=0, lt=1)
    gradient_clip: float = Field(default=1.0, gt=0)
    averaging: float = Field(default=0.0, ge=0, lt=1)
    patience: int = Field(default=5, ge=0)
    monitor: Literal["loss", "macro_f1", "last"] = "loss"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    mixed_precision: bool = True
    compile: bool = False
    num_threads: int = Field(default=2, ge=1, le=1024)
    checkpoint_batches: int = Field(default=0, ge=0)
    tensorboard: bool = True

    @property
    def last_epoch(self) -> int:
        """The epoch that training ends with, unless it is stopped for want of patience."""
        return min(self.num_epochs, self.stop_after or self.num_epochs)


class Training:
    """A model under way. `epoch` (from 1) and `batch` (from 0) are the next to do; `history` has one row per epoch."""

    def __init__(self, model: nn.Module, config: FitConfig, *, steps_per_epoch: int) -> None:
        self.model = model
        self.config = config
        self.steps_per_epoch = steps_per_epoch
        self.optimizer = _optimizer(model, config)
        self.epoch = 1
        self.batch = 0
        self.history: list[dict[str, Any]] = []
        self.best_epoch = 0
        self.stopped = ""
        self._best: dict[str, Tensor] = {}
        self._best_score: float | None = None
        self._waited = 0
        self._plateau = Plateau()
        self._terms: tuple[str, ...] = ()
        self._sums: Tensor | None = None
        self._mean = _zeros(model) if config.averaging else {}

    def learning_rate(self) -> float:
        """The rate of the next step."""
        config = self.config
        step = (self.epoch - 1) * self.steps_per_epoch + self.batch
        total = config.num_epochs * self.steps_per_epoch
        rising = int(total * config.warmup_share)
        rate = config.learning_rate * warm_up(step, rising) * self._plateau.factor
        if config.schedule == "cosine":
            rate *= cosine(step, start=rising, total=total, floor=config.final_share)
        return rate

    def learn(self, terms: Mapping[str, Tensor], tally: Tensor, *, count: int) -> None:
        """One step down the sum of `terms`, means over `count` examples; `tally` is added to the epoch's."""
        loss = torch.stack(list(terms.values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._average()
        figures = torch.stack([torch.ones_like(loss), norm, *terms.values()]).detach().double() * count
        row = torch.cat((figures, tally))
        self._terms = tuple(terms)
        self._sums = row if self._sums is None else self._sums + row
        self.batch += 1

    def epoch_figures(self) -> tuple[dict[str, float], Tensor]:
        """Mean loss terms and gradient norm of the epoch so far, and its tally. Refuses a loss that is not finite."""
        if self._sums is None:
            raise ValueError("no batch has been learnt in this epoch")
        sums = self._sums.cpu()
        width = 2 + len(self._terms)
        count, *totals = sums[:width].tolist()
        if not all(math.isfinite(total) for total in totals):
            raise UserError(
                f"loss is not a finite number in epoch {self.epoch}",
                place="training",
                remedy="lower learning_rate or gradient_clip, and look for absurd values in the features",
            )
        means = [total / count for total in totals]
        terms = dict(zip(self._terms, means[1:], strict=True))
        return {"loss": sum(terms.values()), **terms, "gradient_norm": means[0]}, sums[width:]

    def close_epoch(self, train: Mapping[str, float], validation: Mapping[str, float]) -> None:
        """Record an epoch, keep its weights if they are the best, and decide whether to go on.

        `validation` may be empty where the monitor is "last".
        """
        row = {"epoch": self.epoch, "learning_rate": self.learning_rate(), "train": train, "validation": validation}
        self.history.append(row)
        monitor = self.config.monitor
        score = float(self.epoch) if monitor == "last" else validation[monitor]
        score = -score if monitor == "loss" else score
        improved = self._best_score is None or score > self._best_score
        if improved:
            self._best_score, self.best_epoch, self._waited = score, self.epoch, 0
            self._best = _copies(self.model.state_dict())
        else:
            self._waited += 1
        if self.config.schedule == "plateau":
            self._plateau = self._plateau.after(
                improved=improved, patience=self.config.plateau_patience, shrink=self.config.plateau_shrink
            )
        if self.config.patience and self._waited >= self.config.patience:
            self.stopped = f"validation {monitor} has not improved for {self._waited} epochs"
        elif self.epoch >= self.config.last_epoch:
            whole = self.config.num_epochs
            self.stopped = f"all {whole} epochs done" if self.epoch >= whole else f"{self.epoch} of {whole} epochs done"
        self.epoch, self.batch, self._sums = self.epoch + 1, 0, None

    @contextmanager
    def judged_weights(self) -> Iterator[None]:
        """The model with the weights that count: their mean over steps where `averaging` says so, else its own."""
        if not self._mean:
            yield
            return
        own = {name: value.detach().clone() for name, value in self.model.named_parameters()}
        steps = (self.epoch - 1) * self.steps_per_epoch + self.batch
        scale = 1.0 / (1.0 - self.config.averaging**steps)
        _give(self.model, {name: value * scale for name, value in self._mean.items()})
        try:
            yield
        finally:
            _give(self.model, own)

    def take_best(self) -> None:
        """Give the model the weights of its best epoch."""
        self.model.load_state_dict(self._best)

    @torch.no_grad()
    def _average(self) -> None:
        for name, value in self.model.named_parameters() if self._mean else ():
            self._mean[name].lerp_(value, 1.0 - self.config.averaging)

    def snapshot(self) -> Checkpoint:
        """All of this as tensors and JSON. Noise and order hang on seed, epoch and batch, so no generator is kept."""
        tensors = {f"model.{name}": value for name, value in _copies(self.model.state_dict()).items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        tensors |= {f"mean.{name}": value for name, value in _copies(self._mean).items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in _copies(values).items()}
        if self._sums is not None:
            tensors["sums"] = self._sums.cpu()
        state = {
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_score": self._best_score,
            "waited": self._waited,
            "plateau": {"factor": self._plateau.factor, "waited": self._plateau.waited},
            "terms": list(self._terms),
            "stopped": self.stopped,
        }
        return Checkpoint(epoch=self.epoch, batch=self.batch, state=state, tensors=tensors)

    def restore(self, moment: Checkpoint) -> None:
        """Go on from a snapshot of a run with the same model and settings."""
        device = next(self.model.parameters()).device
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "mean": {}}
        steps: dict[int, dict[str, Tensor]] = {}
        for name, value in moment.tensors.items():
            kind, _, rest = name.partition(".")
            if kind == "optimizer":
                number, _, key = rest.partition(".")
                steps.setdefault(int(number), {})[key] = value
            elif kind in groups:
                groups[kind][rest] = value
        self.model.load_state_dict(groups["model"])
        self._best = groups["best"]
        self._mean = {name: value.to(device) for name, value in groups["mean"].items()}
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": steps})
        self._sums = moment.tensors["sums"].to(device) if "sums" in moment.tensors else None
        state = moment.state
        self.epoch, self.batch = moment.epoch, moment.batch
        self.history = list(state["history"])
        self.best_epoch, self._best_score = state["best_epoch"], state["best_score"]
        self._waited, self._plateau = state["waited"], Plateau(**state["plateau"])
        self._terms, self.stopped = tuple(state["terms"]), state["stopped"]


def _optimizer(model: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
    if config.optimizer == "adam":
        # Adam takes weight decay into the gradient (L2), AdamW beside it (Loshchilov and Hutter 2019).
        return torch.optim.Adam(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
    return torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def _zeros(model: nn.Module) -> dict[str, Tensor]:
    return {name: torch.zeros_like(value, requires_grad=False) for name, value in model.named_parameters()}


@torch.no_grad()
def _give(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    for name, value in model.named_parameters():
        value.copy_(values[name])


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in tensors.items()}
