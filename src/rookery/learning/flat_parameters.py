"""All trainable parameters of a module in one vector, of which they become views."""

# P parameters

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatParameters:
    """The vector, its gradient, and where each parameter begins in them.

    The module's own parameters and their `grad` are views, so that one operation serves them all: clipping by the
    global norm, an Adam step, a checkpoint.
    """

    values_P: nn.Parameter
    gradient_P: Tensor
    starts: dict[str, int]


def flatten_parameters(module: nn.Module) -> FlatParameters:
    """Move a module's trainable parameters into one vector. Raises ValueError unless they share type and device."""
    named = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    kinds = {(parameter.dtype, parameter.device) for parameter in named.values()}
    if len(kinds) != 1:
        raise ValueError(f"trainable parameters are of {len(kinds)} kinds; expected one type on one device")
    values_P = nn.Parameter(torch.cat([parameter.detach().reshape(-1) for parameter in named.values()]))
    gradient_P = values_P.grad = torch.zeros_like(values_P)
    starts, start = {}, 0
    for name, parameter in named.items():
        starts[name], end = start, start + parameter.numel()
        parameter.data = values_P.data[start:end].view(parameter.shape)
        parameter.grad = gradient_P[start:end].view(parameter.shape)
        start = end
    return FlatParameters(values_P=values_P, gradient_P=gradient_P, starts=starts)
