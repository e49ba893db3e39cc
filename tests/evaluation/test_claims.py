"""Claims become the record that it takes to test them."""

import math

import numpy as np
import pytest
from scipy import stats

from rookery.evaluation.claims import (
    Targets,
    claims,
    drawdown_claim,
    drawdown_track_record,
    effective_trades,
    sharpe_claim,
    sharpe_track_record,
    trades_needed,
    win_rate_claim,
    win_rate_estimate,
)
from rookery.evaluation.report.record import Estimate
from rookery.evaluation.statistics import SharpeMoments

DAY = 86_400
NORMAL = SharpeMoments(periods=100, sharpe=0.1)
REACHED = Estimate(value=1.0, low=0.5, high=1.5)


def daily(sharpe_per_year: float, years: float, *, seed: int = 0, spread: float = 0.01) -> np.ndarray:
    """Daily returns whose Sharpe ratio is exactly what is asked for."""
    noise = np.random.default_rng(seed).normal(0, 1, round(365 * years))
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    return spread * (noise + sharpe_per_year / math.sqrt(365))


def test_a_sharpe_of_two_takes_eight_months_and_one_of_one_takes_two_years_and_eight_months():
    # 1 + (1 + SR^2 / 2) (1.645 / SR)^2 days, SR = target / sqrt(365): Bailey and Lopez de Prado 2012.
    for target in (1.0, 2.0):
        periodic = target / math.sqrt(365)
        wanted = 1 + (1 + periodic**2 / 2) * (stats.norm.ppf(0.95) / periodic) ** 2
        found = sharpe_track_record(NORMAL, target, interval_s=DAY)
        assert found.value == pytest.approx(wanted * DAY)
    assert sharpe_track_record(NORMAL, 1.0, interval_s=DAY).value == pytest.approx(2.71 * 365 * DAY, rel=0.01)
    assert sharpe_track_record(NORMAL, 2.0, interval_s=DAY).value == pytest.approx(0.68 * 365 * DAY, rel=0.01)


def test_finer_periods_do_not_shorten_the_record():
    hourly = sharpe_track_record(NORMAL, 2.0, interval_s=3_600)
    every_day = sharpe_track_record(NORMAL, 2.0, interval_s=DAY)
    assert hourly.value == pytest.approx(every_day.value, rel=0.01)


def test_no_claim_by_the_year_is_tested_on_less_than_a_month():
    assert sharpe_track_record(NORMAL, 50.0, interval_s=60).value == 30 * DAY


def test_a_short_record_says_what_it_would_take():
    one = sharpe_claim(daily(5.0, 0.2), 2.0, interval_s=DAY, reached=REACHED)
    assert one.state == "not testable with this data"
    assert one.needed.startswith("a record of ")
    assert one.needed.endswith("; there are 73 days")


@pytest.mark.parametrize(
    ("sharpe", "state"), [(3.5, "met"), (-0.5, "not met"), (1.2, "not distinguishable"), (0.8, "not distinguishable")]
)
def test_a_long_record_decides_by_the_probabilistic_sharpe_ratio(sharpe: float, state: str):
    one = sharpe_claim(daily(sharpe, 4), 1.0, interval_s=DAY, reached=REACHED)
    assert (one.state, one.needed) == (state, "")


def test_returns_that_do_not_vary_leave_a_sharpe_claim_open():
    assert sharpe_claim(np.zeros(4 * 365), 1.0, interval_s=DAY, reached=REACHED).needed == "returns that vary"


def test_the_record_for_a_drawdown_is_where_an_account_without_drift_is_expected_to_show_it():
    returns = daily(0.0, 3)
    needed = drawdown_track_record(returns, 0.15, interval_s=DAY)
    assert needed.value == pytest.approx((0.15 / 0.01) ** 2 * 2 / math.pi * DAY)
    # Magdon-Ismail and others 2004, against 2,000 drawn paths of 16 steps a day.
    steps = 16 * round((needed.value or 0) / DAY)
    paths = np.cumsum(np.random.default_rng(0).normal(0, 0.01 / 4, (2_000, steps)), axis=1)
    fall = (np.maximum.accumulate(paths, axis=1) - paths).max(axis=1).mean()
    assert fall == pytest.approx(0.15, rel=0.05)


def test_a_drawdown_that_has_happened_refutes_the_claim_in_any_record():
    deep = Estimate(value=0.2, low=0.1, high=0.3)
    one = drawdown_claim(daily(0.0, 0.05), 0.15, interval_s=DAY, reached=deep)
    assert (one.state, one.needed) == ("not met", "")


