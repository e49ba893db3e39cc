"""Delimited text (RFC 4180 with a comma, semicolon or tab) as records, every line accounted for."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rookery.errors import UserError
from rookery.sources._content import Content
from rookery.sources._records import Broken, Records, check_width, lay_out, shown

MAX_LINE = 16 << 20
_DELIMITERS = b",;\t"
_QUOTE, _NEWLINE = 34, 10
_AGAIN = "export it again"

Positions = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Where each record starts and ends in the bytes, its line number, and how many delimiters it holds."""

    start: Positions
    end: Positions
    number: Positions
    delimiters: Positions


def read(content: Content, *, strict: bool, header: Sequence[str] | None = None) -> Records:
    """Every field as text; when `strict`, no further than the first ragged row is told.

    `header` names the columns of a file whose first line is already a row. Raises UserError when there is no header,
    no row, a stray quote or a repeated column.
    """
    path = content.path
    data = _unix_lines(content.data)
    if len(data) > MAX_LINE and data.find(b"\n", 0, MAX_LINE) < 0:
        raise UserError("has no line end in its first 16 MiB", place=path, row=1, remedy="it is no table of records")
    delimiter = _delimiter(data)
    lines = _lines(data, delimiter, path)
    # The first line that is not blank is the header.
    first = int(np.searchsorted(lines.end, len(data) - len(data.lstrip()), side="right"))
    if header is None:
        text = data[lines.start[first] : lines.end[first]]
        names = _header(text, delimiter, path=path, row=int(lines.number[first]))
        first += 1
    else:
        names = list(header)
    body = _Lines(
        start=lines.start[first:],
        end=lines.end[first:],
        number=lines.number[first:],
        delimiters=lines.delimiters[first:],
    )
    blank, ragged = _uneven(data, body, width=len(names))
    if strict and ragged.any():
        first = int(ragged.argmax())
        raise UserError(_unlike(body, first, len(names)), place=path, row=int(body.number[first]), remedy=_AGAIN)
    laid_out = ~(blank | ragged)
    fields = _fields(_only(data, body, laid_out), names, delimiter, rows=int(laid_out.sum()), path=path)
    if ragged.any():
        # A ragged row keeps its place among the others, with all fields null.
        places = pl.DataFrame({"place": np.cumsum(laid_out) - 1, "known": laid_out}).filter(pl.Series(~blank))
        fields = fields.select(pl.all().gather(places.select(pl.when("known").then("place")).to_series()))
    numbers = pl.Series("number", body.number[~blank])
    broken = _broken(data, body, ragged, positions=np.cumsum(~blank) - 1, width=len(names))
    layout = f"csv, {_spelled(delimiter)}"
    return lay_out(fields, path=path, layout=layout, numbers=numbers, counted_in="line", broken=broken)


def _unix_lines(data: bytes) -> bytes:
    if b"\r" not in data:
        return data
    data = data.replace(b"\r\n", b"\n")
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def _delimiter(data: bytes) -> int:
    """The delimiter that the first line holds most of, outside quotes."""
    line = data.lstrip().split(b"\n", 1)[0][:65_536]
    unquoted = b"".join(line.split(b'"')[::2])
    return max(_DELIMITERS, key=unquoted.count)


def _spelled(delimiter: int) -> str:
    return {44: "comma", 59: "semicolon", 9: "tab"}[delimiter]


def _lines(data: bytes, delimiter: int, path: Path) -> _Lines:
    letters = np.frombuffer(data, dtype=np.uint8)
    newline = letters == _NEWLINE
    divider = letters == delimiter
    all_newlines = np.flatnonzero(newline)
    ends = all_newlines
    if b'"' in data:
        # A doubled quote toggles twice, so parity alone tells inside from outside.
        inside = np.bitwise_xor.accumulate((letters == _QUOTE).view(np.uint8)).view(np.bool_)
        _check_quotes(letters, inside, delimiter, all_newlines, path)
        ends = np.flatnonzero(newline & ~inside)
        divider &= ~inside
    if data[-1] != _NEWLINE:
        ends = np.append(ends, len(data))
    start = np.concatenate(([0], ends[:-1] + 1))
    before = np.searchsorted(np.flatnonzero(divider), ends)
    return _Lines(
        start=start,
        end=ends,
        number=np.searchsorted(all_newlines, start) + 1,
        delimiters=np.diff(before, prepend=0),
    )


