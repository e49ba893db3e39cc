"""Return-to-go."""

import polars as pl
import pytest

from rookery.labels.returns import return_to_go

REWARD = pl.col("reward")


def to_go(reward: list[float | None], segment: object = "a", **settings: float) -> list[float | None]:
    table = pl.DataFrame({"reward": reward, "segment": segment}, strict=False)
    return table.select(return_to_go(REWARD, **settings)).to_series().to_list()


def test_it_is_the_sum_of_what_is_still_to_come_times_a_hundred():
    rewards = [0.01, -0.005, 0.02, 0.0, -0.01]
    assert to_go(rewards, scale=1.0) == pytest.approx([0.015, 0.005, 0.01, -0.01, -0.01])
    assert to_go(rewards) == pytest.approx([1.5, 0.5, 1.0, -1.0, -1.0])


def test_it_ends_with_its_segment():
    assert to_go([1.0, 2.0, 4.0, 8.0], pl.Series(list("aabb")), scale=1.0) == [3.0, 2.0, 12.0, 8.0]


def test_a_missing_reward_at_the_end_is_nothing_and_one_in_the_midst_spoils_what_holds_it():
    assert to_go([1.0, 2.0, None], scale=1.0) == [3.0, 2.0, 0.0]
    assert to_go([1.0, None, 2.0], scale=1.0) == [None, None, 2.0]
