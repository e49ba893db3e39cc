"""A trader's states, actions and returns-to-go in windows that never cross a segment."""

# R rows, S segments, N windows, B batch, L length of a window, F state features

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from rookery.datasets.scaling import Float32, Scaler
from rookery.errors import UserError
from rookery.features.segments import SEGMENT, segment_offsets
from rookery.features.state import CLOCK

Int64 = npt.NDArray[np.int64]

WINDOW = 128
UNKNOWN = -1


class TwinInputs(NamedTuple):
    """What a twin sees: return-to-go (B, L), scaled states (B, L, F) float32, action ids (B, L) int64, -1 unknown."""

    rtg_BL: Tensor
    states_BLF: Tensor
    actions_BL: Tensor


class TwinTargets(NamedTuple):
    """What it should answer, (B, L) each: action ids and the next bar's return-to-go, and how much each counts.

    Weights are 0 for padding, for what is unknown and for bars that an earlier window has asked about; over all
    windows of a part they average 1 per window, so that a mean over windows is a mean over bars.
    """

    actions_BL: Tensor
    next_rtg_BL: Tensor
    action_weights_BL: Tensor
    rtg_weights_BL: Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trajectories:
    """Scaled states and labels of whole segments, in order; segment s has the rows offsets_S[s] to offsets_S[s + 1].

    An action of -1 and a return of NaN are unknown. `next_rtg_R` is the return-to-go of the row after, and in a
    segment's last row what is left after it: nothing.
    """

    states_RF: Float32
    actions_R: Int64
    rtg_R: Float32
    next_rtg_R: Float32
    offsets_S: Int64
    time_ns_R: Int64

    def __len__(self) -> int:
        return len(self.actions_R)

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return len(self.offsets_S) - 1

    @property
    def rtg_range(self) -> tuple[float, float]:
        """The least and the most return-to-go of rows with a known action. Raises UserError when there is none."""
        known = self._known_rtg()
        return float(known.min()), float(known.max())

    @property
    def rtg_unit(self) -> float:
        """The deviation of these returns; 1 where they are all alike."""
        return float(self._known_rtg().astype(np.float64).std()) or 1.0

    @property
    def median_rtg(self) -> float:
        """The middle one of these returns."""
        return float(np.median(self._known_rtg().astype(np.float64)))

    @property
    def known_R(self) -> npt.NDArray[np.bool_]:
        """Which rows are decisions that can be judged: action and return-to-go are known."""
        return np.asarray((self.actions_R != UNKNOWN) & np.isfinite(self.rtg_R))

    def _known_rtg(self) -> Float32:
        known: Float32 = self.rtg_R[self.known_R]
        if not known.size:
            raise UserError("no row has both an action and a return-to-go", place="trajectories")
        return known

    def part(self, segments: range) -> Self:
        """The segments numbered in `segments`, which follow on one another."""
        if segments.step != 1 or segments.start < 0 or segments.stop > self.segments:
            raise ValueError(f"segments {segments.start} to {segments.stop} are not a part of {self.segments}")
        first, stop = self.offsets_S[segments.start], self.offsets_S[segments.stop]
        rows = {name: getattr(self, name)[first:stop] for name in self.__slots__ if name.endswith(("_R", "_RF"))}
        return replace(self, **rows, offsets_S=self.offsets_S[segments.start : segments.stop + 1] - first)


def from_tables(states: pl.DataFrame, labels: pl.DataFrame, scaler: Scaler) -> Trajectories:
    """Trajectories of states (time, segment and `scaler.names`) and labels (action, return_to_go) of the same rows."""
    if not (states["time"].equals(labels["time"]) and states[SEGMENT].equals(labels[SEGMENT])):
        raise UserError("states and labels are not of the same rows", place="trajectories")
    offsets_S = segment_offsets(states[SEGMENT])
    rtg_R = _floats(labels["return_to_go"])
    next_rtg_R = np.append(rtg_R[1:], np.float32(0.0))[: rtg_R.size]
    next_rtg_R[offsets_S[1:] - 1] = 0.0
    return Trajectories(
        states_RF=scaled_states(states, scaler),
        actions_R=labels["action"].cast(pl.Int64).fill_null(UNKNOWN).to_numpy().copy(),
        rtg_R=rtg_R,
        next_rtg_R=next_rtg_R.astype(np.float32),
        offsets_S=offsets_S,
        time_ns_R=states["time"].to_physical().to_numpy().copy(),
    )


def fit_state_scaler(states: pl.DataFrame, rows: range, names: Sequence[str], *, clip: float | None = 5.0) -> Scaler:
    """Mean and population deviation of each column over `rows` alone, of what is defined there.

    Sines and cosines stay as they are; a column that is constant, or nowhere defined, gets scale 1.
    """
    if rows.step != 1 or not rows or rows.start < 0 or rows.stop > states.height:
        raise ValueError(f"rows {rows.start} to {rows.stop} are not a part of {states.height} rows")
    part = states[rows.start : rows.stop]
    mean, scale = np.zeros(len(names)), np.ones(len(names))
    for place, name in enumerate(names):
        values = part[name].drop_nulls().to_numpy()
        if name in CLOCK or not values.size:
            continue
        mean[place], spread = values.mean(), values.std()
        # A constant's deviation is rounding, not a scale.
        if spread > 1e-12 * max(1.0, abs(mean[place])):
            scale[place] = spread
    return Scaler(names=tuple(names), mean=mean, scale=scale, fitted_rows=(rows.start, rows.stop), clip=clip)


