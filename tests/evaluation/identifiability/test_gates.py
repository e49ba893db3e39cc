"""What is too good to be true is held back, and each verdict has its figures."""

from collections.abc import Callable

import pytest

from rookery.evaluation.identifiability import baselines
from rookery.evaluation.identifiability.gates import beats, below_trees, no_worse, too_good
from rookery.evaluation.identifiability.resampling import market_draws
from rookery.evaluation.identifiability.rows import ActionRows
from rookery.evaluation.identifiability.scores import action_scores, paired, surprise
from rookery.evaluation.identifiability.verdict import judge_twin
from rookery.evaluation.report.estimate import Estimate

MakeRows = Callable[..., ActionRows]


def near(value: float, half: float = 0.01) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


SIMPLE = {"class prior": near(-0.3), "repeat last": near(-0.3), "Markov": near(-0.1)}


def test_a_twin_far_below_the_trees_is_suspected_of_a_leak():
    assert not below_trees(near(-0.07), knowing="neither told").passed
    assert below_trees(near(-0.055), knowing="neither told").passed
    assert below_trees(near(0.01), knowing="neither told").passed
    assert "leak until proven otherwise" in below_trees(near(-0.07), knowing="neither told").reason


def test_a_twin_that_was_shown_the_next_action_is_caught_by_the_trees_that_were_not(make_rows: MakeRows):
    train, judged = make_rows(0, noise=0.5), make_rows(1, noise=0.5)
    shown_train, shown = make_rows(0, noise=0.5, leak=True), make_rows(1, noise=0.5, leak=True)
    draws = market_draws(40, seed=0)
    honest = surprise(baselines.trees(train, judged, seed=0).judged_NK, judged.actions_R)
    leaky = surprise(baselines.trees(shown_train, shown, seed=0).judged_NK, shown.actions_R)
    gate = below_trees(paired(leaky, honest, judged.market_R, draws), knowing="neither told the return")
    assert not gate.passed
    assert below_trees(paired(honest, honest, judged.market_R, draws), knowing="neither told the return").passed


def test_an_input_that_holds_the_next_action_is_caught_although_all_models_see_it(make_rows: MakeRows):
    train, judged = make_rows(0, leak=True), make_rows(1, leak=True)
    draws = market_draws(40, seed=0)

    def loss(chances: object) -> Estimate:
        return action_scores(chances, judged.actions_R, judged.market_R, draws).log_loss  # type: ignore[arg-type]

    prior = loss(baselines.class_prior(train, judged))
    gate = too_good({"trees": loss(baselines.trees(train, judged, seed=0).judged_NK), "prior": prior}, prior)
    assert not gate.passed
    assert "trees" in gate.reason
    assert too_good({"markov": loss(baselines.markov(train, judged))}, prior).passed


def test_no_worse_and_beats_look_at_the_upper_end():
    assert no_worse(near(0.005))
    assert not no_worse(near(0.015))
    assert beats(near(-0.02))
    assert not beats(near(-0.005))
    assert not beats(Estimate(value=-1.0, note="no interval"))


@pytest.mark.parametrize(
    ("simple", "trees", "code", "words"),
    [
        (SIMPLE, near(0.005), "beats", "copies the trader's decisions"),
        (SIMPLE, near(0.01, 0.02), "indistinguishable", "may tell less"),
        (SIMPLE, near(0.05), "worse", "tells less of the trader's decisions than boosted trees"),
        (
            {**SIMPLE, "Markov": near(0.0)},
            near(0.0),
            "indistinguishable",
            "no more of the trader's decisions than Markov",
        ),
        ({**SIMPLE, "Markov": near(0.1)}, near(0.0), "worse", "less of the trader's decisions than Markov"),
        (SIMPLE, Estimate(value=0.0, note="no interval: 3 markets"), "too_little_data", "too little data"),
    ],
)
def test_the_first_rule_that_holds_gives_the_sentence(
    simple: dict[str, Estimate], trees: Estimate, code: str, words: str
):
    found = judge_twin(simple, trees, decisions=1_000)
    assert found.code == code
    assert words in found.sentence


def test_a_red_gate_comes_before_everything_else():
    found = judge_twin(SIMPLE, near(-0.2), decisions=5, gates=[below_trees(near(-0.2), knowing="neither told")])
    assert found.code == "refused"
    assert found.sentence == "Refused: suspected leak, neither told."
    assert found.evidence == "panel"


def test_few_decisions_are_too_little_data():
    assert judge_twin(SIMPLE, near(0.0), decisions=99).code == "too_little_data"


def test_the_reason_names_the_rival_that_it_is_least_ahead_of():
    found = judge_twin(SIMPLE, near(0.005), decisions=1_000, earned="It earns nothing.")
    assert "minus that of Markov: −0.100 (−0.110 to −0.090)" in found.reason
    assert found.reason.endswith("It earns nothing.")


def test_where_the_data_cannot_tell_the_reason_says_so():
    unsure = Estimate(value=0.001, low=-0.027, high=0.028)
    told = judge_twin(SIMPLE, unsure, decisions=800).reason
    assert told.endswith("below 0.02; the difference itself is, but 800 decisions tell it to 0.027 at best.")
    assert judge_twin(SIMPLE, near(0.05), decisions=800).reason.endswith("an upper end below 0.02.")
