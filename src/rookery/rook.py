"""The ROOK pipeline under its short name."""

from rookery.pipelines.closing import RunResult
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.config import RookConfig, demo_config
from rookery.pipelines.rook.steps import SwapSource
from rookery.pipelines.rook.whole import run

__all__ = ["RookConfig", "RunResult", "SwapSource", "TrainedROOKBrain", "demo_config", "run"]
