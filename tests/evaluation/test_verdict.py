"""The rule table of the verdict."""

from itertools import product

import pytest

from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.significance import Significance
from rookery.evaluation.verdict import RIVALS, SENTENCES, Gate, judge

ABOVE, AROUND, BELOW = (0.01, 0.03), (-0.01, 0.02), (-0.03, -0.01)


def result(differences: dict[str, Estimate], *, periods: int = 500) -> Significance:
    return Significance(
        periods=periods,
        block_length=3.0,
        resamples=1_000,
        level=0.95,
        agent={},
        rivals={},
        differences={rival: {"total_return": one} for rival, one in differences.items()},
    )


def between(low: float, high: float) -> Estimate:
    return Estimate(value=(low + high) / 2, low=low, high=high)


def against(**bounds: tuple[float, float]) -> Significance:
    return result({rival: between(*bounds.get(rival, ABOVE)) for rival in RIVALS})


def test_ahead_of_every_rival_beats_them_all():
    verdict = judge(against(), fills=50, draws_beaten=0.99)
    assert verdict.code == "beats"
    assert verdict.sentence == (
        "The agent beats always-HOLD, buy-and-hold, random trading and the teacher's rules, net of all costs."
    )
    assert verdict.reason == "Net return minus always-HOLD: +2.00 %, 95 % interval +1.00 % to +3.00 %."


@pytest.mark.parametrize("rival", RIVALS)
def test_one_interval_that_holds_zero_is_enough_to_forbid_beats(rival: str):
    verdict = judge(against(**{rival: AROUND}), fills=50, draws_beaten=0.99)
    assert verdict.code == "indistinguishable"
    assert verdict.sentence == f"The agent is not distinguishable from {RIVALS[rival]}, net of all costs."


@pytest.mark.parametrize("rival", RIVALS)
def test_one_rival_that_is_surely_better_makes_it_worse(rival: str):
    verdict = judge(against(**{rival: BELOW}), fills=50, draws_beaten=0.99)
    assert verdict.code == "worse"
    assert RIVALS[rival] in verdict.sentence
    assert verdict.reason == f"Net return minus {RIVALS[rival]}: −2.00 %, 95 % interval −3.00 % to −1.00 %."


def test_beats_is_never_said_over_an_interval_that_holds_zero():
    for bounds in product((ABOVE, AROUND, BELOW, (0.0, 0.1)), repeat=len(RIVALS)):
        for share in (None, 0.5, 1.0):
            verdict = judge(against(**dict(zip(RIVALS, bounds, strict=True))), fills=50, draws_beaten=share)
            allowed = all(low > 0 for low, _ in bounds) and share == 1.0
            assert (verdict.code == "beats") == allowed
            assert (verdict.code == "worse") == (BELOW in bounds)


def test_worse_names_all_that_are_better_and_explains_with_the_hardest():
    verdict = judge(against(flat=BELOW, teacher=(-0.09, -0.05)), fills=50, draws_beaten=0.1)
    assert verdict.sentence == "The agent is worse than always-HOLD and the teacher's rules, net of all costs."
    assert verdict.reason.startswith("Net return minus the teacher's rules: −7.00 %")


def test_luck_in_timing_must_be_ruled_out():
    verdict = judge(against(), fills=50, draws_beaten=0.9)
    assert verdict.code == "indistinguishable"
    assert verdict.sentence == "The agent is not distinguishable from random trading, net of all costs."
    assert verdict.reason == "90% of random draws earned less, 95% are needed"
    assert judge(against(), fills=50, draws_beaten=None).code == "indistinguishable"


def test_too_little_data_says_what_is_lacking():
    few_fills = judge(against(), fills=9, draws_beaten=1.0)
    few_returns = judge(result({rival: between(*ABOVE) for rival in RIVALS}, periods=29), fills=50, draws_beaten=1.0)
    assert (few_fills.code, few_fills.reason) == ("too_little_data", "9 orders were filled, at least 10 are needed")
    assert (few_returns.code, few_returns.reason) == (
        "too_little_data",
        "there are 29 returns, at least 30 are needed",
    )


@pytest.mark.parametrize("rival", RIVALS)
def test_a_rival_that_was_left_out_forbids_any_claim(rival: str):
    differences = {name: between(*ABOVE) for name in RIVALS if name != rival}
    verdict = judge(result(differences), fills=50, draws_beaten=1.0)
    assert verdict.code == "too_little_data"
    assert verdict.reason == f"there is no comparison with {RIVALS[rival]}"


def test_a_difference_without_interval_forbids_any_claim_unless_it_is_exact():
    missing = Estimate(value=0.1, note="no interval: undefined in 50% of the resamples")
    others = {name: between(*ABOVE) for name in RIVALS}
    assert judge(result(others | {"random": missing}), fills=50, draws_beaten=1.0).code == "too_little_data"
    same = judge(result(others | {"teacher": Estimate.exact(0.0)}), fills=50, draws_beaten=1.0)
    assert same.sentence == "The agent is not distinguishable from the teacher's rules, net of all costs."
    assert same.reason == "Net return minus the teacher's rules: 0.00 %, exact."


def test_a_red_gate_refuses_whatever_the_figures():
    gates = [Gate(name="leak", passed=True, reason=""), Gate(name="controls", passed=False, reason="martingale earns")]
    verdict = judge(against(), fills=50, draws_beaten=1.0, gates=gates)
    assert (verdict.code, verdict.sentence, verdict.reason) == (
        "refused",
        "Refused: gate controls.",
        "martingale earns",
    )
    assert verdict.evidence == "belief"


def test_the_list_of_sentences_is_closed():
    assert set(SENTENCES) == {"beats", "indistinguishable", "worse", "too_little_data", "refused"}
