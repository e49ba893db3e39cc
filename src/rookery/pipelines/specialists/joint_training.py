"""Joint training under way: all that an update needs and all that must survive a kill."""

# T steps, N copies

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from rookery.errors import UserError
from rookery.learning.checkpoint import Checkpoint
from rookery.learning.gae import gae
from rookery.learning.joint_ppo import SHARED, JointLearner, Lesson
from rookery.learning.joint_rollout import collect, noise_of
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.reproducible import derive_seed
from rookery.learning.rollout import Floats, Rollout
from rookery.learning.torch_learner import under
from rookery.models.joint_policy import META, JointPolicy
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.curriculum import AdvancedCurriculumLearning
from rookery.pipelines.specialists.joint_env import JointTrainingEnv, within_reach
from rookery.pipelines.specialists.validating import Figures, score

Row = dict[str, float | str | None]
Validate = Callable[[JointPolicy], Figures]
# Validations of one run, besides that of the policy it begins with.
_VALIDATIONS = 10


class JointTraining:
    """A joint policy, its world, its lessons and the best that validation has seen. `update` counts updates done.

    Every update acts for one rollout. The meta-controller learns from each `meta_update_freq`-th, specialists from each
    `specialist_update_freq`-th, on its own rollout alone, since all others were made by an encoder that has moved on. A
    specialist is paid `individual_weight` x its own reward + `coordination_weight` x that of the portfolio, from which
    what equal allocations would have earned is not taken off (see `joint_rollout`). All are paid in units of the
    deviation that a discounted return had at the start (`scales`), and value heads are brought to these units at once,
    so that they go on meaning what phases 1 and 2 taught them.

    A learning rate follows the mean of the rewards that its learner learnt from, in these units.
    The meta-controller is heard at every `decision_bars`-th bar of an episode (see JointTrainingEnv).
    `score` judges the policy now and then (larger is better): the policy it began with is the first that counts.
    """

    def __init__(
        self,
        learner: JointLearner,
        env: JointTrainingEnv,
        curriculum: AdvancedCurriculumLearning | None,
        *,
        config: SpecialistsConfig,
        ppo: PPOConfig,
        seed: int,
        validate: Validate,
        decision_bars: int = 1,
    ) -> None:
        self.learner, self.env, self.curriculum = learner, env, curriculum
        self.update = 0
        self.rows: list[Row] = []
        self.validations: list[tuple[int, Figures]] = []
        self.scales: dict[str, float] = {}
        self.confidence: dict[str, float] = {}
        self._config, self._ppo, self._seed, self._figures = config, ppo, seed, validate
        self._decision_bars = decision_bars
        self._best: dict[str, Tensor] = {}
        self._steps_per_update = ppo.rollout_steps * env.num_envs
        self._updates = -(-ppo.total_steps // self._steps_per_update)

    @property
    def policy(self) -> JointPolicy:
        """The policy that learns."""
        return self.learner.policy

    @property
    def steps(self) -> int:
        """Environment steps done, over all copies."""
        return self.update * self._steps_per_update

    @property
    def total_steps(self) -> int:
        """Environment steps of the whole run: whole rollouts."""
        return self._updates * self._steps_per_update

    @property
    def done(self) -> bool:
        """Whether the last update is done."""
        return self.update >= self._updates

    @property
    def at_checkpoint(self) -> bool:
        """Whether the update just done is one after which a checkpoint is due."""
        return self.update % self._ppo.checkpoint_updates == 0

    @property
    def best(self) -> int:
        """The update whose policy validated best by `evaluation.best_by`; the first of equals."""
        return max(self.validations, key=lambda one: (score(one[1], self._config.evaluation.best_by), -one[0]))[0]

    def restart(self) -> None:
        """Judge the policy that training begins with, find the size of its rewards, and begin every episode."""
        self._validate()
        self.env.reset(derive_seed(self._seed, "probe") % 2**31)
        paid = self._paid(*self._act())
        self.scales = {name: self._scale(name, rollout) for name, rollout in paid.items()}
        for name, scale in self.scales.items():
            self.policy.rescale_value(name, 1.0 / scale)
        self.env.ended = []
        self.env.reset(derive_seed(self._seed, "environment") % 2**31)

    def _scale(self, name: str, rollout: Rollout) -> float:
        """Deviation of a discounted return of rewards that are not autocorrelated: that of one / sqrt(1 - gamma^2)."""
        deviation = float(rollout.rewards_TN.std())
        return deviation / math.sqrt(max(1.0 - self._discount(name) ** 2, 1e-6)) if deviation > 0 else 1.0

    def _discount(self, name: str) -> float:
        # Phase 2 discounts from decision to decision: what its values mean must not change with the number of bars.
        return float(self._ppo.gamma ** (1 / self._decision_bars) if name == META else self._ppo.gamma)

    def _act(self) -> tuple[dict[str, Rollout], dict[str, Floats]]:
        steps, count = self._ppo.rollout_steps, self.env.num_envs
        return collect(self.policy, self.env, noise_of(self.policy, steps, count, seed=self._seed, update=self.update))

    def advance(self) -> None:
        """One update: act, note what ended, learn."""
        if self.curriculum is not None and self.env.scenarios:
            draws = np.random.default_rng(derive_seed(self._seed, "level", self.update))
            self.env.visit(self.curriculum.draw_level(draws), draws)
        rollouts, alone = self._act()
        _refuse_bad_numbers(rollouts)
        paid = self._paid(rollouts, alone)
        taught = self._note_episodes()
        rates = dict(self.learner.coordination.learning_rates)
        figures = self._improve(paid)
        for name, value in figures.items():
            if not math.isfinite(value):
                raise UserError(
                    f"{name} is not a finite number in update {self.update + 1}",
                    place="training",
                    remedy="lower training.learning_rate or gradients.learning_rate_bounds",
                )
        means = {name: float(one.rewards_TN.mean()) for name, one in paid.items()}
        learnt = {name: means[name] for name, one in paid.items() if self._learns(name, one)}
        if learnt:
            # The encoder serves all, and is judged by all.
            self.learner.coordination.adaptive_learning_rates({**learnt, SHARED: fmean(means.values())})
        self.confidence = {name: float(np.exp(rollouts[name].log_probs_TN).mean()) for name in self.policy.names}
        self.update += 1
        row: Row = {"steps": float(self.steps), **taught, **figures}
        row |= {f"{name}.performance": value for name, value in means.items()}
        row |= {f"{name}.learning_rate": value for name, value in rates.items()}
        self.rows.append(row)
        if self.update % max(1, self._updates // _VALIDATIONS) == 0 or self.done:
            self._validate()

    def schooling(self) -> list[str]:
        """How far the curriculum came, and what there was to be had at its level; nothing without one."""
        if self.curriculum is None or not self.env.scenarios:
            return []
        level = self.curriculum.level
        most = [f"{one.name} {within_reach(one.env):.3f}" for one in self.env.scenarios if one.level == level]
        return [
            self.curriculum.standing(),
            f"the most that one side held through an episode gains there: {', '.join(most)}",
        ]

    def take_best(self) -> None:
        """Give the policy the weights that validated best."""
        self.policy.load_state_dict(self._best)

    def _paid(self, rollouts: Mapping[str, Rollout], alone: Mapping[str, Floats]) -> dict[str, Rollout]:
        own, joint = self._config.gradients.individual_weight, self._config.gradients.coordination_weight
        rewards = {META: rollouts[META].rewards_TN}
        rewards |= {name: own * alone_TN + joint * rollouts[name].rewards_TN for name, alone_TN in alone.items()}
        return {
            name: replace(rollouts[name], rewards_TN=(values_TN / self.scales.get(name, 1.0)).astype(np.float32))
            for name, values_TN in rewards.items()
        }

    def _improve(self, paid: Mapping[str, Rollout]) -> dict[str, float]:
        lessons = {name: self._lesson(name, rollout) for name, rollout in paid.items() if self._learns(name, rollout)}
        return self.learner.improve(lessons, np.random.default_rng(derive_seed(self._seed, "order", self.update)))

    def _learns(self, name: str, rollout: Rollout) -> bool:
        training = self._config.training
        every = training.meta_update_freq if name == META else training.specialist_update_freq
        return (self.update + 1) % every == 0 and bool(rollout.acted_TN.any())

    def _lesson(self, name: str, rollout: Rollout) -> Lesson:
        bars = self._decision_bars if name == META else 1
        advantages_TN, returns_TN = gae(
            rollout.rewards_TN,
            rollout.values_TN,
            rollout.last_values_N,
            terminated_TN=rollout.terminated_TN,
            truncated_TN=rollout.truncated_TN,
            final_values_TN=rollout.final_values_TN,
            gamma=self._discount(name),
            gae_lambda=self._ppo.gae_lambda ** (1 / bars),
        )
        return Lesson(rollout=rollout, advantages_TN=advantages_TN, returns_TN=returns_TN)

    def _note_episodes(self) -> Row:
        """Hand ended scenario episodes of the level in force to the curriculum."""
        ended, self.env.ended = self.env.ended, []
        if self.curriculum is None:
            return {}
        for episode in ended:
            if episode.level == self.curriculum.level:
                self.curriculum.update_curriculum({"performance": episode.gained, "step": self.steps})
        gained = float(np.mean([episode.gained for episode in ended])) if ended else None
        return {"level": self.curriculum.level, "scenario_episodes": float(len(ended)), "scenario_growth": gained}

    def _validate(self) -> None:
        self.validations.append((self.update, self._figures(self.policy)))
        if self.best == self.update:
            self._best = {name: value.detach().cpu().clone() for name, value in self.policy.state_dict().items()}

    def snapshot(self, **extra: int | str) -> Checkpoint:
        """All of this as tensors and JSON, with what is `extra`. Noise and order hang on seed and update alone."""
        tensors = {f"learner.{name}": value for name, value in self.learner.tensors().items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        for name, array in self.env.get_state().items():
            tensors[f"env.{name}"] = torch.from_numpy(np.ascontiguousarray(array))
        state = {
            "rows": self.rows,
            "scales": self.scales,
            "validations": [[update, dict(figures)] for update, figures in self.validations],
            "coordination": self.learner.coordination.state(),
            "curriculum": None if self.curriculum is None else self.curriculum.state(),
            **extra,
        }
        return Checkpoint(epoch=self.update, batch=0, state=state, tensors=tensors)

    def restore(self, moment: Checkpoint) -> None:
        """Go on from a snapshot of a run with the same policy, world, settings and seed."""
        self.update, state = moment.epoch, moment.state
        self.rows, self.scales = list(state["rows"]), dict(state["scales"])
        self.validations = [(int(update), figures) for update, figures in state["validations"]]
        self.learner.restore(under("learner", moment.tensors))
        self.learner.coordination.restore(state["coordination"])
        if self.curriculum is not None:
            self.curriculum.restore(state["curriculum"])
        self._best = under("best", moment.tensors)
        self.env.set_state({name: value.numpy() for name, value in under("env", moment.tensors).items()})


def _refuse_bad_numbers(rollouts: Mapping[str, Rollout]) -> None:
    for name, rollout in rollouts.items():
        if not (np.isfinite(rollout.rewards_TN).all() and np.isfinite(rollout.log_probs_TN).all()):
            raise UserError(
                f"'{name}' met a number that is not finite", place="training", remedy="look at the bars' quality"
            )
