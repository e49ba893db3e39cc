"""Weights from a file that somebody else may have made: every claim of its header is checked before it is believed."""

import json
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from rookery.errors import UserError, one_line

_LENGTH_BYTES = 8
_LARGEST_HEADER = 1024**2
_LARGEST_AXIS = 2**31
_BYTES = {"F32": 4, "F64": 8, "I64": 8}
# What a network holds beside its weights: moments of its inputs, and places of columns.
WITH_BUFFERS = ("F32", "F64", "I64")


def read_weights(data: bytes, *, place: Path, kinds: Collection[str] = ("F32",)) -> dict[str, Tensor]:
    """Tensors of a safetensors file, all finite and of one of `kinds`. Raises UserError naming `place`; runs nothing.

    Memory stays below twice the file's size: the header may claim no more bytes than there are.
    """
    header, body = _header(data, place)
    for name, entry in header.items():
        _check_entry(name, entry, body, place, kinds)
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(data)
    except (SafetensorError, ValueError, RuntimeError, OverflowError, KeyError) as failure:
        raise _refusal(f"is not a safetensors file: {one_line(str(failure), limit=120)}", place) from None
    for name, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise _refusal(f"'{one_line(name, limit=80)}' holds a weight that is not a finite number", place)
    return tensors


def _header(data: bytes, place: Path) -> tuple[dict[str, Any], int]:
    """The header without its metadata, and the number of bytes that follow it."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < _LENGTH_BYTES or length > min(_LARGEST_HEADER, len(data) - _LENGTH_BYTES):
        raise _refusal(f"claims a header of {length:,} bytes in a file of {len(data):,}", place)
    try:
        header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length], object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise _refusal("has a header that is not plain JSON", place) from None
    if not isinstance(header, dict):
        raise _refusal("has a header that is not a JSON object", place)
    header.pop("__metadata__", None)
    if not header:
        raise _refusal("holds no weights", place)
    return header, len(data) - _LENGTH_BYTES - length


def _check_entry(name: str, entry: object, body: int, place: Path, kinds: Collection[str]) -> None:
    shown = one_line(name, limit=80)
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _refusal(f"'{shown}' is not described by dtype, shape and data_offsets", place)
    if entry["dtype"] not in kinds:
        raise _refusal(f"'{shown}' is {one_line(str(entry['dtype']), limit=20)}, expected {' or '.join(kinds)}", place)
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not (_counts(shape) and len(shape) <= 8 and _counts(offsets) and len(offsets) == 2):
        raise _refusal(f"'{shown}' has a shape or place that is not a list of counts", place)
    begin, end = offsets
    if not (begin <= end <= body and end - begin == math.prod(shape) * _BYTES[entry["dtype"]]):
        raise _refusal(f"'{shown}' of shape {shape} cannot lie at bytes {begin:,} to {end:,} of {body:,}", place)


def _counts(values: object) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < _LARGEST_AXIS for v in values)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name is given twice")
    return dict(pairs)


def _refusal(what: str, place: Path) -> UserError:
    return UserError(what, place=place, remedy="make the bundle again, or restore it from where it came")
