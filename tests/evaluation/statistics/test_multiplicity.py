"""Corrections for many tests, by hand."""

import pytest

from rookery.evaluation.statistics import benjamini_hochberg, holm

P_VALUES = [0.01, 0.5, 0.03, 0.02]


def test_holm_multiplies_the_smallest_by_four_the_next_by_three():
    found = holm(P_VALUES)
    assert found.p_values == pytest.approx((0.04, 0.5, 0.06, 0.06))
    assert found.rejected == (True, False, False, False)


def test_benjamini_and_hochberg_multiply_by_four_over_the_rank():
    found = benjamini_hochberg(P_VALUES)
    assert found.p_values == pytest.approx((0.04, 0.5, 0.04, 0.04))
    assert found.rejected == (True, False, True, True)


def test_the_level_decides_and_no_test_is_no_rejection():
    assert holm(P_VALUES, level=0.1).rejected == (True, False, True, True)
    assert holm([]).rejected == benjamini_hochberg([]).p_values == ()


def test_what_is_no_p_value_is_refused():
    with pytest.raises(ValueError, match="shares from 0 to 1"):
        holm([0.5, 1.2])
    with pytest.raises(ValueError, match="shares from 0 to 1"):
        benjamini_hochberg([float("nan")])
    with pytest.raises(ValueError, match="level is 0"):
        holm([0.5], level=0)
