"""Measures from one pass are the measures of the house."""

import numpy as np
import pytest

from rookery.evaluation.path_measures import headline
from rookery.measures import HEADLINE, simple_returns


def paths() -> dict[str, np.ndarray]:
    draws = np.random.default_rng(0)
    return {
        "ordinary": 1e5 * np.cumprod(1 + draws.normal(1e-4, 0.01, 5_000)),
        "falling": 1e5 * np.cumprod(1 - draws.uniform(0, 0.01, 500)),
        "rising": 1e5 * np.cumprod(1 + draws.uniform(0, 0.01, 500)),
        "a small spread around a large mean": 100 * np.cumprod(1 + 0.01 + draws.normal(0, 1e-9, 500)),
        "constant growth": 1.01 ** np.arange(300),
        "still": np.full(100, 7.0),
        "ruined": np.array([100.0, 50.0, 0.0, 0.0]),
        "two": np.array([100.0, 101.0]),
        "one": np.array([100.0]),
    }


@pytest.mark.parametrize("name", list(paths()))
@pytest.mark.parametrize("year", [None, 8_760.0])
def test_every_headline_measure_is_that_of_its_formula(name: str, year: float | None):
    worth_T = paths()[name]
    found = headline(worth_T, periods_per_year=year)
    assert list(found) == [formula.name for formula in HEADLINE]
    for formula in HEADLINE:
        wanted, own = formula(simple_returns(worth_T), periods_per_year=year), found[formula.name]
        assert own.reason == wanted.reason, formula.name
        assert (own.value is None) == (wanted.value is None), formula.name
        if wanted.value is not None:
            assert own.value == pytest.approx(wanted.value, rel=1e-6 if "small" in name else 1e-9, abs=1e-12)


def test_net_worth_below_zero_or_no_number_is_refused():
    with pytest.raises(ValueError, match=r"equity -1\.0 is negative"):
        headline(np.array([1.0, -1.0]), periods_per_year=None)
    with pytest.raises(ValueError, match=r"equity\[1\] is nan"):
        headline(np.array([1.0, np.nan]), periods_per_year=None)
