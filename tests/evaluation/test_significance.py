"""Intervals: equal to arch's own, paired, honest about what they cannot say, and of the coverage they claim."""

import numpy as np
import pytest
from scipy.signal import lfilter

from rookery.evaluation.resampling import Blocks, block_deviation, long_run_deviation, resampled_rows
from rookery.evaluation.significance import mean_estimate, significance
from rookery.measures import HEADLINE, TAILS, Floats, max_drawdown, sharpe, total_return


def series(seed: int, *, count: int = 400, mean: float = 0.0) -> Floats:
    return np.random.default_rng(seed).normal(mean, 0.01, count)


@pytest.mark.parametrize("blocks", ["stationary", "circular"])
def test_percentile_intervals_are_those_of_arch_itself(blocks: Blocks):
    from arch.bootstrap import CircularBlockBootstrap, StationaryBootstrap

    returns = np.stack([series(0), series(1)])
    result = significance(
        returns[0], {"rival": returns[1]}, seed=5, resamples=300, blocks=blocks, interval="percentile"
    )

    def figures(sample_N2: Floats) -> Floats:
        values = [[f(sample_N2[:, s]).value for s in (0, 1)] for f in (total_return, sharpe, max_drawdown)]
        return np.array([one for pair in values for one in (*pair, pair[0] - pair[1])], dtype=np.float64)

    kind = StationaryBootstrap if blocks == "stationary" else CircularBlockBootstrap
    length = result.block_length if blocks == "stationary" else int(result.block_length)
    drawn = kind(length, returns.T, seed=np.random.default_rng(5))
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
    advised = optimal_block_length(slow)
    rivals = {"slow": slow, "flat": np.zeros(400)}
    result = significance(noise, rivals, seed=0, resamples=10)
    assert result.block_length == np.ceil(advised["circular"].iloc[0]) > 5
    result = significance(noise, rivals, seed=0, resamples=10, blocks="stationary", interval="percentile")
    assert result.block_length == pytest.approx(advised["stationary"].iloc[0])


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


def test_a_gap_is_refused_by_name_and_place():
    gap = series(1)
    gap[7] = np.nan
    with pytest.raises(ValueError, match=r"returns of rival\[7\] is nan"):
        significance(series(0), {"rival": gap}, seed=0)


def test_the_mean_of_few_trades_has_no_interval_and_of_none_no_value():
    assert mean_estimate(np.array([]), seed=0).value is None
    few = mean_estimate(np.array([1.0, 3.0]), seed=0)
    assert (few.value, few.note) == (2.0, "no interval: 2, fewer than 30")
    assert mean_estimate(np.full(40, 2.0), seed=0).note == "exact"
    many = mean_estimate(series(0, mean=0.01), seed=0, resamples=100)
    assert many.low is not None
    assert many.value is not None
    assert many.low < many.value < (many.high or 0)


def test_a_difference_from_what_is_certain_is_the_agent_s_own_interval():
    agent = series(0, mean=1e-3)
    ours = significance(agent, {"flat": np.zeros(400)}, seed=0, resamples=100)
    theirs = significance(np.zeros(400), {"agent": agent}, seed=0, resamples=100)
    own = ours.agent["total_return"]
    assert ours.differences["flat"]["total_return"] == own
    mirrored = theirs.differences["agent"]["total_return"]
    assert (mirrored.low, mirrored.high) == (-(own.high or 0.0), -(own.low or 0.0))


def test_an_interval_of_a_net_return_never_reaches_a_loss_of_more_than_everything():
    # Ten per cent a period over 400 periods: on its own scale the interval would run below -100 %.
    wild = significance(np.random.default_rng(0).normal(0, 0.1, 400), {}, seed=0, resamples=200).agent
    assert wild["total_return"].low is not None
    assert -1 < wild["total_return"].low < (wild["total_return"].value or 0.0)
    assert (wild["volatility"].low or 0.0) > 0


def test_a_studentised_interval_needs_blocks_of_one_length():
    with pytest.raises(ValueError, match="choose circular blocks, or percentiles"):
        significance(series(0), {}, seed=0, blocks="stationary")
    assert significance(series(0), {}, seed=0, resamples=10).method == "studentised circular block bootstrap"


def test_tail_losses_have_percentile_intervals():
    result = significance(series(0), {}, seed=3, resamples=200, formulas=TAILS)
    plain = significance(series(0), {}, seed=3, resamples=200, formulas=TAILS, interval="percentile")
    assert result.agent == plain.agent
    assert all(one.low is not None for one in result.agent.values())


def test_circular_blocks_run_on_from_the_last_row_to_the_first():
    rows = np.stack([*resampled_rows(10, block_length=4, resamples=300, seed=0, blocks="circular")])
    assert rows.shape == (300, 10)
    steps = np.diff(rows, axis=1) % 10
    assert (steps[:, [0, 1, 2, 4, 5, 6, 8]] == 1).all()
    assert np.bincount(rows.ravel(), minlength=10) == pytest.approx(np.full(10, 300), rel=0.2)


def test_the_long_run_deviation_of_a_first_order_process_is_its_closed_form():
    # AR(1) with coefficient 0.6 and unit shocks: the mean of n has variance 1 / (0.4^2 n), to first order.
    shocks = np.random.default_rng(4).normal(size=(200, 1_200))
    values = lfilter([1.0], [1.0, -0.6], shocks)[:, 200:]
    found = [long_run_deviation(one - one.mean()) for one in values]
    assert np.mean(found) == pytest.approx(1 / 0.4 / np.sqrt(1_000), rel=0.03)
    assert np.isnan(long_run_deviation(np.zeros(50)))
    assert np.isnan(long_run_deviation(np.array([1.0, np.nan, 2.0])))


def test_the_block_deviation_of_independent_values_is_that_of_their_mean():
    values = np.random.default_rng(5).normal(size=(400, 1_000))
    assert block_deviation(values, 5).mean() == pytest.approx(1 / np.sqrt(1_000), rel=0.01)


def test_intervals_cover_dependent_returns_where_independent_resampling_fails():
    # AR(1) with coefficient 0.5, 250 series of 400. Of the studentised intervals 95 % hold the truth, of percentiles of
    # the same resamples about 92 %, of percentiles of rows drawn one by one about 71 % (benchmarks/bench_bootstrap.py).
    generator = np.random.default_rng(11)
    covered = alone = 0
    for _ in range(250):
        returns = lfilter([1.0], [1.0, -0.5], generator.normal(0, 0.01, 450))[50:]
        one = mean_estimate(returns, seed=1, resamples=250)
        covered += (one.low or 1.0) <= 0 <= (one.high or -1.0)
        means = returns[generator.integers(0, 400, (250, 400))].mean(axis=1)
        low, high = np.quantile(means, (0.025, 0.975))
        alone += low <= 0 <= high
    assert 0.93 <= covered / 250 <= 0.97
    assert alone / 250 <= 0.8
