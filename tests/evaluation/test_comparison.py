"""An agent beside its baselines: what a report's first page is made of."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.agents.baselines import always_hold, teacher
from rookery.evaluation.comparison import Comparison, compare
from rookery.evaluation.verdict import RIVALS, Gate
from rookery.market.costs import Costs
from rookery.sources import uniswap
from rookery.types import Pair

MakeSwaps = Callable[..., pl.DataFrame]


def waves(make_swaps: MakeSwaps) -> pl.DataFrame:
    """A price that swings 2 % up and down every 40 swaps, with noise: what buys low and sells high wins."""
    rows = np.arange(1_200)
    noise = np.random.default_rng(0).normal(0, 5e-4, rows.size)
    price = 2_000 * (1 + 0.02 * np.sin(rows / 40 * 2 * np.pi) + noise)
    return make_swaps(price.tolist(), seconds=(rows * 60).tolist(), liquidity=10**18, fee_bps=5.0)


def acting(swaps: pl.DataFrame, *, buy_below: float, sell_above: float) -> pl.DataFrame:
    price = swaps["price"]
    return always_hold(swaps).with_columns(
        side=pl.when(price < buy_below)
        .then(pl.lit("BUY"))
        .when(price > sell_above)
        .then(pl.lit("SELL"))
        .otherwise(pl.lit("HOLD")),
        size=pl.lit(0.5),
        slippage_bps=pl.lit(100.0),
        deadline_s=pl.lit(300.0),
    )


def comparison(
    make_swaps: MakeSwaps, *, seed: int = 0, good: bool = True, draws: int = 40, gates: Sequence[Gate] = ()
) -> Comparison:
    swaps = waves(make_swaps)
    wise = acting(swaps, buy_below=1_970, sell_above=2_030)
    foolish = wise.with_columns(side=pl.col("side").replace({"BUY": "SELL", "SELL": "BUY"}))
    agent, teacher = (wise, foolish) if good else (foolish, wise)
    return compare(
        swaps, agent, teacher, costs=Costs(), pair=Pair(), seed=seed, draws=draws, resamples=200, gates=gates
    )


def test_an_agent_with_an_edge_beats_every_rival(make_swaps: MakeSwaps):
    result = comparison(make_swaps)
    assert result.verdict.code == "beats", result.verdict
    assert [*result.significance.rivals] == ["flat", "buy_and_hold", "random", "teacher"] == [*RIVALS]
    assert [*result.equity_G1] == ["agent", *RIVALS]
    assert result.draws_beaten == 1.0
    assert result.draws_net_D.size == 40


def test_an_agent_that_does_the_opposite_is_worse(make_swaps: MakeSwaps):
    result = comparison(make_swaps, good=False)
    assert result.verdict.code == "worse"
    assert result.draws_beaten == 0.0


def test_figures_agree_with_the_books(make_swaps: MakeSwaps):
    result = comparison(make_swaps)
    for name, book in {"agent": result.agent, **result.rivals}.items():
        assert result.equity_G1[name][-1] == book.totals.end
        assert result.equity_G1[name].size == result.grid.time_ns_G1.size
    assert result.equity_G1["random"][-1] - 10_000 == pytest.approx(result.draws_net_D.mean())
    assert result.significance.agent["total_return"].value == pytest.approx(result.agent.totals.net / 10_000)


def test_a_span_of_hours_is_not_annualised_and_says_so(make_swaps: MakeSwaps):
    result = comparison(make_swaps)
    assert result.periods_per_year.value is None
    assert result.periods_per_year.reason == "not annualised: 0.8 days, fewer than 30"
    assert result.significance.agent["sharpe"].value is not None


def test_the_same_seed_gives_the_same_comparison(make_swaps: MakeSwaps):
    first, again, other = (comparison(make_swaps, seed=seed) for seed in (1, 1, 2))
    assert first.significance == again.significance
    assert first.draws_net_D.tolist() == again.draws_net_D.tolist()
    assert first.draws_net_D.tolist() != other.draws_net_D.tolist()


def test_an_agent_that_never_trades_has_too_little_to_judge(make_swaps: MakeSwaps):
    swaps = waves(make_swaps)
    still = always_hold(swaps)
    result = compare(swaps, still, still, costs=Costs(), pair=Pair(), seed=0, draws=2, resamples=50)
    assert result.verdict.reason == "0 orders were filled, at least 10 are needed"


def test_a_red_gate_reaches_the_verdict(make_swaps: MakeSwaps):
    gate = Gate(name="leak", passed=False, reason="a feature saw the future")
    assert comparison(make_swaps, gates=[gate]).verdict.code == "refused"


def test_a_comparison_needs_a_random_draw(make_swaps: MakeSwaps):
    with pytest.raises(ValueError, match="0 draws"):
        comparison(make_swaps, draws=0)


def test_buy_and_hold_is_not_ruined_by_a_pool_that_is_thin_at_first(make_swaps: MakeSwaps):
    swaps = waves(make_swaps)
    thin = swaps.with_columns(liquidity=pl.when(pl.int_range(pl.len()) < 5).then(10**9).otherwise("liquidity"))
    still = always_hold(swaps)
    tables = [thin.cast({"liquidity": pl.Decimal(38, 0)}), swaps]
    first, second = (compare(t, still, still, costs=Costs(), pair=Pair(), seed=0, draws=1, resamples=9) for t in tables)
    assert first.rivals["buy_and_hold"].totals == second.rivals["buy_and_hold"].totals
    assert first.rivals["buy_and_hold"].fills == 1


def test_the_published_labels_lose_money_on_their_own_swaps(shared_data: Path):
    folder = shared_data / "uniswap_v4_eth_usdc_rook"
    swaps = uniswap.load(folder / "swaps_raw_rebuilt_rows_1_7000.csv.gz").table
    with gzip.open(folder / "labeled_dataset_rows_1_7000.csv.gz") as file:
        labels = pl.read_csv(file.read()).with_columns(time=swaps["time"])
    rules = teacher(swaps, labels)
    result = compare(swaps, rules, rules, costs=Costs(), pair=Pair(), seed=0, draws=20, resamples=200)
    totals = result.agent.totals
    # 12.7 days, 1,482 fills: a loss before any cost, and 240 more in fees, impact and gas; holding cash keeps 10,000.
    assert (result.agent.orders.height, result.agent.fills) == (1_569, 1_482)
    assert totals.gross == pytest.approx(-1_249.762, abs=1e-3)
    assert totals.net == pytest.approx(-1_464.122, abs=1e-3)
    assert totals.fees + totals.impact + totals.gas == pytest.approx(244.525, abs=1e-3)
    assert result.rivals["flat"].totals.net == 0.0
    assert result.verdict.code == "indistinguishable"
