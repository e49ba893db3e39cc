"""A small saved brain with firm opinions, and rows to ask it about."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from rookery.datasets.batches import TargetUnits
from rookery.datasets.scaling import Scaler, Scalers
from rookery.datasets.sequences import Float64
from rookery.features.conditions import CONDITION_FEATURES
from rookery.features.swaps import CORE_FEATURES
from rookery.models.lstm import LstmConfig, build
from rookery.pipelines.rook.config import TradingConfig
from rookery.pipelines.rook.saved import save_brain
from rookery.types import Pair

CORE_MEAN = np.array([3000.0, 0.001, 0.5, 0.6, 2.0, 0.0])
CORE_SCALE = np.array([200.0, 0.0005, 1.0, 0.3, 4.0, 0.0008])


def _scalers(clip: float | None) -> Scalers:
    core = Scaler(names=CORE_FEATURES, mean=CORE_MEAN, scale=CORE_SCALE, fitted_rows=(0, 700), clip=clip)
    width = len(CONDITION_FEATURES)
    state = Scaler(
        names=CONDITION_FEATURES, mean=np.full(width, 5.0), scale=np.full(width, 2.0), fitted_rows=(29, 700), clip=clip
    )
    return Scalers(core=core, conditions=state)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two processes of two threads each on two cores would wait for one another most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Save a brain of random weights; `opinion` spreads its logits, so that it is seldom undecided."""

    def write(
        name: str = "eth_usdc",
        *,
        opinion: float = 30.0,
        clip: float | None = 5.0,
        seed: int = 6,
        hidden_dim: int = 16,
        **trading: float,
    ) -> Path:
        model = build(LstmConfig(hidden_dim=hidden_dim, condition_dim=8, fusion_dim=8), seed=seed)
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(0)
            model.side.weight *= opinion
            logits = model.eval()(torch.randn(500, 30, 6), torch.randn(500, 23)).side_BK
            # No class is the favourite before anything is seen.
            model.side.bias -= logits.mean(dim=0)
        save_brain(
            tmp_path / name,
            model,
            _scalers(clip),
            seq_len=30,
            units=TargetUnits(),
            trading=TradingConfig.model_validate(trading),
            pair=Pair(),
            seed=seed,
            data_fingerprint="cd" * 32,
            training={"epochs": 3, "best_epoch": 2},
        )
        return tmp_path / name

    return write


@pytest.fixture
def rows() -> tuple[Float64, Float64]:
    """600 windows (600, 30, 6) and their conditions (600, 23), of the kind that the brain was scaled for."""
    rng = np.random.default_rng(0)
    core = CORE_MEAN + CORE_SCALE * rng.normal(size=(629, 6))
    windows = np.lib.stride_tricks.sliding_window_view(core, 30, axis=0).transpose(0, 2, 1)
    return windows, 5.0 + 2.0 * rng.normal(size=(600, 23))