def _check_quotes(letters: NDArray[np.uint8], inside: Flags, delimiter: int, newlines: Positions, path: Path) -> None:
    """Quotes may only wrap a whole field; anything else makes every later line number a guess."""
    quotes = np.flatnonzero(letters == _QUOTE)
    opening, closing = quotes[inside[quotes]], quotes[~inside[quotes]]
    may_touch = np.zeros(256, dtype=np.bool_)
    may_touch[[delimiter, _QUOTE, *b"\r\n"]] = True
    before = may_touch[letters[np.maximum(opening - 1, 0)]] | (opening == 0)
    after = may_touch[letters[np.minimum(closing + 1, len(letters) - 1)]] | (closing == len(letters) - 1)
    stray = np.concatenate((opening[~before], closing[~after]))
    if len(stray):
        _refuse_quote("a quote in the middle of a field", int(stray.min()), newlines, path)
    if inside[-1]:
        _refuse_quote("a quote is never closed", int(opening[-1]), newlines, path)


def _refuse_quote(what: str, position: int, newlines: Positions, path: Path) -> NoReturn:
    row = int(np.searchsorted(newlines, position)) + 1
    raise UserError(what, place=path, row=row, remedy='quote whole fields, and write "" for a quote inside one')


def _header(line: bytes, delimiter: int, *, path: Path, row: int) -> list[str]:
    check_width(line.count(delimiter) + 1, path)
    try:
        cells = next(csv.reader([line.decode()], delimiter=chr(delimiter)))
    except csv.Error as failure:
        raise UserError(f"the header cannot be read: {failure}", place=path, row=row) from None
    names = [cell.strip() or f"column {position}" for position, cell in enumerate(cells, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"column '{shown(name)}' is given twice", place=path, row=row, remedy="rename one of them")
    return names


def _uneven(data: bytes, lines: _Lines, *, width: int) -> tuple[Flags, Flags]:
    """Which records are blank, and which have another number of fields than the header."""
    blank = lines.end == lines.start
    ragged = lines.delimiters != width - 1
    for position in np.flatnonzero((lines.delimiters == 0) & ~blank & (ragged | (width == 1))).tolist():
        blank[position] = not data[lines.start[position] : lines.end[position]].strip(b" \t\r")
    return blank, ragged & ~blank


def _unlike(lines: _Lines, position: int, width: int) -> str:
    return f"has {lines.delimiters[position] + 1} fields where the header has {width}"


def _broken(data: bytes, lines: _Lines, ragged: Flags, *, positions: Positions, width: int) -> dict[int, Broken]:
    return {
        int(positions[place]): Broken(
            kind="ragged row",
            what=_unlike(lines, place, width),
            text=data[lines.start[place] : lines.end[place]].decode(),
            remedy=_AGAIN,
        )
        for place in np.flatnonzero(ragged).tolist()
    }


def _only(data: bytes, lines: _Lines, keep: Flags) -> bytes:
    """The text of some of the records."""
    if keep.all():
        return data[lines.start[0] :] if len(keep) else b""
    step = np.zeros(len(data) + 2, dtype=np.int8)
    step[lines.start[keep]] += 1
    step[np.minimum(lines.end[keep] + 1, len(data) + 1)] -= 1
    inside = np.cumsum(step[: len(data)], dtype=np.int8).view(np.bool_)
    return np.frombuffer(data, dtype=np.uint8)[inside].tobytes()


def _fields(text: bytes, names: list[str], delimiter: int, *, rows: int, path: Path) -> pl.DataFrame:
    schema = dict.fromkeys(names, pl.String)
    if rows == 0:
        return pl.DataFrame(schema=schema)
    try:
        fields = pl.read_csv(
            text,
            has_header=False,
            new_columns=names,
            separator=chr(delimiter),
            infer_schema=False,
            raise_if_empty=False,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as failure:
        reason = shown(str(failure).splitlines()[0], limit=100)
        raise UserError(f"cannot be read as CSV: {reason}", place=path) from None
    if fields.height != rows or fields.width != len(names):
        raise UserError("cannot be read as CSV: its quotes and lines do not fit together", place=path)
    return fields.with_columns(pl.all().replace("", None))
