"""An environment is a function of its bars too: what is seen and owned at a bar may not hang on later ones."""

import numpy as np
import polars as pl
import pytest

from rookery.evaluation import audit
from rookery.market.bars import Bars
from rookery.market.env import BarsEnv
from rookery.market.observations import bar_features
from rookery.market.scenarios import generate

COLUMNS = ("open", "high", "low", "close", "volume")
ROWS, WINDOW = 300, 3


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    bars = generate("gbm", bars=ROWS, seed=1)
    return pl.DataFrame({name: getattr(bars, f"{name}_TM")[:, 0] for name in COLUMNS}).with_row_index("bar")


def played(table: pl.DataFrame, *, peeks: bool = False) -> pl.DataFrame:
    """Observation and net worth at every bar, under one fixed series of actions."""
    bars = Bars(**{f"{name}_TM": table[name].to_numpy()[:, None] for name in COLUMNS})
    features_TF = bar_features(bars)
    if peeks:
        features_TF = np.roll(features_TF, -1, axis=0)
    config = {"episode_length": 10_000, "random_start": False, "warmup_steps": 0, "window": WINDOW}
    env = BarsEnv(bars=bars, features_TF=features_TF, config=config)
    seen, _ = env.reset(seed=0)
    rows = [np.full(seen.size + 1, np.nan)] * (WINDOW - 1) + [np.append(seen, 100_000.0)]
    for action in np.random.default_rng(0).integers(0, 3, table.height)[: table.height - WINDOW]:
        seen, _, _, _, info = env.step(action)
        rows.append(np.append(seen, info["net_worth"]))
    return pl.DataFrame(np.array(rows), schema=[*(f"seen {k}" for k in range(seen.size)), "net worth"], orient="row")


def test_neither_observations_nor_net_worth_know_a_later_bar(table: pl.DataFrame):
    certificate = audit(played, table, time="bar", tolerance=0.0)

    assert not certificate.failed
    assert {"future perturbation", "truncation"} <= {
        one.probe for one in certificate.findings if one.outcome == "passed"
    }


def test_an_environment_that_shows_the_next_bar_is_caught(table: pl.DataFrame):
    certificate = audit(lambda bars: played(bars, peeks=True), table, time="bar", tolerance=0.0)

    failed = {one.probe: one for one in certificate.failed}
    # Four features of three bars each are seen, the newest last.
    newest = {f"seen {k}" for k in range(8, 12)}
    assert set(failed["future perturbation"].columns) == newest
    assert newest <= set(failed["truncation"].columns)
