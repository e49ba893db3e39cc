"""`rookery verify` tells what was reached, and refuses what it does not know."""

import pytest

from rookery.cli.verify import account, verify
from rookery.errors import UserError
from rookery.evaluation.verify import Estimate, Finding


def finding(name: str, mean: float, *, passed: bool) -> Finding:
    return Finding(
        name=name,
        title="a problem",
        source="a paper",
        measure="a share",
        target=">= 97.0%",
        reached=(mean, mean),
        estimate=Estimate(mean=mean, low=mean - 0.01, high=mean + 0.01),
        passed=passed,
        note="optimum 1",
        steps=1_000_000,
        seconds=12.3,
    )


def test_every_problem_is_a_row_with_its_interval_and_whether_it_is_met():
    text = account([finding("kelly", 0.981, passed=True), finding("martingale", 0.2, passed=False)])
    assert text[1].split("  ")[0] == "kelly"
    assert "98.1%" in text[1]
    assert "97.1% to 99.1%" in text[1]
    assert "met" in text[1]
    assert "0.20" in text[2]
    assert "MISSED" in text[2]


def test_an_unknown_problem_is_named_with_the_nearest_known_one():
    with pytest.raises(UserError) as fault:
        verify(problem=["kely"])
    assert fault.value.place == "--problem"
    assert "kelly" in (fault.value.remedy or "")
