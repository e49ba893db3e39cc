"""Rows found faulty: the first one is refused, or all are set aside with their reasons."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import polars as pl

from rookery.errors import UserError
from rookery.files import write_bytes
from rookery.sources._records import INDEX, Records, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A fault that a row may have: its kind, which is counted, and `what` in words, with {} for the text of `value`.

    Where one test finds several faults, `kind` and `what` are expressions, reckoned for the rows found only.
    """

    kind: str | pl.Expr
    bad: pl.Expr
    what: str | pl.Expr
    value: pl.Expr | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    index: int
    kind: str
    what: str
    remedy: str | None


class Faults:
    """The faulty rows of one file. When strict, the first faulty row of a sifting raises UserError."""

    def __init__(self, records: Records, *, strict: bool) -> None:
        self._records = records
        self._strict = strict
        self._found: dict[int, _Fault] = {}

    def counts(self) -> dict[str, int]:
        """Rows set aside, by kind of fault."""
        return dict(sorted(Counter(fault.kind for fault in self._found.values()).items()))

    def unbroken(self) -> pl.DataFrame:
        """The records' fields without the rows that could not be laid out in columns."""
        faults = [
            _Fault(index=index, kind=row.kind, what=row.what, remedy=row.remedy)
            for index, row in self._records.broken.items()
        ]
        self._keep(faults)
        return (
            self._records.fields.filter(~pl.col(INDEX).is_in(list(self._records.broken)))
            if faults
            else (self._records.fields)
        )

    def sift(self, table: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
        """`table` (which has the position as `index`) without its faulty rows. A check that yields null passes."""
        faults: list[_Fault] = []
        for check in checks:
            bad = table.select(check.bad.fill_null(False)).to_series()
            if not bad.any():
                continue
            caught = table.filter(bad).sort(INDEX)
            faults += _told(caught.head(1) if self._strict else caught, check)
            table = table.filter(~bad)
        self._keep(faults)
        return table

    def refuse(self, index: int, what: str, remedy: str | None = None) -> NoReturn:
        """Raise what is wrong with the file as a whole, pointing at one row."""
        number = int(self._records.numbers[index])
        counted_in = self._records.counted_in
        prefix = "" if counted_in == "line" else f"{counted_in} {number}: "
        raise UserError(f"{prefix}{what}", place=self._records.path, row=number, remedy=remedy)

    def write(self, path: Path) -> None:
        """Write the rows set aside as CSV: row, reason, text. Written even when empty, so that no stale one stays."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["row", "reason", "text"])
        indices = sorted(self._found)
        numbers = self._records.numbers.gather(indices)
        for index, number, text in zip(indices, numbers, self._records.originals(indices), strict=True):
            writer.writerow([number, self._found[index].what, text])
        try:
            write_bytes(path, out.getvalue().encode())
        except OSError as failure:
            raise UserError(f"cannot be written: {failure.strerror}", place=path, remedy="--quarantine FILE") from None

    def _keep(self, faults: Sequence[_Fault]) -> None:
        if faults and self._strict:
            first = min(faults, key=lambda fault: fault.index)
            self.refuse(first.index, first.what, first.remedy)
        self._found |= {fault.index: fault for fault in faults}


def _told(caught: pl.DataFrame, check: Check) -> list[_Fault]:
    kind = pl.lit(check.kind) if isinstance(check.kind, str) else check.kind
    what = pl.lit(check.what) if isinstance(check.what, str) else check.what
    value = pl.lit("") if check.value is None else check.value.cast(pl.String).fill_null("")
    rows = caught.select(INDEX, kind=kind, what=what, value=value)
    return [
        _Fault(index=index, kind=kind, what=what.replace("{}", shown(value)), remedy=check.remedy)
        for index, kind, what, value in rows.iter_rows()
    ]
