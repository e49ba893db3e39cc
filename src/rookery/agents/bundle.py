"""A trained agent as a directory: settings, scaling, schema and weights, each known by its hash, none able to run."""

import hashlib
import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import yaml
from torch import Tensor

from rookery.agents.weights import read_weights
from rookery.config import parse_mapping
from rookery.errors import UserError, listed
from rookery.files import read_sealed, sha256, write_bytes, write_json, write_sealed
from rookery.run import code_version

CONFIG = "config.yaml"
NORM = "norm.json"
SCHEMA = "schema.json"
WEIGHTS = "model.safetensors"
# For other programs; Rookery itself never reads it.
TORCH = "best_model.pt"
MANIFEST = "manifest.json"
FILES = (CONFIG, NORM, SCHEMA, WEIGHTS, TORCH)

_FORMAT = 1
_MANIFEST_KEYS = {"format": int, "files": dict, "seed": int, "code": str, "data_fingerprint": str, "training": dict}
_LARGEST_TEXT = 64 * 1024
_LARGEST_WEIGHTS = 1024**3
_REMEDY = "make the bundle again by training, or restore it from where it came"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bundle:
    """What a bundle directory holds, checked. `facts` are the manifest's: seed, code, data fingerprint, training.

    `texts` are the files behind `config`, `norm` and `schema`, for messages that name a line.
    """

    path: Path
    config: Mapping[str, Any]
    norm: Mapping[str, Any]
    schema: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    texts: Mapping[str, str]
    hashes: Mapping[str, str]
    facts: Mapping[str, Any]

    def require_shapes(self, wanted: Mapping[str, torch.Size]) -> None:
        """Raise UserError naming the weights file unless it holds exactly these tensors in these shapes."""
        place = self.path / WEIGHTS
        if missing := wanted.keys() - self.weights.keys():
            raise UserError(f"lacks the weights {listed(missing)}", place=place, remedy=_REMEDY)
        if extra := self.weights.keys() - wanted.keys():
            raise UserError(f"holds weights that the network has not: {listed(extra)}", place=place, remedy=_REMEDY)
        for name, shape in wanted.items():
            if self.weights[name].shape != shape:
                found = tuple(self.weights[name].shape)
                what = f"'{name}' has shape {found}, config.yaml asks for {tuple(shape)}"
                raise UserError(what, place=place, remedy=_REMEDY)


def save(
    path: Path,
    *,
    config: Mapping[str, Any],
    norm: Mapping[str, Any],
    schema: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    seed: int,
    data_fingerprint: str,
    training: Mapping[str, Any],
    torch_key: str | None = None,
) -> None:
    """Write a bundle into the folder `path`; equal arguments give equal bytes.

    With `torch_key` best_model.pt holds the weights under that name, as some scripts expect, else by themselves.
    The manifest goes first and comes last: after a crash in between, the folder is no bundle rather than a wrong one.
    Raises UserError when `path` holds anything that is not a bundle's, ValueError when a weight is not finite.
    """
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    for name, value in plain.items():
        if value.dtype != torch.float32 or not bool(torch.isfinite(value).all()):
            raise ValueError(f"'{name}' is not finite float32")
    path.mkdir(parents=True, exist_ok=True)
    _refuse_strangers(path)
    (path / MANIFEST).unlink(missing_ok=True)
    write_bytes(path / CONFIG, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True).encode())
    write_json(path / NORM, norm)
    write_json(path / SCHEMA, schema)
    write_bytes(path / WEIGHTS, safetensors.torch.save(plain))
    write_bytes(path / TORCH, _torch_bytes(plain if torch_key is None else {torch_key: plain}))
    write_sealed(
        path / MANIFEST,
        {
            "format": _FORMAT,
            "files": {name: sha256(path / name) for name in FILES},
            "seed": seed,
            "code": code_version(),
            "data_fingerprint": data_fingerprint,
            "training": training,
        },
    )


