"""ROOK: rules label on-chain swaps, an LSTM learns them, a brain decides side, size, slippage and deadline."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.pipelines.rook.brain import TrainedROOKBrain
    from rookery.pipelines.rook.config import RookConfig, demo_config
    from rookery.pipelines.rook.whole import run

__all__ = ["RookConfig", "TrainedROOKBrain", "demo_config", "run"]

_HOMES = {"TrainedROOKBrain": "brain", "RookConfig": "config", "demo_config": "config", "run": "whole"}


def __getattr__(name: str) -> object:
    # torch, polars and numba take seconds to load: only what is asked for is.
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
