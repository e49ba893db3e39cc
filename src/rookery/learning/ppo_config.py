"""How proximal policy optimisation learns."""

from typing import Literal

from pydantic import Field

from rookery.config import Config


class PPOConfig(Config):
    """Settings of `ppo`; the defaults are those of Schulman et al. (2017) for continuous control.

    `total_steps`: environment steps over all copies, rounded up to whole rollouts of `rollout_steps` per copy.
    `anneal`: the learning rate falls in a line to 0. `clip_value` None: the value loss is not clipped.
    `target_kl`: epochs end early when a minibatch's divergence exceeds 1.5 times it; None never ends them.
    `normalise_rewards`: rewards are divided by the running deviation of the discounted return (their mean is kept).
    `checkpoint_updates`: a checkpoint every so many updates. An environment that cannot hand over its state is reset at
    each, so this number belongs to the experiment.
    `num_threads`: of torch, fixed so that one seed gives one result on any number of cores.
    """

    total_steps: int = Field(default=1_000_000, ge=1)
    rollout_steps: int = Field(default=256, ge=1, le=1_000_000)
    batch_size: int = Field(default=256, ge=1, le=10_000_000)
    num_epochs: int = Field(default=10, ge=1, le=1000)
    learning_rate: float = Field(default=3e-4, gt=0)
    anneal: bool = True
    gamma: float = Field(default=0.99, ge=0, le=1)
    gae_lambda: float = Field(default=0.95, ge=0, le=1)
    clip: float = Field(default=0.2, gt=0, lt=1)
    clip_value: float | None = Field(default=None, gt=0)
    value_coefficient: float = Field(default=0.5, ge=0)
    entropy_coefficient: float = Field(default=0.0, ge=0)
    max_gradient_norm: float = Field(default=0.5, gt=0)
    adam_epsilon: float = Field(default=1e-5, gt=0)
    target_kl: float | None = Field(default=None, gt=0)
    normalise_advantages: bool = True
    normalise_rewards: bool = False
    checkpoint_updates: int = Field(default=10, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    num_threads: int = Field(default=1, ge=1, le=1024)
    tensorboard: bool = True
