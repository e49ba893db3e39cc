"""The readable half of PPO: any torch actor-critic, any gymnasium VectorEnv, CPU or GPU."""

# T steps, N environments, A action columns, S samples, E epochs, B minibatch

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from torch import Tensor, nn

from rookery.learning.flat_parameters import flatten_parameters
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
        self._adam = torch.optim.Adam([self._flat.values_P], eps=config.adam_epsilon, fused=True)

    def restart(self, seed: int) -> None:
        """Begin new episodes in every environment, from `seed` alone."""
        self._sampler.restart(seed)

    def collect(self, noise_TNA: Floats) -> Rollout:
        """Act for as many steps as there is noise."""
        return self._sampler.collect(noise_TNA)

    def improve(self, samples: Samples, order_ES: NDArray[np.int64], *, rate: float) -> dict[str, float]:
        """Minimise PPO's loss over minibatches in the given order, a permutation per epoch; means of its figures."""
        config, target_kl = self._config, self._config.target_kl
        self._adam.param_groups[0]["lr"] = rate
        held = self._tensors_of(samples)
        seen: list[Tensor] = []
        for order_S in torch.from_numpy(order_ES).to(self._device):
            shuffled = {name: torch.split(values[order_S], config.batch_size) for name, values in held.items()}
            for parts in zip(*shuffled.values(), strict=True):
                self._flat.gradient_P.zero_()
                loss, figures = self._loss(dict(zip(shuffled, parts, strict=True)))
                loss.backward()  # type: ignore[no-untyped-call]
                norm = self._clip_gradient()
                seen.append(torch.stack((*figures, norm)))
                if target_kl is not None and float(seen[-1][FIGURES.index("kl")]) > KL_MARGIN * target_kl:
                    return _means(seen, stepped=len(seen) - 1)
                self._adam.step()
        return _means(seen, stepped=len(seen))

    def _clip_gradient(self) -> Tensor:
        """Scale the gradient down to the largest norm allowed; its norm before."""
        gradient_P = self._flat.gradient_P
        norm: Tensor = torch.linalg.vector_norm(gradient_P)
        gradient_P.mul_((self._config.max_gradient_norm / (norm + 1e-6)).clamp_(max=1.0))
        return norm

    def _loss(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
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
        log_ratio_B, ratio_B = log_ratio_B.detach(), ratio_B.detach()
        moved, clipped = divergence(log_ratio_B, ratio_B), clip_fraction(ratio_B, config.clip)
        return loss, (policy.detach(), value.detach(), entropy.detach(), moved, clipped)

    def _tensors_of(self, samples: Samples) -> dict[str, Tensor]:
        arrays = {name: getattr(samples, name) for name in Samples.__dataclass_fields__}
        held = {name: torch.from_numpy(a).to(self._device) for name, a in arrays.items() if a is not None}
        if self._choices:
            held["actions_SA"] = held["actions_SA"].long()
        return held

    def tensors(self) -> dict[str, Tensor]:
        """Weights, Adam's moments and the sampler's place, on the CPU."""
        state = self._adam.state.get(self._flat.values_P, {})
        blank = torch.zeros_like(self._flat.values_P)
        held = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        held |= {name: state.get(name, blank) for name in ("exp_avg", "exp_avg_sq")}
        held |= {"adam_steps": state.get("step", torch.zeros(()))}
        held |= {f"sampler.{name}": value for name, value in self._sampler.tensors().items()}
        return {name: value.detach().cpu().clone() for name, value in held.items()}

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned."""
        self.policy.load_state_dict(under("policy", held))
        moments = {name: held[name].to(self._device).clone() for name in ("exp_avg", "exp_avg_sq")}
        self._adam.state[self._flat.values_P] = {"step": held["adam_steps"].to(self._device).clone(), **moments}
        self._sampler.restore(under("sampler", held))


def under(prefix: str, held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries `prefix.name`, by name."""
    return {name.removeprefix(f"{prefix}."): v for name, v in held.items() if name.startswith(f"{prefix}.")}


def _means(seen: list[Tensor], *, stepped: int) -> dict[str, float]:
    means = torch.stack(seen).double().mean(dim=0).tolist()
    return {**dict(zip(FIGURES, means, strict=True)), "minibatches": float(stepped)}
