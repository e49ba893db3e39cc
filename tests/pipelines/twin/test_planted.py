"""The made-up trader's fills show what he saw and what he did."""

import polars as pl
import pytest

from rookery.features.segments import SEGMENT
from rookery.market.planted_trader import PlantedMarkets, best_accuracy, planted_bars, rule_trader
from rookery.pipelines.twin import tables
from rookery.pipelines.twin.config import demo_config
from rookery.pipelines.twin.planted import NOISE, planted_history
from rookery.sources.polymarket import RESIDUAL_TOLERANCE


def test_bars_of_his_fills_are_the_bars_that_he_saw():
    made = tables.build(planted_history(6, seed=3), demo_config().tables)
    shape = PlantedMarkets(markets=6, bars=60, persistence=0.0)
    seen = rule_trader(planted_bars(shape, seed=3), noise=NOISE, seed=4)

    for name in ("open", "high", "low", "close"):
        assert made.bars[name].to_list() == pytest.approx(seen[name].to_list(), abs=1e-12)
    for name in ("net_quantity", "inventory"):
        assert made.bars[name].to_list() == pytest.approx(seen[name].to_list(), abs=1e-4)


def test_his_markets_are_complete_and_settled():
    history = planted_history(8, seed=0)
    assert history.markets["complete"].all()
    assert history.markets["residual"].max() <= RESIDUAL_TOLERANCE
    assert set(history.markets["winner"]) <= {"Up", "Down"}
    assert history.facts.generated


def test_up_wins_as_often_as_its_last_price_says():
    history = planted_history(400, seed=0)
    last = history.trades.filter(pl.col("kind") == "TRADE").group_by("market").agg(pl.col("up_price").last())
    both = history.markets.join(last, on="market")
    won = (both["winner"] == "Up").cast(pl.Float64)
    assert float((won - both["up_price"]).mean()) == pytest.approx(0.0, abs=0.05)


def test_the_rule_foretells_as_much_as_noise_lets_it():
    config = demo_config().tables
    made = tables.build(planted_history(60, seed=0), config)
    shape = PlantedMarkets(markets=60, bars=60, persistence=0.0)
    rule = rule_trader(planted_bars(shape, seed=0), noise=NOISE, seed=1)["rule_action"]
    table = made.labels.with_columns(rule=rule).filter(pl.col("action").is_not_null())
    assert table[SEGMENT].n_unique() == 60
    assert float((table["rule"] == table["action"]).mean()) == pytest.approx(best_accuracy(NOISE), abs=0.02)


def test_one_seed_is_one_history():
    assert planted_history(3, seed=5).fingerprint() == planted_history(3, seed=5).fingerprint()
    assert planted_history(3, seed=5).fingerprint() != planted_history(3, seed=6).fingerprint()