def copy(bundle: Path, path: Path) -> None:
    """Copy a checked bundle to the folder `path`, which may hold an older one and nothing else."""
    load(bundle)
    path.mkdir(parents=True, exist_ok=True)
    _refuse_strangers(path)
    (path / MANIFEST).unlink(missing_ok=True)
    for name in (*FILES, MANIFEST):
        write_bytes(path / name, (bundle / name).read_bytes())


def load(path: str | Path) -> Bundle:
    """Read and check a bundle. Raises UserError naming the file that is missing, altered, of a wrong form or a link."""
    folder = Path(path)
    if "\x00" in str(path) or not folder.is_dir():
        raise UserError("is not a bundle: no such folder", place=str(path).replace("\x00", "?"), remedy=_REMEDY)
    _refuse_strangers(folder)
    manifest = _manifest(folder)
    data = {name: _read(folder / name, manifest["files"]) for name in FILES}
    texts = {name: _text(folder / name, data[name]) for name in (CONFIG, NORM, SCHEMA)}
    config, norm, schema = (parse_mapping(text, place=folder / name) for name, text in texts.items())
    return Bundle(
        path=folder,
        config=config,
        norm=norm,
        schema=schema,
        weights=read_weights(data[WEIGHTS], place=folder / WEIGHTS),
        texts=texts,
        hashes=manifest["files"],
        facts={name: manifest[name] for name in ("seed", "code", "data_fingerprint", "training")},
    )


def _manifest(folder: Path) -> dict[str, Any]:
    place = folder / MANIFEST
    _regular(place, _LARGEST_TEXT)
    try:
        manifest = read_sealed(place)
    except UserError:
        raise
    except ValueError:
        # What is no JSON value, say NaN or half a surrogate pair, has no seal either.
        raise UserError("is damaged: not valid JSON", place=place, remedy=_REMEDY) from None
    wanted: dict[str, type] = {
        "format": int,
        "files": dict,
        "seed": int,
        "code": str,
        "data_fingerprint": str,
        "training": dict,
    }
    for name, kind in wanted.items():
        if not isinstance(manifest.get(name), kind):
            raise UserError(f"'{name}' is missing or not {kind.__name__}", place=place, remedy=_REMEDY)
    if manifest["format"] != _FORMAT:
        raise UserError(f"is of format {manifest['format']}, this Rookery reads {_FORMAT}", place=place)
    if set(manifest["files"]) != set(FILES):
        raise UserError(f"lists other files than {', '.join(FILES)}", place=place, remedy=_REMEDY)
    return manifest


def _read(path: Path, hashes: Mapping[str, str]) -> bytes:
    """A file's bytes, read once: what was hashed is what is used."""
    _regular(path, _LARGEST_WEIGHTS if path.name in (WEIGHTS, TORCH) else _LARGEST_TEXT)
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != hashes[path.name]:
        raise UserError("was truncated or altered after it was written", place=path, remedy=_REMEDY)
    return data


def _regular(path: Path, largest: int) -> None:
    try:
        facts = os.lstat(path)
    except OSError:
        raise UserError("is missing from the bundle", place=path, remedy=_REMEDY) from None
    if not stat.S_ISREG(facts.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(facts.st_mode) else "not a regular file"
        raise UserError(f"is {kind}", place=path, remedy="put the file itself there")
    if facts.st_size > largest:
        raise UserError(f"is {facts.st_size:,} bytes, at most {largest:,} are read", place=path, remedy=_REMEDY)


def _refuse_strangers(folder: Path) -> None:
    known = {*FILES, MANIFEST}
    for entry in sorted(folder.iterdir()):
        # Hidden files are an operating system's or a killed write's; nothing reads them.
        if entry.name not in known and not entry.name.startswith("."):
            raise UserError(
                "is no part of a bundle",
                place=entry,
                remedy=f"a bundle holds {', '.join(sorted(known))} and nothing else",
            )


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError("is not UTF-8", place=path, remedy=_REMEDY) from None


def _torch_bytes(weights: Mapping[str, Any]) -> bytes:
    # Into memory, because an archive on disk would carry the name of its temporary file.
    buffer = io.BytesIO()
    torch.save(dict(weights), buffer)
    return buffer.getvalue()
