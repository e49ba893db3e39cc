"""The closer looks and the headline of a report are of one account: totals agree, and a year is a year."""

from bisect import bisect_right
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from rookery.agents.baselines import always_hold, buy_and_hold
from rookery.evaluation.comparison import Comparison, compare
from rookery.evaluation.report import markdown
from rookery.evaluation.report.html import page
from rookery.evaluation.report.record import Basis, Estimate, Report
from rookery.evaluation.scrutiny import scrutinised
from rookery.evaluation.summary import cost_section, headline
from rookery.market.costs import Costs
from rookery.measures import HEADLINE
from rookery.types import Pair

MakeSwaps = Callable[..., pl.DataFrame]
FREE = Costs(fee_bps=0, gas_quote=0, impact=False)
YEAR_S = 365 * 86_400
UP, DOWN = 0.004, 0.003


def held(swaps: pl.DataFrame, *, costs: Costs = FREE) -> Comparison:
    decisions = buy_and_hold(swaps)
    return compare(swaps, decisions, always_hold(swaps), costs=costs, pair=Pair(), seed=0, draws=1, resamples=20)


def figures(result: Comparison) -> dict[str, Estimate]:
    names = dict.fromkeys(result.rivals, "rival") | {"random": "random"}
    rows = headline(result.significance, HEADLINE, annualised=result.periods_per_year.value is not None, names=names)
    return {row.key: row.agent for row in rows}


def seesaw(swaps: int) -> np.ndarray:
    """A price that stands still once, in which all is bought, and then rises and falls in turn."""
    moves = np.where(np.arange(swaps - 2) % 2 == 0, 1 + UP, 1 - DOWN)
    return 2_000 * np.cumprod(np.concatenate(([1.0, 1.0], moves)))


@pytest.mark.parametrize(
    ("step_s", "swaps", "period_s", "up", "down"),
    [
        pytest.param(3_600, 60 * 24 + 1, 3_600, UP, DOWN, id="hourly"),
        pytest.param(86_400, 1_501, 86_400, UP, DOWN, id="daily"),
        # 40 days of 5 minutes are shown by quarters of an hour: up, down, up, and down, up, down.
        pytest.param(
            300,
            40 * 288 + 1,
            900,
            (1 + UP) * (1 - DOWN) * (1 + UP) - 1,
            1 - (1 - DOWN) * (1 + UP) * (1 - DOWN),
            id="5 minutes",
        ),
    ],
)
def test_a_regular_series_is_annualised_to_its_closed_form(
    make_swaps: MakeSwaps, step_s: int, swaps: int, period_s: int, up: float, down: float
):
    size = period_s // step_s
    # The swap in which all is bought is the last of the first period, so that the first period is 0.
    price = np.concatenate((np.full(size - 1, 2_000.0), seesaw(swaps - size + 1)))
    result = held(make_swaps(price.tolist(), seconds=(step_s * np.arange(swaps)).tolist()))
    assert result.grid.interval_s == period_s
    count = (swaps - 1) // size
    ups, downs = count // 2, (count - 1) // 2
    mean = (ups * up - downs * down) / count
    spread = np.sqrt((ups * up**2 + downs * down**2 - count * mean**2) / (count - 1))
    year = YEAR_S / period_s
    growth = (1 + up) ** ups * (1 - down) ** downs
    found = figures(result)
    for key, wanted in {
        "total_return": growth - 1,
        "cagr": growth ** (year / count) - 1,
        "volatility": spread * np.sqrt(year),
        "sharpe": mean / spread * np.sqrt(year),
        "sortino": mean / (down * np.sqrt(downs / count)) * np.sqrt(year),
        "max_drawdown": down,
        "calmar": (growth ** (year / count) - 1) / down,
    }.items():
        assert found[key].value == pytest.approx(wanted, rel=1e-9), key


def test_irregular_swaps_are_annualised_by_the_time_that_really_passed(make_swaps: MakeSwaps):
    generator = np.random.default_rng(5)
    seconds = np.cumsum(generator.exponential(2_400, 3_000))
    price = 2_000 * np.exp(np.cumsum(generator.normal(1e-4, 3e-3, 3_000)))
    result = held(make_swaps(price.tolist(), seconds=seconds.tolist()))
    assert result.grid.interval_s == 3_600
    bought = 10_000 / price[1]
    clock = [seconds[0] + 3_600 * hour for hour in range(int(np.ceil((seconds[-1] - seconds[0]) / 3_600)) + 1)]
    known = [bisect_right(seconds.tolist(), at + 1e-6) - 1 for at in clock]
    equity = np.array([10_000.0] + [10_000.0 if row < 1 else bought * price[row] for row in known[1:]])
    returns = equity[1:] / equity[:-1] - 1
    found, year = figures(result), YEAR_S / 3_600
    assert found["cagr"].value == pytest.approx((equity[-1] / 10_000) ** (year / returns.size) - 1, rel=1e-9)
    assert found["volatility"].value == pytest.approx(returns.std(ddof=1) * np.sqrt(year), rel=1e-9)
    assert found["sharpe"].value == pytest.approx(returns.mean() / returns.std(ddof=1) * np.sqrt(year), rel=1e-9)


