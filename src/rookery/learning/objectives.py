"""What a model is asked to be good at: named loss terms whose sum is the loss."""

from collections.abc import Mapping
from typing import Literal, Protocol, TypeVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from rookery.config import Config
from rookery.datasets.batches import Targets
from rookery.datasets.trajectories import TwinTargets
from rookery.models.decision_transformer import TwinOutputs
from rookery.models.lstm import Outputs

# B batch, K classes, L length, A actions, X B * L

Outputs_contra = TypeVar("Outputs_contra", contravariant=True)
Targets_contra = TypeVar("Targets_contra", contravariant=True)


class Objective(Protocol[Outputs_contra, Targets_contra]):
    """Loss terms of a batch and figures of merit of an epoch."""

    def __call__(self, outputs: Outputs_contra, targets: Targets_contra) -> dict[str, Tensor]:
        """Named terms, each a mean over the batch of per-example losses; their sum is what is minimised."""
        ...

    def tally(self, outputs: Outputs_contra, targets: Targets_contra) -> Tensor:
        """Counts and sums (float64 vector) that may be added up over batches."""
        ...

    def metrics(self, tally: Tensor) -> dict[str, float]:
        """Figures of merit from an added-up tally."""
        ...


class HeadLossConfig(Config):
    """Weights of the four heads (published: 2, 1, 1, 0.5), of the classes, and what HOLD rows teach.

    `class_weights`: none, balanced (N / (K * count)) or sqrt (its square root), counted on the training part alone.
    `mask_holds`: size, slippage and deadline are learnt from BUY and SELL only, since a HOLD has none to speak of.
    """

    side_weight: float = Field(default=2.0, ge=0)
    size_weight: float = Field(default=1.0, ge=0)
    slippage_weight: float = Field(default=1.0, ge=0)
    deadline_weight: float = Field(default=0.5, ge=0)
    class_weights: Literal["none", "balanced", "sqrt"] = "sqrt"
    mask_holds: bool = True


class HeadLoss:
    """Cross-entropy of the side and Huber losses (delta 1, Huber 1964) of size, slippage and deadline, weighted.

    All weights are constants of the training part, so a term is a plain mean over examples: however an epoch is cut
    into batches, it adds up to the same figure.
    """

    def __init__(self, config: HeadLossConfig, *, train_side_N: Tensor, classes: tuple[str, ...]) -> None:
        counts_K = torch.bincount(train_side_N, minlength=len(classes)).double()
        self.config = config
        self.classes = classes
        self._hold = classes.index("HOLD")
        self._class_weights_K = _class_weights(counts_K, config.class_weights).float().to(train_side_N.device)
        acting = 1.0 - float(counts_K[self._hold] / counts_K.sum())
        # Dividing by the share of rows that act makes the term the mean over those rows.
        self._acting_weight = 1.0 / acting if acting > 0 else 0.0

    @property
    def class_weights(self) -> dict[str, float]:
        """Weight of each class in the cross-entropy."""
        return dict(zip(self.classes, self._class_weights_K.tolist(), strict=True))

    def __call__(self, outputs: Outputs, targets: Targets) -> dict[str, Tensor]:
        entropy_B = functional.cross_entropy(outputs.side_BK, targets.side_B, reduction="none")
        row_weights_B = self._row_weights(targets.side_B)
        terms = {"side": self.config.side_weight * (entropy_B * self._class_weights_K[targets.side_B]).mean()}
        for name, weight in self._head_weights().items():
            answer_B, wanted_B = _head(outputs, name), _head(targets, name)
            error_B = functional.huber_loss(answer_B, wanted_B, reduction="none")
            terms[name] = weight * (error_B * row_weights_B).mean()
        return terms

    def tally(self, outputs: Outputs, targets: Targets) -> Tensor:
        """Confusion matrix (K * K, truth by row), then count of rows counted and |error|, error^2 sums of each head."""
        kinds = len(self.classes)
        answers_B = outputs.side_BK.argmax(dim=1)
        confusion = torch.bincount(targets.side_B * kinds + answers_B, minlength=kinds * kinds).double()
        counted_B = (self._row_weights(targets.side_B) > 0).double()
        sums = [counted_B.sum()]
        for name in self._head_weights():
            error_B = (_head(outputs, name) - _head(targets, name)).double()
            sums += [(error_B.abs() * counted_B).sum(), (error_B.square() * counted_B).sum()]
        return torch.cat((confusion, torch.stack(sums))).detach()

    def metrics(self, tally: Tensor) -> dict[str, float]:
        """Accuracy, F1 per class and its plain mean, and each head's MAE and MSE in target units."""
        kinds = len(self.classes)
        confusion_KK = tally[: kinds * kinds].reshape(kinds, kinds)
        f1 = _f1_scores(confusion_KK)
        named = {f"f1_{name.lower()}": score for name, score in zip(self.classes, f1, strict=True)}
        total = float(confusion_KK.sum())
        scores = {
            "accuracy": float(confusion_KK.trace()) / max(total, 1.0),
            "macro_f1": sum(f1) / kinds,
            **named,
        }
        counted, *sums = tally[kinds * kinds :].tolist()
        for place, name in enumerate(self._head_weights()):
            scores[f"{name}_mae"] = sums[2 * place] / max(counted, 1.0)
            scores[f"{name}_mse"] = sums[2 * place + 1] / max(counted, 1.0)
        return scores

    def _row_weights(self, side_B: Tensor) -> Tensor:
        if not self.config.mask_holds:
            return torch.ones_like(side_B, dtype=torch.float32)
        return (side_B != self._hold).float() * self._acting_weight

    def _head_weights(self) -> Mapping[str, float]:
        weights = self.config
        return {"size": weights.size_weight, "slippage": weights.slippage_weight, "deadline": weights.deadline_weight}


