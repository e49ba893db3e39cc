"""Nothing that a specialist or the meta-controller is shown at a bar knows a later one."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.features.domains import DOMAIN_FEATURES, domain_features
from rookery.features.regime import market_regime
from rookery.market.agent_view import market_view
from rookery.market.bars import Bars
from rookery.market.limits import trailing_covariance
from rookery.market.meta_observation import correlations

Values = npt.NDArray[np.generic]
ROWS = 260
NAMES = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "WTIUSD", "SPX500", "NAS100", "US30")
GROUPS = {"forex": NAMES[:3], "commodities": NAMES[3:5], "equity": NAMES[5:]}
TIME_NS = np.arange(ROWS, dtype=np.int64) * 4 * 3600 * 10**9 + 1_577_836_800 * 10**9
thorough = settings(max_examples=25, deadline=None, derandomize=True, database=None)
cuts = st.integers(2, ROWS - 1)
seeds = st.integers(0, 2**32 - 1)


def make_bars(seed: int, *, wild: bool = False) -> Bars:
    """Prices that walk; wild ones have no size."""
    rng = np.random.default_rng(seed)
    shape, spread = (ROWS, len(NAMES)), 3.0 if wild else 0.01
    moves = rng.normal(0.0, spread, shape)
    close = 100.0 * np.exp(moves if wild else np.cumsum(moves, axis=0))
    opened = close * np.exp(rng.normal(0.0, spread, shape))
    return Bars(
        open_TM=opened,
        high_TM=np.maximum(opened, close) * 1.01,
        low_TM=np.minimum(opened, close) * 0.99,
        close_TM=close,
        volume_TM=rng.lognormal(3.0, 5.0 if wild else 1.0, shape),
    )


def joined(bars: Bars, other: Bars, cut: int) -> Bars:
    """The first `cut` bars of one, then the other's."""
    fields = ("open_TM", "high_TM", "low_TM", "close_TM", "volume_TM")
    return Bars(**{name: np.concatenate((getattr(bars, name)[:cut], getattr(other, name)[cut:])) for name in fields})


def shorter(bars: Bars, cut: int) -> Bars:
    fields = ("open_TM", "high_TM", "low_TM", "close_TM", "volume_TM")
    return Bars(**{name: getattr(bars, name)[:cut].copy() for name in fields})


def domains(bars: Bars) -> Values:
    count = len(bars.close_TM)
    macro = {"vix": 100.0 * bars.volume_TM[:, 0], "fed_rate": bars.close_TM[:, 1]}
    made = [
        domain_features(
            name,
            bars.close_TM,
            TIME_NS[:count],
            instruments=NAMES,
            groups=GROUPS,
            macro=macro if name == "equity" else {},
        )
        for name in DOMAIN_FEATURES
    ]
    return np.concatenate([one.values_TF for one in made] + [one.known_TF for one in made], axis=1)


def regimes(bars: Bars) -> Values:
    returns = np.zeros(len(bars.close_TM))
    returns[1:] = np.diff(np.log(bars.close_TM[:, 0]))
    return market_regime(returns)


def moving_together(bars: Bars) -> Values:
    return correlations(trailing_covariance(bars.close_TM, 30))


COMPUTED: dict[str, Callable[[Bars], Values]] = {
    "market_view": market_view,
    "domain_features": domains,
    "market_regime": regimes,
    "correlations": moving_together,
}


@pytest.mark.parametrize("name", COMPUTED)
@given(cut=cuts, seed=seeds)
@thorough
def test_changing_the_future_changes_nothing_before_it(name: str, cut: int, seed: int):
    bars, compute = make_bars(seed % 5), COMPUTED[name]
    changed = joined(bars, make_bars(seed, wild=True), cut)
    assert compute(bars)[:cut].tobytes() == compute(changed)[:cut].tobytes()


@pytest.mark.parametrize("name", COMPUTED)
@given(cut=cuts, seed=st.integers(0, 4))
@thorough
def test_a_shorter_record_has_the_same_rows(name: str, cut: int, seed: int):
    bars, compute = make_bars(seed), COMPUTED[name]
    assert compute(bars)[:cut].tobytes() == compute(shorter(bars, cut)).tobytes()


@pytest.mark.parametrize("name", COMPUTED)
def test_a_planted_look_ahead_is_caught(name: str):
    bars, compute = make_bars(0), COMPUTED[name]

    def peeking(bars: Bars) -> Values:
        return np.roll(compute(bars), -1, axis=0)

    changed = joined(bars, make_bars(1, wild=True), 100)
    assert peeking(bars)[:100].tobytes() != peeking(changed)[:100].tobytes()


@pytest.mark.parametrize("name", COMPUTED)
@given(seed=seeds)
@thorough
def test_every_number_is_finite_and_bounded_whatever_the_bars(name: str, seed: int):
    values = np.asarray(COMPUTED[name](make_bars(seed, wild=True)), np.float64)
    assert np.isfinite(values).all()
