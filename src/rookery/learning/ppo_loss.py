"""Proximal policy optimisation's losses (Schulman et al. 2017), in torch."""

# B minibatch

import torch
from torch import Tensor
from torch.nn import functional


def clipped_surrogate(ratio_B: Tensor, advantage_B: Tensor, clip: float) -> Tensor:
    """-mean(min(r A, clip(r, 1 - clip, 1 + clip) A)) with r = p / p_old (equation 7)."""
    return -torch.min(ratio_B * advantage_B, ratio_B.clamp(1.0 - clip, 1.0 + clip) * advantage_B).mean()


def value_loss(value_B: Tensor, old_value_B: Tensor, return_B: Tensor, clip: float | None) -> Tensor:
    """Mean squared error; with `clip`, the larger of it and that of a value held within `clip` of the old one."""
    if clip is None:
        return functional.mse_loss(value_B, return_B)
    error_B = (value_B - return_B).square()
    held_B = old_value_B + (value_B - old_value_B).clamp(-clip, clip)
    return torch.max(error_B, (held_B - return_B).square()).mean()


def normalised(advantage_B: Tensor) -> Tensor:
    """(A - mean) / (sample std + 1e-8); one advantage alone is left as it is."""
    if len(advantage_B) < 2:
        return advantage_B
    std, mean = torch.std_mean(advantage_B)
    return (advantage_B - mean) / (std + 1e-8)


def divergence(log_ratio_B: Tensor) -> Tensor:
    """Estimate of KL(old || new): mean(r - 1 - log r), never negative (Schulman 2020, Approximating KL divergence)."""
    return (log_ratio_B.expm1() - log_ratio_B).mean()


def clip_fraction(log_ratio_B: Tensor, clip: float) -> Tensor:
    """Share of the minibatch whose ratio left [1 - clip, 1 + clip]."""
    return (log_ratio_B.expm1().abs() > clip).float().mean()