def scaled_states(states: pl.DataFrame, scaler: Scaler) -> Float32:
    """Scaled columns in the scaler's order; what is undefined becomes 0, the mean of training."""
    values_RF = states.select(pl.col(list(scaler.names)).cast(pl.Float64)).to_numpy()
    return np.nan_to_num(scaler.transform(values_RF), nan=0.0)


def window_rows(offsets_S: Int64, *, length: int, stride: int) -> tuple[Int64, Int64, Int64]:
    """First row, number of rows and number of fresh rows of every window, segment by segment.

    The first window of a segment holds its first `length` rows, or as many as there are; each later one ends `stride`
    rows further on, the last at the segment's end. A window's last rows that no window before it held are fresh: each
    row is fresh in exactly one window, and has there `length - stride` rows before it or all that there are.
    """
    if not 1 <= stride <= length:
        raise ValueError(f"stride {stride} must be 1 to {length}, the length of a window")
    found: list[tuple[int, int, int]] = []
    for begin, end in zip(offsets_S[:-1].tolist(), offsets_S[1:].tolist(), strict=True):
        last = min(begin + length, end)
        found.append((begin, last - begin, last - begin))
        while last < end:
            fresh = min(stride, end - last)
            last += fresh
            found.append((last - length, length, fresh))
    first_N, count_N, fresh_N = np.array(found, np.int64).reshape(-1, 3).T
    return first_N, count_N, fresh_N


class TrajectoryBatches:
    """All windows of a part on one device, gathered from rows when they are asked for.

    A window that is shorter than the longest is filled from its front and padded behind with zeros, where causal
    attention never looks; so the start of a segment needs no mask in the network, only weights in the loss.
    """

    def __init__(
        self, trajectories: Trajectories, *, device: torch.device, window: int = WINDOW, stride: int | None = None
    ) -> None:
        first_N, count_N, fresh_N = window_rows(
            trajectories.offsets_S, length=window, stride=max(1, window // 2) if stride is None else stride
        )
        if not first_N.size:
            raise UserError("there are no segments to learn from", place="trajectories")
        self.trajectories = trajectories
        self.device = device
        self._first_N, self._count_N, self._fresh_N = (_tensor(a, device) for a in (first_N, count_N, fresh_N))
        self._steps_L = torch.arange(int(count_N.max()), device=device)
        scored_R = trajectories.known_R
        self._rtg_R = _tensor(np.nan_to_num(trajectories.rtg_R), device)
        self._next_rtg_R = _tensor(np.nan_to_num(trajectories.next_rtg_R), device)
        self._states_RF = _tensor(trajectories.states_RF, device)
        self._actions_R = _tensor(trajectories.actions_R, device)
        self._action_weights_R = _weights(scored_R, len(first_N), device)
        self._rtg_weights_R = _weights(scored_R & np.isfinite(trajectories.next_rtg_R), len(first_N), device)

    def __len__(self) -> int:
        return len(self._first_N)

    def take(self, index_B: Tensor) -> tuple[TwinInputs, TwinTargets]:
        """The windows numbered in `index_B` (int64, any device), in that order."""
        index_B = index_B.to(self.device)
        count_B1 = self._count_N[index_B, None]
        is_real_BL = self._steps_L < count_B1
        is_fresh_BL = is_real_BL & (self._steps_L >= count_B1 - self._fresh_N[index_B, None])
        rows_BL = torch.where(is_real_BL, self._first_N[index_B, None] + self._steps_L, 0)
        actions_BL = torch.where(is_real_BL, self._actions_R[rows_BL], UNKNOWN)
        inputs = TwinInputs(
            rtg_BL=self._rtg_R[rows_BL] * is_real_BL,
            states_BLF=self._states_RF[rows_BL] * is_real_BL[..., None],
            actions_BL=actions_BL,
        )
        targets = TwinTargets(
            actions_BL=actions_BL,
            next_rtg_BL=self._next_rtg_R[rows_BL],
            action_weights_BL=self._action_weights_R[rows_BL] * is_fresh_BL,
            rtg_weights_BL=self._rtg_weights_R[rows_BL] * is_fresh_BL,
        )
        return inputs, targets


def _weights(counts_R: npt.NDArray[np.bool_], windows: int, device: torch.device) -> Tensor:
    return _tensor((counts_R * (windows / max(1, int(counts_R.sum())))).astype(np.float32), device)


def _floats(values: pl.Series) -> Float32:
    array: Float32 = values.cast(pl.Float32).to_numpy().copy()
    return array


def _tensor(values: Float32 | Int64, device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(values, order="C")).to(device)
