"""How far each row is from the one before it.

Computed in numpy, not by polars' own operators: those divide by a constant through its reciprocal (15 s become
15.000000000000002 s), except in a table of one row, where they do not; and they hand the work of `shift` and `diff`
to another thread, which costs a stream of single rows more than the work itself.
"""

import numpy as np
import polars as pl


def difference(values: pl.Expr) -> pl.Expr:
    """Value less the value before it; 0 in the first row."""
    return values.map_batches(_differences, return_dtype=pl.Float64)


def relative_change(values: pl.Expr) -> pl.Expr:
    """Value over the value before it, less one; 0 in the first row."""
    return values.map_batches(_relative_changes, return_dtype=pl.Float64)


def seconds_since(time: pl.Expr) -> pl.Expr:
    """Seconds between a moment and the one before it; 0 in the first row."""
    return time.map_batches(_seconds, return_dtype=pl.Float64)


def _differences(values: pl.Series) -> pl.Series:
    now = values.to_numpy()
    changes = np.zeros(now.size)
    np.subtract(now[1:], now[:-1], out=changes[1:])
    return pl.Series(changes)


def _relative_changes(values: pl.Series) -> pl.Series:
    now = values.to_numpy()
    changes = np.zeros(now.size)
    # As polars' operators do, bad values give bad values and no warning; sources have refused them before.
    with np.errstate(all="ignore"):
        np.divide(now[1:], now[:-1], out=changes[1:])
        changes[1:] -= 1.0
    return pl.Series(changes)


def _seconds(time: pl.Series) -> pl.Series:
    now = time.to_numpy()
    changes = np.zeros(now.size)
    np.divide(np.diff(now), np.timedelta64(1, "s"), out=changes[1:])
    return pl.Series(changes)
