"""Figures are written the way a reader expects them."""

import pytest

from rookery.evaluation.report.record import Column, Estimate
from rookery.evaluation.report.wording import (
    cell,
    duration,
    heading,
    interval,
    moment,
    number,
    rate,
    seeds,
    short_moment,
    significant,
)


@pytest.mark.parametrize(
    ("value", "style", "digits", "unit", "written"),
    [
        (0.01234, "percent", 2, "", "1.23 %"),
        (-1234.5, "money", 2, "USDC", "−1,234.50 USDC"),
        (-17.72, "bps", 1, "", "−17.7 bps"),
        (1499.6, "count", 3, "", "1,500"),
        (-0.001, "number", 2, "", "0.00"),
        (None, "number", 2, "USDC", "–"),
    ],
)
def test_a_number_is_written_by_its_style(value: float | None, style: str, digits: int, unit: str, written: str):
    assert number(value, style, digits, unit) == written


def test_a_difference_carries_its_sign_and_zero_has_none():
    assert number(0.05, "percent", 1, signed=True) == "+5.0 %"
    assert number(-0.05, "percent", 1, signed=True) == "−5.0 %"
    assert number(0.0, "percent", 1, signed=True) == "0.0 %"


def test_an_interval_names_its_unit_once_or_says_why_it_is_absent():
    assert interval(Estimate(value=0.1, low=-0.05, high=0.25), "percent", 1) == "−5.0 to 25.0 %"
    assert interval(Estimate(value=2.0, low=1.0, high=3.0), "bps", 0, signed=True) == "+1 to +3 bps"
    assert interval(Estimate.exact(2.0), "bps", 0) == "exact"


def test_times_are_utc_and_lengths_are_in_the_unit_that_fits():
    assert moment(1_738_591_449_000) == "2025-02-03 14:04:09"
    assert short_moment(1_738_591_449_000) == "3 Feb 14:04"
    lengths = {4: "4 s", 41: "41 s", 60: "1 min", 600: "10 min", 18_000: "5 hours", 900_000: "10.4 days"}
    assert {one: duration(one) for one in lengths} == lengths


def test_a_cell_follows_its_column():
    assert cell(1_738_591_449_000, Column(name="at", style="time")) == "2025-02-03 14:04:09"
    assert cell(1234.5, Column(name="price", style="money", digits=1, unit="USDC")) == "1,234.5"
    assert cell(None, Column(name="price", style="money")) == "–"
    assert cell("BUY", Column(name="side")) == "BUY"
    assert heading(Column(name="at", style="time")) == "UTC"


def test_small_things_read_as_words():
    assert significant(-0.000123456) == "−0.00012346"
    assert significant(None) == "–"
    assert rate(1_000, 2.0, "rows") == "500 rows/s"
    assert rate(None, 2.0, "rows") == "–"
    assert seeds((7,)) == "seed 7"
    assert seeds((0, 1)) == "2 seeds (0, 1)"
