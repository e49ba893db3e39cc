"""What the surroundings say of a result: shown whole, never left beside a Sharpe ratio, red where it failed."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from rookery.evaluation.report import markdown
from rookery.evaluation.report.codec import from_json, to_json
from rookery.evaluation.report.html import page
from rookery.evaluation.report.record import Belief, Likeness, Report

MakeBelief = Callable[..., Belief]


def section(html: str, name: str) -> str:
    """The text of one section, its spaces made single."""
    found = re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)
    assert found is not None, name
    return " ".join(re.sub(r"<[^>]+>", " ", found.group()).split())


def test_every_probe_says_what_was_done_how_often_and_how_to_repeat_it(report: Report):
    assert report.belief is not None
    assert report.belief.certificate is not None
    words, text = section(page(report), "belief"), markdown.text(report)
    for probe in report.belief.certificate.probes:
        for fact in (probe.name, probe.subject, probe.tested, probe.found or "nothing"):
            assert fact in words
            assert fact in text
    assert "200 times" in words
    assert words.count("rookery audit demo --seed 7") == 4
    assert "Repeat it: `rookery audit demo --seed 7`" in text
    assert "4 probes: 2 passed, 1 possible, 1 not tested" in words


def test_a_failed_probe_is_open_and_told_by_colour_shape_and_word(report: Report, make_belief: MakeBelief):
    html = page(replace(report, belief=make_belief(passed=False)))
    assert '<details class="probe failed" open>' in html
    assert '<p class="seal failed">' in html
    assert ".outcome.failed .symbol::before{clip-path:polygon(" in html
    words = section(html, "belief")
    assert "failed truncation features" in words
    assert "column volume_ma changed first at row 412" in words
    assert "use a trailing window" in words
    text = markdown.text(replace(report, belief=make_belief(passed=False)))
    assert "### Leakage certificate: FAILED" in text
    assert re.search(r"\| FAILED +\| truncation", text)


def test_a_verdict_that_the_surroundings_changed_says_so(report: Report, make_belief: MakeBelief):
    changed = replace(report, belief=make_belief(passed=False))
    assert "By its figures alone the verdict would be beats . What follows changed it." in section(
        page(changed), "belief"
    )
    assert "By its figures alone the verdict would be beats." in markdown.text(changed)
    assert "By its figures alone" not in page(report)


def test_the_trials_are_given_in_full(report: Report):
    words, text = section(page(report), "belief"), markdown.text(report)
    for figure in ("37", "12.3", "0.0421", "0.0334", "0.83", "0.41", "1,520", "0.000410"):
        assert figure in words
        assert figure in text
    assert "3 readings of the test split" in words
    assert "there are 1,354." in words
    assert "6 trials are counted without their returns." in words


def test_no_sharpe_ratio_stands_without_what_the_trials_left_of_it(report: Report):
    html, text = page(report), markdown.text(report)
    assert html.count("deflated 0.41 after 37 trials") == 2
    assert "deflated 0.41 after 37 trials" in section(html, "headline")
    assert "1.84, deflated 0.41 after 37 trials" in text
    assert "Trials counted 37, worth 12.3 independent ones" in section(html, "headline")
    alone = replace(report, belief=None)
    assert "after 37 trials" not in page(alone)
    assert "Trials counted: 1, in this run; others were not counted" in markdown.text(alone)


@pytest.mark.parametrize("part", ["trials", "certificate"])
def test_either_part_may_be_missing(report: Report, part: str):
    assert report.belief is not None
    html = page(replace(report, belief=replace(report.belief, **{part: None})))
    assert ("How much was tried" in html) == (part != "trials")
    assert ("Leakage certificate" in html) == (part != "certificate")


def test_a_belief_without_parts_is_left_out(report: Report):
    empty = replace(report, belief=Belief(before=report.verdict))
    assert 'id="belief"' not in page(empty)
    assert "Can it be believed" not in markdown.text(empty)


def test_trials_without_a_sharpe_ratio_are_dashes(report: Report):
    assert report.belief is not None
    assert report.belief.trials is not None
    none = dict.fromkeys(("sharpe", "sharpe_variance", "expected_maximum", "probabilistic", "deflated", "track_record"))
    trials = replace(report.belief.trials, **none, note="the returns do not vary")
    html = page(replace(report, belief=Belief(before=report.verdict, trials=trials)))
    assert "deflated – after 37 trials" in section(html, "headline")
    assert "Deflated Sharpe ratio –" in section(html, "belief")
    assert "the returns do not vary" in section(html, "belief")


def test_claims_say_what_it_would_take(report: Report):
    words, text = section(page(report), "claims"), markdown.text(report)
    for one in report.claims:
        assert f"{one.name} {one.state}" in words
        assert one.state in text
    assert "a record of 2.7 years; there are 9.4 days" in words
    for state in ("met", "not-met", "not-distinguishable", "not-testable-with-this-data"):
        assert f'<tr class="{state}">' in page(report)


def test_a_baseline_in_disguise_is_named_under_the_verdict(
    report: Report, make_likenesses: Callable[..., tuple[Likeness, ...]]
):
    hidden = replace(report, likenesses=make_likenesses(same=True))
    sentence = "In truth this policy is buy and hold: its returns correlate by 0.999 with that."
    assert sentence in section(page(hidden), "verdict")
    assert sentence in markdown.text(hidden).split("## ")[0]
    assert "In truth" not in section(page(report), "verdict")
    assert "buy and hold 0.610 2.0 % Another policy than buy and hold." in section(page(report), "likenesses")


def test_the_closer_looks_survive_json(report: Report):
    assert from_json(to_json(report)) == report
