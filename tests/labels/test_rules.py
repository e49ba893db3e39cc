"""The rules, one at a time by hand, then all of them against 7,000 published labels."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.swaps import core_features
from rookery.labels.rules import Rules, label
from rookery.schema import TIME
from rookery.sources.uniswap import load

FITTED = Rules.data_driven()
NOON = datetime(2025, 1, 23, 12, tzinfo=UTC)


def quiet(rows: int = 60) -> dict[str, list[float]]:
    """Features of a still market in which no rule but NO_SIGNAL applies."""
    return {
        "price": [100.0] * rows,
        "price_change": [0.0] * rows,
        "volume": [1.0] * rows,
        "volume_ma": [1.0] * rows,
        "volatility": [0.0005] * rows,
        "liquidity_impact": [1.0] * rows,
    }


def last_label(features: dict[str, list[float]], rules: Rules = FITTED, *, time: datetime = NOON) -> dict[str, object]:
    """The label of the last row."""
    table = pl.DataFrame(features).with_columns(pl.lit(time).cast(TIME).alias("time"))
    return label(table, rules).drop("time").row(-1, named=True)


def with_last(rows: int = 60, **values: float) -> dict[str, list[float]]:
    """A still market whose last row has these values."""
    features = quiet(rows)
    for name, value in values.items():
        features[name][-1] = value
    return features


def test_nothing_happening_is_a_hold_with_half_confidence():
    assert last_label(quiet()) == {
        "side": "HOLD",
        "size": 0.0,
        "slippage_bps": 50.0,
        "deadline_s": 300.0,
        "confidence": 0.5,
        "rule_triggered": "NO_SIGNAL",
    }


def test_a_price_under_its_mean_on_heavy_volume_is_bought():
    decided = last_label(with_last(price=99.0, volume=2.0))
    assert decided["rule_triggered"] == "MEAN_REVERSION_BUY"
    assert (decided["side"], decided["size"]) == ("BUY", 0.05)
    assert (decided["slippage_bps"], decided["deadline_s"]) == (50.0, 300.0)
    # A deviation of 1 % times 10, and a volume of twice the mean times 0.1.
    assert decided["confidence"] == pytest.approx(0.1 + 0.2)


def test_a_price_over_its_mean_on_heavy_volume_is_sold():
    decided = last_label(with_last(price=101.0, volume=2.0))
    assert (decided["rule_triggered"], decided["side"], decided["size"]) == ("MEAN_REVERSION_SELL", "SELL", 0.05)


@pytest.mark.parametrize("price", [99.0, 101.0])
def test_without_heavy_volume_no_deviation_is_traded(price: float):
    assert last_label(with_last(price=price, volume=1.2))["rule_triggered"] == "NO_SIGNAL"


def test_the_mean_is_of_the_50_swaps_before_and_not_of_the_swap_itself():
    features = with_last(price=99.0, volume=2.0)
    features["price"][:9] = [1e9] * 9  # rows 0 to 8 lie before the window [9, 59)
    assert last_label(features)["confidence"] == pytest.approx(0.3)


def test_reversion_waits_for_20_swaps_and_breakout_for_10():
    assert last_label(with_last(21, price=99.0, volume=2.0))["rule_triggered"] == "MEAN_REVERSION_BUY"
    assert last_label(with_last(20, price=99.0, volume=2.0))["rule_triggered"] == "NO_SIGNAL"
    for rows, rule in ((11, "BREAKOUT_BUY"), (10, "NO_SIGNAL")):
        features = with_last(rows, volume=1.4, volatility=0.001)
        features["price_change"][-2] = 0.01
        assert last_label(features)["rule_triggered"] == rule


@pytest.mark.parametrize(("change", "side"), [(0.002, "BUY"), (-0.002, "SELL")])
def test_a_breakout_is_followed_with_less_slippage_and_less_time(change: float, side: str):
    features = with_last(volume=1.4, volatility=0.001)
    features["price_change"][-11:-1] = [change] * 10
    decided = last_label(features)
    assert decided["rule_triggered"] == f"BREAKOUT_{side}"
    assert (decided["side"], decided["size"]) == (side, 0.08)
    assert (decided["slippage_bps"], decided["deadline_s"]) == (30.0, 120.0)
    # A momentum of 2 % times 20, and a volatility of 0.1 % times 10.
    assert decided["confidence"] == pytest.approx(0.4 + 0.01)


def test_momentum_leaves_out_the_swap_itself():
    features = with_last(volume=1.4, volatility=0.001, price_change=0.02)
    assert last_label(features)["rule_triggered"] == "NO_SIGNAL"


def test_confidence_is_capped():
    assert last_label(with_last(price=50.0, volume=9.0))["confidence"] == 0.8
    features = with_last(volume=1.4, volatility=0.001)
    features["price_change"][-2] = 0.5
    assert last_label(features)["confidence"] == 0.9


def test_filters_come_before_signals_in_their_order():
    signal = {"price": 99.0, "volume": 2.0}
    at_night = Rules(**FITTED.model_dump() | {"active_hours_start": 13})
    wild = signal | {"volatility": 0.06, "liquidity_impact": 11.0}
    assert last_label(with_last(**wild), at_night)["rule_triggered"] == "MARKET_HOURS"
    assert last_label(with_last(**wild))["rule_triggered"] == "VOLATILITY_FILTER"
    assert last_label(with_last(**signal, volatility=0.00005))["rule_triggered"] == "VOLATILITY_FILTER"
    assert last_label(with_last(**signal, liquidity_impact=11.0))["rule_triggered"] == "LIQUIDITY_FILTER"


def test_comparisons_are_strict():
    # 99 under a mean of 100 deviates by 0.01 exactly as far as floats tell: price / mean - 1.
    edge = Rules(**FITTED.model_dump() | {"mr_price_deviation_threshold": -(99.0 / 100.0 - 1.0)})
    assert last_label(with_last(price=99.0, volume=2.0), edge)["rule_triggered"] == "NO_SIGNAL"
    assert last_label(with_last(price=99.0, volume=1.5))["rule_triggered"] == "NO_SIGNAL"
    assert last_label(with_last(liquidity_impact=10.0))["rule_triggered"] == "NO_SIGNAL"
    assert last_label(with_last(volatility=0.05))["rule_triggered"] == "NO_SIGNAL"


@pytest.mark.parametrize(
    ("start", "end", "active"),
    [(8, 20, [*range(8, 21)]), (20, 4, [*range(5), *range(20, 24)]), (5, 5, [5]), (0, 23, [*range(24)])],
)
def test_hours_are_utc_with_both_ends_and_may_run_past_midnight(start: int, end: int, active: list[int]):
    rules = Rules(**FITTED.model_dump() | {"active_hours_start": start, "active_hours_end": end})
    fired = [
        last_label(quiet(), rules, time=NOON.replace(hour=hour, minute=59))["rule_triggered"] for hour in range(24)
    ]
    assert [hour for hour in range(24) if fired[hour] == "NO_SIGNAL"] == active


def test_sizes_are_capped_at_the_largest_allowed():
    capped = Rules(**FITTED.model_dump() | {"max_position_size": 0.03})
    assert last_label(with_last(price=99.0, volume=2.0), capped)["size"] == 0.03


def test_after_no_volume_at_all_nothing_is_a_surge():
    decided = last_label(with_last(price=99.0, volume=2.0, volume_ma=0.0))
    assert decided["rule_triggered"] == "NO_SIGNAL"


def test_the_depth_of_liquidity_is_read_and_not_used():
    deep = Rules(**FITTED.model_dump() | {"min_liquidity_depth": 1e30})
    assert last_label(with_last(price=99.0, volume=2.0), deep)["rule_triggered"] == "MEAN_REVERSION_BUY"


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ("mr_position_size: 1.5", "mr_position_size"),
        ("active_hours_end: 24", "active_hours_end"),
        ("mr_volume_multiplier: .nan", "mr_volume_multiplier"),
        ("min_volatility_threshold: 0.2", "min_volatility_threshold is above max_volatility_threshold"),
        ("max_position_size: 0.005", "max_position_size is below min_position_size"),
        ("mr_volume_multiplyer: 2", "unknown key"),
    ],
)
def test_rules_that_make_no_sense_are_refused_by_name(tmp_path: Path, changed: str, what: str):
    file = tmp_path / "rules.yaml"
    file.write_text(changed + "\n")
    with pytest.raises(UserError, match=what):
        Rules.read(file)


@pytest.mark.parametrize(("name", "rules"), [("data_driven", Rules.data_driven()), ("relaxed", Rules.relaxed())])
def test_the_named_rules_are_the_published_files(shared_data: Path, name: str, rules: Rules):
    assert Rules.read(shared_data / "uniswap_v4_eth_usdc_rook" / f"{name}_heuristics.json") == rules


@pytest.fixture(scope="module")
def published(shared_data: Path) -> pl.DataFrame:
    return pl.read_csv(shared_data / "uniswap_v4_eth_usdc_rook" / "labeled_dataset_rows_1_7000.csv.gz")


@pytest.fixture(scope="module")
def ours(shared_data: Path) -> pl.DataFrame:
    swaps = load(shared_data / "uniswap_v4_eth_usdc_rook" / "swaps_raw_rebuilt_rows_1_7000.csv.gz").table
    return label(core_features(swaps), FITTED)


@pytest.mark.parametrize("name", ["side", "rule_triggered", "size", "slippage_bps", "deadline_s"])
def test_all_7000_decisions_equal_the_published(name: str, ours: pl.DataFrame, published: pl.DataFrame):
    assert (ours[name] == published[name]).sum() == 7000


def test_all_7000_confidences_equal_the_published(ours: pl.DataFrame, published: pl.DataFrame):
    gap = np.abs(ours["confidence"].to_numpy() - published["confidence"].to_numpy())
    assert (gap <= 1e-9 * published["confidence"].to_numpy()).sum() == 7000


def test_rules_fire_as_often_as_published(ours: pl.DataFrame):
    assert dict(ours["rule_triggered"].value_counts().iter_rows()) == {
        "NO_SIGNAL": 5300,
        "MEAN_REVERSION_SELL": 647,
        "MEAN_REVERSION_BUY": 525,
        "BREAKOUT_BUY": 206,
        "BREAKOUT_SELL": 191,
        "VOLATILITY_FILTER": 68,
        "LIQUIDITY_FILTER": 63,
    }
