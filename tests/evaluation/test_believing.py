"""What trials and the leakage certificate do to a verdict."""

from dataclasses import replace

import pytest

from rookery.evaluation.believing import believed
from rookery.evaluation.leakage import Certificate, Finding
from rookery.evaluation.report.belief import Trials, Verdict, VerdictCode
from rookery.evaluation.report.codec import digest
from rookery.evaluation.report.record import Basis, Report

TRIALS = Trials(
    count=37,
    with_returns=37,
    effective=30.0,
    sharpe=0.1,
    sharpe_variance=0.01,
    expected_maximum=0.2,
    probabilistic=0.99,
    deflated=0.41,
    track_record=100.0,
    periods=300,
    readings=5,
)


def a_report(code: VerdictCode = "beats") -> Report:
    return Report(
        title="t",
        pipeline="rook",
        data_name="d",
        generated=False,
        seeds=(0,),
        verdict=Verdict(code=code, sentence="The agent does something.", reason="Lead 1 %."),
        basis=Basis(annualisation="", intervals="", trials=1),
        headline=(),
    )


def certificate(outcome: str = "passed") -> Certificate:
    one = Finding(probe="fill price", subject="fills", outcome="passed", tested="9 fills", times=9)
    other = Finding(
        probe="truncation", subject="features", outcome=outcome, tested="2 columns", times=4, column="ma", row=812
    )
    return Certificate(
        subject="this run",
        findings=(one, other),
        rows=900,
        seed=0,
        code_version="1",
        data_fingerprint="d",
        stages={},
    )


def test_a_claim_that_chance_alone_explains_falls_and_says_why():
    verdict = believed(a_report(), trials=TRIALS, certificate=None).verdict
    assert verdict.code == "indistinguishable"
    assert verdict.sentence == "There is no evidence of an edge after 37 trials: deflated Sharpe ratio 0.41."
    assert verdict.evidence == "belief"


def test_a_claim_that_survives_its_trials_stands():
    verdict = believed(a_report(), trials=replace(TRIALS, deflated=0.97), certificate=certificate()).verdict
    assert (verdict.code, verdict.sentence) == ("beats", "The agent does something.")
    assert verdict.reason == "Lead 1 %. Deflated Sharpe ratio after 37 trials: 0.97."


def test_a_claim_without_a_deflated_sharpe_ratio_falls():
    unknown = replace(TRIALS, count=1, deflated=None, note="the returns do not vary")
    verdict = believed(a_report(), trials=unknown, certificate=None).verdict
    assert verdict.code == "indistinguishable"
    assert "after 1 trial: deflated Sharpe ratio undefined, the returns do not vary" in verdict.sentence


@pytest.mark.parametrize("code", ["beats", "worse", "indistinguishable", "too_little_data"])
def test_a_leak_refuses_every_verdict_and_names_its_place(code: VerdictCode):
    verdict = believed(a_report(code), trials=TRIALS, certificate=certificate("failed")).verdict
    assert verdict.code == "refused"
    assert verdict.sentence == "Refused: the leakage certificate failed: truncation of features."
    assert "column 'ma' at row 812" in verdict.reason


def test_a_verdict_that_a_gate_refused_keeps_its_own_reason():
    assert believed(a_report("refused"), trials=TRIALS, certificate=certificate("failed")).verdict.reason == "Lead 1 %."


def test_what_is_only_possible_does_not_refuse():
    verdict = believed(a_report("worse"), trials=None, certificate=certificate("possible")).verdict
    assert (verdict.code, verdict.reason) == ("worse", "Lead 1 %.")


def test_surroundings_do_not_change_the_digest_and_can_be_renewed():
    alone = a_report()
    once = believed(alone, trials=TRIALS, certificate=certificate("failed"))
    assert digest(once) == digest(alone) != digest(a_report("worse"))
    again = believed(once, trials=replace(TRIALS, deflated=0.99), certificate=certificate())
    assert again.verdict.code == "beats"
    assert once.belief.certificate.probes[1].found == "column 'ma' at row 812"