def test_what_earns_47_percent_a_year_says_so_after_sixty_days_of_hours(make_swaps: MakeSwaps):
    hours = 60 * 24
    # All is bought in the first hour, in which the price stands still; then it grows by the same part each hour.
    growth = 1.474 ** (1 / 8_760 * hours / (hours - 1))
    price = 2_000 * growth ** np.maximum(np.arange(hours + 1) - 1, 0)
    result = held(make_swaps(price.tolist(), seconds=(3_600 * np.arange(hours + 1)).tolist()))
    assert figures(result)["cagr"].value == pytest.approx(0.474, rel=1e-9)


@pytest.fixture(scope="module")
def looked(make_swaps: MakeSwaps) -> tuple[Report, Comparison]:
    generator = np.random.default_rng(0)
    price = 2_000 * np.exp(np.cumsum(generator.normal(0, 2e-3, 3_000)))
    swaps = make_swaps(price.tolist(), seconds=(np.arange(3_000) * 60).tolist(), fee_bps=5.0)
    row = pl.col("row")
    decisions = always_hold(swaps).with_columns(
        side=pl.when(row % 60 == 0).then(pl.lit("BUY")).when(row % 60 == 30).then(pl.lit("SELL")).otherwise("side"),
        size=pl.lit(0.4),
        slippage_bps=pl.lit(100.0),
        deadline_s=pl.lit(600.0),
    )
    return look(swaps, decisions)


def look(swaps: pl.DataFrame, decisions: pl.DataFrame) -> tuple[Report, Comparison]:
    costs = Costs()
    result = compare(swaps, decisions, decisions, costs=costs, pair=Pair(), seed=0, draws=2, resamples=50)
    bare = Report(
        title="",
        pipeline="rook",
        data_name="",
        generated=False,
        seeds=(0,),
        verdict=result.verdict,
        basis=Basis(annualisation="", intervals="", trials=1),
        headline=(),
        costs=cost_section(result.agent, unit="USDC", note=""),
    )
    names = {"flat": "always HOLD", "buy_and_hold": "buy and hold", "teacher": "teacher's rules"}
    made = scrutinised(
        bare, result, swaps, decisions, costs=costs, pair=Pair(), capital_quote=10_000.0, names=names, seed=0
    )
    return made, result


def test_calendar_and_regimes_make_up_the_net_return(looked: tuple[Report, Comparison]):
    made, result = looked
    net = result.agent.totals.net / 10_000
    assert made.calendar is not None
    assert made.calendar.total == pytest.approx(net, rel=1e-9)
    assert [part.total for part in made.regimes] == pytest.approx([net, net], rel=1e-9)


def test_round_trips_make_up_the_net_profit(looked: tuple[Report, Comparison]):
    made, result = looked
    assert made.round_trips is not None
    closed, still = (one.estimate.value or 0.0 for one in made.round_trips.figures[:2])
    assert closed + still == pytest.approx(result.agent.totals.net, abs=1e-6)
    assert closed == pytest.approx(sum(float(row[2] or 0) for row in made.round_trips.table.rows))


def test_no_delay_is_the_result_itself(looked: tuple[Report, Comparison]):
    made, result = looked
    assert made.costs is not None
    assert [one.swaps for one in made.costs.lags] == [0, 1, 2, 5]
    assert made.costs.lags[0].net.value == result.agent.totals.net
    assert made.costs.lags[0].fills == result.agent.fills


def test_claims_and_risk_use_the_headlines_figures(looked: tuple[Report, Comparison]):
    made, result = looked
    drawdown = next(one for one in made.claims if one.name.startswith("Drawdown"))
    assert drawdown.reached == result.significance.agent["max_drawdown"]
    assert made.risk is not None
    assert made.risk.falls[0].depth == pytest.approx(drawdown.reached.value)
    # Two days: no figure is given by the year.
    assert made.claims[0].reached.note == "not annualised: 2.1 days, fewer than 30"
    assert made.claims[0].state == "not testable with this data"


def test_an_agent_that_does_as_its_teacher_is_told_so(looked: tuple[Report, Comparison]):
    made, _ = looked
    assert [one.rival for one in made.likenesses if one.same] == ["teacher's rules"]


@pytest.mark.parametrize("count", [2, 40, 800])
def test_an_account_that_stood_still_has_closer_looks_and_a_page_too(make_swaps: MakeSwaps, count: int):
    swaps = make_swaps([2_000.0] * count, seconds=(np.arange(count) * 60).tolist())
    made, _ = look(swaps, always_hold(swaps))
    assert made.calendar is not None
    assert made.calendar.total == 0.0
    assert [one.rival for one in made.likenesses if one.same] == ["always HOLD", "teacher's rules"]
    assert {one.state for one in made.claims} == {"not testable with this data"}
    assert made.risk is not None
    assert made.risk.falls == ()
    assert "In truth this policy is always HOLD: its equity never moves" in page(made)
    assert "its equity never moves" in markdown.text(made)
