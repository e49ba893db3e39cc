"""Decisions of made-up traders in many small markets."""

from collections.abc import Callable

import numpy as np
import pytest

from rookery.evaluation.identifiability.rows import ActionRows

MakeRows = Callable[..., ActionRows]


@pytest.fixture(scope="session")
def make_rows() -> MakeRows:
    """A trader who does action 0 or 1 by the sign of the first of three states, and one of three at random by `noise`.

    `leak` puts the action itself, hardly blurred, into the last state.
    """

    def make(seed: int, *, markets: int = 40, length: int = 50, noise: float = 0.3, leak: bool = False) -> ActionRows:
        rng = np.random.default_rng(seed)
        count = markets * length
        states = rng.normal(size=(count, 3))
        actions = np.where(rng.random(count) < noise, rng.integers(0, 3, count), (states[:, 0] > 0).astype(int))
        if leak:
            states[:, 2] = actions + rng.normal(0, 0.01, count)
        before = np.concatenate(([-1], actions[:-1]))
        before[::length] = -1
        return ActionRows(
            states_RF=states,
            before_R=before,
            actions_R=actions,
            market_R=np.repeat(np.arange(markets), length),
            rtg_R=rng.normal(size=count),
            kinds=3,
        )

    return make
