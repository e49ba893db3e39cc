import numpy as np

from rookery.market.planted_portfolio import planted_portfolio, simplex
from rookery.models.specialist import BUY


def test_a_specialists_side_earns_its_skill_per_unit_of_risk():
    world = planted_portfolio((0.3, 0.0), bars=40_000, seed=0)
    close = world.data.bars.close_TM
    side = np.where(world.script_TM == BUY, 1.0, -1.0)[:-1]
    gained = side * (close[1:] / close[:-1] - 1.0)
    np.testing.assert_allclose(gained.mean(axis=0) / gained.std(axis=0), [0.3, 0.0], atol=0.02)


def test_sides_stay_as_often_as_asked():
    script = planted_portfolio((0.1,), bars=20_000, seed=1, stay=0.9).script_TM[:, 0]
    assert abs((script[1:] == script[:-1]).mean() - 0.9) < 0.01


def test_equal_seeds_make_equal_worlds():
    one, same, other = (planted_portfolio((0.1, 0.0), bars=500, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.data.bars.close_TM, same.data.bars.close_TM)
    assert not np.array_equal(one.data.bars.close_TM, other.data.bars.close_TM)


def test_a_simplex_holds_every_allocation_once():
    found = simplex(3, 4)
    assert len(np.unique(found, axis=0)) == len(found) == 15
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
