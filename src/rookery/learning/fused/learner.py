"""The fast half of PPO: an actor-critic of multilayer perceptrons in a compiled environment, on one CPU core."""

# T steps, N environments, A action columns, S samples, E epochs, P parameters

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from torch import Tensor, nn

from rookery.compiled_env import Compiled
from rookery.learning.flat_parameters import flatten_parameters
from rookery.learning.fused.gradient import LossSettings, Rows
from rookery.learning.fused.network import Network
from rookery.learning.fused.rollout import Normaliser, Recording, compiled_rollout, normalise
from rookery.learning.fused.update import Adam, improve
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.rollout import Floats, Rollout, Samples
from rookery.learning.spaces import environment_bounds, observation_size
from rookery.learning.torch_learner import FIGURES, under
from rookery.models.action_distribution import Choices
from rookery.models.actor_critic import LARGEST_NORMALISED, SMALLEST_VARIANCE, ActorCritic

_BETA1, _BETA2 = 0.9, 0.999


def allows(policy: nn.Module, env: VectorEnv[Any, Any, Any], device: torch.device) -> bool:
    """Whether policy, environment and device are ones that the fused path knows."""
    parameters = tuple(policy.parameters())
    plain = type(policy) is ActorCritic and all(p.dtype is torch.float32 and p.requires_grad for p in parameters)
    return plain and isinstance(env, Compiled) and device.type == "cpu"


