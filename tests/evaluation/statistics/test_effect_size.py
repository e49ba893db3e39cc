"""Effect sizes: the reference vector, the exactness of the interval, and its coverage."""

import numpy as np
import pytest
from scipy.stats import nct

from rookery.evaluation.statistics import cliffs_delta, cohens_d, hedges_g

OURS, THEIRS = [2.0, 3.0, 4.0, 5.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0]


def test_the_reference_vector():
    assert cohens_d(OURS, THEIRS).value == pytest.approx(0.7089175570, abs=5e-11)
    assert hedges_g(OURS, THEIRS).value == pytest.approx(0.7089175570 * 0.9032258, abs=5e-8)
    assert cliffs_delta(OURS, THEIRS).value == pytest.approx(0.36)


def test_turned_round_every_effect_changes_its_sign_and_its_bounds_change_places():
    for effect in (cohens_d, hedges_g, cliffs_delta):
        one, other = effect(OURS, THEIRS), effect(THEIRS, OURS)
        assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_the_bounds_of_d_put_t_at_the_ends_of_its_law():
    found = cohens_d(OURS, THEIRS)
    scale = np.sqrt(1 / 5 + 1 / 5)
    assert nct.cdf(found.value / scale, 8, found.low / scale) == pytest.approx(0.975)
    assert nct.cdf(found.value / scale, 8, found.high / scale) == pytest.approx(0.025)


def test_the_bounds_of_delta_are_cliffs_written_out():
    # Cliff 1996: unbiased variance of d, then the interval that bends inwards near 1.
    signs = np.sign(np.subtract.outer(OURS, THEIRS))
    d, n, m, z = signs.mean(), 5, 5, 1.959963984540054
    rows, columns = signs.mean(axis=1), signs.mean(axis=0)
    variance = (m**2 * ((rows - d) ** 2).sum() + n**2 * ((columns - d) ** 2).sum() - ((signs - d) ** 2).sum()) / (
        n * m * (n - 1) * (m - 1)
    )
    reach = z * np.sqrt(variance) * np.sqrt((1 - d**2) ** 2 + z**2 * variance)
    found = cliffs_delta(OURS, THEIRS)
    assert found.low == pytest.approx((d - d**3 - reach) / (1 - d**2 + z**2 * variance))
    assert found.high == pytest.approx((d - d**3 + reach) / (1 - d**2 + z**2 * variance))


def test_intervals_hold_the_truth_in_nineteen_cases_of_twenty():
    generator = np.random.default_rng(0)
    # Normal groups one deviation apart: delta is 2 Phi(1 / sqrt 2) - 1 = 0.5205.
    held = np.zeros(2)
    for _ in range(400):
        ours, theirs = generator.normal(1, 1, 15), generator.normal(0, 1, 12)
        d, delta = cohens_d(ours, theirs), cliffs_delta(ours, theirs)
        held += (d.low <= 1 <= d.high, (delta.low or -1.0) <= 0.5205 <= (delta.high or 1.0))
    assert held / 400 == pytest.approx([0.95, 0.95], abs=0.03)


def test_what_has_no_effect_size_says_why():
    assert cohens_d([1.0], THEIRS).note == "needs 2 of each group, there are 1 and 5"
    assert hedges_g([1.0, 1.0], [2.0, 2.0]).note == "the groups do not vary within"
    assert cliffs_delta([], THEIRS).note == "a group is empty"
    assert cliffs_delta([9.0], THEIRS).note == "no interval: a group of one"
    assert cliffs_delta([9.0, 10.0], THEIRS).note == "no interval: the groups do not overlap"
    with pytest.raises(ValueError, match=r"ours\[0\] is nan"):
        cohens_d([float("nan"), 1.0], THEIRS)
