"""Baselines against tables that a person can reckon."""

from collections.abc import Callable

import numpy as np
import pytest

from rookery.evaluation.identifiability import baselines
from rookery.evaluation.identifiability.rows import ActionRows
from rookery.evaluation.identifiability.scores import surprise

MakeRows = Callable[..., ActionRows]


def history(actions: list[int], before: list[int], *, kinds: int = 3) -> ActionRows:
    count = len(actions)
    return ActionRows(
        states_RF=np.zeros((count, 1)),
        before_R=np.array(before),
        actions_R=np.array(actions),
        market_R=np.zeros(count, dtype=int),
        rtg_R=np.zeros(count),
        kinds=kinds,
    )


TRAIN = history([0, 0, 1, 0, 1], [-1, 0, 0, 1, 0])
ASKED = history([0, 0, 0], [-1, 0, 1])


def test_the_class_prior_is_the_training_mix_with_one_more_of_each():
    assert baselines.class_prior(TRAIN, ASKED)[0] == pytest.approx([4 / 8, 3 / 8, 1 / 8])


def test_repeat_last_gives_the_last_action_the_chance_with_which_it_was_repeated():
    # One of four known actions repeated the one before: (1 + 1) / (4 + 2).
    chances = baselines.repeat_last(TRAIN, ASKED)
    assert chances[0] == pytest.approx([4 / 8, 3 / 8, 1 / 8])
    assert chances[1] == pytest.approx([1 / 3, 2 / 3 * 3 / 4, 2 / 3 * 1 / 4])
    assert chances[2] == pytest.approx([2 / 3 * 4 / 5, 1 / 3, 2 / 3 * 1 / 5])


def test_markov_is_the_mix_after_each_action_and_after_an_unknown_one():
    # After 0 came 0, 1, 1; after 1 came 0; after an unknown one came 0.
    chances = baselines.markov(TRAIN, ASKED)
    assert chances[0] == pytest.approx([2 / 4, 1 / 4, 1 / 4])
    assert chances[1] == pytest.approx([2 / 6, 3 / 6, 1 / 6])
    assert chances[2] == pytest.approx([2 / 4, 1 / 4, 1 / 4])


def test_an_action_that_training_has_never_seen_is_not_impossible():
    chances = baselines.logistic(history([0, 1] * 20, [-1] * 40), ASKED)
    assert (chances > 0).all()
    assert chances.sum(axis=1) == pytest.approx(1.0)


def test_inputs_hold_the_return_only_when_they_are_said_to():
    rows = history([0, 1], [-1, 0])
    assert rows.inputs(with_rtg=False).shape == (2, 1 + 4)
    assert rows.inputs(with_rtg=True).shape == (2, 1 + 4 + 1)
    assert rows.inputs(with_rtg=False)[:, 1:].tolist() == [[0, 0, 0, 1], [1, 0, 0, 0]]


def test_trees_and_logistic_come_near_the_entropy_of_a_planted_rule(make_rows: MakeRows):
    train, judged = make_rows(0), make_rows(1)
    # 0.7 + 0.1 for what the rule says, 0.1 for each other.
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.1))
    habits = surprise(baselines.markov(train, judged), judged.actions_R).mean()
    for chances in (baselines.logistic(train, judged), baselines.trees(train, judged, seed=0).judged_NK):
        reached = surprise(chances, judged.actions_R).mean()
        assert entropy - 0.05 < reached < entropy + 0.2
        assert reached < habits - 0.1


def test_trees_choose_their_rounds_without_the_judged_rows_and_repeat_themselves(make_rows: MakeRows):
    train = make_rows(0, markets=12)
    one = baselines.trees(train, make_rows(1, markets=12), seed=3)
    other = baselines.trees(train, make_rows(2, markets=12), seed=3)
    again = baselines.trees(train, make_rows(1, markets=12), seed=3)
    assert one.rounds == other.rounds
    assert (one.judged_NK == again.judged_NK).all()
    assert (one.crossed_RK == other.crossed_RK).all()


def test_trees_that_are_still_getting_better_at_the_limit_say_so(make_rows: MakeRows):
    train, judged = make_rows(0, markets=12), make_rows(1, markets=12)
    hurried = baselines.trees(train, judged, seed=3, config=baselines.TreesConfig(most_rounds=2))
    assert (hurried.rounds, hurried.at_limit) == (2, True)
    fast = baselines.TreesConfig(most_rounds=40, learning_rate=1.0)
    found = baselines.trees(train, judged, seed=3, config=fast)
    assert found.rounds < 40
    assert not found.at_limit


def test_unscaled_states_are_refused():
    with pytest.raises(ValueError, match="scaled and finite"):
        ActionRows(
            states_RF=np.array([[np.nan]]),
            before_R=np.array([-1]),
            actions_R=np.array([0]),
            market_R=np.array([0]),
            rtg_R=np.zeros(1),
            kinds=2,
        )
