"""The readable half of PPO: any torch actor-critic, any gymnasium VectorEnv, CPU or GPU."""

# T steps, N environments, A action columns, S samples, E epochs, B minibatch

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.adam import adam

from rookery.learning.flat_parameters import FlatParameters, flatten_parameters
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.ppo_loss import clip_fraction, clipped_surrogate, divergence, normalised, value_loss
from rookery.learning.rollout import Floats, Policy, Rollout, Samples, VectorSampler
from rookery.learning.spaces import action_space
from rookery.models.action_distribution import Choices

KL_MARGIN = 1.5
FIGURES = ("policy_loss", "value_loss", "entropy", "kl", "clip_fraction", "gradient_norm")


class TorchLearner:
    """A policy, its environment and its optimizer."""

    def __init__(
        self, policy: nn.Module, env: VectorEnv[Any, Any, Any], config: PPOConfig, device: torch.device
    ) -> None:
        self.policy = policy.to(device)
        self._evaluate: Policy = policy
        self._config = config
        self._device = device
        self._choices = isinstance(action_space(env.single_action_space), Choices)
        self._sampler = VectorSampler(policy, env, device)
        self._flat = flatten_parameters(policy)
        self._adam = Adam(self._flat, config.adam_epsilon)

    def restart(self, seed: int) -> None:
        """Begin new episodes in every environment, from `seed` alone."""
        self._sampler.restart(seed)

    def collect(self, noise_TNA: Floats) -> Rollout:
        """Act for as many steps as there is noise."""
        return self._sampler.collect(noise_TNA)

    def improve(self, samples: Samples, order_ES: NDArray[np.int64], *, rate: float) -> dict[str, float]:
        """Minimise PPO's loss over minibatches in the given order, a permutation per epoch; means of its figures."""
        config, target_kl = self._config, self._config.target_kl
        held = self._tensors_of(samples)
        losses: list[Tensor] = []
        log_ratios: list[Tensor] = []
        for order_S in torch.from_numpy(order_ES).to(self._device):
            shuffled = {name: torch.split(values[order_S], config.batch_size) for name, values in held.items()}
            for parts in zip(*shuffled.values(), strict=True):
                self._flat.gradient_P.zero_()
                loss, figures, log_ratio_B = self._loss(dict(zip(shuffled, parts, strict=True)))
                loss.backward()  # type: ignore[no-untyped-call]
                losses.append(torch.stack((*figures, self._clip_gradient())))
                log_ratios.append(log_ratio_B)
                if target_kl is not None and float(divergence(log_ratio_B)) > KL_MARGIN * target_kl:
                    return self._figures(losses, log_ratios, stepped=len(losses) - 1)
                self._adam.step(rate)
        return self._figures(losses, log_ratios, stepped=len(losses))

    def _figures(self, losses: list[Tensor], log_ratios: list[Tensor], *, stepped: int) -> dict[str, float]:
        """Means over the minibatches seen."""
        if len({len(log_ratio_B) for log_ratio_B in log_ratios}) == 1:
            # The mean over all samples is then the mean of means, and one large operation costs less than many small.
            log_ratios = [torch.cat(log_ratios)]
        moved = torch.stack([divergence(one_B) for one_B in log_ratios]).double().mean()
        clipped = torch.stack([clip_fraction(one_B, self._config.clip) for one_B in log_ratios]).double().mean()
        policy, value, entropy, norm = torch.stack(losses).double().mean(dim=0).tolist()
        figures = (policy, value, entropy, float(moved), float(clipped), norm)
        return {**dict(zip(FIGURES, figures, strict=True)), "minibatches": float(stepped)}

    def _clip_gradient(self) -> Tensor:
        """Scale the gradient down to the largest norm allowed; its norm before."""
        gradient_P = self._flat.gradient_P
        norm: Tensor = torch.linalg.vector_norm(gradient_P)
        gradient_P.mul_((self._config.max_gradient_norm / (norm + 1e-6)).clamp_(max=1.0))
        return norm

    def _loss(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
        """What to minimise; policy loss, value loss and entropy; log ratios of new to old probabilities."""
        config = self._config
        distribution, values_B = self._evaluate(batch["observations_SO"], batch.get("masks_SL"))
        log_ratio_B = distribution.log_prob(batch["actions_SA"]) - batch["log_probs_S"]
        ratio_B, advantage_B = log_ratio_B.exp(), batch["advantages_S"]
        if config.normalise_advantages:
            advantage_B = normalised(advantage_B)
        policy = clipped_surrogate(ratio_B, advantage_B, config.clip)
        value = value_loss(values_B, batch["values_S"], batch["returns_S"], config.clip_value)
        # An entropy that weighs nothing is only a figure: it need not be differentiated.
        with torch.set_grad_enabled(config.entropy_coefficient > 0.0):
            entropy = distribution.entropy().mean()
        loss = policy + config.value_coefficient * value
        if config.entropy_coefficient > 0.0:
            loss = loss - config.entropy_coefficient * entropy
        return loss, (policy.detach(), value.detach(), entropy.detach()), log_ratio_B.detach()

    def _tensors_of(self, samples: Samples) -> dict[str, Tensor]:
        arrays = {name: getattr(samples, name) for name in Samples.__dataclass_fields__}
        held = {name: torch.from_numpy(a).to(self._device) for name, a in arrays.items() if a is not None}
        if self._choices:
            held["actions_SA"] = held["actions_SA"].long()
        return held

    def tensors(self) -> dict[str, Tensor]:
        """Weights, Adam's moments and the sampler's place, on the CPU."""
        held = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        held |= self._adam.tensors()
        held |= {f"sampler.{name}": value for name, value in self._sampler.tensors().items()}
        return {name: value.detach().cpu().clone() for name, value in held.items()}

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned."""
        self.policy.load_state_dict(under("policy", held))
        self._adam.restore(held)
        self._sampler.restore(under("sampler", held))


class Adam:
    """Kingma and Ba's optimizer over one vector. torch's own class spends more on one small vector than its kernel."""

    def __init__(self, flat: FlatParameters, epsilon: float) -> None:
        self._flat, self._epsilon = flat, epsilon
        self._first_P, self._second_P = torch.zeros_like(flat.gradient_P), torch.zeros_like(flat.gradient_P)
        self._steps = torch.zeros((), device=flat.gradient_P.device)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the parameters against their gradient."""
        adam(
            [self._flat.values_P],
            [self._flat.gradient_P],
            [self._first_P],
            [self._second_P],
            [],
            [self._steps],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=0.0,
            eps=self._epsilon,
            maximize=False,
        )

    def tensors(self) -> dict[str, Tensor]:
        """The moments and the number of steps."""
        return {"exp_avg": self._first_P, "exp_avg_sq": self._second_P, "adam_steps": self._steps}

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned."""
        for name, value in self.tensors().items():
            value.copy_(held[name])


def under(prefix: str, held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries `prefix.name`, by name."""
    return {name.removeprefix(f"{prefix}."): v for name, v in held.items() if name.startswith(f"{prefix}.")}
