"""Three specialists and a meta-controller that learn in three phases and become one agent."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.learning.gradient_coordination import GradientCoordinationSystem
    from rookery.pipelines.specialists.checkpoints import ModelCheckpointingSystem
    from rookery.pipelines.specialists.config import SpecialistsConfig, demo_config
    from rookery.pipelines.specialists.curriculum import AdvancedCurriculumLearning
    from rookery.pipelines.specialists.phase1 import Phase1Trainer
    from rookery.pipelines.specialists.phase2 import Phase2Trainer
    from rookery.pipelines.specialists.phase3 import Phase3JointTrainer
    from rookery.pipelines.specialists.whole import run

__all__ = [
    "AdvancedCurriculumLearning",
    "GradientCoordinationSystem",
    "ModelCheckpointingSystem",
    "Phase1Trainer",
    "Phase2Trainer",
    "Phase3JointTrainer",
    "SpecialistsConfig",
    "demo_config",
    "run",
]

_HOMES = {
    "AdvancedCurriculumLearning": "rookery.pipelines.specialists.curriculum",
    "GradientCoordinationSystem": "rookery.learning.gradient_coordination",
    "ModelCheckpointingSystem": "rookery.pipelines.specialists.checkpoints",
    "Phase1Trainer": "rookery.pipelines.specialists.phase1",
    "Phase2Trainer": "rookery.pipelines.specialists.phase2",
    "Phase3JointTrainer": "rookery.pipelines.specialists.phase3",
    "SpecialistsConfig": "rookery.pipelines.specialists.config",
    "demo_config": "rookery.pipelines.specialists.config",
    "run": "rookery.pipelines.specialists.whole",
}


def __getattr__(name: str) -> object:
    # torch, polars and numba take seconds to load: only what is asked for is.
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