class TwinLossConfig(Config):
    """Weights of the two terms, as specified: 1 for the action, 0.1 for the return-to-go.

    `rtg_unit`: what of a return-to-go counts as 1, so that large returns do not drown the actions.
    """

    action_weight: float = Field(default=1.0, ge=0)
    rtg_weight: float = Field(default=0.1, ge=0)
    rtg_unit: float = Field(default=1.0, gt=0)


class TwinLoss:
    """Cross-entropy of the actions and squared error of the next return-to-go, each a mean over bars, weighted."""

    def __init__(self, config: TwinLossConfig, *, actions: tuple[str, ...]) -> None:
        self.config = config
        self.actions = actions

    def __call__(self, outputs: TwinOutputs, targets: TwinTargets) -> dict[str, Tensor]:
        entropy_BL, error_BL = _twin_errors(outputs, targets)
        squares_BL = (error_BL / self.config.rtg_unit).square()
        return {
            "action": self.config.action_weight * (entropy_BL * targets.action_weights_BL).sum(dim=1).mean(),
            "rtg": self.config.rtg_weight * (squares_BL * targets.rtg_weights_BL).sum(dim=1).mean(),
        }

    def tally(self, outputs: TwinOutputs, targets: TwinTargets) -> Tensor:
        """Confusion matrix (A * A, truth by row) of the bars that count, then log-loss sum, squared error and count."""
        kinds = len(self.actions)
        entropy_BL, error_BL = _twin_errors(outputs, targets)
        counts_BL, valued_BL = targets.action_weights_BL > 0, targets.rtg_weights_BL > 0
        pairs = targets.actions_BL * kinds + outputs.actions_BLA.argmax(dim=-1)
        confusion = torch.bincount(pairs[counts_BL], minlength=kinds * kinds).double()
        squares = (error_BL.double().square() * valued_BL).sum()
        sums = torch.stack(((entropy_BL.double() * counts_BL).sum(), squares, valued_BL.sum().double()))
        return torch.cat((confusion, sums)).detach()

    def metrics(self, tally: Tensor) -> dict[str, float]:
        """Accuracy, F1 by action and its plain mean, log loss in nats per bar, and the return-to-go's RMS error."""
        kinds = len(self.actions)
        confusion_AA = tally[: kinds * kinds].reshape(kinds, kinds)
        log_loss, squares, valued = tally[kinds * kinds :].tolist()
        f1 = _f1_scores(confusion_AA)
        bars = max(float(confusion_AA.sum()), 1.0)
        return {
            "accuracy": float(confusion_AA.trace()) / bars,
            "macro_f1": sum(f1) / kinds,
            **{f"f1_{name.lower()}": score for name, score in zip(self.actions, f1, strict=True)},
            "log_loss": log_loss / bars,
            "rtg_rmse": (squares / max(valued, 1.0)) ** 0.5,
        }


def _twin_errors(outputs: TwinOutputs, targets: TwinTargets) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each action and error of each return (B, L), whatever they stand for where nothing counts."""
    # Flat, because CUDA's kernel for more axes does not repeat itself.
    logits_XA, actions_X = outputs.actions_BLA.float().flatten(0, 1), targets.actions_BL.clamp(min=0).flatten()
    entropy_X = functional.cross_entropy(logits_XA, actions_X, reduction="none")
    return entropy_X.view_as(outputs.rtg_BL), outputs.rtg_BL.float() - targets.next_rtg_BL


def _head(values: Outputs | Targets, name: str) -> Tensor:
    head: Tensor = getattr(values, f"{name}_B")
    return head.float()


def _class_weights(counts_K: Tensor, kind: str) -> Tensor:
    if kind == "none":
        return torch.ones_like(counts_K)
    balanced_K = counts_K.sum() / (len(counts_K) * counts_K.clamp(min=1.0))
    weights_K = balanced_K if kind == "balanced" else balanced_K.sqrt()
    return torch.where(counts_K > 0, weights_K, 0.0)


def _f1_scores(confusion_KK: Tensor) -> list[float]:
    # F1 = 2 TP / (truth + answers); a class that neither occurs nor is answered scores 0, as in scikit-learn.
    hits = confusion_KK.diagonal()
    seen = confusion_KK.sum(dim=0) + confusion_KK.sum(dim=1)
    scores: list[float] = (2.0 * hits / seen.clamp(min=1.0)).tolist()
    return scores
