"""Scenarios are of their level, the same for the same seed, and rise when they are mastered."""

import numpy as np
import pytest

from rookery.market.scenarios import CURRICULUM, LEVELS, Level
from rookery.pipelines.specialists.config import CurriculumConfig
from rookery.pipelines.specialists.curriculum import AdvancedCurriculumLearning


def lessons(seed: int = 0) -> AdvancedCurriculumLearning:
    return AdvancedCurriculumLearning(CurriculumConfig(), instruments=3, bars=200, volatility=0.002, seed=seed)


@pytest.mark.parametrize("level", LEVELS)
def test_every_kind_of_a_level_comes_up_and_no_other(level: Level):
    one = lessons()
    made = [one.generate_scenario(level) for _ in range(20)]
    assert {scenario.name for scenario in made} == set(CURRICULUM[level])
    assert made[0].bars.shape == (200, 3)
    assert not np.array_equal(made[0].bars.close_TM, made[1].bars.close_TM)


def test_equal_seeds_make_equal_scenarios_in_order_also_after_a_stop():
    one, other = lessons(), lessons()
    for _ in range(3):
        one.generate_scenario("hard")
    other.restore(one.state())
    mine, theirs = one.generate_scenario("easy"), other.generate_scenario("easy")
    assert np.array_equal(mine.bars.close_TM, theirs.bars.close_TM)
    assert not np.array_equal(mine.bars.close_TM, lessons(seed=1).generate_scenario("easy").bars.close_TM)


def test_a_hundred_returns_of_a_tenth_raise_the_level_from_their_step_on():
    one = lessons()
    raised = [one.update_curriculum({"performance": 0.1, "step": 10 * k}) for k in range(100)]
    assert raised == [False] * 99 + [True]
    assert one.level == "medium"
    assert one.get_difficulty_level(989) == "easy"
    assert one.get_difficulty_level(990) == "medium"


def test_shorter_episodes_are_asked_for_as_much_a_bar_and_allowed_the_deviation_of_fewer_bars():
    config = CurriculumConfig(min_episodes=50)

    def made() -> AdvancedCurriculumLearning:
        return AdvancedCurriculumLearning(config, instruments=3, bars=800, volatility=0.002, seed=0, episode_bars=250)

    def ends_at(mean: float, deviation: float) -> str:
        one = made()
        for k in range(50):
            one.update_curriculum({"performance": mean + (deviation if k % 2 else -deviation), "step": k})
        return one.level

    # A quarter of the bars: a quarter of 0.1, and half of 0.05.
    assert ends_at(0.0251, 0.0249) == "medium"
    assert ends_at(0.0249, 0.0) == "easy"
    assert ends_at(0.0251, 0.0251) == "easy"


def test_how_it_stands_is_told_with_what_is_asked_for():
    one = lessons()
    assert one.standing() == (
        "curriculum at 'easy': 0 episodes of scenarios ended there; "
        "'medium' begins after 100 of which the last 50 gain 0.100 (deviation 0.050 at most)"
    )
    for k in range(60):
        one.update_curriculum({"performance": 0.02, "step": k})
    assert "60 episodes of scenarios ended there, the last 50 gained 0.020 (deviation 0.000);" in one.standing()
    for k in range(200):
        one.update_curriculum({"performance": 0.2, "step": k})
    assert one.level == "hard"
    assert "begins" not in one.standing()


def test_a_level_unknown_is_refused():
    with pytest.raises(ValueError, match="no level 'absurd'"):
        lessons().generate_scenario("absurd")  # type: ignore[arg-type]