class FusedLearner:
    """A policy whose weights lie in one flat vector, its compiled environment and its optimizer.

    The policy's own parameters become views of the vector, so that the module is never out of date.
    """

    def __init__(self, policy: ActorCritic, env: VectorEnv[Any, Any, Any], config: PPOConfig) -> None:
        if not isinstance(env, Compiled):
            raise TypeError("the fused path needs a compiled environment")
        self.policy = policy
        self._env = env
        self._num_envs = env.num_envs
        self._size = observation_size(env.single_observation_space)
        self._low_A, self._high_A = environment_bounds(env.single_action_space)
        self._parameters_P, self._network = flatten(policy)
        moments = np.zeros((2, len(self._parameters_P)), np.float32)
        self._adam = Adam(moments[0], moments[1], _BETA1, _BETA2, np.float32(config.adam_epsilon))
        self._adam_steps = 0
        self._config = config
        self._settings = LossSettings(
            np.float32(config.clip),
            np.float32(-1.0 if config.clip_value is None else config.clip_value),
            np.float32(config.value_coefficient),
            np.float32(config.entropy_coefficient),
            config.normalise_advantages,
        )
        self._record = self._recording(config.rollout_steps)
        self._rollout = compiled_rollout(env.step_kernel)

    def restart(self, seed: int) -> None:
        """Begin new episodes in every environment, from `seed` alone."""
        self._env.start(seed)
        self._env.reset_kernel(self._env.state, self._env.params, self._record.seen_TNO[-1])

    def collect(self, noise_TNA: Floats) -> Rollout:
        """Act for as many steps as there is noise."""
        last_NO = self._record.seen_TNO[-1]
        if len(noise_TNA) != len(self._record.rewards_TN):
            self._record = self._recording(len(noise_TNA))
        record = self._record
        record.seen_TNO[0] = last_NO
        record.final_values_TN[:] = 0.0
        self._rollout(
            self._network,
            self._parameters_P,
            self._normaliser(),
            self._env.state,
            self._env.params,
            self._low_A,
            self._high_A,
            noise_TNA,
            record,
        )
        return Rollout(
            observations_TNO=record.seen_TNO[:-1],
            masks_TNL=None,
            actions_TNA=record.actions_TNA,
            log_probs_TN=record.log_probs_TN,
            values_TN=record.values_TN[:-1],
            last_values_N=record.values_TN[-1],
            rewards_TN=record.rewards_TN,
            terminated_TN=record.terminated_TN,
            truncated_TN=record.truncated_TN,
            final_values_TN=record.final_values_TN,
            acted_TN=np.ones(record.rewards_TN.shape, np.bool_),
        )

    def improve(self, samples: Samples, order_ES: NDArray[np.int64], *, rate: float) -> dict[str, float]:
        """Minimise PPO's loss over minibatches in the given order, a permutation per epoch; means of its figures."""
        config = self._config
        stepped, figures = improve(
            self._network,
            self._parameters_P,
            self._adam,
            self._adam_steps,
            self._rows(samples),
            order_ES,
            config.batch_size,
            rate,
            self._settings,
            config.max_gradient_norm,
            config.target_kl or 0.0,
        )
        self._adam_steps += stepped
        return {**dict(zip(FIGURES, figures.tolist(), strict=True)), "minibatches": float(stepped)}

    def _rows(self, samples: Samples) -> Rows:
        normaliser, inputs_SO = self._normaliser(), samples.observations_SO
        if normaliser.limit:
            inputs_SO = np.empty_like(samples.observations_SO)
            normalise(normaliser, samples.observations_SO, inputs_SO)
        return Rows(
            inputs_SO,
            samples.actions_SA,
            samples.log_probs_S,
            samples.values_S,
            samples.advantages_S,
            samples.returns_S,
        )

    def _normaliser(self) -> Normaliser:
        statistics = self.policy.normaliser
        if statistics is None:
            blank = np.zeros(self._size, np.float32)
            return Normaliser(blank, blank, np.float32(0.0))
        scale_O = (statistics.variance_O + SMALLEST_VARIANCE).rsqrt().float().numpy()
        return Normaliser(statistics.mean_O.float().numpy(), scale_O, np.float32(LARGEST_NORMALISED))

    def _recording(self, steps: int) -> Recording:
        shape = (steps, self._num_envs)
        seen_TNO = np.zeros((steps + 1, self._num_envs, self._size), np.float32)
        return Recording(
            seen_TNO,
            seen_TNO if self.policy.normaliser is None else np.zeros_like(seen_TNO),
            np.zeros((*shape, len(self._low_A)), np.float32),
            np.zeros(shape, np.float32),
            np.zeros((steps + 1, self._num_envs), np.float32),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.bool_),
            np.zeros(shape, np.bool_),
            np.zeros(shape, np.float32),
        )

    def tensors(self) -> dict[str, Tensor]:
        """Weights, Adam's moments and the observations to act on next."""
        held = {f"policy.{name}": value.detach() for name, value in self.policy.state_dict().items()}
        held |= {"exp_avg": torch.from_numpy(self._adam.first_P), "exp_avg_sq": torch.from_numpy(self._adam.second_P)}
        held |= {
            "adam_steps": torch.tensor(self._adam_steps),
            "sampler.now": torch.from_numpy(self._record.seen_TNO[-1]),
        }
        return {name: value.clone() for name, value in held.items()}

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned."""
        self.policy.load_state_dict(under("policy", held))
        self._adam.first_P[:] = held["exp_avg"].numpy()
        self._adam.second_P[:] = held["exp_avg_sq"].numpy()
        self._adam_steps = int(held["adam_steps"])
        self._record.seen_TNO[-1] = held["sampler.now"].numpy()


def flatten(policy: ActorCritic) -> tuple[Floats, Network]:
    """Move a policy's parameters into one vector, of which they become views, and say where each lies."""
    flat = flatten_parameters(policy)
    starts = flat.starts
    trunks, layers = range(len(policy.trunks)), range(len(policy.hidden))
    network = Network(
        widths=np.array((policy.observation_size, *policy.hidden), np.int64),
        weight_at_RD=np.array([[starts[f"trunks.{r}.{d}.weight"] for d in layers] for r in trunks], np.int64),
        bias_at_RD=np.array([[starts[f"trunks.{r}.{d}.bias"] for d in layers] for r in trunks], np.int64),
        policy_weight_at=starts["policy.weight"],
        policy_bias_at=starts["policy.bias"],
        value_weight_at=starts["value.weight"],
        value_bias_at=starts["value.bias"],
        log_std_at=starts.get("log_std_A", -1),
        outputs=policy.actions.outputs,
        sizes_K=np.array(policy.actions.sizes if isinstance(policy.actions, Choices) else (), np.int64),
        relu=policy.activation == "relu",
    )
    return flat.values_P.detach().numpy(), network
