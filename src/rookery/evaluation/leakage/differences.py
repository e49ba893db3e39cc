"""Where two tables that should be equal are not: which columns, and the first row of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One column that differs: its first such row, how many there are, the last one, and both values at the first."""

    column: str
    row: int
    rows: int
    last_row: int
    before: str
    after: str


def differences(before: pl.DataFrame, after: pl.DataFrame, *, tolerance: float) -> list[Difference]:
    """Columns of two tables of one shape that differ, in the order of `before`; a NaN equals a NaN, a null a null.

    Floats may differ by `tolerance` times the larger of the value and the column's standard deviation; 0 asks for
    equal bits, -0.0 and 0.0 aside. A column that `after` lacks, or has in another type, differs from the first row on.
    """
    if before.height != after.height:
        raise ValueError(f"{before.height} rows against {after.height}")
    found = []
    for name in before.columns:
        differs = _differs(before[name], after[name], tolerance) if name in after.columns else _all(before.height)
        places = np.flatnonzero(differs)
        if places.size:
            first = int(places[0])
            shown = (_shown(table[name][first]) if name in table.columns else "absent" for table in (before, after))
            old, new = shown
            found.append(
                Difference(column=name, row=first, rows=places.size, last_row=int(places[-1]), before=old, after=new)
            )
    return found


def merged(runs: Sequence[Sequence[Difference]]) -> list[Difference]:
    """Each column's earliest difference over several comparisons, the earliest column first."""
    first: dict[str, Difference] = {}
    for one in (difference for run in runs for difference in run):
        if one.column not in first or one.row < first[one.column].row:
            first[one.column] = one
    return sorted(first.values(), key=lambda one: one.row)


def sentence(found: Sequence[Difference], *, of: int, cause: str) -> str:
    """`2 of 36 columns changed; 3.1 became 3.4 ...`."""
    first = found[0]
    return f"{len(found)} of {of} columns {cause}; {first.before} became {first.after}"


def numeric_columns(table: pl.DataFrame) -> Mapping[str, npt.NDArray[np.float64]]:
    """The numeric and boolean columns as float64, null as NaN."""
    return {
        name: table[name].cast(pl.Float64).to_numpy()
        for name in table.columns
        if table[name].dtype.is_numeric() or table[name].dtype == pl.Boolean
    }


def _differs(before: pl.Series, after: pl.Series, tolerance: float) -> Bools:
    if before.dtype.is_float() and after.dtype.is_float():
        absent = (before.is_null() != after.is_null()).to_numpy()
        return np.asarray(absent | _floats_differ(_floats(before), _floats(after), tolerance))
    if before.dtype != after.dtype:
        return _all(before.len())
    return np.asarray(before.ne_missing(after).to_numpy())


def _floats_differ(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64], tolerance: float) -> Bools:
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    if tolerance == 0.0 or same.all():
        return np.asarray(~same)
    known = before[np.isfinite(before)]
    scale = float(known.std()) if known.size else 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(before - after) <= tolerance * np.maximum(np.maximum(np.abs(before), np.abs(after)), scale)
    return np.asarray(~same & ~(near & np.isfinite(before) & np.isfinite(after)))


def _floats(values: pl.Series) -> npt.NDArray[np.float64]:
    return np.asarray(values.cast(pl.Float64).to_numpy(), np.float64)


def _all(rows: int) -> Bools:
    return np.ones(rows, np.bool_)


def _shown(value: object) -> str:
    if value is None:
        return "null"
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:40]
