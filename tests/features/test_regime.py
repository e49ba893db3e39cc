import numpy as np
import pytest

from rookery.features.regime import REGIMES, market_regime


def named(returns: list[float], window: int = 30) -> list[str]:
    return [REGIMES[code] for code in market_regime(np.array(returns), window=window)]


def test_the_rule_names_the_four_regimes():
    assert named([0.006] * 30)[-1] == "bull"
    assert named([-0.006] * 30)[-1] == "bear"
    assert named([0.004, -0.004] * 15)[-1] == "neutral"
    assert named([0.05, -0.05] * 15)[-1] == "volatile"


def test_wild_returns_are_volatile_whatever_their_mean():
    assert named([0.10, -0.02] * 15)[-1] == "volatile"


def test_only_the_window_counts():
    assert named([0.5] + [0.006] * 3, window=3)[-1] == "bull"


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ValueError, match="window is 0"):
        market_regime(np.zeros(3), window=0)
