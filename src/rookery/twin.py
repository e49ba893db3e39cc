"""The twin pipeline under its short name."""

from rookery.models.decision_transformer import TraderDecisionTransformer
from rookery.pipelines.closing import RunResult
from rookery.pipelines.twin.config import TwinConfig, demo_config, few_markets
from rookery.pipelines.twin.fills_source import FillsSource
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.saved import load_twin
from rookery.pipelines.twin.source import TwinSource
from rookery.pipelines.twin.steps import prepare, train
from rookery.pipelines.twin.tables import TwinTables
from rookery.pipelines.twin.training import TraderTrainer
from rookery.pipelines.twin.whole import run

__all__ = [
    "FillsSource",
    "RunResult",
    "TraderDecisionTransformer",
    "TraderInference",
    "TraderTrainer",
    "TwinConfig",
    "TwinSource",
    "TwinTables",
    "demo_config",
    "few_markets",
    "load_twin",
    "prepare",
    "run",
    "train",
]
