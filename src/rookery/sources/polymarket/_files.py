"""The files of a history, each opened once, in turn: of a folder, of a tar archive, or one alone."""

import gzip
import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Protocol

from rookery.errors import UserError, did_you_mean
from rookery.files import sha256

_GZIP = b"\x1f\x8b"
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, tarfile.TarError)


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Counted:
    """A stream that keeps the digest of what passed, and names the file when it is damaged."""

    def __init__(self, stream: _Stream, place: str) -> None:
        self._stream = stream
        self._place = place
        self._digest = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end. Raises UserError when the packed file is damaged."""
        try:
            block = self._stream.read(size)
        except _DAMAGE:
            raise UserError("is a damaged or cut archive", place=self._place, remedy="fetch or pack it again") from None
        except OSError as failure:
            raise UserError(f"cannot be read: {failure.strerror}", place=self._place) from None
        self._digest.update(block)
        return block

    @property
    def digest(self) -> str:
        """sha256 of the bytes read so far."""
        return self._digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file: where it is, in words that a user knows, and its bytes, unpacked."""

    place: str
    name: str
    stream: Counted = field(repr=False)


def files(path: Path, pattern: str) -> Iterator[File]:
    """Every file whose name matches `pattern` (or `pattern` with .gz), in the order of their names.

    An archive is read as it streams by, in its own order, and nothing is unpacked to disk.
    Raises UserError when there is no such path, or no such file in it.
    """
    if path.is_dir():
        found = _matching(path, pattern)
        for file in found:
            yield from _opened(file)
    elif path.is_file() and path.name.endswith(_ARCHIVES):
        found = yield from _members(path, pattern)
    else:
        found = [_present(path)]
        yield from _opened(path)
    if not found:
        raise _none_matches(path, pattern)


def digests(path: Path, pattern: str) -> list[tuple[str, str]]:
    """Name and sha256 of every file that `files` would open; of an archive, its own.

    Raises UserError when there is no such path, or no such file in a folder.
    """
    if not path.is_dir():
        return [(path.name, sha256(_present(path)))]
    if found := _matching(path, pattern):
        return [(file.relative_to(path).as_posix(), sha256(file)) for file in found]
    raise _none_matches(path, pattern)


def _matching(folder: Path, pattern: str) -> list[Path]:
    found = {*folder.rglob(pattern), *folder.rglob(f"{pattern}.gz")}
    # A hidden file is some program's own: that of a download lists what was fetched.
    return sorted(file for file in found if file.is_file() and not file.name.startswith("."))


def _present(path: Path) -> Path:
    if path.is_file():
        return path
    siblings = sorted(other.name for other in path.parent.iterdir()) if path.parent.is_dir() else []
    remedy = did_you_mean(path.name, siblings) if siblings else None
    raise UserError("no such file or folder", place=path, remedy=remedy)


def _none_matches(path: Path, pattern: str) -> UserError:
    return UserError(f"holds no file named {pattern}", place=path, remedy="name another pattern")


def _opened(file: Path) -> Iterator[File]:
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            yield File(place=str(file), name=str(file), stream=Counted(stream, str(file)))
    except OSError as failure:
        raise UserError(f"cannot be read: {failure.strerror}", place=file) from None


def _members(path: Path, pattern: str) -> Generator[File, None, list[Path]]:
    found: list[Path] = []
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is None or not fnmatch(Path(member.name).name, pattern):
                    continue
                found.append(Path(member.name))
                place = f"{path}/{member.name}"
                yield File(place=place, name=member.name, stream=Counted(stream, place))
    except _DAMAGE:
        raise UserError("is a damaged or cut archive", place=path, remedy="fetch or pack it again") from None
    return found
