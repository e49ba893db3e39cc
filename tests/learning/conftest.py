"""A problem small enough to be learnt in a second: the side follows the sign of the window's last value."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from rookery.datasets.batches import SequenceBatches, TargetUnits
from rookery.datasets.scaling import Scaler, Scalers
from rookery.datasets.sequences import SIDES, Sequences
from rookery.learning.fit import History, fit
from rookery.learning.objectives import HeadLoss, HeadLossConfig
from rookery.learning.training import FitConfig
from rookery.models.lstm import LstmConfig, SwapLSTM, build
from rookery.progress import Progress
from rookery.run import Run

NAMES = (("a", "b"), ("c",))
MODEL = LstmConfig(core_features=2, condition_features=1, hidden_dim=8, condition_dim=4, fusion_dim=8)


def make_batches(rows: int, seed: int, device: str = "cpu") -> SequenceBatches:
    """`rows` windows of 4 rows; |last value| <= 0.4 is a HOLD, else SELL above and BUY below."""
    rng = np.random.default_rng(seed)
    core = rng.normal(size=(rows + 3, 2))
    last = core[3:, 0]
    side = np.where(last > 0.4, 2, np.where(last < -0.4, 0, 1))
    sequences = Sequences(
        core_RF=core,
        start_N=np.arange(rows),
        seq_len=4,
        conditions_NC=rng.normal(size=(rows, 1)),
        side_N=side,
        size_N=np.where(side == 1, 0.0, 0.05),
        slippage_bps_N=np.where(side == 0, 30.0, 50.0),
        deadline_s_N=np.where(side == 0, 120.0, 300.0),
        row_N=np.arange(3, rows + 3),
        time_ns_N=np.arange(rows),
        core_names=NAMES[0],
        condition_names=NAMES[1],
    )
    core_unit, conditions_unit = (
        Scaler(names=names, mean=np.zeros(len(names)), scale=np.ones(len(names)), fitted_rows=(0, rows))
        for names in NAMES
    )
    scalers = Scalers(core=core_unit, conditions=conditions_unit)
    return SequenceBatches(sequences, scalers, TargetUnits(), device=torch.device(device))


@pytest.fixture
def batches() -> SequenceBatches:
    """The 320 examples that `train` learns from."""
    return make_batches(320, seed=0)


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., tuple[SwapLSTM, History]]:
    """Train the small model: `train(folder_name, seed=..., batches=..., judged=..., **FitConfig settings)`."""

    def run_fit(
        name: str = "run",
        *,
        seed: int = 0,
        batches: SequenceBatches | None = None,
        judged: bool = True,
        **settings: object,
    ) -> tuple[SwapLSTM, History]:
        defaults = {"num_epochs": 4, "batch_size": 16, "learning_rate": 1e-2, "num_threads": 1, "device": "cpu"}
        config = FitConfig.model_validate({"tensorboard": False, **defaults, **settings})
        learn = make_batches(320, seed=0, device=config.device) if batches is None else batches
        _, targets = learn.take(torch.arange(len(learn)))
        objective = HeadLoss(HeadLossConfig(), train_side_N=targets.side_B, classes=SIDES)
        model = build(MODEL, seed=seed)
        judge = make_batches(100, seed=1, device=config.device) if judged else None
        with (
            Run(tmp_path / name, config=config, seed=seed, progress=Progress(quiet=True)) as run,
            run.stage("training") as stage,
        ):
            history = fit(model, objective, learn, validate=judge, config=config, run=run, stage=stage)
        return model, history

    return run_fit
