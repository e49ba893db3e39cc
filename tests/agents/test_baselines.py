"""The decision makers that an agent must beat."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from rookery.agents.baselines import always_hold, buy_and_hold, random, teacher
from rookery.market.orders import DECISIONS, asked
from rookery.schema import TIME

SWAPS = pl.DataFrame(
    {"time": pl.datetime_range(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC), "1m", eager=True)}
).cast({"time": TIME})
LABELS = SWAPS.with_columns(
    side=pl.when(pl.int_range(pl.len()) % 10 == 3).then(pl.lit("BUY")).otherwise(pl.lit("HOLD")),
    size=pl.lit(0.05),
    slippage_bps=pl.lit(50),
    deadline_s=pl.lit(300),
    confidence=pl.lit(0.5),
    rule_triggered=pl.lit("MEAN_REVERSION_BUY"),
)


@pytest.mark.parametrize("make", [always_hold, buy_and_hold], ids=lambda make: make.__name__)
def test_a_baseline_decides_once_per_swap(make: Callable[[pl.DataFrame], pl.DataFrame]):
    table = make(SWAPS)
    assert table["row"].to_list() == list(range(SWAPS.height))
    assert list(table.columns) == list(DECISIONS.columns)
    assert asked([table], SWAPS).decisions.height <= 1


def test_always_hold_never_orders():
    assert set(always_hold(SWAPS)["side"]) == {"HOLD"}


def test_buy_and_hold_buys_everything_once_at_the_start():
    orders = buy_and_hold(SWAPS).filter(pl.col("side") != "HOLD")
    assert orders.select("row", "side", "size").rows() == [(0, "BUY", 1.0)]


def test_the_teacher_does_what_the_labels_say():
    table = teacher(SWAPS, LABELS)
    assert table["side"].to_list() == LABELS["side"].to_list()
    assert table["reason"].to_list() == LABELS["rule_triggered"].to_list()
    assert asked([table], SWAPS).decisions.height == LABELS.filter(pl.col("side") == "BUY").height


def test_labels_of_other_rows_are_refused():
    with pytest.raises(ValueError, match="same rows"):
        teacher(SWAPS, LABELS.head(5))


def test_random_trading_has_the_same_orders_at_other_rows():
    like = teacher(SWAPS, LABELS).with_columns(size=pl.Series(np.random.default_rng(0).random(SWAPS.height)))
    drawn = random(SWAPS, like, seed=1)
    orders = like.filter(pl.col("side") != "HOLD")
    columns = ["side", "size", "slippage_bps", "deadline_s"]
    assert drawn.select(columns).sort(columns).equals(orders.select(columns).sort(columns))
    assert drawn["row"].to_list() != orders["row"].to_list()
    assert asked([drawn], SWAPS).decisions.height == orders.height


def test_random_trading_repeats_with_its_seed_only():
    like = teacher(SWAPS, LABELS)
    assert random(SWAPS, like, seed=1).equals(random(SWAPS, like, seed=1))
    assert not random(SWAPS, like, seed=1).equals(random(SWAPS, like, seed=2))


def test_random_rows_are_uniform_over_the_span():
    like = teacher(SWAPS, LABELS)
    rows = np.concatenate([random(SWAPS, like, seed=seed)["row"].to_numpy() for seed in range(60)])
    counts = np.histogram(rows, bins=4, range=(0, SWAPS.height))[0]
    assert np.abs(counts / rows.size - 0.25).max() < 0.02


def test_an_agent_that_never_trades_has_a_random_twin_that_never_trades():
    assert random(SWAPS, always_hold(SWAPS), seed=0).height == 0
