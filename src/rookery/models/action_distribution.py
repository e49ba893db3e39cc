"""What a policy may do: distributions over one choice, several choices, or real amounts."""

# B batch, L logits of all components side by side, K components, A amounts

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

# A logit this low has probability exactly 0 in float32, and 0 x logit stays finite where 0 x inf would not.
MASKED_LOGIT = -1e8
HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One index out of each list: `sizes=(3,)` is sell, hold or buy; `sizes=(3, 5)` is multi-discrete."""

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError(f"sizes are {self.sizes}; every component needs at least one choice")

    @property
    def outputs(self) -> int:
        """Width of a policy's head: one logit per choice."""
        return sum(self.sizes)

    @property
    def noise_size(self) -> int:
        """Uniform numbers in [0, 1) that one sample consumes."""
        return len(self.sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Real numbers, each clipped to [low, high] by whoever acts on them (the density is of the unclipped number)."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.low or len(self.low) != len(self.high):
            raise ValueError(f"{len(self.low)} lower and {len(self.high)} upper bounds; expected as many, and some")
        if any(not low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(f"lower bounds {self.low} are not all below upper bounds {self.high}")

    @property
    def outputs(self) -> int:
        """Width of a policy's head: one mean per amount."""
        return len(self.low)

    @property
    def noise_size(self) -> int:
        """Standard normal numbers that one sample consumes."""
        return len(self.low)


ActionSpace = Choices | Amounts


class ActionDistribution(Protocol):
    """A batch of distributions. Actions are int64 (B, K) for choices and float32 (B, A) for amounts."""

    def sample(self, noise: Tensor) -> Tensor:
        """Actions made of `noise` (B, K or A), so that whoever owns the random numbers owns the outcome."""
        ...

    def mode(self) -> Tensor:
        """The likeliest actions."""
        ...

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log probability (choices) or log density (amounts) of `actions`, summed over components: (B,), nats."""
        ...

    def entropy(self) -> Tensor:
        """Entropy, summed over components: (B,), nats."""
        ...


class Categorical:
    """Independent choices from softmax(logits), those with a false `mask` (B, L) excluded."""

    def __init__(self, logits_BL: Tensor, sizes: Sequence[int], mask_BL: Tensor | None = None) -> None:
        if mask_BL is not None:
            logits_BL = torch.where(mask_BL, logits_BL, MASKED_LOGIT)
        parts = [logits_BL] if len(sizes) == 1 else torch.split(logits_BL, list(sizes), dim=1)
        self.log_probabilities = [part.log_softmax(dim=1) for part in parts]

    def sample(self, noise: Tensor) -> Tensor:
        """Inverse of the cumulative distribution at `noise`, uniform in [0, 1): (B, K) int64."""
        picks = [_invert(part.exp(), noise[:, k : k + 1]) for k, part in enumerate(self.log_probabilities)]
        return picks[0] if len(picks) == 1 else torch.cat(picks, dim=1)

    def mode(self) -> Tensor:
        """Index of the largest logit of every component; the first of equals."""
        return torch.stack([part.argmax(dim=1) for part in self.log_probabilities], dim=1)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Sum over components of the chosen log probabilities."""
        parts = self.log_probabilities
        chosen = [part.gather(1, actions[:, k : k + 1]).squeeze(1) for k, part in enumerate(parts)]
        return chosen[0] if len(chosen) == 1 else torch.stack(chosen).sum(dim=0)

    def entropy(self) -> Tensor:
        """Sum over components of -sum p log p."""
        terms = [-(part.exp() * part).sum(dim=1) for part in self.log_probabilities]
        return terms[0] if len(terms) == 1 else torch.stack(terms).sum(dim=0)


class Gaussian:
    """Independent normal amounts with means (B, A) and one log standard deviation per amount (A,)."""

    def __init__(self, mean_BA: Tensor, log_std_A: Tensor) -> None:
        self.mean_BA = mean_BA
        self.log_std_A = log_std_A

    def sample(self, noise: Tensor) -> Tensor:
        """mean + std x `noise`, standard normal."""
        return self.mean_BA + self.log_std_A.exp() * noise

    def mode(self) -> Tensor:
        """The means."""
        return self.mean_BA

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log of the normal density of the unclipped amounts."""
        standard = (actions - self.mean_BA) * (-self.log_std_A).exp()
        return (-0.5 * standard * standard - self.log_std_A - HALF_LOG_2PI).sum(dim=1)

    def entropy(self) -> Tensor:
        """Sum over amounts of log std + log(2 pi e) / 2, the same for every row."""
        return (self.log_std_A + (HALF_LOG_2PI + 0.5)).sum().expand(self.mean_BA.shape[0])


def distribution(
    outputs_BL: Tensor, space: ActionSpace, log_std_A: Tensor | None = None, mask_BL: Tensor | None = None
) -> ActionDistribution:
    """The distribution that a policy head's outputs stand for. Raises ValueError for a mask over amounts."""
    if isinstance(space, Choices):
        return Categorical(outputs_BL, space.sizes, mask_BL)
    if mask_BL is not None:
        raise ValueError("amounts cannot be masked; clip them by their bounds")
    if log_std_A is None:
        raise ValueError("amounts need a log standard deviation each")
    return Gaussian(outputs_BL, log_std_A)


def _invert(probability_BN: Tensor, noise_B1: Tensor) -> Tensor:
    cumulative_BN = probability_BN.cumsum(dim=1)
    # Scaled by the last sum, which rounding keeps from being 1, so that no choice of probability 0 is ever picked.
    return (cumulative_BN <= noise_B1 * cumulative_BN[:, -1:]).sum(dim=1, keepdim=True)
