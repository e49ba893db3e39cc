"""PPO for several learners that share an encoder: a loss each, their conflicts on the encoder settled at every step."""

# T steps, N environments, B minibatch, K learners that learn, P shared parameters, F figures

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rookery.learning.flat_parameters import flatten_parameters
from rookery.learning.gradient_coordination import GradientCoordinationSystem
from rookery.learning.gradients import clipped
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.ppo_loss import clip_fraction, clipped_surrogate, divergence, normalised, value_loss
from rookery.learning.rollout import Floats, Rollout
from rookery.learning.torch_learner import Adam, under
from rookery.models.joint_policy import META, JointPolicy

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
    It learns where the policy is.
    """

    def __init__(
        self, policy: JointPolicy, config: PPOConfig, coordination: GradientCoordinationSystem, *, max_norm: float
    ) -> None:
        self.policy, self.coordination = policy, coordination
        self._config, self._max_norm = config, max_norm
        self._flat = {name: flatten_parameters(policy.own_parts(name)) for name in policy.learners}
        self._flat[SHARED] = flatten_parameters(policy.encoder)
        self._adam = {name: Adam(flat, config.adam_epsilon) for name, flat in self._flat.items()}

    def improve(self, lessons: Mapping[str, Lesson], generator: np.random.Generator) -> dict[str, float]:
        """Minimise the losses of `lessons` over minibatches in random order; means of their figures.

        Who acted less often than others has as many minibatches, of fewer samples; who did not act at all is left out.
        Figures are named `learner.figure`, alignments (cosines on the encoder) `alignment.one.other`.
        """
        held = {
            name: {key: values.to(self.policy.device) for key, values in _tensors(name, lesson).items()}
            for name, lesson in lessons.items()
            if lesson.rollout.acted_TN.any()
        }
        if not held:
            return {}
        parts = -(-max(len(one["returns"]) for one in held.values()) // self._config.batch_size)
        rows: list[Tensor] = []
        cosines: list[NDArray[np.float64]] = []
        for _ in range(self._config.num_epochs):
            orders = {
                name: np.array_split(generator.permutation(len(one["returns"])), parts) for name, one in held.items()
            }
            for part in range(parts):
                chosen = {name: torch.from_numpy(order[part]).to(self.policy.device) for name, order in orders.items()}
                batch = {
                    name: {key: values[chosen[name]] for key, values in one.items()}
                    for name, one in held.items()
                    if len(chosen[name])
                }
                if len(batch) == len(held):
                    rows.append(self._step(batch))
                    cosines.append(self.coordination.alignment_KK)
        return self._figures(list(held), rows, cosines)

    def _step(self, batch: Mapping[str, Mapping[str, Tensor]]) -> Tensor:
        """One step of all that learn; their figures (K, F)."""
        figures, pulls = [], []
        shared_P = self._flat[SHARED].gradient_P
        for name, parts in batch.items():
            flat = self._flat[name]
            flat.gradient_P.zero_()
            shared_P.zero_()
            loss, seen = self._loss(name, parts)
            loss.backward()  # type: ignore[no-untyped-call]
            # What this loss alone asks of the encoder.
            pulls.append(shared_P.clone())
            norm = torch.linalg.vector_norm(flat.gradient_P)
            flat.gradient_P.mul_((self._max_norm / (norm + 1e-6)).clamp_(max=1.0))
            figures.append(torch.stack((*seen, norm)))
        combined_P = self.coordination.combine(torch.stack(pulls)) if len(pulls) > 1 else pulls[0]
        shared_P.copy_(clipped(combined_P, self._max_norm))
        rates = self.coordination.learning_rates
        for name in (*batch, SHARED):
            self._adam[name].step(rates[name])
        return torch.stack(figures)

    def _loss(self, name: str, parts: Mapping[str, Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        config, observation_BO = self._config, parts["observations"]
        distribution, value_B = self.policy.judged_by(name, observation_BO, self.policy.encode(observation_BO))
        log_ratio_B = distribution.log_prob(parts["actions"]) - parts["log_probs"]
        policy = clipped_surrogate(log_ratio_B.exp(), parts["advantages"], config.clip)
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
        """Weights and Adam's moments, on the CPU."""
        held = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        for name, adam in self._adam.items():
            held |= {f"adam.{name}.{key}": value for key, value in adam.tensors().items()}
        return {name: value.detach().cpu().clone() for name, value in held.items()}

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned."""
        self.policy.load_state_dict(under("policy", held))
        for name, adam in self._adam.items():
            adam.restore(under(f"adam.{name}", held))


def _tensors(learner: str, lesson: Lesson) -> dict[str, Tensor]:
    """The steps in which the learner acted, one under another; advantages are normalised over all of them."""
    rollout, acted_TN = lesson.rollout, lesson.rollout.acted_TN
    actions = torch.from_numpy(rollout.actions_TNA[acted_TN])
    return {
        "observations": torch.from_numpy(rollout.observations_TNO[acted_TN]),
        "actions": actions if learner == META else actions.long(),
        "log_probs": torch.from_numpy(rollout.log_probs_TN[acted_TN]),
        "values": torch.from_numpy(rollout.values_TN[acted_TN]),
        "advantages": normalised(torch.from_numpy(lesson.advantages_TN[acted_TN])),
        "returns": torch.from_numpy(lesson.returns_TN[acted_TN]),
    }
