"""The moving-average cross."""

import numpy as np
import pytest

from rookery.agents.moving_average import moving_average_sides
from rookery.market.scenarios import generate


def test_sides_are_those_of_the_means_by_definition():
    close_T = generate("ou", bars=300, seed=0).close_TM[:, 0]
    sides_PT = moving_average_sides(close_T, [5, 20], [20, 50])
    for sides_T, (fast, slow) in zip(sides_PT, [(5, 20), (20, 50)], strict=True):
        assert (sides_T[: slow - 1] == 0).all()
        for t in range(slow - 1, 300):
            means = close_T[t - fast + 1 : t + 1].mean(), close_T[t - slow + 1 : t + 1].mean()
            assert sides_T[t] == np.sign(means[0] - means[1])


def test_without_shorts_below_is_flat():
    falling_T = np.arange(20.0, 10.0, -1.0)
    assert moving_average_sides(falling_T, 2, 4, short=False)[0].tolist() == [0] * 10
    assert moving_average_sides(falling_T, 2, 4)[0].tolist() == [0] * 3 + [-1] * 7


def test_a_price_that_does_not_move_gives_no_side():
    assert (moving_average_sides(np.full(1_000, 100.1), 3, 7) == 0).all()


def test_later_prices_change_nothing():
    close_T = generate("gbm", bars=200, seed=1).close_TM[:, 0]
    shocked_T = np.concatenate((close_T[:100], 5 * close_T[100:]))
    before, after = (moving_average_sides(values_T, 5, 20)[0, :100] for values_T in (close_T, shocked_T))
    assert np.array_equal(before, after)


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="windows must lie between 1 and 10"):
        moving_average_sides(np.ones(10), 2, 11)
