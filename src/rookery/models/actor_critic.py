"""An actor and a critic on multilayer perceptrons, with the observation statistics that they were trained on."""

# B batch, O observation, H hidden, L policy outputs, A amounts

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import linear

from rookery.models.action_distribution import ActionDistribution, ActionSpace, Amounts, distribution
from rookery.models.initialisation import one_thread, orthogonal_linear

Activation = Literal["tanh", "relu"]
LARGEST_NORMALISED = 10.0
SMALLEST_VARIANCE = 1e-8


class ObservationNormaliser(nn.Module):
    """Running mean and variance of every observation, held in buffers so that they are saved with the policy.

    They move only when `update` is called (training calls it between rollouts), so they are frozen at evaluation.
    """

    mean_O: Tensor
    variance_O: Tensor
    count: Tensor

    def __init__(self, observation_size: int) -> None:
        super().__init__()
        self.register_buffer("mean_O", torch.zeros(observation_size, dtype=torch.float64))
        self.register_buffer("variance_O", torch.ones(observation_size, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(self, observation_BO: Tensor) -> Tensor:
        """(x - mean) / std in float32, clipped to +-10."""
        scale_O = (self.variance_O + SMALLEST_VARIANCE).rsqrt().float()
        standard = (observation_BO - self.mean_O.float()) * scale_O
        return standard.clamp(-LARGEST_NORMALISED, LARGEST_NORMALISED)

    def update(self, observation_SO: NDArray[np.float32]) -> None:
        """Merge a batch's moments (Chan, Golub and LeVeque 1979); population variance, float64."""
        mean, variance, count = self.mean_O.cpu().numpy(), self.variance_O.cpu().numpy(), float(self.count)
        batch = observation_SO.astype(np.float64)
        added, total = float(len(batch)), count + len(batch)
        difference = batch.mean(axis=0) - mean
        squares = variance * count + batch.var(axis=0) * added + difference**2 * count * added / total
        self.mean_O.copy_(torch.from_numpy(mean + difference * added / total))
        self.variance_O.copy_(torch.from_numpy(squares / total))
        self.count.fill_(total)


class ActorCritic(nn.Module):
    """Policy and value of an observation, from one shared trunk or from one trunk each.

    Weights are orthogonal (gain sqrt 2 in trunks, 0.01 for the policy's head, 1 for the value's), biases 0, drawn from
    `seed` alone. Amounts have a log standard deviation that does not depend on the observation.
    """

    def __init__(
        self,
        *,
        observation_size: int,
        actions: ActionSpace,
        seed: int,
        hidden: Sequence[int] = (64, 64),
        activation: Activation = "tanh",
        shared: bool = False,
        normalise: bool = False,
        log_std: float = 0.0,
    ) -> None:
        super().__init__()
        if not hidden or min(hidden) < 1:
            raise ValueError(f"hidden widths are {tuple(hidden)}; expected at least one, all positive")
        self.observation_size = observation_size
        self.actions = actions
        self.hidden = tuple(hidden)
        self.activation = activation
        self.shared = shared
        generator = torch.Generator().manual_seed(seed)
        self.normaliser = ObservationNormaliser(observation_size) if normalise else None
        widths = (observation_size, *hidden)
        with one_thread():
            self.trunks = nn.ModuleList(_trunk(widths, generator) for _ in range(1 if shared else 2))
            self.policy = orthogonal_linear(hidden[-1], actions.outputs, gain=0.01, generator=generator)
            self.value = orthogonal_linear(hidden[-1], 1, gain=1.0, generator=generator)
        amounts = isinstance(actions, Amounts)
        self.log_std_A = nn.Parameter(torch.full((actions.outputs,), log_std)) if amounts else None

    def forward(self, observation_BO: Tensor, mask_BL: Tensor | None = None) -> tuple[ActionDistribution, Tensor]:
        """Distribution over actions and value (B,) of raw observations; choices with a false mask are excluded."""
        input_BO = self._normalised(observation_BO)
        features = [self._features(trunk, input_BO) for trunk in self.trunks]
        outputs_BL = self.policy(features[0])
        value_B = self.value(features[-1]).squeeze(1)
        return distribution(outputs_BL, self.actions, self.log_std_A, mask_BL), value_B

    def distribution(self, observation_BO: Tensor, mask_BL: Tensor | None = None) -> ActionDistribution:
        """The distribution alone: acting needs no value."""
        features_BH = self._features(self.trunks[0], self._normalised(observation_BO))
        return distribution(self.policy(features_BH), self.actions, self.log_std_A, mask_BL)

    @torch.no_grad()
    def act(self, observation_BO: Tensor, mask_BL: Tensor | None = None) -> Tensor:
        """The likeliest actions, amounts clipped to their bounds."""
        picked = self.distribution(observation_BO, mask_BL).mode()
        if not isinstance(self.actions, Amounts):
            return picked
        low, high = (torch.tensor(bound, device=picked.device) for bound in (self.actions.low, self.actions.high))
        return picked.clamp(low, high)

    def _normalised(self, observation_BO: Tensor) -> Tensor:
        if self.normaliser is None:
            return observation_BO
        input_BO: Tensor = self.normaliser(observation_BO)
        return input_BO

    def _features(self, trunk: nn.Module, input_BO: Tensor) -> Tensor:
        # In place: a linear layer does not need its own output again, and fresh memory costs more than the arithmetic.
        squash = torch.tanh_ if self.activation == "tanh" else torch.relu_
        features = input_BO
        for layer in cast(Iterable[nn.Linear], trunk):
            features = squash(linear(features, layer.weight, layer.bias))
        return features


def _trunk(widths: Sequence[int], generator: torch.Generator) -> nn.ModuleList:
    gain = math.sqrt(2.0)
    return nn.ModuleList(
        orthogonal_linear(size, width, gain=gain, generator=generator) for size, width in pairwise(widths)
    )
