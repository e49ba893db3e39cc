"""No feature, condition or label of a swap knows a later swap; each is the same to the bit however it is computed."""

from collections.abc import Callable
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.features.conditions import conditions
from rookery.features.stream import FeatureStream
from rookery.features.swaps import REACH, core_features
from rookery.labels.rules import Rules, label

ROWS = 450
# The row itself and what it reaches back to.
WARM_UP = REACH + 1
RULES = Rules.data_driven()
COUNTED_FROM_THE_FIRST_ROW = {"total_transactions", "volume_trend"}


def market_conditions(swaps: pl.DataFrame) -> pl.DataFrame:
    return conditions(core_features(swaps))


def rule_labels(swaps: pl.DataFrame) -> pl.DataFrame:
    return label(core_features(swaps), RULES)


HONEST = [core_features, market_conditions, rule_labels]
thorough = settings(max_examples=60, deadline=None, derandomize=True, database=None)
cuts = st.integers(1, ROWS - 1)
seeds = st.integers(0, 2**32 - 1)


def test_the_tape_makes_every_rule_fire_that_the_hour_allows(detect: SimpleNamespace):
    fired = set(rule_labels(detect.swaps(ROWS, 0))["rule_triggered"])
    assert len(fired) >= 6


@pytest.mark.parametrize("compute", HONEST)
@given(cut=cuts, seed=seeds)
@thorough
def test_changing_the_future_changes_nothing_before_it(detect: SimpleNamespace, compute: Callable, cut: int, seed: int):
    assert detect.future(compute, detect.swaps(ROWS, seed % 5), cut, seed) == set()


@pytest.mark.parametrize("compute", HONEST)
@given(cut=cuts, seed=st.integers(0, 4))
@thorough
def test_a_shorter_record_has_the_same_rows(detect: SimpleNamespace, compute: Callable, cut: int, seed: int):
    assert detect.truncation(compute, detect.swaps(ROWS, seed), cut) == set()


@pytest.mark.parametrize("compute", HONEST)
@given(start=st.integers(1, 4300), seed=st.integers(0, 4))
@settings(thorough, max_examples=25)
def test_after_the_warm_up_it_is_all_one_where_the_record_starts(
    detect: SimpleNamespace, compute: Callable, start: int, seed: int
):
    # Longer than two tiles of the kernels, so that the same window falls on different places in a tile.
    failed = detect.start(compute, detect.swaps(4500, seed), start, WARM_UP)
    assert failed <= COUNTED_FROM_THE_FIRST_ROW


@pytest.mark.parametrize("seed", [0, 1])
def test_a_stream_of_single_swaps_has_the_bits_of_the_batch(detect: SimpleNamespace, seed: int):
    swaps = detect.swaps(ROWS, seed)
    features = core_features(swaps)
    stream = FeatureStream()
    told = [stream.push(swap) for swap in swaps.iter_rows(named=True)]
    assert detect.one_by_one(features.drop("time"), [core for core, _ in told]) == set()
    assert detect.one_by_one(conditions(features).drop("time"), [state for _, state in told]) == set()


def test_labels_made_from_the_last_rows_alone_are_those_of_the_batch(detect: SimpleNamespace):
    features = core_features(detect.swaps(ROWS, 2))
    rows = [label(features[max(0, i + 1 - WARM_UP) : i + 1], RULES).row(-1, named=True) for i in range(ROWS)]
    assert detect.one_by_one(label(features, RULES), rows) == set()


def peeking_change(swaps: pl.DataFrame) -> pl.DataFrame:
    return swaps.select(honest=pl.col("price") * 2.0, leak=pl.col("price").shift(-1, fill_value=0.0))


def centred_window(swaps: pl.DataFrame) -> pl.DataFrame:
    return swaps.select(honest=pl.col("price") * 2.0, leak=pl.col("price").rolling_mean(5, center=True, min_samples=1))


def share_of_the_whole(swaps: pl.DataFrame) -> pl.DataFrame:
    return swaps.select(honest=pl.col("price") * 2.0, leak=pl.col("amount_base") / pl.col("amount_base").mean())


PLANTED = [peeking_change, centred_window, share_of_the_whole]


@pytest.mark.parametrize("compute", PLANTED)
@given(cut=cuts, seed=seeds)
@settings(thorough, max_examples=20)
def test_a_planted_leak_is_caught_by_name(detect: SimpleNamespace, compute: Callable, cut: int, seed: int):
    swaps = detect.swaps(ROWS, seed % 5)
    assert detect.future(compute, swaps, cut, seed) == {"leak"}
    assert detect.truncation(compute, swaps, cut) == {"leak"}


def test_a_recursive_average_is_caught_by_its_dependence_on_the_start(detect: SimpleNamespace):
    def smoothed(swaps: pl.DataFrame) -> pl.DataFrame:
        return swaps.select(pl.col("price").ewm_mean(alpha=0.01, adjust=False), "tick")

    assert detect.start(smoothed, detect.swaps(ROWS, 0), 50, WARM_UP) == {"price"}


def test_a_stream_that_divides_otherwise_than_the_batch_is_caught(detect: SimpleNamespace):
    """Polars divides a column by a constant through its reciprocal, but in a table of one row it divides."""
    swaps = detect.swaps(ROWS, 0)
    halves = pl.col("price") / 49.0
    rows = [swaps[i].select(halves).row(0, named=True) for i in range(ROWS)]
    assert detect.one_by_one(swaps.select(halves), rows) == {"price"}
