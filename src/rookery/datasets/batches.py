"""Sequences as tensors: scaled once, gathered a batch at a time by one index."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rookery.datasets.scaling import Float32, Scalers
from rookery.datasets.sequences import Float64, Int64, Sequences

# R rows, N sequences, B batch, L length, F core features, C condition features


class Inputs(NamedTuple):
    """What a sequence model sees, scaled: windows (B, L, F) and conditions of their last rows (B, C), float32."""

    core_BLF: Tensor
    conditions_BC: Tensor


class Targets(NamedTuple):
    """What it should answer: class numbers (B,) int64, and size, slippage, deadline (B,) float32 in target units."""

    side_B: Tensor
    size_B: Tensor
    slippage_B: Tensor
    deadline_B: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetUnits:
    """What counts as 1 for each regression head, so that bps and seconds do not drown the rest of a loss."""

    size: float = 0.1
    slippage_bps: float = 50.0
    deadline_s: float = 300.0


class SequenceBatches:
    """All sequences of a part on one device. Overlapping windows are never laid out: a batch is gathered from rows."""

    def __init__(self, sequences: Sequences, scalers: Scalers, units: TargetUnits, *, device: torch.device) -> None:
        self._core_RF = _tensor(scalers.core.transform(sequences.core_RF), device)
        self._start_N = _tensor(sequences.start_N, device)
        self._steps_L = torch.arange(sequences.seq_len, device=device)
        self._conditions_NC = _tensor(scalers.conditions.transform(sequences.conditions_NC), device)
        self._targets_N = Targets(
            side_B=_tensor(sequences.side_N, device),
            size_B=_tensor((sequences.size_N / units.size).astype(np.float32), device),
            slippage_B=_tensor((sequences.slippage_bps_N / units.slippage_bps).astype(np.float32), device),
            deadline_B=_tensor((sequences.deadline_s_N / units.deadline_s).astype(np.float32), device),
        )

    def __len__(self) -> int:
        return len(self._start_N)

    def take(self, index_B: Tensor) -> tuple[Inputs, Targets]:
        """The sequences numbered in `index_B` (int64, any device), in that order."""
        index_B = index_B.to(self._start_N.device)
        rows_BL = self._start_N[index_B, None] + self._steps_L
        inputs = Inputs(core_BLF=self._core_RF[rows_BL], conditions_BC=self._conditions_NC[index_B])
        return inputs, Targets(*(values_N[index_B] for values_N in self._targets_N))


def _tensor(values: Float32 | Float64 | Int64, device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(values, order="C")).to(device)
