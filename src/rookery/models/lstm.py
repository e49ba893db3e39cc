"""An LSTM over the last swaps, joined with the state of the market, that answers side, size, slippage and deadline."""

from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from rookery.config import Config

# B batch, L length, F core features, C condition features, H hidden, E encoded (H + condition width), K classes


class LstmConfig(Config):
    """Sizes of the network. The defaults are the published ones: LSTM 6 -> 256 twice, conditions 23 -> 128."""

    core_features: int = Field(default=6, ge=1, le=1024)
    condition_features: int = Field(default=23, ge=1, le=1024)
    hidden_dim: int = Field(default=256, ge=1, le=4096)
    layers: int = Field(default=2, ge=1, le=8)
    condition_dim: int = Field(default=128, ge=1, le=4096)
    fusion_dim: int = Field(default=128, ge=1, le=4096)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    classes: int = Field(default=3, ge=2, le=16)


class Outputs(NamedTuple):
    """Logits per class (B, K), and size, slippage and deadline (B,), each at least 0 and in target units."""

    side_BK: Tensor
    size_B: Tensor
    slippage_B: Tensor
    deadline_B: Tensor


class SwapLSTM(nn.Module):
    """Core encoder, condition encoder, fusion, four heads."""

    def __init__(self, config: LstmConfig) -> None:
        super().__init__()
        self.config = config
        # torch warns of dropout in an LSTM of one layer, which has no place between layers to put it.
        between = config.dropout if config.layers > 1 else 0.0
        self.core = nn.LSTM(config.core_features, config.hidden_dim, config.layers, batch_first=True, dropout=between)
        self.conditions = nn.Sequential(
            nn.Linear(config.condition_features, config.condition_dim),
            nn.ReLU(),
            nn.Linear(config.condition_dim, config.condition_dim),
            nn.ReLU(),
        )
        self.fusion = nn.Sequential(
            nn.Linear(config.hidden_dim + config.condition_dim, config.fusion_dim),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        )
        self.side = nn.Linear(config.fusion_dim, config.classes)
        self.amounts = nn.Linear(config.fusion_dim, 3)

    def encode(self, core_BLF: Tensor) -> Tensor:
        """The window as its last hidden state (B, H)."""
        hidden_BLH, _ = self.core(core_BLF)
        last_BH: Tensor = hidden_BLH[:, -1]
        return last_BH

    def answer(self, encoded_BH: Tensor, conditions_BC: Tensor) -> Outputs:
        """The four heads. Softplus, because a ReLU head that starts below zero never learns again."""
        fused_BE = self.fusion(torch.cat((encoded_BH, self.conditions(conditions_BC)), dim=1))
        size_B, slippage_B, deadline_B = functional.softplus(self.amounts(fused_BE)).unbind(dim=1)
        return Outputs(side_BK=self.side(fused_BE), size_B=size_B, slippage_B=slippage_B, deadline_B=deadline_B)

    def forward(self, core_BLF: Tensor, conditions_BC: Tensor) -> Outputs:
        """Scaled windows (B, L, F) and conditions (B, C) to the four answers."""
        return self.answer(self.encode(core_BLF), conditions_BC)


def build(config: LstmConfig, *, seed: int) -> SwapLSTM:
    """A new network on the CPU whose weights depend on `seed` alone; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SwapLSTM(config)
