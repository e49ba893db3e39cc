"""Planted traders, and twins that have learnt from them once for all tests."""

from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import torch

from rookery.datasets.trajectories import TrajectoryBatches, fit_state_scaler, from_tables
from rookery.features.fractional import FractionalOrder
from rookery.features.state import StateConfig, state_features
from rookery.labels.trader import ActionThresholds, trader_labels
from rookery.learning.training import FitConfig
from rookery.market.planted_trader import (
    STRONG_UNITS,
    PlantedMarkets,
    mixed_skill_trader,
    planted_bars,
    rule_trader,
)
from rookery.models.decision_transformer import DecisionTransformerConfig, build
from rookery.pipelines.twin.saved import save_twin
from rookery.pipelines.twin.training import TraderTrainer
from rookery.progress import Progress

# The plain change of the log price: what a planted market's next step hangs on.
STATE = StateConfig(fractional_order=1.0)
NOISE = 0.2
NETWORK = DecisionTransformerConfig(width=32, layers=2, heads=4, dropout=0.0)
FIT = FitConfig(
    num_epochs=20,
    batch_size=16,
    learning_rate=3e-3,
    patience=0,
    tensorboard=False,
    num_threads=1,
    device="cpu",
)


def make_lesson(bars: pl.DataFrame) -> SimpleNamespace:
    """A trader's trajectories, scaler and thresholds, and `parts()`: three quarters to learn from, and the rest."""
    states = state_features(bars, STATE)
    train = range(bars.height * 3 // 4)
    thresholds = ActionThresholds(
        strong_buy=STRONG_UNITS, strong_sell=STRONG_UNITS, quantile=0.75, fitted_rows=(0, train.stop)
    )
    scaler = fit_state_scaler(states, train, STATE.names)
    made = from_tables(states, trader_labels(bars, thresholds), scaler)
    cut, count = made.segments * 3 // 4, made.segments

    def parts() -> tuple[TrajectoryBatches, TrajectoryBatches]:
        cpu = torch.device("cpu")
        train, validation = made.part(range(cut)), made.part(range(cut, count))
        return TrajectoryBatches(train, device=cpu), TrajectoryBatches(validation, device=cpu)

    return SimpleNamespace(trajectories=made, scaler=scaler, thresholds=thresholds, parts=parts)


def teach(lesson: SimpleNamespace, folder: Path) -> SimpleNamespace:
    """A network that has learnt it, in `model` and `trainer`."""
    model = build(NETWORK, seed=0)
    trainer = TraderTrainer(model, "cpu", config=FIT)
    trainer.train(*lesson.parts(), output_dir=folder, progress=Progress(quiet=True))
    return SimpleNamespace(lesson=lesson, model=model, trainer=trainer)


@pytest.fixture(scope="session")
def small_lesson() -> SimpleNamespace:
    """Twelve short markets of the trader by rule: enough to train on, not to learn from."""
    return make_lesson(rule_trader(planted_bars(PlantedMarkets(markets=12, bars=40), seed=0), noise=NOISE, seed=1))


@pytest.fixture(scope="session")
def rule_taught(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A twin of the trader by rule."""
    lesson = make_lesson(rule_trader(planted_bars(PlantedMarkets(markets=240), seed=0), noise=NOISE, seed=1))
    return teach(lesson, tmp_path_factory.mktemp("rule") / "run")


@pytest.fixture(scope="session")
def mixed_taught(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A twin of the trader who is skilled in some markets only."""
    lesson = make_lesson(mixed_skill_trader(planted_bars(PlantedMarkets(markets=500, bars=30), seed=0), seed=1))
    return teach(lesson, tmp_path_factory.mktemp("mixed") / "run")


@pytest.fixture(scope="session")
def bundle_path(rule_taught: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trader by rule's twin, saved."""
    path = tmp_path_factory.mktemp("bundle") / "twin"
    save_twin(
        path,
        rule_taught.model,
        rule_taught.lesson.scaler,
        state=STATE,
        fractional=FractionalOrder(order=1.0, tau=STATE.fractional_tau),
        thresholds=rule_taught.lesson.thresholds,
        seed=0,
        data_fingerprint="planted",
        training={"best_epoch": 1},
    )
    return path