def test_a_small_drawdown_shows_something_only_in_a_long_record():
    small = Estimate(value=0.05, low=0.04, high=0.09)
    assert drawdown_claim(daily(1.0, 0.2), 0.15, interval_s=DAY, reached=small).state == "not testable with this data"
    assert drawdown_claim(daily(1.0, 3), 0.15, interval_s=DAY, reached=small).state == "met"
    wide = Estimate(value=0.05, low=0.04, high=0.3)
    assert drawdown_claim(daily(1.0, 3), 0.15, interval_s=DAY, reached=wide).state == "not distinguishable"
    assert drawdown_claim(np.zeros(99), 0.15, interval_s=DAY, reached=Estimate.exact(0.0)).needed == "returns that vary"


def trades(won: int, lost: int, *, seed: int = 0) -> np.ndarray:
    """Profits of +1 and -1 in random order."""
    return np.random.default_rng(seed).permutation([1.0] * won + [-1.0] * lost)


def test_a_win_rate_has_the_exact_binomial_interval():
    found = win_rate_estimate([1.0] * 17 + [-1.0] * 3)
    exact = stats.binomtest(17, 20).proportion_ci(0.95, "exact")
    assert (found.value, found.low, found.high) == pytest.approx((0.85, exact.low, exact.high))
    assert win_rate_estimate([1.0] * 50).high == 1.0
    assert win_rate_estimate([-1.0, 0.0]).low == 0.0
    assert win_rate_estimate([]).note == "no trade was closed"


def test_trades_that_win_and_lose_together_count_as_fewer():
    alone = np.random.default_rng(3).choice([1.0, -1.0], 2_000)
    assert 1_700 < effective_trades(alone) <= 2_000
    # Ten sales of each position have one outcome.
    together = np.repeat(alone[:200], 10)
    assert 60 < effective_trades(together) < 320
    few, many = win_rate_estimate(together), win_rate_estimate(alone)
    assert (few.high or 0) - (few.low or 0) > 2 * ((many.high or 0) - (many.low or 0))
    assert effective_trades([1.0] * 40) == 40
    assert effective_trades([1.0, -1.0]) == 2


def test_the_trades_needed_exclude_an_even_coin_from_there_on():
    count = int(trades_needed(0.6).value or 0)
    sure = [
        stats.binomtest(math.ceil(0.6 * n - 1e-9), n, 0.5, "greater").pvalue <= 0.05 for n in range(count, count + 60)
    ]
    assert all(sure)
    before = count - 1
    assert stats.binomtest(math.ceil(0.6 * before - 1e-9), before, 0.5, "greater").pvalue > 0.05
    assert trades_needed(0.5).value is None
    assert trades_needed(0.5001).reason == "too close to an even coin"


def test_a_win_rate_is_tested_once_there_are_enough_trades():
    few = win_rate_claim([1.0] * 10, 0.6)
    needed = f"{trades_needed(0.6).value:,.0f}"
    assert (few.state, few.needed) == (
        "not testable with this data",
        f"{needed} independent trades; there are 10",
    )
    copies = win_rate_claim(np.repeat(trades(6, 4), 10), 0.6)
    assert copies.state == "not testable with this data"
    assert copies.needed.startswith(f"{needed} independent trades; the 100 closed are worth ")
    for won, state in ((360, "met"), (160, "not met"), (245, "not distinguishable")):
        assert win_rate_claim(trades(won, 400 - won), 0.6).state == state


def test_claims_are_those_of_the_targets():
    made = claims(daily(1.0, 1), [1.0, -1.0], interval_s=DAY, sharpe=REACHED, max_drawdown=Estimate.exact(0.01))
    assert [one.name for one in made] == [
        "Sharpe ratio above 1 a year",
        "Sharpe ratio above 2 a year",
        "Drawdown below 15 %",
        "Win rate above 60 %",
    ]
    none = Targets(sharpe_per_year=(), max_drawdown=(), win_rate=(0.55,))
    made = claims([0.0], [], interval_s=60, sharpe=REACHED, max_drawdown=REACHED, targets=none)
    assert [(one.name, one.reached.note) for one in made] == [("Win rate above 55 %", "no trade was closed")]


def test_a_return_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match=r"returns\[1\] is nan"):
        claims([0.0, math.nan], [], interval_s=60, sharpe=REACHED, max_drawdown=REACHED)
