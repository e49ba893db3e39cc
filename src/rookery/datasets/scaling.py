"""Columns brought to mean 0 and standard deviation 1, by figures of the training rows alone."""

from collections.abc import Sequence as Listing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rookery.datasets.sequences import Float64, Int64, Sequences
from rookery.errors import UserError

# N rows, F features

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaler:
    """Mean and scale per column, and the rows [start, stop) that they were measured on, but for those in `gaps`.

    `clip` holds scaled values within +-clip, so that a column that leaves the range of its training rows (a running
    count, a spike in a thin pool) cannot drive a model arbitrarily far; None lets everything through.
    """

    names: tuple[str, ...]
    mean: Float64
    scale: Float64
    fitted_rows: tuple[int, int]
    clip: float | None = None
    gaps: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        width = len(self.names)
        for name, values in (("mean", self.mean), ("scale", self.scale)):
            if values.shape != (width,) or not np.isfinite(values).all():
                raise ValueError(f"{name} must be {width} finite numbers")
        if not (self.scale > 0).all():
            raise ValueError("every scale must be above zero")

    def transform(self, values: npt.ArrayLike) -> Float32:
        """Scaled values, last axis the columns: reckoned in float64 and rounded once, so one row equals many rows."""
        # An absurd value may overflow to infinity; the clip, or whoever asked, deals with that.
        with np.errstate(over="ignore"):
            scaled = (np.asarray(values, dtype=np.float64) - self.mean) / self.scale
            if self.clip is not None:
                np.clip(scaled, -self.clip, self.clip, out=scaled)
            return scaled.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalers:
    """What a sequence model's two inputs are scaled by."""

    core: Scaler
    conditions: Scaler


def fit_scalers(sequences: Sequences, train: range | Int64, *, clip: float | None = None) -> Scalers:
    """Scalers measured on the rows that the `train` windows cover and on no other; each row counts once.

    `train` counts windows, rising. Conditions belong to last rows only, so theirs starts `seq_len - 1` rows later. Both
    record rows of the table.
    """
    starts_N = sequences.start_N
    if not np.array_equal(starts_N, np.arange(len(starts_N))):
        raise ValueError("scalers are fitted on windows that come straight from a table")
    reach = sequences.seq_len - 1
    chosen = np.asarray(train, dtype=np.int64)
    covered = np.unique(chosen[:, np.newaxis] + np.arange(reach + 1))
    core = fit_scaler(sequences.core_RF, covered, sequences.core_names, clip=clip)
    conditions = fit_scaler(sequences.conditions_NC, chosen, sequences.condition_names, clip=clip)
    first, stop = conditions.fitted_rows
    gaps = tuple((start + reach, end + reach) for start, end in conditions.gaps)
    return Scalers(core=core, conditions=replace(conditions, fitted_rows=(first + reach, stop + reach), gaps=gaps))


def fit_scaler(values_NF: Float64, rows: range | Int64, names: Listing[str], *, clip: float | None = None) -> Scaler:
    """Measure mean and population standard deviation (ddof 0) of `rows`, rising; a constant column gets scale 1.

    What counts as constant is scikit-learn's bound: a variance below the rounding error of its own computation
    (Chan, Golub, LeVeque 1983). Raises UserError naming the first value that is not finite.
    """
    chosen = np.asarray(rows, dtype=np.int64)
    if not chosen.size or (np.diff(chosen) <= 0).any() or chosen[0] < 0 or chosen[-1] >= len(values_NF):
        raise ValueError(f"rows are not a rising part of {len(values_NF)} rows")
    jumps = np.flatnonzero(np.diff(chosen) > 1)
    # A slice where rows follow on one another: sums of a copy may differ in the last bit.
    part_NF = values_NF[chosen] if jumps.size else values_NF[chosen[0] : chosen[-1] + 1]
    bad = np.argwhere(~np.isfinite(part_NF))
    if len(bad):
        row, column = bad[0]
        value = part_NF[row, column]
        place = int(chosen[row]) + 2
        raise UserError(f"'{names[column]}' is {value}, not a finite number", place="dataset", row=place)
    mean = part_NF.mean(axis=0)
    variance = part_NF.var(axis=0)
    epsilon = np.finfo(np.float64).eps
    constant = variance <= len(chosen) * epsilon * variance + (len(chosen) * mean * epsilon) ** 2
    return Scaler(
        names=tuple(names),
        mean=mean,
        scale=np.where(constant, 1.0, np.sqrt(variance)),
        fitted_rows=(int(chosen[0]), int(chosen[-1]) + 1),
        clip=clip,
        gaps=tuple((int(chosen[jump]) + 1, int(chosen[jump + 1])) for jump in jumps),
    )
