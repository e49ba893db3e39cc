"""Phase 3: meta-controller and specialists learn together, through an encoder of the market that they share."""

import copy
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rookery.agents.message_journal import MessageJournal
from rookery.agents.messages import Message
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.significance import mean_estimate
from rookery.files import write_bytes, write_json
from rookery.learning import checkpoint
from rookery.learning.adaptive_rate import RateRule
from rookery.learning.gradient_coordination import GradientCoordinationSystem
from rookery.learning.joint_ppo import SHARED, JointLearner
from rookery.learning.reproducible import choose_device, derive_seed, reproducible
from rookery.models.joint_policy import META, JointPolicy
from rookery.models.meta_controller import MetaController
from rookery.models.specialist import Specialist
from rookery.pipelines.specialists.acting import meta_wishes, whole_span
from rookery.pipelines.specialists.begun import opened
from rookery.pipelines.specialists.books import Wishes, settled, year_of
from rookery.pipelines.specialists.bulletins import bulletin
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.curriculum import AdvancedCurriculumLearning
from rookery.pipelines.specialists.fitted_on import write_fitted_on
from rookery.pipelines.specialists.groups import GroupName
from rookery.pipelines.specialists.joint_env import JointTrainingEnv
from rookery.pipelines.specialists.joint_training import JointTraining, Row
from rookery.pipelines.specialists.joint_worlds import (
    WIDER,
    LikeliestActor,
    episode_growth,
    joint_worlds,
    market_columns,
    new_curriculum,
    portfolio_env,
    portfolio_sharpe,
)
from rookery.pipelines.specialists.judging import Judgement, judge
from rookery.pipelines.specialists.keeping import ValidatedPolicies
from rookery.pipelines.specialists.learning import (
    joint_rates,
    new_meta_controller,
    new_specialist,
    ppo_config,
    write_log,
)
from rookery.pipelines.specialists.observing import Observed
from rookery.pipelines.specialists.phase1 import EVALUATION, judgement_line
from rookery.pipelines.specialists.phase1 import stage_name as phase1_stage
from rookery.pipelines.specialists.phase2 import STAGE as PHASE2_STAGE
from rookery.pipelines.specialists.validating import Figures, figures
from rookery.pipelines.specialists.weights import WEIGHTS, digest, load_weights, save_weights
from rookery.progress import Progress
from rookery.run import Run, Stage

STAGE = "phase3_joint"
METRICS = "metrics.jsonl"
MESSAGES = "messages.jsonl"
MODELS = "models"
MOMENTS = "phase3_models.json"
_CHECKPOINTS = ".checkpoints"
_VALIDATION_COPIES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedJoint:
    """The joint policy that validated best, of which update (0: phase 2's own), the figures on the first half of
    validation of every policy validated (see `validating`) by update, how it is judged on the second half, and its lead
    in return per bar over phase 2's policy there.
    """

    policy: JointPolicy
    best_update: int
    validations: tuple[tuple[int, Figures], ...]
    judgement: Judgement
    lead: Estimate


