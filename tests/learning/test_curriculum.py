"""A level is left when enough episodes were good and alike, and not before."""

import numpy as np
import pytest

from rookery.learning.curriculum import Curriculum, Promotion

SHARES = {"easy": 0.4, "medium": 0.4, "hard": 0.2}


def curriculum(**rule: float) -> Curriculum:
    return Curriculum(tuple(SHARES), SHARES, Promotion(**rule))  # type: ignore[arg-type]


def feed(one: Curriculum, performance: float, times: int, step: int = 0) -> list[bool]:
    return [one.record(performance, step=step) for _ in range(times)]


def test_the_hundredth_good_episode_earns_the_next_level():
    one = curriculum()
    assert feed(one, 0.1, 100) == [False] * 99 + [True]
    assert one.level == "medium"


def test_good_episodes_that_differ_much_earn_nothing():
    one = curriculum()
    for k in range(300):
        one.record(0.2 + (0.06 if k % 2 else -0.06), step=k)
    assert one.level == "easy"


def test_only_the_last_fifty_count():
    one = curriculum()
    feed(one, -1.0, 100)
    assert feed(one, 0.1, 50)[-1]


def test_every_level_begins_its_count_anew_and_the_last_is_never_left():
    one = curriculum()
    assert feed(one, 0.5, 1000).count(True) == 2
    assert one.level == "hard"


def test_episodes_come_from_the_levels_reached_in_proportion():
    one = curriculum()
    assert one.mixture() == {"easy": 1.0}
    feed(one, 0.5, 100)
    assert one.mixture() == {"easy": 0.5, "medium": 0.5}
    feed(one, 0.5, 100)
    assert one.mixture() == pytest.approx(SHARES)
    draws = np.random.default_rng(0)
    drawn = [one.draw(draws) for _ in range(2000)]
    assert drawn.count("hard") / 2000 == pytest.approx(0.2, abs=0.03)


def test_the_level_at_an_earlier_step_is_remembered():
    one = curriculum(min_episodes=1, window=1)
    feed(one, 1.0, 1, step=500)
    feed(one, 1.0, 1, step=900)
    assert [one.level_at(step) for step in (0, 499, 500, 899, 900)] == ["easy", "easy", "medium", "medium", "hard"]


def test_a_restored_curriculum_is_where_the_other_was():
    one, other = curriculum(), curriculum()
    feed(one, 0.1, 99)
    other.restore(one.state())
    assert feed(other, 0.1, 1) == [True]


def test_what_says_nothing_is_refused():
    with pytest.raises(ValueError, match="says nothing"):
        curriculum().record(float("nan"), step=0)
    with pytest.raises(ValueError, match="no rule"):
        Promotion(window=0)
    with pytest.raises(ValueError, match="share above 0"):
        Curriculum(("easy", "hard"), {"easy": 1.0}, Promotion())
