"""The bytes of a user's file: found, unpacked, and told apart by how they begin."""

import codecs
import gzip
import hashlib
import io
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from rookery.errors import UserError, did_you_mean

MAX_BYTES = 4 << 30
# Deflate reaches 1032 to 1; a table of records stays below 30 to 1, so a far better packed file is no table.
MAX_EXPANSION = 200
_FREE_EXPANSION = 64 << 20
_CHUNK = 4 << 20

_GZIP = b"\x1f\x8b"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF document",
}


class Form(StrEnum):
    """How a file lays its rows out."""

    DELIMITED = "csv"
    JSON = "json"
    JSON_LINES = "json lines"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file's bytes, unpacked and without a byte order mark; text is known to be UTF-8 without NUL."""

    path: Path
    data: bytes
    form: Form
    packed: bool
    fingerprint: str


def read(path: str | Path, *, utf16: bool = False) -> Content:
    """Read a file whole. Raises UserError when it is missing, empty, damaged, or not in an encoding that is read.

    With `utf16`, text that begins with a UTF-16 byte order mark is turned into UTF-8.
    """
    file = Path(path)
    raw = _raw_bytes(file)
    digest = hashlib.sha256(raw).hexdigest()
    packed = raw.startswith(_GZIP)
    data = _unpack(raw, file) if packed else raw
    if data.startswith(b"PAR1"):
        return Content(path=file, data=data, form=Form.PARQUET, packed=packed, fingerprint=digest)
    data = _text(_from_utf16(data, file) if utf16 else data, file)
    return Content(path=file, data=data, form=_text_form(data), packed=packed, fingerprint=digest)


def _raw_bytes(file: Path) -> bytes:
    try:
        if file.is_dir():
            raise UserError("is a folder", place=file, remedy="name one file")
        if not file.exists():
            siblings = sorted(other.name for other in file.parent.iterdir()) if file.parent.is_dir() else []
            remedy = did_you_mean(file.name, siblings) if siblings else None
            raise UserError("no such file", place=file, remedy=remedy)
        if not file.is_file():
            raise UserError("is not a regular file", place=file)
        if file.stat().st_size > MAX_BYTES:
            raise UserError(f"is larger than {MAX_BYTES >> 30} GiB", place=file, remedy="split it by date")
        return file.read_bytes()
    except (OSError, ValueError) as failure:
        if isinstance(failure, UserError):
            raise
        reason = failure.strerror if isinstance(failure, OSError) else str(failure)
        raise UserError(f"cannot be read: {reason}", place=file) from None


def _unpack(raw: bytes, file: Path) -> bytes:
    source = io.BytesIO(raw)
    parts: list[bytes] = []
    size = 0
    try:
        with gzip.open(source) as stream:
            while chunk := stream.read(_CHUNK):
                parts.append(chunk)
                size += len(chunk)
                if size > min(MAX_BYTES, max(_FREE_EXPANSION, MAX_EXPANSION * source.tell())):
                    raise UserError(
                        f"unpacks to more than {size - 1 >> 20} MiB, which is no table of records", place=file
                    )
    except EOFError:
        raise UserError("the gzip file is cut short", place=file, remedy="fetch or pack it again") from None
    except (zlib.error, gzip.BadGzipFile):
        raise UserError("the gzip file is damaged", place=file, remedy="fetch or pack it again") from None
    data = b"".join(parts)
    if data.startswith(_GZIP):
        raise UserError("is packed twice", place=file, remedy="run gunzip on it once")
    return data


def _from_utf16(data: bytes, file: Path) -> bytes:
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or data.startswith(codecs.BOM_UTF32_LE):
        return data
    try:
        return data.decode("utf-16").encode()
    except UnicodeError:
        raise UserError(
            "is damaged UTF-16", place=file, remedy="export it again, as UTF-8 if there is a choice"
        ) from None


def _text(data: bytes, file: Path) -> bytes:
    if not data:
        raise UserError("is empty", place=file)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError("is UTF-16, not UTF-8", place=file, remedy="save the file as UTF-8")
    for magic, kind in _FOREIGN.items():
        if data.startswith(magic):
            raise UserError(f"is {kind}, which is not read", place=file, remedy="export CSV, JSON or parquet")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if (position := data.find(b"\x00")) >= 0:
        _refuse_nul(data, position, file)
    if not data.isascii():
        _check_utf8(data, file)
    if data.isspace() or not data:
        raise UserError("is empty", place=file, remedy="it holds nothing but blanks")
    return data


def _refuse_nul(data: bytes, position: int, file: Path) -> NoReturn:
    head = data[:4096]
    if head.count(0) * 3 > len(head):
        raise UserError("is UTF-16 or UTF-32, not UTF-8", place=file, remedy="save the file as UTF-8")
    row = data.count(b"\n", 0, position) + 1
    raise UserError("holds a NUL byte", place=file, row=row, remedy="the file is damaged or not text: export it again")


def _check_utf8(data: bytes, file: Path) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as failure:
        row = data.count(b"\n", 0, failure.start) + 1
        what = f"byte 0x{data[failure.start]:02x} is not UTF-8 (Latin-1?)"
        raise UserError(what, place=file, row=row, remedy="save the file as UTF-8") from None


def _text_form(data: bytes) -> Form:
    start = len(data) - len(data.lstrip())
    if data[start : start + 1] == b"[":
        return Form.JSON
    if data[start : start + 1] != b"{":
        return Form.DELIMITED
    # One object on the first line and more below it is JSON lines; one spread over lines is a document.
    end = data.find(b"\n", start)
    next_line = data[end : end + 4096].lstrip() if end > 0 else b""
    whole_line = data[start:end].rstrip().endswith(b"}")
    return Form.JSON_LINES if whole_line and next_line.startswith(b"{") else Form.JSON
