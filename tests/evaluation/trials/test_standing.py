"""How a result stands among everything that was tried on the same data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rookery.evaluation.statistics.overfitting import probability_of_overfitting
from rookery.evaluation.statistics.seeds import interquartile_mean
from rookery.evaluation.statistics.sharpe_ratio import deflated_sharpe, probabilistic_sharpe, sharpe_moments
from rookery.evaluation.statistics.superiority import superiority
from rookery.evaluation.trials import LEDGER, Trial, TrialLedger
from rookery.evaluation.trials.standing import standing

PERIODS = 400


def trial(seed: int, *, drift: float = 0.0, **changes: object) -> Trial:
    returns = np.random.default_rng(seed).normal(drift, 0.01, PERIODS)
    made = Trial(
        kind="backtest",
        pipeline="rook",
        run="r",
        data="d",
        data_name="n",
        config={},
        seed=seed,
        code="1",
        splits=("test",),
        returns=returns,
        start_ns=0,
        interval_s=60,
    )
    return replace(made, **changes)


@pytest.fixture
def ledger(tmp_path: Path) -> TrialLedger:
    return TrialLedger(tmp_path / LEDGER)


def test_a_single_trial_is_deflated_by_nothing(ledger: TrialLedger):
    only = trial(0, drift=0.001)
    found = standing(ledger, ledger.record(only))
    moments = sharpe_moments(only.returns)
    assert (found.count, found.effective, found.expected_maximum) == (1, 1.0, 0.0)
    assert found.deflated == found.probabilistic == probabilistic_sharpe(moments).value


def test_many_different_trials_deflate_the_best_of_them(ledger: TrialLedger):
    for seed in range(40):
        ledger.record(trial(seed))
    best = trial(99, drift=0.002)
    found = standing(ledger, ledger.record(best))
    assert found.count == found.with_returns == 41
    assert 30 < found.effective <= 41
    moments = sharpe_moments(best.returns)
    expected = deflated_sharpe(moments, trials=found.effective, variance=found.sharpe_variance).value
    assert found.deflated == expected
    assert found.deflated < found.probabilistic


def test_copies_of_one_idea_count_as_one(ledger: TrialLedger):
    idea = trial(0)
    for seed in range(20):
        last = ledger.record(replace(idea, seed=seed, returns=idea.returns * (1 + seed)))
    found = standing(ledger, last)
    assert found.count == 20
    assert found.effective == pytest.approx(1.0, abs=0.05)


def test_a_fit_and_its_backtest_are_one_trial_and_a_fit_alone_counts(ledger: TrialLedger):
    ledger.record(trial(0, kind="fit", returns=None, splits=("train",)))
    ledger.record(trial(1, kind="fit", returns=None, splits=("train",)))
    found = standing(ledger, ledger.record(trial(0)))
    assert (found.count, found.with_returns, found.effective) == (2, 1, 2.0)
    assert found.sharpe_variance == pytest.approx(1 / (PERIODS - 1))


def test_a_sweep_counts_every_configuration(ledger: TrialLedger):
    ledger.record(trial(5, kind="sweep", returns=None, configurations=10_000, sharpe_variance=0.01))
    found = standing(ledger, ledger.record(trial(0)))
    assert found.count == 10_001
    assert found.sharpe_variance == 0.01


def test_later_trials_and_other_data_do_not_count(ledger: TrialLedger):
    ledger.record(trial(7, data="elsewhere"))
    number = ledger.record(trial(0))
    before = standing(ledger, number)
    ledger.record(trial(1))
    assert standing(ledger, number) == before
    assert before.count == 1


def test_returns_that_never_vary_have_a_reason_instead_of_figures(ledger: TrialLedger):
    found = standing(ledger, ledger.record(trial(0, returns=np.zeros(PERIODS))))
    assert (found.deflated, found.note) == (None, "the returns do not vary")


def test_readings_of_the_test_split_are_told(ledger: TrialLedger):
    for _ in range(3):
        ledger.read_split(data="d", split="test", run="r", purpose="backtest")
    assert standing(ledger, ledger.record(trial(0))).readings == 3


def test_many_trials_have_a_probability_of_overfitting_and_a_test_of_superior_ability(ledger: TrialLedger):
    for seed in range(12):
        number = ledger.record(trial(seed, config={"window": seed}))
    found = standing(ledger, number)
    returns = np.stack([one.trial.returns for one in ledger.trials()], axis=1)
    assert found.overfitting == probability_of_overfitting(returns, blocks=16).probability
    assert found.superiority == superiority(returns, np.zeros(PERIODS), seed=0).consistent
    assert found.seeds is None


def test_seeds_of_the_same_settings_have_an_interquartile_mean(ledger: TrialLedger):
    ledger.record(trial(50, config={"other": 1}))
    scores = []
    for seed in range(4):
        made = trial(seed, drift=0.001)
        number = ledger.record(made)
        scores.append(sharpe_moments(made.returns).sharpe)
    found = standing(ledger, number)
    assert found.seed_count == 4
    assert found.seeds == interquartile_mean(scores, seed=0)


def test_one_trial_has_neither(ledger: TrialLedger):
    found = standing(ledger, ledger.record(trial(0)))
    assert (found.overfitting, found.superiority, found.seeds) == (None, None, None)
