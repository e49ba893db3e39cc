"""The meta-controller: how much of the capital each specialist may use, and how much of all of it is put at risk."""

# B batch, O observation, S specialists, A amounts: one share per specialist, then the risk appetite

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from rookery.models.action_distribution import Gaussian
from rookery.models.actor_critic import ObservationNormaliser
from rookery.models.initialisation import one_thread, orthogonal_linear


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Shares of the specialists (B, S), which sum to 1 or are all 0, and risk appetites (B,), 0 to 1."""

    shares_BS: Tensor
    risk_B: Tensor


class MetaController(nn.Module):
    """Actor and critic: O -> 256 ReLU LayerNorm -> 128 ReLU Dropout; heads of S allocations, risk appetite, value.

    The action is S + 1 real amounts from independent normal distributions, whose means are the heads' outputs - softmax
    for the shares, sigmoid for the risk appetite - and whose deviations are learnt. Whoever acts on it clips it to 0..1
    and divides the shares by their sum (`allocation`), so that a share of exactly 0 can be had; the density is that of
    the amounts before. What is done without noise is thus the centre of what was tried with it, which the mode of noisy
    logits is not, and PPO's ratio stays exact, where a density on the simplex has none at a share of 0.

    Dropout acts in train mode alone. `ppo` compares the probability of an action with that under the same network a
    moment ago; with other units dropped each time that ratio would be noise, so trainers keep the module in eval mode,
    acting and learning alike. Observations are standardised by the running moments in `normaliser`.
    """

    def __init__(
        self,
        *,
        observation_size: int,
        specialists: int,
        seed: int,
        hidden: tuple[int, int] = (256, 128),
        dropout: float = 0.0,
        log_std: float = -1.6,
    ) -> None:
        super().__init__()
        if specialists < 1 or observation_size < 1:
            raise ValueError("a meta-controller needs specialists and something to observe")
        self.specialists = specialists
        self.observation_size = observation_size
        self.normaliser = ObservationNormaliser(observation_size)
        generator, gain = torch.Generator().manual_seed(seed), math.sqrt(2.0)
        with one_thread():
            self.first = orthogonal_linear(observation_size, hidden[0], gain=gain, generator=generator)
            self.second = orthogonal_linear(hidden[0], hidden[1], gain=gain, generator=generator)
            # Allocations and risk appetite are rows of one layer: one product in place of two.
            self.amounts = orthogonal_linear(hidden[1], specialists + 1, gain=0.01, generator=generator)
            self.value = orthogonal_linear(hidden[1], 1, gain=1.0, generator=generator)
        self.norm = nn.LayerNorm(hidden[0])
        self.dropout = nn.Dropout(dropout)
        self.log_std_A = nn.Parameter(torch.full((specialists + 1,), log_std))

    def forward(self, observation_BO: Tensor, mask_BL: Tensor | None = None) -> tuple[Gaussian, Tensor]:
        """Distribution over S + 1 amounts and value (B,) of raw observations. Raises ValueError for a mask."""
        if mask_BL is not None:
            raise ValueError("amounts cannot be masked")
        return self.judged(self.features(observation_BO))

    def judged(self, features_BH: Tensor) -> tuple[Gaussian, Tensor]:
        """Distribution over S + 1 amounts and value (B,) of what the three heads read."""
        value_B: Tensor = self.value(features_BH).squeeze(1)
        logits_BA: Tensor = self.amounts(features_BH)
        means = (logits_BA[:, :-1].softmax(dim=1), logits_BA[:, -1:].sigmoid())
        return Gaussian(torch.cat(means, dim=1), self.log_std_A), value_B

    def features(self, observation_BO: Tensor) -> Tensor:
        """What the three heads read (B, H)."""
        wide = torch.relu_(self.first(self.normaliser(observation_BO)))
        wide = layer_norm(wide, self.norm.normalized_shape, self.norm.weight, self.norm.bias, self.norm.eps)
        narrow: Tensor = self.dropout(torch.relu_(self.second(wide)))
        return narrow

    @torch.no_grad()
    def act(self, observation_BO: Tensor) -> Tensor:
        """The means of the amounts (B, S + 1): shares that sum to 1, and the risk appetite."""
        return self.forward(observation_BO)[0].mode()


def allocation(amounts_BA: Tensor) -> Allocation:
    """What S + 1 amounts stand for: clipped to 0..1, shares divided by their sum; all 0 where none is above 0."""
    bounded_BA = amounts_BA.clamp(0.0, 1.0)
    total_B1 = bounded_BA[:, :-1].sum(dim=1, keepdim=True)
    shares_BS = bounded_BA[:, :-1] / total_B1.where(total_B1 > 0.0, 1.0)
    return Allocation(shares_BS=shares_BS, risk_B=bounded_BA[:, -1])
