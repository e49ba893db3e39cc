"""Twin: one trader's history teaches a Decision Transformer, which acts as he did for a return that is asked for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.models.decision_transformer import TraderDecisionTransformer
    from rookery.pipelines.twin.inference import TraderInference
    from rookery.pipelines.twin.training import TraderTrainer

__all__ = ["TraderDecisionTransformer", "TraderInference", "TraderTrainer"]

_HOMES = {
    "TraderDecisionTransformer": "rookery.models.decision_transformer",
    "TraderInference": "rookery.pipelines.twin.inference",
    "TraderTrainer": "rookery.pipelines.twin.training",
}


def __getattr__(name: str) -> object:
    # torch, polars and numba take seconds to load: only what is asked for is.
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
