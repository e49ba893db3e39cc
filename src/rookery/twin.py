"""The twin under its short name: what is built of it so far."""

from rookery.models.decision_transformer import TraderDecisionTransformer
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.training import TraderTrainer

__all__ = ["TraderDecisionTransformer", "TraderInference", "TraderTrainer"]
