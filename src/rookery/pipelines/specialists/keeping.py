"""Phase 3's policies as they were validated, each with what it came from and when it was made."""

import time
from datetime import UTC, datetime
from pathlib import Path

from rookery.pipelines.specialists.checkpoints import About, ModelCheckpointingSystem
from rookery.pipelines.specialists.config import BEST_BY, SpecialistsConfig
from rookery.pipelines.specialists.joint_training import JointTraining


class ValidatedPolicies:
    """Saves the policy of a training whenever it was just validated (see ModelCheckpointingSystem).

    The last stay, and the best by each of BEST_BY. A policy's parent is the one saved before it, the first one's is
    `origin`. A checkpoint of the training must hold `parent`: after a kill the folder may hold later policies, or lack
    the one before. Durations count what a kill did not undo.
    """

    def __init__(self, folder: Path, *, moments: Path, config: SpecialistsConfig, origin: str) -> None:
        self.parent = origin
        self._models = ModelCheckpointingSystem(folder, best_by=BEST_BY, moments=moments)
        self._settings = config.model_dump(mode="json")
        self._started, self._seconds = time.perf_counter(), 0.0

    def resume(self, parent: str) -> None:
        """Go on after the policy of that name."""
        self.parent = parent
        known = {one.checkpoint_id: one.training_duration for one in self._models.checkpoints()}
        self._seconds = known.get(parent, 0.0)

    def keep(self, training: JointTraining) -> None:
        """Save the policy, if it was validated at this update, with the settings and the update's figures."""
        update, found = training.validations[-1]
        if update != training.update:
            return
        figures = training.rows[-1] if training.rows else {}
        about = About(
            episode=update,
            training_metrics={name: value for name, value in figures.items() if isinstance(value, float)},
            model_config=self._settings,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            training_duration=round(self._seconds + time.perf_counter() - self._started, 3),
            parent_checkpoint=self.parent,
        )
        path = self._models.save_checkpoint({"joint": training.policy}, found, training.steps, about=about)
        self.parent = path.stem
