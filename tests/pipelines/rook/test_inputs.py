"""What a caller hands over, and every way in which it may be doubtful."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rookery.datasets.sequences import Float64
from rookery.features.conditions import CONDITION_FEATURES
from rookery.features.swaps import CORE_FEATURES
from rookery.pipelines.rook import TrainedROOKBrain
from rookery.pipelines.rook.inputs import DoubtError, balances, check_market, read_features
from rookery.types import Decision, Portfolio, Side

CORE = np.arange(180.0).reshape(30, 6)
STATE = np.arange(23.0)
GOOD: dict[str, Any] = {"core": CORE, "conditions": STATE}


def _changed(array: Float64, place: tuple[int, ...], value: float) -> Float64:
    copy = array.copy()
    copy[place] = value
    return copy


def _mappings(**changes: object) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [dict(zip(CORE_FEATURES, row.tolist(), strict=True)) for row in CORE]
    rows[4].update(changes)
    return rows


def _read(features: object) -> tuple[Float64, Float64]:
    return read_features(features, seq_len=30, core_names=CORE_FEATURES, condition_names=CONDITION_FEATURES)


TABLE = pl.DataFrame(CORE, schema=list(CORE_FEATURES))
DOUBTFUL: dict[str, tuple[object, str]] = {
    "nothing": (None, "neither a mapping nor a table"),
    "a text": ("features", "neither a mapping nor a table"),
    "no core": ({"conditions": STATE}, "lack 'core'"),
    "no conditions": ({"core": CORE}, "lack 'conditions'"),
    "29 rows": ({**GOOD, "core": CORE[1:]}, r"core has shape \(29, 6\), expected \(30, 6\)"),
    "31 rows": ({**GOOD, "core": np.vstack((CORE, CORE[:1]))}, r"core has shape \(31, 6\)"),
    "5 columns": ({**GOOD, "core": CORE[:, :5]}, r"core has shape \(30, 5\)"),
    "a batch": ({**GOOD, "core": CORE[None]}, r"core has shape \(1, 30, 6\)"),
    "22 conditions": ({**GOOD, "conditions": STATE[:22]}, r"conditions has shape \(22,\), expected \(23,\)"),
    "one number": ({**GOOD, "conditions": 3.0}, r"conditions has shape \(\), expected \(23,\)"),
    "no rows": ({**GOOD, "core": []}, "core has shape"),
    "ragged rows": ({**GOOD, "core": [[1.0] * 6] * 29 + [[1.0] * 5]}, "core is no matrix of numbers"),
    "nan": ({**GOOD, "core": _changed(CORE, (3, 2), np.nan)}, "'volume' is nan"),
    "infinity": ({**GOOD, "conditions": _changed(STATE, (21,), -np.inf)}, "'current_price' is -inf"),
    "texts": ({**GOOD, "core": CORE.astype(str)}, "core holds something other than numbers"),
    "truth values": ({**GOOD, "core": CORE > 3}, "core holds something other than numbers"),
    "complex numbers": ({**GOOD, "core": CORE + 1j}, "core holds something other than numbers"),
    "None within": ({**GOOD, "core": _mappings(price=None)}, "core holds something other than numbers"),
    "a text within": ({**GOOD, "core": _mappings(price="3000")}, "core holds something other than numbers"),
    "a decimal within": ({**GOOD, "core": _mappings(price=Decimal(3000))}, "core holds something other than numbers"),
    "an integer of 400 digits": ({**GOOD, "core": _mappings(price=10**400)}, "core holds something other than numbers"),
    "a feature missing in a row": ({**GOOD, "core": [{"price": 1.0}] * 30}, "core lacks 'volatility'"),
    "rows of two kinds": ({**GOOD, "core": [*_mappings()[:29], [1.0] * 6]}, "mixes mappings with something else"),
    "a condition missing": ({**GOOD, "conditions": {"avg_price_10": 1.0}}, "conditions lacks 'price_volatility_10'"),
    "a column missing": ({**GOOD, "core": TABLE.drop("volume")}, "core lacks 'volume'"),
    "a column of texts": ({**GOOD, "core": TABLE.cast({"volume": pl.String})}, "'volume' holds something other"),
    "a null": ({**GOOD, "core": TABLE.with_columns(volume=pl.lit(None, dtype=pl.Float64))}, "'volume' is nan"),
    "a short table": ({**GOOD, "core": TABLE.head(29)}, r"core has shape \(29, 6\)"),
    "an empty table": ({**GOOD, "conditions": pl.DataFrame()}, "conditions lacks 'avg_price_10'"),
    "another order": ({**GOOD, "core_names": CORE_FEATURES[::-1]}, "core_names are in another order"),
    "names that are none": ({**GOOD, "condition_names": 3}, "condition_names are in another order"),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_doubtful_features_are_named(case: str):
    features, reason = DOUBTFUL[case]
    with pytest.raises(DoubtError, match=f"bad_input: .*{reason}"):
        _read(features)


def test_good_features_are_read_in_the_bundles_order():
    core, state = _read(
        {"core": _mappings(), "conditions": dict(zip(CONDITION_FEATURES[::-1], STATE[::-1], strict=True))}
    )
    assert np.array_equal(core, CORE)
    assert np.array_equal(state, STATE)
    assert core.dtype == state.dtype == np.float64


def test_of_a_longer_table_the_last_rows_count():
    longer = pl.concat([TABLE.head(3), TABLE])
    assert np.array_equal(_read({**GOOD, "core": longer})[0], CORE)


def test_integers_and_small_floats_are_numbers():
    assert np.array_equal(_read({"core": CORE.astype(int), "conditions": STATE.astype(np.float32)})[0], CORE)


SECONDS = 1_738_843_200


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"time": SECONDS - 601, "now": SECONDS}, "^stale_input$"),
        ({"time": SECONDS + 3, "now": float(SECONDS)}, "^future_input$"),
        ({"time": SECONDS}, "only one of 'time' and 'now'"),
        ({"now": SECONDS}, "only one of 'time' and 'now'"),
        ({"time": SECONDS * 1000, "now": SECONDS * 1000}, "time is not in unix seconds|now is not in unix seconds"),
        ({"time": "2025-02-06", "now": SECONDS}, "time is not a number"),
        ({"time": None, "now": SECONDS}, "time is not a number"),
        ({"time": SECONDS, "now": float("nan")}, "now is nan"),
        ({"time": True, "now": SECONDS}, "time is not a number"),
        ({"time": 10**400, "now": SECONDS}, "time is too large"),
        ({"price": 0.0}, "price is not above zero"),
        ({"price": -1}, "price is not above zero"),
        ({"price": float("inf")}, "price is inf"),
        ({"price": "3000"}, "price is not a number"),
        ([1, 2], "market_state is not a mapping"),
    ],
)
def test_a_doubtful_market_state_is_named(state: object, reason: str):
    with pytest.raises(DoubtError, match=reason):
        check_market(state, max_age_s=600.0)


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"price": 3000.0, "gas": "whatever else"},
        {"time": SECONDS, "now": np.int64(SECONDS + 600)},
        {"time": datetime(2025, 2, 6, 12, 0, tzinfo=UTC), "now": SECONDS},
        {"time": datetime(2025, 2, 6, 12, 0), "now": datetime(2025, 2, 6, 12, 5)},
    ],
)
def test_a_market_state_without_doubt_passes(state: object):
    check_market(state, max_age_s=600.0)


@pytest.mark.parametrize(
    ("state", "held"),
    [
        (None, (None, None)),
        ({"base": 1, "quote": 2.5}, (2.5, 1.0)),
        ({"ETH": 1.0, "usdc": 2.5}, (2.5, 1.0)),
        (Portfolio(base=0.0, quote=7.0), (7.0, 0.0)),
        ({"quote": np.float64(4)}, (4.0, None)),
    ],
)
def test_balances_are_found_under_their_names(state: object, held: tuple[float | None, float | None]):
    found = balances(state, base="ETH", quote="USDC")
    assert (found[Side.BUY], found[Side.SELL]) == held


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"base": -1.0}, "balance of 'base' is negative"),
        ({"quote": float("nan")}, "balance of 'quote' is nan"),
        ({"USDC": "12"}, "balance of 'USDC' is not a number"),
        (3.0, "portfolio_state is not a mapping"),
    ],
)
def test_a_doubtful_balance_is_named(state: object, reason: str):
    with pytest.raises(DoubtError, match=reason):
        balances(state, base="ETH", quote="USDC")


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just(CORE),
    st.just(TABLE),
    st.just(SECONDS),
    st.binary(max_size=4),
)
_ANYTHING = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner), max_leaves=6
)
_KEYED = st.dictionaries(
    st.sampled_from(["core", "conditions", "core_names", "time", "now", "price", "base", "quote", "ETH"]), _ANYTHING
)


@given(features=_ANYTHING | _KEYED, portfolio=_ANYTHING | _KEYED, market=_ANYTHING | _KEYED)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_in_a_decision_comes_out(
    save: Callable[..., Path], features: object, portfolio: object, market: object
):
    brain = _Once.brain or TrainedROOKBrain(save())
    _Once.brain = brain
    decision = brain.decide(features, portfolio, market)
    assert isinstance(decision, Decision)
    assert decision.side == Side.HOLD
    assert decision.reason


class _Once:
    """The brain that all examples share."""

    brain: TrainedROOKBrain | None = None
