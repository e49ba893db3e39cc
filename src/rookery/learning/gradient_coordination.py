"""Several learners' gradients on shared parameters made into one update, and their learning rates kept in hand."""

# K losses, P shared parameters

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rookery.learning.adaptive_rate import AdaptiveRate, RateRule
from rookery.learning.gradients import alignment, cagrad, clipped, flat_gradient, pcgrad

Method = Literal["pcgrad", "cagrad", "sum"]
METHODS: tuple[Method, ...] = get_args(Method)
Gradients = Mapping[str, Tensor | None]


class GradientCoordinationSystem:
    """Settles conflicts between the meta-controller's gradient and the specialists' on what they share.

    `method`: pcgrad (Yu et al. 2020), cagrad (Liu et al. 2021, radius `cagrad_c`, times the number of losses so that it
    is of the size of a sum), or sum, which settles nothing. `learning_rates`: one to start with per learner's name.
    PCGrad's order is drawn from `seed` and the number of updates so far, so `state` is all that a resumed run needs.
    `alignment_KK` holds the cosines between the gradients of the last update, the meta-controller's first.
    """

    def __init__(
        self,
        *,
        seed: int,
        method: Method = "pcgrad",
        cagrad_c: float = 0.5,
        learning_rates: Mapping[str, float] | None = None,
        rule: RateRule | None = None,
    ) -> None:
        if method not in METHODS:
            raise ValueError(f"no method '{method}'; known: {', '.join(METHODS)}")
        self.alignment_KK: NDArray[np.float64] = np.eye(1)
        self._method, self._c, self._seed = method, cagrad_c, seed
        self._updates = 0
        self._rates = {name: AdaptiveRate(rate, rule or RateRule()) for name, rate in (learning_rates or {}).items()}

    def coordinate_updates(
        self, meta_gradients: Gradients, specialist_gradients: Mapping[str, Gradients]
    ) -> dict[str, Tensor]:
        """One gradient per shared parameter, from the meta-controller's (by parameter) and each specialist's.

        None and a missing parameter count as 0. Raises ValueError when no gradient is given or shapes differ.
        """
        every = [meta_gradients, *specialist_gradients.values()]
        like = {name: value for gradients in every for name, value in gradients.items() if value is not None}
        if not like:
            raise ValueError("no gradient is given")
        for gradients in every:
            for name, value in gradients.items():
                if value is not None and value.shape != like[name].shape:
                    raise ValueError(f"gradients of '{name}' have shapes {value.shape} and {like[name].shape}")
        combined_P = self.combine(torch.stack([flat_gradient(gradients, like) for gradients in every]))
        parts = torch.split(combined_P, [value.numel() for value in like.values()])
        return {name: part.view(value.shape) for part, (name, value) in zip(parts, like.items(), strict=True)}

    def combine(self, gradients_KP: Tensor) -> Tensor:
        """One gradient (P,) from K; remembers their alignment."""
        self.alignment_KK = alignment(gradients_KP)
        generator = np.random.default_rng((self._seed, self._updates))
        self._updates += 1
        if self._method == "pcgrad":
            return pcgrad(gradients_KP, generator)
        if self._method == "cagrad":
            return cagrad(gradients_KP, self._c) * len(gradients_KP)
        return gradients_KP.sum(dim=0)

    def adaptive_learning_rates(self, performance_metrics: Mapping[str, float]) -> dict[str, float]:
        """Every learner's rate after the performances given (see RateRule). Raises KeyError for a learner unknown."""
        for name, performance in performance_metrics.items():
            self._rates[name].after(performance)
        return self.learning_rates

    @property
    def learning_rates(self) -> dict[str, float]:
        """Every learner's rate as it stands."""
        return {name: adaptive.rate for name, adaptive in self._rates.items()}

    def gradient_clipping(self, gradients: Gradients, max_norm: float = 1.0) -> dict[str, Tensor]:
        """The gradients, all scaled by one factor where their common length exceeds `max_norm`; None stays away."""
        given = {name: value for name, value in gradients.items() if value is not None}
        if not given:
            return {}
        flat_P = clipped(flat_gradient(given, given), max_norm)
        parts = torch.split(flat_P, [value.numel() for value in given.values()])
        return {name: part.view(value.shape) for part, (name, value) in zip(parts, given.items(), strict=True)}

    def state(self) -> dict[str, Any]:
        """All there is to restore, in JSON values."""
        return {"updates": self._updates, "rates": {name: one.state() for name, one in self._rates.items()}}

    def restore(self, held: Mapping[str, Any]) -> None:
        """Go on from what `state` returned. Raises ValueError when it is of other learners."""
        if held["rates"].keys() != self._rates.keys():
            raise ValueError(f"rates of {sorted(held['rates'])} for learners {sorted(self._rates)}")
        self._updates = int(held["updates"])
        for name, one in self._rates.items():
            one.restore(held["rates"][name])
