"""Where a training run stands, on disk: tensors as safetensors, all else as JSON, nothing that can run."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from rookery.errors import UserError
from rookery.files import read_sealed, write_bytes, write_sealed

# The newest may be torn by what killed the run, so the one before it stays.
_KEPT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A moment of a training run. `epoch` and `batch` are the next to do; `state` is JSON, `tensors` lie on the CPU."""

    epoch: int
    batch: int
    state: dict[str, Any]
    tensors: Mapping[str, Tensor]


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint and drop all but the last two. A crash at any moment leaves the earlier ones readable."""
    folder.mkdir(exist_ok=True)
    name = f"{checkpoint.epoch:06d}-{checkpoint.batch:08d}"
    data = safetensors.torch.save(dict(checkpoint.tensors))
    write_bytes(folder / f"{name}.safetensors", data)
    # Written last: without this file the tensors count for nothing.
    write_sealed(
        folder / f"{name}.json",
        {
            "epoch": checkpoint.epoch,
            "batch": checkpoint.batch,
            "state": checkpoint.state,
            "tensors_sha256": hashlib.sha256(data).hexdigest(),
        },
    )
    _prune(folder)


def load(folder: Path, *, say: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None. Each damaged one is named through `say` and passed over."""
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            return read(path)
        except UserError as failure:
            say(f"{failure.headline}; going back to the checkpoint before it")
    return None


def read(path: Path) -> Checkpoint:
    """One checkpoint by its JSON file. Raises UserError naming the file that is torn or was altered."""
    body = read_sealed(path)
    tensors_path = path.with_suffix(".safetensors")
    if not tensors_path.is_file():
        raise UserError("checkpoint has lost its tensors", place=tensors_path)
    data = tensors_path.read_bytes()
    if hashlib.sha256(data).hexdigest() != body["tensors_sha256"]:
        raise UserError("was truncated or altered after it was written", place=tensors_path)
    try:
        tensors = safetensors.torch.load(data)
    except SafetensorError as failure:
        raise UserError(f"checkpoint cannot be read: {failure}", place=tensors_path) from None
    return Checkpoint(epoch=body["epoch"], batch=body["batch"], state=body["state"], tensors=tensors)


def _prune(folder: Path) -> None:
    kept = {path.stem for path in sorted(folder.glob("*.json"))[-_KEPT:]}
    # JSON first: a crash in between must not leave a JSON file that points at missing tensors.
    for path in sorted(folder.iterdir(), key=lambda path: path.suffix != ".json"):
        if path.stem not in kept:
            path.unlink()