class Phase3JointTrainer:
    """Fine-tunes meta-controller and specialists together, by one PPO loss each.

    They share an encoder of the market (see JointPolicy), which begins without any effect: update 0 is phase 2's
    policy. Conflicts of the four gradients on the encoder are settled by `gradients.method`; copies on the bars stand
    beside copies on scenarios of the curriculum; the shield is up in all; messages go to `messages.jsonl`, the last
    policies validated and the best by each figure to `models/` (ModelCheckpointingSystem), with dates and durations in
    `logs/phase3_models.json`. What is kept is the policy that did best on the first half of the validation bars by
    `evaluation.best_by`, phase 2's own among them; all that is said of it is of the second half, `judged_on`.
    `specialists` and `meta` are those of phases 1 and 2, or are loaded by `load_pretrained_models` from the run
    directory `pretrained_dir`.
    """

    def __init__(
        self,
        config: SpecialistsConfig,
        *,
        train: Observed,
        validation: Observed,
        output_dir: str | Path,
        specialists: Mapping[GroupName, Specialist] | None = None,
        meta: MetaController | None = None,
        pretrained_dir: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        if (specialists is None) != (meta is None) or (meta is None) == (pretrained_dir is None):
            raise ValueError("give specialists and meta-controller, or the directory of phases 1 and 2")
        self.config, self.seed = config, seed
        self._train, self._validation = train, validation
        self._chosen_on, self.judged_on = validation.halves(config.data.embargo)
        self._output_dir = Path(output_dir)
        self._pretrained_dir = None if pretrained_dir is None else Path(pretrained_dir)
        self._progress = progress
        self._meta = meta
        self._specialists: dict[GroupName, Specialist] = dict(specialists or {})
        self._joint: JointPolicy | None = None

    @property
    def policy(self) -> JointPolicy:
        """The joint policy; before training that of phase 2."""
        if self._joint is None:
            self._joint = self.phase2_policy()
        return self._joint

    def load_pretrained_models(self) -> None:
        """Take all networks from `pretrained_dir`. Raises UserError naming a file that does not fit."""
        if self._pretrained_dir is None:
            return
        for name in self._train.groups:
            made = new_specialist(self.config, self._train, name, seed=self.seed)
            load_weights(self._pretrained_dir / phase1_stage(name) / WEIGHTS, made)
            self._specialists[name] = made
        self._meta = new_meta_controller(self.config, self._train, seed=self.seed)
        load_weights(self._pretrained_dir / PHASE2_STAGE / WEIGHTS, self._meta)

    def phase2_policy(self) -> JointPolicy:
        """Copies of the pretrained networks as a joint policy whose encoder has no effect yet."""
        if self._meta is None:
            self.load_pretrained_models()
        assert self._meta is not None  # noqa: S101  loaded above, or load_weights would have refused
        columns, mean_K, scale_K = market_columns(portfolio_env(self.config, self._train, 1))
        made = JointPolicy(
            copy.deepcopy(self._meta).cpu(),
            {name: copy.deepcopy(self._specialists[name]).cpu() for name in self._train.groups},
            self._train.portfolio.groups,
            market_columns=columns,
            mean_K=mean_K,
            scale_K=scale_K,
            seed=derive_seed(self.seed, "encoder"),
        )
        return made.eval()

    def create_joint_training_env(self) -> JointTrainingEnv:
        """The bars to train on beside scenarios of every level, all shielded."""
        return joint_worlds(self.config, self._train, self._curriculum())

    def train(self) -> TrainedJoint:
        """Train, or load what was trained."""
        with opened(self._output_dir, self.config, seed=self.seed, progress=self._progress) as run:
            return self.fit(run)

    def fit(self, run: Run) -> TrainedJoint:
        """`train` within a run that is under way."""
        if self._meta is None:
            self.load_pretrained_models()
        with run.stage(STAGE, inputs=self._inputs()) as stage:
            if stage.finished:
                load_weights(stage.file(WEIGHTS), self.policy)
                held = json.loads(stage.file(EVALUATION).read_bytes())
                return self._outcome(
                    held["best_update"], [(one["update"], one["figures"]) for one in held["validations"]]
                )
            self._joint = None
            with reproducible(self.config.training.num_threads):
                training = self._training()
                self._run(run, stage, training)
            training.take_best()
            self.policy.cpu()
            outcome = self._outcome(training.best, training.validations)
            self._write(run, stage, outcome, training.schooling())
            return outcome

    def load(self, run_path: str | Path) -> None:
        """Take the joint policy's weights from a finished run."""
        load_weights(Path(run_path) / STAGE / WEIGHTS, self.policy)

    def evaluate(self, n_episodes: int = 100) -> Mapping[str, Any]:
        """Measures with intervals on `judged_on`, the lead over phase 2 there, and episodes' Sharpe ratios.

        Both policies play the same `n_episodes` episodes; these overlap, so that only the single pass has intervals.
        """
        ours, theirs = (
            self._episodes(policy, n_episodes, self.judged_on) for policy in (self.policy, self.phase2_policy())
        )
        wishes = self.wishes(self.judged_on)
        lead = self._lead(wishes)
        return {
            **judge(self.config, self.judged_on, wishes, seed=self.seed).as_record(),
            "lead_over_phase2": {"value": lead.value, "low": lead.low, "high": lead.high, "note": lead.note},
            "episodes": n_episodes,
            "portfolio_sharpe": portfolio_sharpe(ours),
            "phase2_portfolio_sharpe": portfolio_sharpe(theirs),
            "episodes_ahead_of_phase2": float((ours.sum(axis=0) > theirs.sum(axis=0)).mean()),
        }

    def wishes(self, observed: Observed, policy: JointPolicy | None = None) -> Wishes:
        """What the joint policy (or another) wants at every bar of `observed`."""
        span = whole_span(len(observed.portfolio.macro_TK))
        with reproducible(1):
            actor = LikeliestActor(policy or self.policy, self.config, observed, 1, **span)
        return meta_wishes(observed, actor, actor.env)

    def _training(self) -> JointTraining:
        ppo = ppo_config(self.config, 3)
        ppo = ppo.model_copy(update={"rollout_steps": max(1, ppo.rollout_steps // WIDER)})
        policy = self.policy.to(choose_device(self.config.training.device))
        learner = JointLearner(policy, ppo, self._coordination(), max_norm=self.config.gradients.max_norm)
        curriculum = self._curriculum()
        return JointTraining(
            learner,
            joint_worlds(self.config, self._train, curriculum),
            curriculum,
            config=self.config,
            ppo=ppo,
            seed=derive_seed(self.seed, "phase 3"),
            decision_bars=self._train.day_bars,
            validate=lambda policy: figures(self._episodes(policy, _VALIDATION_COPIES, self._chosen_on)),
        )

    def _coordination(self) -> GradientCoordinationSystem:
        given = self.config.gradients
        known = joint_rates(self.config)
        rates: dict[str, float] = {META: known["meta_controller.learning_rate"]}
        rates |= {name: known[f"specialists.{name}.learning_rate"] for name in self._train.groups}
        return GradientCoordinationSystem(
            seed=derive_seed(self.seed, "gradients"),
            method=given.method,
            cagrad_c=given.cagrad_c,
            learning_rates={**rates, SHARED: known["training.learning_rate"]},
            rule=RateRule(
                step=given.adapt_step,
                window=given.adapt_window,
                threshold=given.adapt_threshold,
                bounds=given.learning_rate_bounds,
            ),
        )

    def _curriculum(self) -> AdvancedCurriculumLearning | None:
        return new_curriculum(self.config, self._train, seed=derive_seed(self.seed, "curriculum"))

    def _run(self, run: Run, stage: Stage, training: JointTraining) -> None:
        folder, journal = stage.path / _CHECKPOINTS, MessageJournal(stage.file(MESSAGES))
        origin = self._inputs()["pretrained"]
        kept = ValidatedPolicies(stage.path / MODELS, moments=run.logs / MOMENTS, config=self.config, origin=origin)
        if (moment := checkpoint.load(folder, say=run.progress.say)) is None:
            training.restart()
            journal.rewind(0)
            kept.keep(training)
        else:
            training.restore(moment)
            journal.rewind(int(moment.state["messages"]))
            kept.resume(str(moment.state["parent"]))
            run.progress.say(f"training goes on at update {training.update + 1}")
        with run.progress.stage(stage.path.name, total=training.total_steps, unit="steps") as advance:
            advance(training.steps)
            while not training.done:
                first, start, started = training.update, training.steps, time.perf_counter()
                while True:
                    before = training.steps
                    training.advance()
                    advance(training.steps - before)
                    journal.send(*self._bulletin(training))
                    kept.keep(training)
                    if training.done or training.at_checkpoint:
                        break
                checkpoint.save(folder, training.snapshot(messages=journal.length, parent=kept.parent))
                seconds = time.perf_counter() - started
                speed = round((training.steps - start) / seconds)
                run.log(STAGE, {"update": training.update, "seconds": round(seconds, 3), "steps_per_s": speed})
                _write_board(run.logs / "tensorboard" / STAGE, training.rows[first:])
        _write_metrics(stage, training.rows)

    def _bulletin(self, training: JointTraining) -> list[Message]:
        return bulletin(
            training.env.real,
            self._train,
            confidence=training.confidence,
            max_sector=self.config.environment.max_sector_allocation,
            periods_per_year=year_of(self._train.data) or 365.25 * self._train.day_bars,
            path=(self.seed, STAGE, training.update),
        )

    def _episodes(self, policy: JointPolicy, count: int, observed: Observed) -> np.ndarray[Any, np.dtype[np.float64]]:
        bars = observed.portfolio.bars.shape[0]
        length = min(self.config.environment.episode_length, max(2, bars // 2))
        changes = {"warmup_steps": 0, "episode_length": length}
        with reproducible(1):
            return episode_growth(
                LikeliestActor(
                    policy,
                    self.config,
                    observed,
                    count,
                    decision_bars=observed.day_bars,
                    **changes,
                )
            )

    def _lead(self, wishes: Wishes) -> Estimate:
        """Return per bar over phase 2's, in one pass over `judged_on`, with an interval by block bootstrap."""
        before = self.wishes(self.judged_on, self.phase2_policy())
        data = self.judged_on.data
        ours_T, theirs_T = (settled(data, one, self.config, shielded=True).returns() for one in (wishes, before))
        return mean_estimate(ours_T - theirs_T, seed=self.seed, resamples=self.config.evaluation.resamples)

    def _outcome(self, best_update: int, validations: Sequence[tuple[int, Figures]]) -> TrainedJoint:
        wishes = self.wishes(self.judged_on)
        return TrainedJoint(
            policy=self.policy,
            best_update=best_update,
            validations=tuple(validations),
            judgement=judge(self.config, self.judged_on, wishes, seed=self.seed),
            lead=self._lead(wishes) if best_update else Estimate.exact(0.0),
        )

    def _write(self, run: Run, stage: Stage, outcome: TrainedJoint, schooling: list[str]) -> None:
        save_weights(stage.file(WEIGHTS), outcome.policy)
        write_fitted_on(stage.path, self._train)
        lead = outcome.lead
        record = {
            **outcome.judgement.as_record(),
            "best_update": outcome.best_update,
            "best_by": self.config.evaluation.best_by,
            "validations": [{"update": update, "figures": dict(found)} for update, found in outcome.validations],
            "lead_over_phase2": {"value": lead.value, "low": lead.low, "high": lead.high, "note": lead.note},
        }
        write_json(stage.file(EVALUATION), record)
        lines = [
            f"validation update={update} " + " ".join(f"{name}={value:.6g}" for name, value in found.items())
            for update, found in outcome.validations
        ]
        kept = f"kept update {outcome.best_update}" if outcome.best_update else "kept the policy of phase 2"
        for line in schooling:
            run.progress.say(line)
        write_log(run, 3, [*lines, *schooling, kept, judgement_line("joint", outcome.judgement)])

    def _inputs(self) -> dict[str, str]:
        """Fingerprints of bars and pretrained networks: others make the stage again."""
        assert self._meta is not None  # noqa: S101  load_pretrained_models came before
        return {
            "train": self._train.fingerprint(),
            "validation": self._validation.fingerprint(),
            "pretrained": digest([self._meta, *(self._specialists[name] for name in self._train.groups)]),
        }


def _write_metrics(stage: Stage, rows: list[Row]) -> None:
    lines = [json.dumps({"update": u, **row}, sort_keys=True, allow_nan=False) for u, row in enumerate(rows, 1)]
    write_bytes(stage.file(METRICS), "".join(f"{line}\n" for line in lines).encode())


def _write_board(folder: Path, rows: list[Row]) -> None:
    # Imported here: it costs a tenth of a second, and nothing but this needs it.
    from torch.utils.tensorboard import SummaryWriter

    with closing(SummaryWriter(str(folder), purge_step=int(float(rows[0]["steps"] or 0)))) as board:
        for row in rows:
            for name, value in row.items():
                if isinstance(value, float) and name != "steps":
                    board.add_scalar(f"joint/{name}", value, int(float(row["steps"] or 0)))
