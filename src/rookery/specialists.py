"""The specialists pipeline under its short name."""

from rookery.learning.gradient_coordination import GradientCoordinationSystem
from rookery.pipelines.closing import RunResult
from rookery.pipelines.specialists.checkpoints import ModelCheckpointingSystem
from rookery.pipelines.specialists.config import SpecialistsConfig, demo_config, quick, spec, typical
from rookery.pipelines.specialists.curriculum import AdvancedCurriculumLearning
from rookery.pipelines.specialists.inputs import BarSource
from rookery.pipelines.specialists.phase1 import Phase1Trainer
from rookery.pipelines.specialists.phase2 import Phase2Trainer
from rookery.pipelines.specialists.phase3 import Phase3JointTrainer
from rookery.pipelines.specialists.whole import Asked, run, train

__all__ = [
    "AdvancedCurriculumLearning",
    "Asked",
    "BarSource",
    "GradientCoordinationSystem",
    "ModelCheckpointingSystem",
    "Phase1Trainer",
    "Phase2Trainer",
    "Phase3JointTrainer",
    "RunResult",
    "SpecialistsConfig",
    "demo_config",
    "quick",
    "run",
    "spec",
    "train",
    "typical",
]
