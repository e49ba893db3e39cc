from pathlib import Path

import numpy as np
import pytest

from rookery.market.meta_observation import meta_size
from rookery.pipelines.specialists.config import quick
from rookery.pipelines.specialists.groups import GROUP_NAMES
from rookery.pipelines.specialists.inputs import BarSource, read
from rookery.pipelines.specialists.learning import new_specialist
from rookery.pipelines.specialists.observing import Observed, observe
from rookery.pipelines.specialists.phase2 import Phase2Trainer
from rookery.pipelines.specialists.portfolio import portfolio

CONFIG = quick()


def observed(kind: str) -> Observed:
    data, _ = portfolio(read(BarSource(kind=kind, bars=900)), CONFIG)  # type: ignore[arg-type]
    return observe(data, {name: CONFIG.specialist(name).instruments for name in GROUP_NAMES})


@pytest.fixture(scope="module")
def generated() -> Observed:
    return observed("generated")


def test_a_part_has_the_features_of_the_whole(generated: Observed):
    part = generated.part(range(300, 500))
    assert np.array_equal(part.portfolio.view_TMK, generated.portfolio.view_TMK[300:500])
    assert np.array_equal(part.portfolio.domains[1], generated.portfolio.domains[1][300:500])
    assert part.data.bars.shape[0] == 200
    assert part.fingerprint() != generated.fingerprint()


def test_a_group_sees_its_own_instruments_alone(generated: Observed):
    group = generated.group("commodities")
    assert group.instruments == ("XAUUSD", "WTIUSD")
    assert np.array_equal(group.bars.close_TM, generated.portfolio.bars.close_TM[:, [3, 4]])
    assert group.domain_TD.shape[1] == 6


def test_without_files_two_groups_are_left_and_what_is_missing_is_never_traded(tmp_path: Path):
    seen = observed("embedded")
    assert seen.groups == ("commodities", "equity")
    assert seen.instruments == ("XAUUSD", "WTIUSD", "SPX500", "NAS100", "US30")
    assert seen.portfolio.traded_TM.any(axis=0).tolist() == [False, True, True, True, False]
    made = {name: new_specialist(CONFIG, seen, name, seed=0) for name in seen.groups}
    trainer = Phase2Trainer(CONFIG, train=seen, validation=seen, output_dir=tmp_path / "run", specialists=made)
    env = trainer.create_portfolio_environment(num_envs=2)
    shown, _ = env.reset(seed=0)
    assert shown.shape == (2, meta_size(5, 2))
    for _ in range(40):
        env.step(np.full((2, 3), 0.9, np.float32))
    assert not env.state.position_NMC[:, [0, 4]].any()
    assert env.state.counts_NK[:, 0].any()
