"""Phase 2: the meta-controller learns what to give to specialists that learn no more."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rookery.files import write_json
from rookery.learning.ppo import ppo
from rookery.learning.ppo_history import History
from rookery.learning.reproducible import derive_seed, reproducible
from rookery.market.frozen_specialists import FrozenSpecialists, freeze
from rookery.market.portfolio_vector_env import PortfolioVectorEnv
from rookery.models.meta_controller import MetaController
from rookery.models.specialist import Specialist
from rookery.pipelines.specialists.acting import meta_wishes, whole_span
from rookery.pipelines.specialists.begun import opened
from rookery.pipelines.specialists.books import Wishes
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.fitted_on import write_fitted_on
from rookery.pipelines.specialists.groups import GroupName
from rookery.pipelines.specialists.judging import Judgement, episode_returns, judge
from rookery.pipelines.specialists.learning import (
    new_meta_controller,
    new_specialist,
    portfolio_reward,
    ppo_config,
    write_log,
)
from rookery.pipelines.specialists.observing import Observed
from rookery.pipelines.specialists.phase1 import EVALUATION, history_lines, judgement_line, stage_name
from rookery.pipelines.specialists.shield import shielded_env
from rookery.pipelines.specialists.weights import WEIGHTS, digest, load_weights, save_weights
from rookery.progress import Progress
from rookery.run import Run

STAGE = "phase2_meta_controller"
_EPISODES_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedMeta:
    """The meta-controller after its training, how it went (None when it was loaded), and how it does on validation."""

    meta: MetaController
    history: History | None
    judgement: Judgement


class Phase2Trainer:
    """Trains a meta-controller by PPO in the portfolio environment, over frozen specialists.

    `specialists` are phase 1's, or are loaded by `load_pretrained_specialists` from the run directory `phase1_dir`.
    They enter the environment as copies (`market.frozen_specialists`), so that nothing here can change them. All else
    is as in Phase1Trainer; the log is `logs/phase2/training.log`.
    """

    def __init__(
        self,
        config: SpecialistsConfig,
        *,
        train: Observed,
        validation: Observed,
        output_dir: str | Path,
        specialists: Mapping[GroupName, Specialist] | None = None,
        phase1_dir: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        if (specialists is None) == (phase1_dir is None):
            raise ValueError("give either specialists or the directory of phase 1")
        self.config = config
        self.seed = seed
        self._train, self._validation = train, validation
        self._output_dir = Path(output_dir)
        self._phase1_dir = None if phase1_dir is None else Path(phase1_dir)
        self._progress = progress
        self.specialists: dict[GroupName, Specialist] = dict(specialists or {})
        self.meta = new_meta_controller(config, train, seed=seed)

    def load_pretrained_specialists(self) -> None:
        """Take the specialists from `phase1_dir`. Raises UserError naming a file that is missing or does not fit."""
        if self._phase1_dir is None:
            return
        for name in self._train.groups:
            made = new_specialist(self.config, self._train, name, seed=self.seed)
            load_weights(self._phase1_dir / stage_name(name) / WEIGHTS, made)
            self.specialists[name] = made

    def create_portfolio_environment(
        self,
        observed: Observed | None = None,
        *,
        num_envs: int | None = None,
        decision_bars: int | None = None,
        **changes: object,
    ) -> PortfolioVectorEnv:
        """The shielded environment over `observed` (default: the train bars); `changes` replace keys of EnvConfig.

        The meta-controller decides once a day of 24 hours (`decision_bars` None), as often as it is shown a return; a
        step of the environment is one decision.
        """
        seen = observed or self._train
        return PortfolioVectorEnv(
            num_envs or self.config.training.n_envs,
            data=seen.portfolio,
            proposals=self._frozen(seen),
            config=shielded_env(self.config, seen.instruments, bar_minutes=seen.data.interval_s / 60, **changes),
            reward=portfolio_reward(self.config, seen),
            max_sector=self.config.environment.max_sector_allocation,
            period_bars=seen.day_bars,
            decision_bars=decision_bars or seen.day_bars,
        )

    def train(self) -> TrainedMeta:
        """Train the meta-controller, or load it when it is finished."""
        with self._run() as run:
            return self.fit(run)

    def fit(self, run: Run) -> TrainedMeta:
        """`train` within a run that is under way."""
        if not self.specialists:
            self.load_pretrained_specialists()
        with run.stage(STAGE, inputs=self._inputs()) as stage:
            path, history = stage.file(WEIGHTS), None
            if stage.finished:
                load_weights(path, self.meta)
                return TrainedMeta(meta=self.meta, history=None, judgement=self._judged())
            config = ppo_config(self.config, 2, learning_rate=self.config.meta_controller.learning_rate)
            env, seed = self.create_portfolio_environment(), derive_seed(self.seed, "phase 2")
            history = ppo(self.meta, env, config=config, seed=seed, run=run, stage=stage, path="torch")
            judgement = self._judged()
            save_weights(path, self.meta)
            write_fitted_on(stage.path, self._train)
            write_json(stage.file(EVALUATION), judgement.as_record())
            write_log(run, 2, [*history_lines("meta", history), judgement_line("meta", judgement)])
            return TrainedMeta(meta=self.meta, history=history, judgement=judgement)

    def load(self, run_path: str | Path) -> None:
        """Take the meta-controller's weights from a finished run."""
        load_weights(Path(run_path) / STAGE / WEIGHTS, self.meta)

    def evaluate(self, n_episodes: int = 100) -> Mapping[str, Any]:
        """Measures with intervals on the validation bars (see `judging.judge`), rewards of `n_episodes` episodes."""
        return self._judged(n_episodes).as_record()

    def wishes(self, observed: Observed) -> Wishes:
        """What the whole portfolio wants at every bar of `observed`, with allocations and risk appetite."""
        span = whole_span(len(observed.portfolio.macro_TK))
        env = self.create_portfolio_environment(observed, num_envs=1, decision_bars=1, **span)
        return meta_wishes(observed, self.meta.cpu(), env)

    def _judged(self, n_episodes: int | None = None) -> Judgement:
        episodes, meta = n_episodes or self.config.evaluation.eval_episodes, self.meta.cpu()
        env = self.create_portfolio_environment(self._validation, num_envs=min(episodes, _EPISODES_AT_ONCE))

        def act(seen: NDArray[np.float32]) -> NDArray[np.float32]:
            return meta.act(torch.from_numpy(seen)).numpy()

        with reproducible(1):
            returns = episode_returns(act, env, episodes)
        wishes = self.wishes(self._validation)
        return judge(self.config, self._validation, wishes, seed=self.seed, episode_returns=returns)

    def _frozen(self, observed: Observed) -> FrozenSpecialists:
        if not self.specialists:
            self.load_pretrained_specialists()
        ordered = [self.specialists[name].cpu() for name in observed.groups]
        whole = observed.portfolio
        with reproducible(1):
            return freeze(ordered, whole.domains, whole.view_TMK, whole.groups)

    def _inputs(self) -> dict[str, str]:
        """Fingerprints of bars and specialists: others make the stage again."""
        return {
            "train": self._train.fingerprint(),
            "validation": self._validation.fingerprint(),
            "specialists": digest(self.specialists[name] for name in self._train.groups),
        }

    @contextmanager
    def _run(self) -> Iterator[Run]:
        with opened(self._output_dir, self.config, seed=self.seed, progress=self._progress) as run:
            yield run
