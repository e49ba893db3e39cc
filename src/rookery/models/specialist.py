"""A specialist: one reading of its field, one head for each of its instruments, one value."""

# B batch, D domain features, P features of one instrument, I instruments, H width of a head, E encoding, A actions

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from rookery.models.action_distribution import Categorical
from rookery.models.actor_critic import ObservationNormaliser
from rookery.models.initialisation import one_thread, orthogonal_linear

SpecialistAction = Literal["buy", "hold", "sell"]
# In the order of the head's outputs: the position that action a asks for is 1 - a, but for hold, which keeps it.
ACTIONS: tuple[SpecialistAction, ...] = ("buy", "hold", "sell")
BUY, HOLD, SELL = range(3)


class Specialist(nn.Module):
    """Actor and critic over observations of one instrument: domain features, its own features, which one it is.

    Encoder D -> 256 -> 128 (ReLU) on the domain features; per instrument a head (128 + P) -> 64 -> 3 (BUY, HOLD, SELL);
    value 128 -> 1, so that it knows the field and not the position. Features are standardised by the running moments in
    `normaliser`; the one-hot of the instrument is not. Weights are orthogonal (gain sqrt 2, 0.01 for the actions, 1 for
    the value), drawn from `seed` alone.

    `forward` is what `ppo` calls; `encode`, `logits` and `value_of` are its parts, for all instruments at once.
    """

    def __init__(
        self,
        *,
        domain_features: int,
        instruments: Sequence[str],
        instrument_features: int = 50,
        seed: int,
        encoder: tuple[int, int] = (256, 128),
        hidden: int = 64,
    ) -> None:
        super().__init__()
        if not instruments or min(domain_features, instrument_features) < 1:
            raise ValueError("a specialist needs instruments, domain features and features of an instrument")
        self.instruments = tuple(instruments)
        self.domain_features = domain_features
        self.instrument_features = instrument_features
        self.hidden = hidden
        self.observation_size = domain_features + instrument_features + len(instruments)
        self.normaliser = ObservationNormaliser(self.observation_size)
        generator, gain, count = torch.Generator().manual_seed(seed), math.sqrt(2.0), len(instruments)
        widths = (domain_features, *encoder)
        with one_thread():
            self.encoder = nn.ModuleList(
                orthogonal_linear(widths[i], widths[i + 1], gain=gain, generator=generator) for i in range(2)
            )
            heads = [
                orthogonal_linear(encoder[1] + instrument_features, hidden, gain=gain, generator=generator)
                for _ in range(count)
            ]
            outputs = [orthogonal_linear(hidden, len(ACTIONS), gain=0.01, generator=generator) for _ in range(count)]
            self.value = orthogonal_linear(encoder[1], 1, gain=1.0, generator=generator)
        # All heads side by side: one product serves every instrument.
        self.head_weight = nn.Parameter(torch.cat([head.weight.detach() for head in heads]))
        self.head_bias = nn.Parameter(torch.zeros(count * hidden))
        self.action_weight = nn.Parameter(torch.cat([output.weight.detach() for output in outputs], dim=1))
        self.action_bias = nn.Parameter(torch.zeros(count, len(ACTIONS)))

    def forward(self, observation_BO: Tensor, mask_BL: Tensor | None = None) -> tuple[Categorical, Tensor]:
        """Distribution over ACTIONS and value (B,) of raw observations; actions with a false mask are excluded."""
        domain_BD, own_BP, which_BI = self.split(observation_BO)
        encoding_BE = self.encode(domain_BD)
        hidden_BX = torch.relu_(nn.functional.linear(torch.cat((encoding_BE, own_BP), 1), *self._head()))
        # The other instruments' heads count for nothing, and get no gradient.
        chosen_BIH = hidden_BX.view(-1, len(self.instruments), self.hidden) * which_BI.unsqueeze(2)
        logits_BA = chosen_BIH.flatten(1) @ self.action_weight.t() + which_BI @ self.action_bias
        return Categorical(logits_BA, (len(ACTIONS),), mask_BL), self.value_of(encoding_BE)

    def split(self, observation_BO: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Standardised domain features (B, D) and instrument features (B, P), and the raw one-hot (B, I)."""
        standard_BO = self.normaliser(observation_BO)
        first, second = self.domain_features, self.domain_features + self.instrument_features
        return standard_BO[:, :first], standard_BO[:, first:second], observation_BO[:, second:]

    def encode(self, domain_BD: Tensor) -> Tensor:
        """Encoding (B, E) of standardised domain features."""
        encoding = domain_BD
        for layer in self.encoder:
            encoding = torch.relu_(layer(encoding))
        return encoding

    def logits(self, encoding_BE: Tensor, own_BIP: Tensor) -> Tensor:
        """Logits of ACTIONS for every instrument (B, I, A) from an encoding and standardised instrument features."""
        count, width = len(self.instruments), encoding_BE.shape[1]
        weight_IHX = self.head_weight.view(count, self.hidden, -1)
        shared_BIH = (encoding_BE @ weight_IHX[:, :, :width].flatten(0, 1).t() + self.head_bias).view(
            -1, count, self.hidden
        )
        own_BIH = torch.einsum("bip,ihp->bih", own_BIP, weight_IHX[:, :, width:])
        hidden_BIH = torch.relu(shared_BIH + own_BIH)
        weight_AIH = self.action_weight.view(len(ACTIONS), count, self.hidden)
        return torch.einsum("bih,aih->bia", hidden_BIH, weight_AIH) + self.action_bias

    def value_of(self, encoding_BE: Tensor) -> Tensor:
        """Value (B,) of an encoding."""
        value_B1: Tensor = self.value(encoding_BE)
        return value_B1.squeeze(1)

    @torch.no_grad()
    def act(self, observation_BO: Tensor) -> Tensor:
        """The likeliest action of each observation, (B, 1)."""
        picked: Tensor = self.forward(observation_BO)[0].mode()
        return picked

    def _head(self) -> tuple[Tensor, Tensor]:
        return self.head_weight, self.head_bias
