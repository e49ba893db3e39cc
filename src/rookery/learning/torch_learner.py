"""The readable half of PPO: any torch actor-critic, any gymnasium VectorEnv, CPU or GPU."""

# T steps, N environments, A action columns, S samples, E epochs, B minibatch

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from torch import Tensor, nn

from rookery.learning.ppo_config import PPOConfig
from rookery.learning.ppo_loss import clip_fraction, clipped_surrogate, divergence, normalised, value_loss
from rookery.learning.rollout import Floats, Policy, Rollout, Samples, VectorSampler
from rookery.learning.spaces import action_space
from rookery.models.action_distribution import Choices

KL_MARGIN = 1.5
FIGURES = ("policy_loss", "value_loss", "entropy", "kl", "clip_fraction", "gradient_norm")
_MOMENTS = ("exp_avg", "exp_avg_sq")


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
        self._optimizer = torch.optim.Adam(
            policy.parameters(), lr=config.learning_rate, eps=config.adam_epsilon, fused=True
        )

    def restart(self, seed: int) -> None:
        """Begin new episodes in every environment, from `seed` alone."""
        self._sampler.restart(seed)

    def collect(self, noise_TNA: Floats) -> Rollout:
        """Act for as many steps as there is noise."""
        return self._sampler.collect(noise_TNA)

    def improve(self, samples: Samples, order_ES: NDArray[np.int64], *, rate: float) -> dict[str, float]:
        """Minimise PPO's loss over minibatches in the given order, a permutation per epoch; means of its figures."""
        config = self._config
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        held = {name: self._tensor(getattr(samples, name)) for name in Samples.__dataclass_fields__}
        if self._choices:
            held["actions_SA"] = held["actions_SA"].long()
        sums, seen, stepped = torch.zeros(len(FIGURES), device=self._device), 0, 0
        for order_S in torch.from_numpy(order_ES).to(self._device):
            for rows_B in order_S.split(config.batch_size):
                loss, figures = self._loss({name: None if v is None else v[rows_B] for name, v in held.items()})
                self._optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                norm = nn.utils.clip_grad_norm_(self.policy.parameters(), config.max_gradient_norm)
                sums += torch.cat((figures, norm.detach().reshape(1)))
                seen += 1
                if config.target_kl is not None and float(figures[FIGURES.index("kl")]) > KL_MARGIN * config.target_kl:
                    return _means(sums, seen, stepped)
                self._optimizer.step()
                stepped += 1
        return _means(sums, seen, stepped)

    def _loss(self, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        config = self._config
        distribution, values_B = self._evaluate(batch["observations_SO"], batch["masks_SL"])
        log_prob_B, old_log_prob_B = distribution.log_prob(batch["actions_SA"]), batch["log_probs_S"]
        advantage_B = batch["advantages_S"]
        if config.normalise_advantages:
            advantage_B = normalised(advantage_B)
        policy = clipped_surrogate(log_prob_B, old_log_prob_B, advantage_B, config.clip)
        value = value_loss(values_B, batch["values_S"], batch["returns_S"], config.clip_value)
        entropy = distribution.entropy().mean()
        loss = policy + config.value_coefficient * value - config.entropy_coefficient * entropy
        with torch.no_grad():
            moved = divergence(log_prob_B, old_log_prob_B)
            clipped = clip_fraction(log_prob_B, old_log_prob_B, config.clip)
        return loss, torch.stack((policy, value, entropy, moved, clipped)).detach()

    def _tensor(self, values: NDArray[Any] | None) -> Any:  # noqa: ANN401  a tensor, or None as it came
        return None if values is None else torch.from_numpy(values).to(self._device)

    def tensors(self) -> dict[str, Tensor]:
        """Weights, Adam's moments and the sampler's place, on the CPU."""
        held = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        steps = torch.zeros(())
        for name, parameter in self.policy.named_parameters():
            state = self._optimizer.state.get(parameter, {})
            steps = state.get("step", steps)
            held |= {f"{kind}.{name}": state.get(kind, torch.zeros_like(parameter)) for kind in _MOMENTS}
        held |= {"adam_steps": steps} | {f"sampler.{name}": value for name, value in self._sampler.tensors().items()}
        return {name: value.detach().cpu().clone() for name, value in held.items()}

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned."""
        self.policy.load_state_dict(under("policy", held))
        for name, parameter in self.policy.named_parameters():
            moments = {kind: held[f"{kind}.{name}"].to(self._device).clone() for kind in _MOMENTS}
            self._optimizer.state[parameter] = {"step": held["adam_steps"].clone(), **moments}
        self._sampler.restore(under("sampler", held))


def under(prefix: str, held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries `prefix.name`, by name."""
    return {name.removeprefix(f"{prefix}."): v for name, v in held.items() if name.startswith(f"{prefix}.")}


def _means(sums: Tensor, seen: int, stepped: int) -> dict[str, float]:
    return {**dict(zip(FIGURES, (sums.double() / seen).tolist(), strict=True)), "minibatches": float(stepped)}
