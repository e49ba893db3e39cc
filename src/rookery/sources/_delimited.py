"""Delimited text (RFC 4180 with a comma, semicolon or tab) as records, every line accounted for."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rookery.errors import UserError
from rookery.sources._content import Content
from rookery.sources._records import Broken, Records, check_width, lay_out, shown

_DELIMITERS = b",;\t"
_QUOTE, _NEWLINE = 34, 10
_CLOSES_FIELD = frozenset(b',;\t\r\n"')

Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Where each record starts and ends in the bytes, its line number, and how many delimiters it holds."""

    start: Positions
    end: Positions
    number: Positions
    delimiters: Positions


def read(content: Content, *, strict: bool) -> Records:
    """Every field as text; when `strict`, no further than the first ragged row is told.

    Raises UserError when there is no header, no row, a stray quote or a repeated column.
    """
    path = content.path
    data = _unix_lines(content.data)
    delimiter = _delimiter(data)
    lines = _lines(data, delimiter, path)
    first = next(i for i in range(len(lines.start)) if data[lines.start[i] : lines.end[i]].strip())
    header_row = int(lines.number[first])
    header = data[lines.start[first] : lines.end[first]]
    names = _header(header, delimiter, path=path, row=header_row)
    body = _Lines(
        start=lines.start[first + 1 :],
        end=lines.end[first + 1 :],
        number=lines.number[first + 1 :],
        delimiters=lines.delimiters[first + 1 :],
    )
    even = _even(data, body, width=len(names), strict=strict)
    fields = _fields(even.text, names, delimiter, rows=len(even.numbers) - len(even.broken), path=path)
    if even.broken:
        fields = fields.select(pl.all().gather(even.places))
    numbers = pl.Series("number", even.numbers)
    layout = f"csv, {_spelled(delimiter)}"
    return lay_out(fields, path=path, layout=layout, numbers=numbers, counted_in="line", broken=even.broken)


def _unix_lines(data: bytes) -> bytes:
    if b"\r" not in data:
        return data
    data = data.replace(b"\r\n", b"\n")
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def _delimiter(data: bytes) -> int:
    """The delimiter that the first line holds most of, outside quotes."""
    line = data.lstrip(b"\n").split(b"\n", 1)[0][:65_536]
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
        _check_quotes(data, letters, inside, all_newlines, path)
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


def _check_quotes(
    data: bytes, letters: NDArray[np.uint8], inside: NDArray[np.bool_], newlines: Positions, path: Path
) -> None:
    """Quotes may only wrap a whole field; anything else makes every later line number a guess."""
    quotes = np.flatnonzero(letters == _QUOTE)
    opening, closing = quotes[inside[quotes]], quotes[~inside[quotes]]
    may_touch = np.zeros(256, dtype=np.bool_)
    may_touch[list(_CLOSES_FIELD)] = True
    before = may_touch[letters[np.maximum(opening - 1, 0)]] | (opening == 0)
    after = may_touch[letters[np.minimum(closing + 1, len(data) - 1)]] | (closing == len(data) - 1)
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


def _even(data: bytes, lines: _Lines, *, width: int, strict: bool) -> _Even:
    if not len(lines.start):
        return _Even(text=b"", numbers=lines.number, broken={}, places=pl.Series([], dtype=pl.Int64))
    uneven = (lines.delimiters != width - 1) | (lines.end - lines.start <= 1)
    blank = np.zeros(len(uneven), dtype=np.bool_)
    ragged = np.zeros(len(uneven), dtype=np.bool_)
    for position in np.flatnonzero(uneven).tolist():
        blank[position] = not data[lines.start[position] : lines.end[position]].strip(b" \t\r")
        ragged[position] = not blank[position] and lines.delimiters[position] != width - 1
        if strict and ragged[position]:
            break
    kept = ~blank
    places = pl.Series(np.cumsum(kept & ~ragged) - 1)[kept]
    return _Even(
        text=_without(data, lines, blank | uneven if strict and ragged.any() else blank | ragged),
        numbers=lines.number[kept],
        broken=_broken(data, lines, kept, ragged, width),
        places=pl.select(pl.when(pl.Series(~ragged[kept])).then(places)).to_series(),
    )


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
