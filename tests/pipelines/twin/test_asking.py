"""What a twin earns when it is asked for more."""

from types import SimpleNamespace

import numpy as np
import pytest

from rookery.features.state import StateConfig
from rookery.market.planted_trader import PlantedMarkets, held, planted_bars
from rookery.pipelines.twin.asking import act_out, earned_by_target
from rookery.pipelines.twin.inference import TraderInference

STATE = StateConfig(fractional_order=1.0)


@pytest.fixture(scope="module")
def asked(mixed_taught: SimpleNamespace) -> TraderInference:
    return TraderInference(mixed_taught.model, "cpu", scaler=mixed_taught.lesson.scaler)


@pytest.fixture(scope="module")
def levels(mixed_taught: SimpleNamespace) -> list[float]:
    """Five returns between the 5th and the 95th percentile of what whole markets of training brought."""
    part = mixed_taught.lesson.trajectories
    starts = part.rtg_R[part.offsets_S[: part.segments * 3 // 4]]
    return (np.quantile(starts, [0.05, 0.25, 0.5, 0.75, 0.95]) / 100).tolist()


def test_a_twin_of_a_trader_of_mixed_skill_earns_more_when_more_is_asked(asked: TraderInference, levels: list[float]):
    fresh = planted_bars(PlantedMarkets(markets=60, bars=30), seed=9)
    table = earned_by_target(asked, fresh, levels, state=STATE)
    earned = table["earned"].to_numpy()
    assert (np.diff(earned) > 0).all(), earned
    spread = np.hypot(table["standard_error"][0], table["standard_error"][4])
    assert earned[4] - earned[0] > 10 * spread
    assert earned[0] < 0 < earned[4]


def test_what_is_acted_out_is_booked_as_any_position_and_repeats_with_its_seed(
    asked: TraderInference, levels: list[float]
):
    fresh = planted_bars(PlantedMarkets(markets=3, bars=12), seed=2)
    one, again, other = (act_out(asked, fresh, levels[2], state=STATE, seed=seed) for seed in (1, 1, 2))
    assert one.equals(again)
    assert not one.equals(other)
    assert one.equals(held(fresh, one["inventory"].to_numpy()))
    assert one["inventory"].abs().max() <= 1.0
    assert one["inventory"][0] == 0.0


def test_no_action_knows_a_later_bar(asked: TraderInference, levels: list[float]):
    fresh = planted_bars(PlantedMarkets(markets=1, bars=20), seed=2)
    whole = act_out(asked, fresh, levels[3], state=STATE)
    short = act_out(asked, fresh.head(12), levels[3], state=STATE)
    assert short["inventory"].to_list() == whole["inventory"].head(12).to_list()


def test_markets_of_other_lengths_are_acted_out_together(asked: TraderInference, levels: list[float]):
    fresh = planted_bars(PlantedMarkets(markets=2, bars=10), seed=2)[:17]
    assert act_out(asked, fresh, levels[3], state=STATE).height == 17


def test_without_a_scaler_nothing_can_be_acted_out(mixed_taught: SimpleNamespace, levels: list[float]):
    with pytest.raises(ValueError, match="no scaler"):
        act_out(TraderInference(mixed_taught.model, "cpu"), planted_bars(PlantedMarkets(), seed=0), 0.0, state=STATE)
