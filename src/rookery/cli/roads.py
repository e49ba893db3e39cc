"""Pipelines that are built, and where commands that work on any run find what belongs to its own."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from rookery.errors import UserError

if TYPE_CHECKING:
    from rookery.runs import RunFacts

# Name of a pipeline -> whether it is built, and what it is for.
PIPELINES: Final = {
    "rook": ("works", "rules label Uniswap swaps; an LSTM learns to decide side, size, slippage, deadline"),
    "twin": ("works", "one trader's history; a Decision Transformer trades like him for a target return"),
    "pretrain": ("planned", "a library of strategies; what they have in common starts an RL agent"),
    "specialists": ("works", "bars of eight markets; three PPO specialists under one meta-controller"),
    "regime": ("planned", "an objective; regime and risk models gate one shared policy"),
}
BUILT: Final = tuple(name for name, (state, _) in PIPELINES.items() if state == "works")


def road(pipeline: str, part: str) -> Any:  # noqa: ANN401  a module of that pipeline
    """The module `part` (whole, audit) of a built pipeline, loaded now because it is heavy."""
    return import_module(f"rookery.pipelines.{pipeline}.{part}")


def road_of(facts: "RunFacts", part: str, *, done: str) -> Any:  # noqa: ANN401  a module of the run's pipeline
    """The module `part` of a run's pipeline. Raises UserError for a run that cannot be `done` (resumed, audited)."""
    pipeline = str(facts.request.get("pipeline"))
    if pipeline in BUILT:
        return road(pipeline, part)
    remedy = {
        "resumed": "give the command that started it once more",
        "audited": f"audit a run of: {', '.join(f'rookery {name} run' for name in BUILT)}",
    }[done]
    raise UserError(f"belongs to '{pipeline}', which cannot be {done} by its folder", place=facts.path, remedy=remedy)
