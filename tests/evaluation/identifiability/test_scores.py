"""Scores against scikit-learn and an independent bootstrap."""

import numpy as np
import pytest

from rookery.evaluation.identifiability.resampling import (
    estimate,
    market_draws,
    mean_over_markets,
    mean_over_rows,
    ratio,
    ratio_over_markets,
    sums_by_market,
)
from rookery.evaluation.identifiability.scores import action_scores, confusion, paired, reliability_bins, surprise


def forecast(seed: int, *, rows: int = 600, markets: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(4), rows)
    return chances, rng.integers(0, 4, rows), np.sort(rng.integers(0, markets, rows))


def test_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    chances, actions, market = forecast(0)
    found = action_scores(chances, actions, market, market_draws(20, seed=0))
    called = chances.argmax(axis=1)
    assert found.log_loss.value == pytest.approx(metrics.log_loss(actions, chances, labels=range(4)))
    assert found.accuracy.value == pytest.approx(metrics.accuracy_score(actions, called))
    assert found.macro_f1.value == pytest.approx(metrics.f1_score(actions, called, average="macro"))


def test_the_calibration_error_is_the_weighted_gap_of_its_bins():
    chances, actions, market = forecast(1)
    found = action_scores(chances, actions, market, market_draws(20, seed=0)).calibration_error
    bins = [one for one in reliability_bins(chances, actions) if one.count]
    gap = sum(one.count / 600 * abs((one.accuracy or 0) - (one.confidence or 0)) for one in bins)
    assert found.value == pytest.approx(gap)
    assert found.low is not None
    assert found.low >= 0


def test_the_paired_interval_is_that_of_markets_drawn_one_by_one():
    ours, actions, market = forecast(2)
    theirs, _, _ = forecast(3)
    lost, won = surprise(ours, actions), surprise(theirs, actions)
    draws = market_draws(20, seed=5)
    found = paired(lost, won, market, draws)
    means = []
    for counts in draws:
        rows = np.concatenate(
            [np.tile(np.flatnonzero(market == one), int(times)) for one, times in enumerate(counts) if times]
        )
        means.append((lost[rows] - won[rows]).mean())
    assert found.value == pytest.approx((lost - won).mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))))


def test_markets_are_drawn_whole_so_what_they_share_widens_the_interval():
    rng = np.random.default_rng(0)
    market = np.repeat(np.arange(30), 40)
    shared = rng.normal(size=30)[market]
    alone = rng.normal(size=1200)
    draws = market_draws(30, seed=0)
    wide, narrow = (mean_over_rows(one, market, draws) for one in (shared, alone))
    assert wide.high - wide.low > 4 * (narrow.high - narrow.low)  # type: ignore[operator]


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(200):
        found = mean_over_markets(rng.normal(size=40), seed=seed)
        hits += found.low <= 0 <= found.high  # type: ignore[operator]
    assert 0.89 <= hits / 200 <= 0.99


def test_equal_seeds_draw_equal_markets():
    assert (market_draws(12, seed=4) == market_draws(12, seed=4)).all()
    assert (market_draws(12, seed=4) != market_draws(12, seed=5)).any()
    assert (market_draws(12, seed=4).sum(axis=1) == 12).all()


def test_few_markets_have_a_figure_and_no_interval():
    found = mean_over_markets(np.arange(9.0), seed=0)
    assert (found.value, found.low) == (4.0, None)
    assert "9 markets" in found.note
    assert mean_over_markets(np.array([]), seed=0).value is None


def test_a_ratio_is_of_the_sums_and_not_the_mean_of_ratios():
    assert ratio_over_markets(np.array([1.0, 9.0]), np.array([1.0, 3.0]), seed=0).value == 2.5
    assert ratio_over_markets(np.array([1.0]), np.array([0.0]), seed=0).value is None


def test_what_never_changes_has_no_interval():
    columns = sums_by_market(np.ones((40, 2)), np.repeat(np.arange(20), 2), 20)
    assert "same in every resample" in estimate(columns, ratio, market_draws(20, seed=0)).note


def test_the_confusion_counts_true_actions_by_row():
    chances = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    assert confusion(chances, np.array([0, 1, 1])) == ((1, 0), (1, 1))
