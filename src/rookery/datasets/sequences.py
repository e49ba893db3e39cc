"""Labelled windows of a series, as views into it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.errors import UserError
from rookery.features.conditions import CONDITION_FEATURES
from rookery.features.swaps import CORE_FEATURES

# R rows, N sequences, L length of a sequence, F core features, C condition features

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

# Sorted, as the published label encoder sorts them.
SIDES = ("BUY", "HOLD", "SELL")
_PER_SEQUENCE = (
    "start_N",
    "conditions_NC",
    "side_N",
    "size_N",
    "slippage_bps_N",
    "deadline_s_N",
    "row_N",
    "time_ns_N",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sequences:
    """N windows of `seq_len` rows: the n-th starts at core row start_N[n], and all else about it is of its LAST row.

    `side_N` counts into `classes`. `row_N` is the last row's number in the table that the windows came from.
    """

    core_RF: Float64
    start_N: Int64
    seq_len: int
    conditions_NC: Float64
    side_N: Int64
    size_N: Float64
    slippage_bps_N: Float64
    deadline_s_N: Float64
    row_N: Int64
    time_ns_N: Int64
    classes: tuple[str, ...] = SIDES
    core_names: tuple[str, ...] = CORE_FEATURES
    condition_names: tuple[str, ...] = CONDITION_FEATURES

    def __len__(self) -> int:
        return len(self.start_N)

    @property
    def core_NLF(self) -> Float64:
        """The windows: a view that copies nothing where they follow on one another, as they do from a table."""
        if len(self) and np.array_equal(self.start_N, np.arange(self.start_N[0], self.start_N[0] + len(self))):
            windows = np.lib.stride_tricks.sliding_window_view(self.core_RF, self.seq_len, axis=0)
            return windows[self.start_N[0] : self.start_N[0] + len(self)].transpose(0, 2, 1)
        gathered: Float64 = self.core_RF[self.start_N[:, None] + np.arange(self.seq_len)]
        return gathered

    def part(self, sequences: range | Int64) -> Self:
        """The sequences numbered in `sequences`, sharing this one's rows."""
        cut = slice(sequences.start, sequences.stop, sequences.step) if isinstance(sequences, range) else sequences
        return replace(self, **{name: getattr(self, name)[cut] for name in _PER_SEQUENCE})


def from_tables(features: pl.DataFrame, conditions: pl.DataFrame, labels: pl.DataFrame, *, seq_len: int) -> Sequences:
    """Windows over FEATURES (its six core columns), with CONDITIONS and LABELS of each window's last row.

    The three tables must agree row for row in `time`. Raises UserError when there are fewer than `seq_len` rows, and
    naming column and row of a value that is not finite.
    """
    if not (features["time"].equals(conditions["time"]) and features["time"].equals(labels["time"])):
        raise UserError("features, conditions and labels are not of the same rows", place="dataset")
    if features.height < seq_len:
        raise UserError(
            f"{features.height} rows are fewer than one sequence of {seq_len}",
            place="dataset",
            remedy="give more rows or a shorter --seq-len",
        )
    core_RF = matrix(features, CORE_FEATURES)
    conditions_RC = matrix(conditions, CONDITION_FEATURES)
    targets_RT = matrix(labels, ("size", "slippage_bps", "deadline_s"))
    last = slice(seq_len - 1, None)
    count = features.height - seq_len + 1
    return Sequences(
        core_RF=core_RF,
        start_N=np.arange(count),
        seq_len=seq_len,
        conditions_NC=conditions_RC[last],
        side_N=side_numbers(labels["side"])[last],
        size_N=targets_RT[last, 0],
        slippage_bps_N=targets_RT[last, 1],
        deadline_s_N=targets_RT[last, 2],
        row_N=np.arange(seq_len - 1, features.height),
        time_ns_N=features["time"].to_physical().to_numpy()[last],
    )


def matrix(table: pl.DataFrame, names: Sequence[str]) -> Float64:
    """Columns as one float64 matrix. Raises UserError naming the first value that is not finite."""
    values_RF = np.ascontiguousarray(table.select(pl.col(list(names)).cast(pl.Float64)).to_numpy(), dtype=np.float64)
    bad = np.argwhere(~np.isfinite(values_RF))
    if len(bad):
        row, column = bad[0]
        shown = values_RF[row, column]
        raise UserError(f"'{names[column]}' is {shown}, not a finite number", place="dataset", row=int(row) + 2)
    return values_RF


def side_numbers(side: pl.Series) -> Int64:
    """Each side as its place in SIDES. Raises UserError naming the row of a word that is no side."""
    numbers = side.replace_strict(list(SIDES), list(range(len(SIDES))), default=None, return_dtype=pl.Int64)
    bad = numbers.is_null().arg_true()
    if len(bad):
        raise UserError(f"side '{side[bad[0]]}' is none of {', '.join(SIDES)}", place="dataset", row=bad[0] + 2)
    return numbers.to_numpy()
