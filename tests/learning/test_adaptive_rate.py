"""A learning rate moves by a tenth with performance and never leaves its bounds."""

import pytest

from rookery.learning.adaptive_rate import AdaptiveRate, RateRule


def fed(rate: AdaptiveRate, performance: float, times: int) -> float:
    for _ in range(times):
        rate.after(performance)
    return rate.rate


def test_a_rate_stands_still_until_two_windows_have_been_seen():
    rate = AdaptiveRate(3e-4, RateRule())
    assert fed(rate, 0.0, 10) == 3e-4
    assert fed(rate, 1.0, 9) == 3e-4
    assert fed(rate, 1.0, 1) == pytest.approx(3.3e-4)


def test_one_change_moves_a_rate_once_and_one_amid_a_window_twice():
    once, twice = AdaptiveRate(3e-4, RateRule()), AdaptiveRate(3e-4, RateRule())
    fed(once, 0.0, 10), fed(twice, 0.0, 15)
    assert fed(once, 1.0, 50) == pytest.approx(3e-4 * 1.1)
    assert fed(twice, 1.0, 50) == pytest.approx(3e-4 * 1.1**2)


def test_a_fall_lowers_and_a_move_of_a_hundredth_or_less_changes_nothing():
    falling, still = AdaptiveRate(3e-4, RateRule(window=1)), AdaptiveRate(3e-4, RateRule(window=1))
    fed(falling, 0.5, 1)
    assert falling.after(0.4) == pytest.approx(2.7e-4)
    fed(still, 0.5, 1)
    assert still.after(0.509) == 3e-4


@pytest.mark.parametrize(("sign", "bound"), [(1, 1e-3), (-1, 1e-4)])
def test_no_run_of_performances_leaves_the_bounds(sign: int, bound: float):
    rate = AdaptiveRate(3e-4, RateRule(window=2))
    for step in range(100):
        rate.after(sign * float(step))
    assert rate.rate == bound


def test_a_restored_rate_goes_on_as_the_one_that_was_not_stopped():
    one, other = AdaptiveRate(3e-4, RateRule()), AdaptiveRate(3e-4, RateRule())
    for step in range(25):
        one.after(0.01 * step)
    other.restore(one.state())
    assert [one.after(0.02 * s) for s in range(30)] == [other.after(0.02 * s) for s in range(30)]


def test_a_performance_that_is_not_finite_and_a_rule_that_is_none_are_refused():
    with pytest.raises(ValueError, match="says nothing"):
        AdaptiveRate(3e-4, RateRule()).after(float("nan"))
    with pytest.raises(ValueError, match="no rule"):
        RateRule(bounds=(1e-3, 1e-4))
