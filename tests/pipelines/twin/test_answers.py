"""A twin's answers on whole markets: each from its past alone, and worth what is known of a planted trader."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rookery.evaluation.identifiability import baselines
from rookery.evaluation.identifiability.ceiling import ceiling
from rookery.evaluation.identifiability.gates import below_trees
from rookery.evaluation.identifiability.resampling import market_draws
from rookery.evaluation.identifiability.scores import paired, surprise
from rookery.market.planted_trader import best_accuracy
from rookery.pipelines.twin.answers import attention, chances
from rookery.pipelines.twin.foretelling import action_rows
from rookery.pipelines.twin.inference import TraderInference

WINDOW = 128
NOISE = 0.2


@pytest.fixture(scope="module")
def inference(rule_taught: SimpleNamespace) -> TraderInference:
    return TraderInference(rule_taught.model, "cpu", scaler=rule_taught.lesson.scaler)


def test_a_rows_answer_is_that_of_the_network_on_its_market_alone(
    inference: TraderInference, small_lesson: SimpleNamespace
):
    made = small_lesson.trajectories
    rtg = np.full(len(made), 0.5)
    found = chances(inference, made, rtg, window=WINDOW, threads=1)
    rows = slice(int(made.offsets_S[3]), int(made.offsets_S[4]))
    with torch.inference_mode():
        alone = inference.model(
            torch.full((1, rows.stop - rows.start), 0.5),
            torch.from_numpy(made.states_RF[rows][None]),
            torch.from_numpy(made.actions_R[rows][None]),
        )
    assert found[rows] == pytest.approx(torch.softmax(alone.actions_BLA[0].double(), dim=-1).numpy(), abs=1e-6)
    assert found.sum(axis=1) == pytest.approx(1.0)


def test_no_answer_sees_what_comes_after(inference: TraderInference, small_lesson: SimpleNamespace):
    made = small_lesson.trajectories
    place = np.arange(len(made)) - np.repeat(made.offsets_S[:-1], np.diff(made.offsets_S))
    later = place >= 20
    rng = np.random.default_rng(0)
    torn = replace(
        made,
        states_RF=np.where(later[:, None], rng.normal(size=made.states_RF.shape), made.states_RF).astype(np.float32),
        actions_R=np.where(place >= 19, rng.integers(0, 5, len(made)), made.actions_R),
    )
    rtg = np.where(later, 3.0, 0.5)
    for window in (WINDOW, 16):
        before = chances(inference, made, np.full(len(made), 0.5), window=window, threads=1)
        after = chances(inference, torn, rtg, window=window, threads=1)
        assert before[~later] == pytest.approx(after[~later], abs=1e-6)
        assert np.abs(before[later] - after[later]).max() > 0.01


def test_attention_is_of_every_bar_so_far_and_sums_to_one(inference: TraderInference, small_lesson: SimpleNamespace):
    made = small_lesson.trajectories
    weights, markets = attention(inference, made, np.zeros(len(made)), window=WINDOW, threads=1)
    assert (weights.size, markets) == (40, 12)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights > 0).all()


def test_the_twin_of_a_planted_trader_stands_between_his_habits_and_the_ceiling(
    inference: TraderInference, rule_taught: SimpleNamespace
):
    made = rule_taught.lesson.trajectories
    cut = made.segments * 3 // 4
    part = made.part(range(cut, made.segments))
    train, rows = action_rows(made.part(range(cut))), action_rows(part)
    known = (part.actions_R >= 0) & np.isfinite(part.rtg_R)
    asked = np.full(len(part), float(np.median(train.rtg_R)))
    own = chances(inference, part, asked, window=WINDOW, threads=1)[known]
    fitted = baselines.trees(train, rows, seed=0)
    draws = market_draws(part.segments, seed=0)
    twin, trees, habit = (
        surprise(one, rows.actions_R) for one in (own, fitted.judged_NK, baselines.markov(train, rows))
    )
    assert paired(twin, habit, rows.market_R, draws).high < -0.1  # type: ignore[operator]
    against_trees = paired(twin, trees, rows.market_R, draws)
    assert abs(against_trees.value or 1.0) < 0.05
    assert below_trees(against_trees, knowing="neither told the return").passed
    found = ceiling("twin", fitted.crossed_RK, train.actions_R, fitted.judged_NK, rows.actions_R, rows.market_R, draws)
    best = best_accuracy(NOISE)
    assert (own.argmax(axis=1) == rows.actions_R).mean() > 0.95 * best
    assert found.best_accuracy.value == pytest.approx(best, abs=0.04)
