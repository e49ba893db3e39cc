"""Planted traders, and twins that have learnt from them once for all tests."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
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
from rookery.pipelines.twin.history import TwinHistory
from rookery.pipelines.twin.planted import history_of
from rookery.pipelines.twin.saved import save_twin
from rookery.pipelines.twin.training import TraderTrainer
from rookery.progress import Progress
from rookery.schema import BARS, Loaded, SourceFacts, check

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


def coin_bars(markets: int, *, seed: int, before: int = 120) -> pl.DataFrame:
    """Minute bars (BARS) of a coin throughout the planted markets, and so many minutes before."""
    times = planted_bars(PlantedMarkets(markets=markets), seed=seed)["time"]
    rows = times.len() + before
    rng = np.random.default_rng([seed, *b"coin"])
    close = 3_000.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, rows)))
    opened = np.append(3_000.0, close[:-1])
    known = [times[0] + timedelta(minutes=n - before) for n in range(rows)]
    table = pl.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * 1.0002,
            "low": np.minimum(opened, close) * 0.9998,
            "close": close,
            "volume": rng.lognormal(3.0, 1.0, rows),
        }
    ).with_columns(
        pl.Series("time", known).cast(times.dtype),
        pl.Series("open_time", known).cast(times.dtype) - pl.duration(minutes=1, time_unit="ns"),
        pl.lit("COIN").alias("instrument"),
        pl.lit(None, pl.Float64).alias("spread"),
        pl.lit(False).alias("synthetic"),
    )
    return check(table, BARS, place="coin")


def tokens_of(coin: pl.DataFrame, markets: int, *, seed: int) -> pl.DataFrame:
    """Bars of the markets about the coin: half of the variance of their log-odds is its own move, half is noise."""
    plain = planted_bars(PlantedMarkets(markets=markets), seed=seed)
    move = np.log(coin["close"] / coin["open"]).to_numpy()[-plain.height :] / 1e-3
    noise = np.random.default_rng([seed, *b"tokens"]).normal(size=plain.height)
    ends = np.cumsum((0.035 * (move + noise)).reshape(markets, -1), axis=1)
    starts = np.concatenate((np.zeros((markets, 1)), ends[:, :-1]), axis=1)
    close, opened = (1.0 / (1.0 + np.exp(-one.ravel())) for one in (ends, starts))
    return plain.with_columns(
        open=pl.Series(opened),
        high=pl.Series(np.maximum(opened, close)),
        low=pl.Series(np.minimum(opened, close)),
        close=pl.Series(close),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One market of two fills."""
    rows = [
        {"t": 1_768_904_101_000 + 1_000 * n, "type": "trade", "price": 0.5, "side": "BUY", "size": 2, "usdc": 1}
        for n in range(2)
    ]
    prices = [{**row, "outcome": "Up"} for row in rows]
    (tmp_path / "one_prices.json").write_text(json.dumps({"slug": "btc-updown-15m-1768904100", "prices": prices}))
    return tmp_path


@pytest.fixture(scope="session")
def coin_history() -> Callable[[int], TwinHistory]:
    """History of a trader who follows the coin's RSI, whatever the tokens do, in so many markets; with the coin."""

    def made(markets: int) -> TwinHistory:
        coin = coin_bars(markets, seed=0)
        tokens = tokens_of(coin, markets, seed=0)
        wanted = rule_trader(coin.with_columns(pl.lit(0).alias("segment")), noise=NOISE, seed=1)["net_quantity"]
        bars = tokens.with_columns(wanted[-tokens.height :])
        facts = SourceFacts(path="coin.csv", dialect="planted", rows_read=coin.height, rows_kept=coin.height)
        return replace(history_of(bars, seed=2), underlying=Loaded(table=coin, facts=facts))

    return made


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
