"""A file's rows as text, each with the number that a person would look it up by."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from rookery.errors import UserError

MAX_COLUMNS = 1_000
# Names are stripped on reading, so no column of a file can be called this.
INDEX = " index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A row that could not be laid out in columns: why, and its text."""

    kind: str
    what: str
    text: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """`fields` has String columns only, null where a field is empty or absent, and the position as `index`.

    `numbers` are lines of a text file (the header is line 1) or, for a JSON array and parquet, positions from 1.
    `broken` maps positions to rows whose fields could not be told; they are null in `fields`.
    """

    path: Path
    layout: str
    fields: pl.DataFrame
    numbers: pl.Series
    counted_in: Literal["line", "item", "row"]
    broken: Mapping[int, Broken] = field(default_factory=dict)

    def names(self) -> list[str]:
        """The file's own columns."""
        return [name for name in self.fields.columns if name != INDEX]

    def originals(self, indices: Sequence[int]) -> Iterator[str]:
        """The text of rows: a line of CSV, or the fields of an item as JSON."""
        names = self.names()
        as_csv = self.counted_in == "line" and self.layout.startswith("csv")
        line = io.StringIO()
        writer = csv.writer(line, lineterminator="")
        for index, *values in self.fields[list(indices)].iter_rows():
            if index in self.broken:
                yield self.broken[index].text
            elif as_csv:
                line.seek(0)
                line.truncate()
                writer.writerow(["" if value is None else value for value in values])
                yield line.getvalue()
            else:
                yield json.dumps({name: value for name, value in zip(names, values, strict=True) if value is not None})


def lay_out(
    columns: Mapping[str, list[str | None]] | pl.DataFrame,
    *,
    path: Path,
    layout: str,
    numbers: pl.Series,
    counted_in: Literal["line", "item", "row"],
    broken: Mapping[int, Broken] | None = None,
) -> Records:
    """Records of equally long text columns. Raises UserError when there are no rows or absurdly many columns."""
    if len(numbers) == 0:
        raise UserError("holds no rows", place=path, remedy="export it again: only a header was found")
    names = columns.columns if isinstance(columns, pl.DataFrame) else list(columns)
    check_width(len(names), path)
    # The position comes first and alone: where every row is broken there are no columns to count rows by.
    fields = pl.DataFrame({INDEX: range(len(numbers))}, schema={INDEX: pl.UInt32})
    if names:
        schema = dict.fromkeys(names, pl.String)
        fields = fields.hstack(columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(columns, schema=schema))
    return Records(path=path, layout=layout, fields=fields, numbers=numbers, counted_in=counted_in, broken=broken or {})


def check_width(count: int, path: Path) -> None:
    """Refuse a table far wider than any export, before it takes memory."""
    if count > MAX_COLUMNS:
        raise UserError(f"has {count} columns; a table has at most {MAX_COLUMNS}", place=path)


def shown(value: object, *, limit: int = 48) -> str:
    """A value as one short printable line."""
    text = str(value)
    text = text if len(text) <= limit else text[: limit - 3] + "..."
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
