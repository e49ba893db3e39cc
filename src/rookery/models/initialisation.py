"""Weights to begin with, drawn from a generator of their own, the same on any number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread within the block, whatever it was before and is after it."""
    # Orthogonal matrices come from a QR decomposition, whose last bits may depend on the number of threads.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def orthogonal_linear(inputs: int, outputs: int, *, gain: float, generator: torch.Generator) -> nn.Linear:
    """A linear layer with orthogonal weights (Saxe, McClelland and Ganguli 2014) and biases of 0."""
    # skip_init: the constructor's own initialisation would consume the process-wide random numbers.
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs)  # type: ignore[no-untyped-call]
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer
