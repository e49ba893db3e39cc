"""Importance of a known rule's inputs."""

import numpy as np
import pytest

from rookery.evaluation.identifiability.importance import PAST_ACTIONS, RETURN_TO_GO, permutation_importance
from rookery.evaluation.identifiability.resampling import market_draws

GROUPS = {"rule": [0], "noise": [1, 2]}


def rule(states: np.ndarray, actions: np.ndarray, rtg: np.ndarray) -> np.ndarray:
    """Nine times in ten the sign of the first state."""
    likely = (states[:, 0] > 0).astype(int)
    return np.where(np.arange(2) == likely[:, None], 0.9, 0.1)


def found(answer: object, which: tuple[str, ...], *, unknown: int = 0) -> dict[str, float]:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(400, 3)).astype(np.float32)
    actions = (states[:, 0] > 0).astype(int)
    actions[:unknown] = -1
    made = permutation_importance(
        answer,  # type: ignore[arg-type]
        states,
        actions,
        rng.normal(size=400),
        groups=GROUPS,
        which=which,
        market_R=np.repeat(np.arange(20), 20),
        draws_BM=market_draws(20, seed=0),
        seed=0,
    )
    return {name: one.value or 0.0 for name, one in made.items()}


def test_only_what_the_answer_looks_at_matters():
    risen = found(rule, ("rule", "noise", PAST_ACTIONS, RETURN_TO_GO))
    # Half of the signs change when they are dealt out: each costs ln 9.
    assert risen["rule"] == pytest.approx(0.5 * np.log(9), abs=0.15)
    assert (risen["noise"], risen[PAST_ACTIONS], risen[RETURN_TO_GO]) == (0.0, 0.0, 0.0)


def test_past_actions_and_returns_are_dealt_out_alone():
    def repeats(states: np.ndarray, actions: np.ndarray, rtg: np.ndarray) -> np.ndarray:
        return np.where(np.arange(2) == actions[:, None], 0.9, 0.1)

    risen = found(repeats, ("rule", PAST_ACTIONS))
    assert risen["rule"] == 0.0
    assert risen[PAST_ACTIONS] > 0.5


def test_unknown_actions_are_not_counted_and_stay_unknown():
    seen = []

    def watch(states: np.ndarray, actions: np.ndarray, rtg: np.ndarray) -> np.ndarray:
        seen.append((actions < 0).sum())
        return rule(states, actions, rtg)

    assert found(watch, ("rule", PAST_ACTIONS), unknown=100)["rule"] > 0.5
    assert set(seen) == {100}
