"""PPO for several learners that share an encoder: a loss each, their conflicts on the encoder settled at every step."""

# T steps, N environments, S samples, E epochs, B minibatch, K learners that learn, P shared parameters, Z encoding

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rookery.learning.flat_parameters import flatten_parameters
from rookery.learning.gradient_coordination import GradientCoordinationSystem
from rookery.learning.gradients import clipped
from rookery.learning.joint_rollout import actions_of
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.ppo_loss import clip_fraction, clipped_surrogate, divergence, normalised, value_loss
from rookery.learning.rollout import Floats, Rollout
from rookery.learning.torch_learner import Adam, under
from rookery.models.joint_policy import JointPolicy

SHARED = "shared"
FIGURES = ("policy_loss", "value_loss", "entropy", "kl", "clip_fraction", "gradient_norm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What one learner learns from a rollout: its record, advantages and returns (T, N)."""

    rollout: Rollout
    advantages_TN: Floats
    returns_TN: Floats


class JointLearner:
    """A joint policy and one optimizer (Adam) per learner and for the shared encoder.

    Every loss is the clipped surrogate + value_coefficient x value loss - entropy_coefficient x entropy of the
    learner's own actions. Its gradient moves the learner's own parameters, clipped to `max_norm`; on the encoder the
    gradients of all that learn are combined by `coordination`, then clipped. Rates are those of `coordination`.
    """

    def __init__(
        self, policy: JointPolicy, config: PPOConfig, coordination: GradientCoordinationSystem, *, max_norm: float
    ) -> None:
        self.policy, self.coordination = policy, coordination
        self._config, self._max_norm = config, max_norm
        self._flat = {name: flatten_parameters(policy.own_parts(name)) for name in policy.learners}
        self._flat[SHARED] = flatten_parameters(policy.encoder)
        self._adam = {name: Adam(flat, config.adam_epsilon) for name, flat in self._flat.items()}
        self._shared = list(policy.encoder.parameters())

    def improve(self, lessons: Mapping[str, Lesson], order_ES: NDArray[np.int64]) -> dict[str, float]:
        """Minimise the losses of `lessons` over minibatches in the given order; means of their figures.

        Figures are named `learner.figure`, alignments (cosines on the encoder) `alignment.one.other`.
        """
        held = {name: _tensors(name, lesson) for name, lesson in lessons.items()}
        first = next(iter(lessons.values())).rollout.observations_TNO
        observations_SO = torch.from_numpy(first.reshape(-1, first.shape[2]))
        rows: list[Tensor] = []
        cosines: list[NDArray[np.float64]] = []
        for order_S in torch.from_numpy(np.ascontiguousarray(order_ES)):
            for chosen_B in torch.split(order_S, self._config.batch_size):
                batch = {name: {key: one[chosen_B] for key, one in parts.items()} for name, parts in held.items()}
                rows.append(self._step(observations_SO[chosen_B], batch))
                cosines.append(self.coordination.alignment_KK)
        return self._figures(list(lessons), rows, cosines)

    def _step(self, observation_BO: Tensor, batch: Mapping[str, Mapping[str, Tensor]]) -> Tensor:
        """One step of all that learn; their figures (K, F)."""
        encoding_BZ = self.policy.encode(observation_BO)
        figures, pulls = [], []
        for name, parts in batch.items():
            # A leaf of its own, so that what this loss asks of the encoder can be told from what the others ask.
            leaf_BZ = encoding_BZ.detach().requires_grad_()
            flat = self._flat[name]
            flat.gradient_P.zero_()
            loss, seen = self._loss(name, observation_BO, leaf_BZ, parts)
            loss.backward()  # type: ignore[no-untyped-call]
            pull = leaf_BZ.grad
            pulls.append(torch.zeros_like(encoding_BZ) if pull is None else pull)
            norm = torch.linalg.vector_norm(flat.gradient_P)
            flat.gradient_P.mul_((self._max_norm / (norm + 1e-6)).clamp_(max=1.0))
            figures.append(torch.stack((*seen, norm)))
        self._share(encoding_BZ, pulls)
        rates = self.coordination.learning_rates
        for name in (*batch, SHARED):
            self._adam[name].step(rates[name])
        return torch.stack(figures)

    def _share(self, encoding_BZ: Tensor, pulls: Sequence[Tensor]) -> None:
        """The encoder's gradient: each learner's by the chain rule, then one of all."""
        rows = []
        for pull_BZ in pulls:
            parts = torch.autograd.grad(encoding_BZ, self._shared, grad_outputs=pull_BZ, retain_graph=True)
            rows.append(torch.cat([part.reshape(-1) for part in parts]))
        combined_P = self.coordination.combine(torch.stack(rows)) if len(rows) > 1 else rows[0]
        self._flat[SHARED].gradient_P.copy_(clipped(combined_P, self._max_norm))

    def _loss(
        self, name: str, observation_BO: Tensor, encoding_BZ: Tensor, parts: Mapping[str, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        config = self._config
        distribution, value_B = self.policy.judged_by(name, observation_BO, encoding_BZ)
        log_ratio_B = distribution.log_prob(parts["actions"]) - parts["log_probs"]
        advantage_B = normalised(parts["advantages"]) if config.normalise_advantages else parts["advantages"]
        policy = clipped_surrogate(log_ratio_B.exp(), advantage_B, config.clip)
        value = value_loss(value_B, parts["values"], parts["returns"], config.clip_value)
        with torch.set_grad_enabled(config.entropy_coefficient > 0.0):
            entropy = distribution.entropy().mean()
        loss = policy + config.value_coefficient * value
        if config.entropy_coefficient > 0.0:
            loss = loss - config.entropy_coefficient * entropy
        moved_B = log_ratio_B.detach()
        seen = (
            policy.detach(),
            value.detach(),
            entropy.detach(),
            divergence(moved_B),
            clip_fraction(moved_B, config.clip),
        )
        return loss, seen

    def _figures(
        self, learners: Sequence[str], rows: Sequence[Tensor], cosines: Sequence[NDArray[np.float64]]
    ) -> dict[str, float]:
        mean_KF = torch.stack(list(rows)).double().mean(dim=0).tolist()
        found = {
            f"{learner}.{figure}": float(value)
            for learner, values in zip(learners, mean_KF, strict=True)
            for figure, value in zip(FIGURES, values, strict=True)
        }
        if len(learners) > 1:
            cosine_KK = np.mean(cosines, axis=0)
            for i, one in enumerate(learners):
                for j in range(i + 1, len(learners)):
                    found[f"alignment.{one}.{learners[j]}"] = float(cosine_KK[i, j])
        return found

    def tensors(self) -> dict[str, Tensor]:
        """Weights and Adam's moments."""
        held = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        for name, adam in self._adam.items():
            held |= {f"adam.{name}.{key}": value for key, value in adam.tensors().items()}
        return {name: value.detach().clone() for name, value in held.items()}

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned."""
        self.policy.load_state_dict(under("policy", held))
        for name, adam in self._adam.items():
            adam.restore(under(f"adam.{name}", held))


def _tensors(learner: str, lesson: Lesson) -> dict[str, Tensor]:
    rollout = lesson.rollout
    flat = {
        "log_probs": rollout.log_probs_TN,
        "values": rollout.values_TN,
        "advantages": lesson.advantages_TN,
        "returns": lesson.returns_TN,
    }
    held = {name: torch.from_numpy(np.ascontiguousarray(values).reshape(-1)) for name, values in flat.items()}
    return {"actions": actions_of(rollout, learner), **held}
