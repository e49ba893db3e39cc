"""Files that are either whole or absent: written beside their place, synced, then renamed into it."""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rookery.errors import UserError

SEAL = "sha256_of_the_rest"
_TEMPORARY = re.compile(r"\..*\.[0-9a-f]{12}\.tmp")


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file in the same folder, sync it, and rename it to `path`.

    A crash at any moment leaves the old file or the new one, never a part (rename(2) is atomic within a folder).
    Raises OSError (full disk, no permission) with `path` as its file name and the old file untouched.
    """
    if path.exists() and not path.is_file():
        raise UserError("is not a regular file, so it cannot be replaced", place=path, remedy="name a file to write")
    temporary = path.parent / f".{path.name[:100]}.{secrets.token_hex(6)}.tmp"
    try:
        # O_EXCL so that a planted link is never followed; 0o666 so that the user's own umask decides who may read.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        write(temporary)
        _sync(temporary)
        temporary.replace(path)
    except Exception as failure:
        named = _named(failure, temporary, path)
        if named is failure:
            raise
        raise named from failure
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    write_atomic(path, lambda temporary: _fill(temporary, data))


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, so that equal values are equal bytes. NaN and infinities are refused."""
    write_bytes(path, (_pretty(value) + "\n").encode())


def read_json(path: Path) -> Any:  # noqa: ANN401  what JSON may hold
    """Read a JSON file of ours. Raises UserError naming the file when it is torn or missing."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError("no such file", place=path) from None
    except (ValueError, RecursionError):
        raise UserError("is damaged: not valid JSON", place=path, remedy="delete it and run again") from None


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object that carries the sha256 of its own content, so that one changed bit is noticed."""
    if SEAL in value:
        raise ValueError(f"'{SEAL}' is the seal's own key")
    write_json(path, {**value, SEAL: _seal(value)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what `write_sealed` wrote. Raises UserError naming the file when it was truncated, altered or is missing."""
    value = read_json(path)
    if not isinstance(value, dict) or value.pop(SEAL, None) != _seal(value):
        raise UserError(
            "was truncated or altered after it was written",
            place=path,
            remedy="restore it, or delete it and run again",
        )
    return value


def is_temporary(path: Path) -> bool:
    """Whether `path` is what a killed `write_atomic` left behind."""
    return _TEMPORARY.fullmatch(path.name) is not None and path.is_file()


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(failure: Exception, temporary: Path, path: Path) -> Exception:
    """An OSError about the file that was asked for, where `failure` is one about the temporary file; else `failure`."""
    if isinstance(failure, OSError) and failure.errno is not None:
        about = failure.filename
        strange = about is not None and str(about) != str(temporary)
        return failure if strange else OSError(failure.errno, failure.strerror, str(path))
    # polars and safetensors report a full disk in exceptions of their own.
    number = re.search(r"\(os error (\d+)\)", str(failure))
    return OSError(int(number[1]), os.strerror(int(number[1])), str(path)) if number else failure


def _fill(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _seal(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(_pretty(value).encode()).hexdigest()
