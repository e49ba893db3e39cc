"""A network's weights as a file that holds numbers and nothing that can run."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import safetensors.torch
from torch import nn

from rookery.agents.weights import WITH_BUFFERS, read_weights
from rookery.errors import UserError, listed
from rookery.files import write_bytes

WEIGHTS = "model.safetensors"


def save_weights(path: Path, module: nn.Module) -> None:
    """Write weights and buffers; equal networks write equal bytes."""
    held = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    write_bytes(path, safetensors.torch.save(held))


def load_weights(path: Path, module: nn.Module) -> None:
    """Fill `module` with what `save_weights` wrote. Raises UserError naming the file when it does not fit."""
    remedy = "train the phase that writes it again, with these settings"
    if not path.is_file():
        raise UserError("no such file", place=path, remedy=remedy)
    held = read_weights(path.read_bytes(), place=path, kinds=WITH_BUFFERS)
    wanted = module.state_dict()
    differing = sorted(
        name
        for name in held.keys() | wanted.keys()
        if name not in held
        or name not in wanted
        or (held[name].shape, held[name].dtype) != (wanted[name].shape, wanted[name].dtype)
    )
    if differing:
        raise UserError(f"holds weights of another network: {listed(differing)} differ", place=path, remedy=remedy)
    module.load_state_dict(held)


def digest(modules: Iterable[nn.Module]) -> str:
    """sha256 of all weights and buffers, in order."""
    found = hashlib.sha256()
    for module in modules:
        for name, value in module.state_dict().items():
            found.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
