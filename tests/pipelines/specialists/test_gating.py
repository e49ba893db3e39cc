"""Gates, ablation and targets, on returns whose answer is known."""

import numpy as np
import pytest

from rookery.pipelines.specialists.ablation import WHOLE, ablation, without
from rookery.pipelines.specialists.config import RewardConfig, SpecialistsConfig
from rookery.pipelines.specialists.gating import Ground, gate
from rookery.pipelines.specialists.goals import GOALS, breaches, compliance_claim, goals_of, phase_targets

GROUND = Ground(periods_per_year=1_600.0, resamples=400, seed=0)
NOISE = np.random.default_rng(1).normal(0, 0.01, 1_500)
FLAT = np.zeros(1_500)


def _gate(returns: np.ndarray, *, applied: bool = True, **baselines: np.ndarray):
    return gate(1, returns, baselines, ground=GROUND, span="validation", applied=applied)


def test_a_phase_that_earns_without_doubt_passes():
    found = _gate(NOISE * 0.5 + 0.002, flat=FLAT, buy_and_hold=NOISE, equal_weights=NOISE)
    assert found.passed
    assert [row.baseline for row in found.rows] == ["equal weights", "buy and hold", "always flat"]
    assert "every interval lies above 0" in found.sentence


def test_a_phase_that_only_might_earn_is_refused_and_names_what_it_did_not_beat():
    found = _gate(NOISE + 0.0003, flat=FLAT, buy_and_hold=NOISE - 0.002)
    assert not found.passed
    assert [row.passed for row in found.rows] == [True, False]
    assert found.sentence.startswith("Phase 1 is not shown to beat always flat ")
    assert found.sentence.endswith("phase 2 was not started.")


def test_more_exposure_buys_no_lead():
    found = _gate(NOISE * 2 + 0.001, buy_and_hold=NOISE + 0.0005)
    assert found.rows[0].lead.value == pytest.approx(0.0, abs=1e-9)
    assert not found.passed


def test_a_gate_that_is_told_not_to_stop_says_so():
    assert "--no-gate" in _gate(NOISE, applied=False, flat=FLAT).sentence


def test_the_gate_of_phase_3_names_the_half_that_did_not_choose_its_weights():
    span = "second half of validation"
    found = gate(3, NOISE, {"flat": FLAT}, ground=GROUND, span=span, applied=True)
    assert f"neither taught it nor chose its weights ({span})" in found.sentence


def test_without_any_baseline_nothing_passes():
    assert not _gate(NOISE + 0.01).passed


def test_a_part_that_earns_everything_is_worth_everything_and_one_that_earns_nothing_is_worth_nothing():
    earning = np.random.default_rng(2).normal(0.001, 0.01, 1_500)
    rows = ablation(earning, {without("forex"): FLAT, without("equity"): earning}, ground=GROUND)
    assert [row.name for row in rows] == [WHOLE, "without forex", "without equity"]
    assert rows[2].lead.value == 0.0
    assert rows[1].net.value == 0.0
    assert rows[0].lead.note == "itself"


def test_the_targets_are_the_specifications_and_never_more_than_reported():
    assert (GOALS[1].sharpe, GOALS[2].max_drawdown, GOALS[3].win_rate, GOALS[3].compliance) == (1.5, 0.18, 0.65, 0.98)
    found = phase_targets(
        3, NOISE, np.array([1.0, -1.0] * 200), config=SpecialistsConfig(), interval_s=14_400, ground=GROUND, span="test"
    )
    assert [claim.target for claim in found.claims] == ["> 2", "< 15 %", "> 65 %", "> 98 %"]
    assert found.claims[2].state == "not met"


def test_too_few_bars_are_not_testable():
    found = phase_targets(
        2, NOISE[:40], np.array([1.0, -1.0]), config=SpecialistsConfig(), interval_s=14_400, ground=GROUND, span="test"
    )
    assert {claim.state for claim in found.claims} <= {"not testable with this data", "not met"}
    assert found.claims[0].state == "not testable with this data"
    assert found.claims[2].state == "not testable with this data"


def test_compliance_counts_bars_within_the_limit():
    returns = np.where(np.arange(1_000) % 100 == 0, -0.03, 0.001)
    assert breaches("x", returns, 0.02).breaches == 10
    assert compliance_claim(returns, 0.02, 0.95).state == "met"
    assert compliance_claim(returns, 0.02, 0.999).state == "not testable with this data"
    assert compliance_claim(np.where(np.arange(1_000) % 5 == 0, -0.03, 0.001), 0.02, 0.95).state == "not met"


def test_the_settings_may_ask_more_of_phase_3():
    config = SpecialistsConfig(reward=RewardConfig(sharpe_target=3.0, max_drawdown_target=0.1))
    assert (goals_of(3, config).sharpe, goals_of(3, config).max_drawdown) == (3.0, 0.1)
    assert goals_of(2, config) == GOALS[2]
