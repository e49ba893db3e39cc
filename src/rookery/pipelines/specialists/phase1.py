"""Phase 1: every specialist learns its own instruments, all of them at the same time."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rookery.files import write_json
from rookery.learning.ppo import Job, train_many
from rookery.learning.ppo_history import History
from rookery.learning.reproducible import derive_seed, reproducible
from rookery.models.specialist import Specialist
from rookery.pipelines.specialists.acting import specialist_env, specialist_wishes
from rookery.pipelines.specialists.begun import opened
from rookery.pipelines.specialists.books import Wishes
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.fitted_on import write_fitted_on
from rookery.pipelines.specialists.groups import GroupName
from rookery.pipelines.specialists.judging import Judgement, episode_returns, judge
from rookery.pipelines.specialists.learning import new_specialist, ppo_config, write_log
from rookery.pipelines.specialists.observing import Observed
from rookery.pipelines.specialists.weights import WEIGHTS, load_weights, save_weights
from rookery.progress import Progress
from rookery.run import Run, Stage

EVALUATION = "evaluation.json"
_EPISODES_AT_ONCE = 32


def stage_name(name: GroupName) -> str:
    """The stage, and folder, of one specialist."""
    return f"phase1_{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One specialist after its training, how it went (None when it was loaded), and how it does on validation bars."""

    specialist: Specialist
    history: History | None
    judgement: Judgement


class Phase1Trainer:
    """Trains a specialist for each group by PPO on the differential Sharpe ratio of single instruments.

    `train` bars are learnt from, `validation` bars only judged on. A run directory `output_dir` holds a folder for each
    specialist (`model.safetensors`, `metrics.jsonl`, `evaluation.json`, checkpoints) and `logs/` (TensorBoard,
    `phase1/training.log`). Called again after a kill, training goes on and ends with the same bits; the number of
    threads does not change them either.
    """

    def __init__(
        self,
        config: SpecialistsConfig,
        *,
        train: Observed,
        validation: Observed,
        output_dir: str | Path,
        seed: int = 0,
        progress: Progress | None = None,
        num_threads: int | None = None,
    ) -> None:
        self.config = config
        self.seed = seed
        self._train, self._validation = train, validation
        self._output_dir = Path(output_dir)
        self._progress = progress
        self._threads = num_threads or os.cpu_count() or 1
        self.specialists: dict[GroupName, Specialist] = {
            name: new_specialist(config, train, name, seed=seed) for name in train.groups
        }

    def train(self) -> Mapping[GroupName, Trained]:
        """Train all specialists at the same time, or load those that are finished."""
        with self._run() as run:
            return self.fit(run)

    def train_specialist(self, specialist_name: GroupName) -> Trained:
        """Train one specialist. Raises KeyError for a name without bars."""
        with self._run() as run:
            return self.fit(run, names=[specialist_name])[specialist_name]

    def evaluate_specialist(self, specialist_name: GroupName, n_episodes: int = 100) -> Mapping[str, Any]:
        """Measures with intervals on the validation bars (see `judging.judge`), and rewards of `n_episodes` episodes.

        The weights are those that training left in this trainer.
        """
        return self._judged(specialist_name, n_episodes).as_record()

    def fit(self, run: Run, *, names: Sequence[GroupName] | None = None) -> Mapping[GroupName, Trained]:
        """`train` within a run that is under way."""
        wanted = tuple(names or self._train.groups)
        inputs = {"train": self._train.fingerprint(), "validation": self._validation.fingerprint()}
        with ExitStack() as stack:
            stages = {name: stack.enter_context(run.stage(stage_name(name), inputs=inputs)) for name in wanted}
            todo = [name for name in wanted if not stages[name].finished]
            jobs = [self._job(name, run, stages[name]) for name in todo]
            histories = dict(zip(todo, train_many(jobs, num_threads=self._threads), strict=True)) if jobs else {}
            return {name: self._finished(name, run, stages[name], histories.get(name)) for name in wanted}

    def load(self, run_path: str | Path) -> None:
        """Take every specialist's weights from a finished run. Raises UserError naming a file that does not fit."""
        for name, specialist in self.specialists.items():
            load_weights(Path(run_path) / stage_name(name) / WEIGHTS, specialist)

    def wishes(self, specialist_name: GroupName, observed: Observed) -> Wishes:
        """What a specialist wants at every bar of `observed`."""
        return specialist_wishes(self.config, observed, self.specialists[specialist_name], specialist_name)

    def _job(self, name: GroupName, run: Run, stage: Stage) -> Job:
        config = ppo_config(self.config, 1, learning_rate=self.config.specialist(name).learning_rate)
        seed = derive_seed(self.seed, "phase 1", name)
        env = specialist_env(self.config, self._train.group(name), self.config.training.n_envs)
        return Job(policy=self.specialists[name], env=env, config=config, seed=seed, run=run, stage=stage, path="torch")

    def _finished(self, name: GroupName, run: Run, stage: Stage, history: History | None) -> Trained:
        specialist, path = self.specialists[name], stage.file(WEIGHTS)
        if history is None:
            load_weights(path, specialist)
        judgement = self._judged(name, self.config.evaluation.eval_episodes)
        if history is not None:
            specialist.cpu()
            save_weights(path, specialist)
            write_fitted_on(stage.path, self._train)
            write_json(stage.file(EVALUATION), judgement.as_record())
            write_log(run, 1, [*history_lines(name, history), judgement_line(name, judgement)])
        return Trained(specialist=specialist, history=history, judgement=judgement)

    def _judged(self, name: GroupName, episodes: int) -> Judgement:
        specialist = self.specialists[name].cpu()
        env = specialist_env(self.config, self._validation.group(name), min(episodes, _EPISODES_AT_ONCE))

        def act(seen: NDArray[np.float32]) -> NDArray[np.int64]:
            return specialist.act(torch.from_numpy(seen))[:, 0].numpy()

        with reproducible(1):
            returns = episode_returns(act, env, episodes)
        wishes = self.wishes(name, self._validation)
        return judge(self.config, self._validation, wishes, seed=self.seed, episode_returns=returns)

    @contextmanager
    def _run(self) -> Iterator[Run]:
        with opened(self._output_dir, self.config, seed=self.seed, progress=self._progress) as run:
            yield run


def history_lines(name: str, history: History) -> list[str]:
    """One line for every update: steps, mean return of the episodes that ended, losses, entropy and divergence."""
    shown = ("steps", "mean_return", "policy_loss", "value_loss", "entropy", "kl", "explained_variance")
    return [f"{name} " + " ".join(f"{key}={_shown(row[key])}" for key in shown) for row in history.rows]


def judgement_line(name: str, judgement: Judgement) -> str:
    """One line with every measure and its interval."""
    parts = []
    for key, one in judgement.measures.items():
        bounds = "" if one.low is None or one.high is None else f" [{one.low:.3f}, {one.high:.3f}]"
        parts.append(f"{key}={_shown(one.value)}{bounds}")
    return f"{name} validation " + " ".join(parts)


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
