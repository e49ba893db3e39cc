"""Intervals: equal to arch's own, paired, honest about what they cannot say, and of the coverage they claim."""

import numpy as np
import pytest
from scipy.signal import lfilter

from rookery.evaluation.significance import mean_estimate, significance
from rookery.measures import HEADLINE, Floats, max_drawdown, sharpe, total_return


def series(seed: int, *, count: int = 400, mean: float = 0.0) -> Floats:
    return np.random.default_rng(seed).normal(mean, 0.01, count)


def test_intervals_are_those_of_arch_itself():
    from arch.bootstrap import StationaryBootstrap

    returns = np.stack([series(0), series(1)])
    result = significance(returns[0], {"rival": returns[1]}, seed=5, resamples=300)

    def figures(sample_N2: Floats) -> Floats:
        values = [[f(sample_N2[:, s]).value for s in (0, 1)] for f in (total_return, sharpe, max_drawdown)]
        return np.array([one for pair in values for one in (*pair, pair[0] - pair[1])], dtype=np.float64)

    drawn = StationaryBootstrap(result.block_length, returns.T, seed=np.random.default_rng(5))
    expected = drawn.conf_int(figures, reps=300, method="percentile").T.reshape(3, 3, 2)
    for formula, (agent, rival, difference) in zip((total_return, sharpe, max_drawdown), expected, strict=True):
        ours = (result.agent, result.rivals["rival"], result.differences["rival"])
        for table, (low, high) in zip(ours, (agent, rival, difference), strict=True):
            assert table[formula.name].low == pytest.approx(low, rel=1e-9)
            assert table[formula.name].high == pytest.approx(high, rel=1e-9)


def test_the_block_is_the_longest_that_any_series_asks_for():
    from arch.bootstrap import optimal_block_length

    noise = series(0)
    slow = np.convolve(series(1, count=410), np.ones(11) / 11, "valid")
    result = significance(noise, {"slow": slow, "flat": np.zeros(400)}, seed=0, resamples=10)
    assert result.block_length == pytest.approx(optimal_block_length(slow)["stationary"].iloc[0])
    assert result.block_length > 5


def test_a_difference_is_paired():
    # The rival is the agent less a constant: whatever is drawn, the agent is ahead by the same amount per period.
    agent = series(3)
    result = significance(agent, {"rival": agent - 1e-4}, seed=0, resamples=200, formulas=(total_return,))
    difference = result.differences["rival"]["total_return"]
    assert result.agent["total_return"].low is not None
    assert result.agent["total_return"].low < 0
    assert difference.low is not None
    assert difference.low > 0


def test_every_figure_has_an_interval_or_says_why_not():
    result = significance(series(0, mean=1e-3), {"flat": np.zeros(400)}, seed=0, resamples=100, periods_per_year=365.0)
    assert [*result.agent] == [formula.name for formula in HEADLINE]
    assert all(one.low is not None and one.note == "" for one in result.agent.values())
    flat = result.rivals["flat"]
    assert (flat["total_return"].value, flat["total_return"].note) == (0.0, "exact")
    assert (flat["sharpe"].value, flat["sharpe"].note) == (None, "the returns do not vary")
    assert result.differences["flat"]["sharpe"].note == "the returns do not vary"
    assert result.differences["flat"]["total_return"].low == result.agent["total_return"].low


def test_an_agent_that_does_what_its_rival_does_differs_by_exactly_nothing():
    returns = series(0)
    difference = significance(returns, {"twin": returns.copy()}, seed=0, resamples=50).differences["twin"]
    assert (difference["sharpe"].value, difference["sharpe"].note) == (0.0, "exact")


def test_too_few_returns_have_no_interval():
    result = significance(series(0, count=29), {"flat": np.zeros(29)}, seed=0)
    assert result.resamples == 0
    assert result.agent["total_return"].note == "no interval: fewer than 30 returns"
    assert result.agent["total_return"].value is not None


def test_without_annualisation_the_yearly_figures_are_absent():
    result = significance(series(0), {}, seed=0, resamples=50)
    assert result.agent["cagr"].note == "not annualised: the record is too short"
    assert result.agent["sharpe"].low is not None


def test_a_measure_that_most_resamples_lack_has_no_interval():
    # One losing period in 100: about a third of the resamples miss it, and have no Sortino ratio.
    returns = np.full(100, 0.01) + np.linspace(0, 1e-3, 100)
    returns[50] = -0.01
    note = significance(returns, {}, seed=0, resamples=200).agent["sortino"].note
    assert note.startswith("no interval: undefined in ")


def test_the_seed_decides():
    first, again, other = (significance(series(0), {}, seed=seed, resamples=60) for seed in (1, 1, 2))
    assert first == again
    assert first.agent["sharpe"] != other.agent["sharpe"]


def test_series_of_different_length_are_refused():
    with pytest.raises(ValueError, match="same periods"):
        significance(series(0), {"rival": series(1, count=399)}, seed=0)


def test_the_mean_of_few_trades_has_no_interval_and_of_none_no_value():
    assert mean_estimate(np.array([]), seed=0).value is None
    few = mean_estimate(np.array([1.0, 3.0]), seed=0)
    assert (few.value, few.note) == (2.0, "no interval: 2, fewer than 30")
    assert mean_estimate(np.full(40, 2.0), seed=0).note == "exact"
    many = mean_estimate(series(0, mean=0.01), seed=0, resamples=100)
    assert many.low is not None
    assert many.value is not None
    assert many.low < many.value < (many.high or 0)


def test_intervals_cover_dependent_returns_where_independent_resampling_fails():
    # AR(1) with coefficient 0.5, 150 series of 400: of these intervals a true mean of 0 lies in about 90 %, of
    # intervals from rows drawn one by one in about 71 % (1,000 series).
    generator = np.random.default_rng(11)
    covered = alone = 0
    for _ in range(150):
        returns = lfilter([1.0], [1.0, -0.5], generator.normal(0, 0.01, 450))[50:]
        one = mean_estimate(returns, seed=1, resamples=200)
        covered += (one.low or 1.0) <= 0 <= (one.high or -1.0)
        means = returns[generator.integers(0, 400, (200, 400))].mean(axis=1)
        low, high = np.quantile(means, (0.025, 0.975))
        alone += low <= 0 <= high
    assert covered / 150 >= 0.85
    assert alone / 150 <= 0.8
