"""Other futures: the same table up to a row, and other plausible rows from there on."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.errors import UserError

Ints = npt.NDArray[np.int64]
Generator = np.random.Generator

# Factors of 0.2 to 5, drawn anew for every cell.
_SPREAD = float(np.log(5.0))


def other_future(
    table: pl.DataFrame,
    cut: int,
    *,
    time: str,
    rng: Generator,
    columns: Sequence[str] | None = None,
    whole_rows: bool = False,
) -> pl.DataFrame:
    """`table` with its rows from `cut` on replaced: each column shuffled by itself, numbers times 0.2 to 5 as well.

    Types, signs and nulls stay possible ones, words become other words that occur, and `time` does not run backwards
    (its gaps are shuffled, the first one grows). `columns`: change only these. A function that checks one column
    against another, or against bounds, may refuse such rows; with `whole_rows` they are the table's own rows from `cut`
    on, drawn with replacement, and regular times stay regular.
    """
    ahead = table[cut:]
    if whole_rows:
        drawn = ahead[rng.integers(0, ahead.height, ahead.height)]
        made = [_times(table[time], cut, rng, grows=False)] if time in table.columns else []
        return pl.concat([table[:cut], drawn.with_columns(made)])
    changed = [name for name in table.columns if columns is None or name in columns]
    made = [
        _times(table[name], cut, rng, grows=True) if name == time else _values(ahead[name], rng) for name in changed
    ]
    return pl.concat([table[:cut], ahead.with_columns(made)])


def check_times(table: pl.DataFrame, time: str) -> None:
    """Raise UserError when the table has a time column that is no time, is empty somewhere or runs backwards."""
    if time not in table.columns:
        return
    kind = table.schema[time]
    if not (kind.is_temporal() or kind.is_numeric()):
        raise UserError(f"column '{time}' is {kind}, not a time", place="table", remedy="parse it, or name another")
    moments = table[time].to_physical()
    bad = (moments.is_null() | (moments.diff() < 0)).fill_null(False).arg_true()
    if len(bad):
        raise UserError(
            f"column '{time}' is empty or runs backwards", place="table", row=bad[0] + 2, remedy="sort it by time"
        )


def cut_rows(table: pl.DataFrame, *, time: str, count: int, rng: Generator) -> tuple[Ints, Ints]:
    """Rows to cut before: some at random over all of the table, and some that only cuts near a fault can show.

    Returns (`spread`, `early`), each sorted. `early` has one cut between each power of 2 and the next, where warm-ups
    that are filled from behind end, and, in `spread`, up to half lie where a row with an empty cell is the last known.
    Between two rows of one time there is no cut: they are known together.
    """
    allowed = np.ones(max(table.height - 1, 0), np.bool_)
    if time in table.columns:
        moments = table[time].to_physical().to_numpy()
        allowed &= moments[1:] != moments[:-1]
    rows = np.flatnonzero(allowed) + 1
    if not rows.size:
        return rows, rows
    at_gap = rows[_has_gap(table)[rows - 1]]
    gaps = rng.choice(at_gap, min(count // 2, at_gap.size), replace=False)
    spread = rng.choice(rows, min(count - gaps.size, rows.size), replace=False)
    early = [
        int(rng.choice(near))
        for power in range(1, 20)
        if (near := rows[(rows >= 1 << power) & (rows < 2 << power)]).size
    ]
    return np.unique(np.concatenate((gaps, spread))), np.array(early, np.int64)


def _has_gap(table: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Rows with an empty cell; a column that is empty throughout does not count."""
    gaps = np.zeros(table.height, np.bool_)
    for values in table:
        empty = values.is_null() | values.is_nan() if values.dtype.is_float() else values.is_null()
        absent = empty.fill_null(True).to_numpy()
        gaps |= absent & (not absent.all())
    return gaps


def _times(moments: pl.Series, cut: int, rng: Generator, *, grows: bool) -> pl.Series:
    """Times from `cut` on with their gaps shuffled; the first gap stays or, `grows`, becomes up to threefold.

    It never shrinks, so that no new row belongs to a moment that is known.
    """
    at = moments.to_physical().to_numpy()
    gaps = rng.permutation(np.diff(at[cut:]))
    waited = (at[cut] - at[cut - 1]) * rng.uniform(1.0, 3.0) if grows and cut else 0
    first = max(at[cut], at[cut - 1] + np.asarray(waited).astype(at.dtype)) if cut else at[0]
    later = first + np.concatenate((np.zeros(1, at.dtype), np.cumsum(gaps, dtype=at.dtype)))
    return pl.Series(moments.name, later.astype(at.dtype)).cast(moments.dtype)


def _values(values: pl.Series, rng: Generator) -> pl.Series:
    if values.dtype == pl.Boolean:
        return pl.Series(values.name, rng.random(values.len()) < 0.5)
    if values.dtype == pl.String:
        return _other_words(values, rng)
    mixed = values.gather(rng.permutation(values.len()))
    if not mixed.dtype.is_numeric():
        return mixed
    factors = pl.Series(np.exp(rng.uniform(-_SPREAD, _SPREAD, values.len())))
    changed = mixed.cast(pl.Float64) * factors
    if mixed.dtype.is_float():
        return changed.cast(mixed.dtype).rename(values.name)
    # A whole number that would become 0 may no longer be possible, and one beyond its type is none.
    whole = pl.select(pl.when(changed.abs() < 1).then(changed.sign()).otherwise(changed.round())).to_series()
    return whole.cast(mixed.dtype, strict=False).fill_null(mixed).rename(values.name)


def _other_words(values: pl.Series, rng: Generator) -> pl.Series:
    """Each word replaced by another one of the column, where it has another."""
    words = values.drop_nulls().unique().sort()
    if words.len() < 2:
        return values
    steps = pl.Series(rng.integers(1, words.len(), values.len()))
    place = (values.rank("dense").cast(pl.Int64) - 1 + steps) % words.len()
    return words.gather(place).rename(values.name)
