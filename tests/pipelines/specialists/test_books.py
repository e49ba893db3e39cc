"""Books of wishes over a span, and of the baselines."""

import numpy as np
import pytest

from rookery.pipelines.specialists.books import (
    Wishes,
    baseline_books,
    group_profit,
    in_equal_parts,
    only,
    settled,
    year_of,
)
from rookery.pipelines.specialists.config import EnvironmentConfig, SpecialistsConfig
from rookery.pipelines.specialists.portfolio import PortfolioBars


def _wishes(bars: PortfolioBars, size: float = 0.02) -> Wishes:
    """Every instrument long and short in turn, ten bars each."""
    side_T = np.where(np.arange(bars.bars.shape[0]) // 10 % 2 == 0, size, -size)
    return Wishes(weight_TM=np.repeat(side_T[:, None], 8, axis=1), groups=bars.groups)


def test_a_decision_fills_at_the_next_bars_open(bars: PortfolioBars, small: SpecialistsConfig):
    fills = settled(bars, _wishes(bars), small).books.fills()
    first = fills.filter(fills["instrument"] == "EURUSD").row(0, named=True)
    assert first["bar"] == 1
    assert first["reference"] == bars.bars.open_TM[1, 0]


def test_dearer_trading_never_earns_more_with_the_same_wishes(bars: PortfolioBars):
    ends = []
    for cost in (0.0, 0.0005, 0.003):
        config = SpecialistsConfig(environment=EnvironmentConfig(transaction_cost=cost, stop_loss_pct=None))
        ends.append(settled(bars, _wishes(bars), config).books.record.worth_T[-1])
    assert ends[0] > ends[1] > ends[2]


def test_no_baseline_holds_more_than_an_agent_may_at_equal_allocations(bars: PortfolioBars, small: SpecialistsConfig):
    books = baseline_books(bars, small)
    held = books["equal_weights"].equity()["exposure"].max()
    assert held == pytest.approx(8 * small.environment.max_position_size / 3, rel=0.05)
    assert books["buy_and_hold"].fills().height == 8
    assert np.ptp(books["flat"].record.worth_T) == 0


def test_what_is_left_out_is_not_traded(bars: PortfolioBars, small: SpecialistsConfig):
    fills = settled(bars, only(bars, _wishes(bars), ("forex",)), small).books.fills()
    assert set(fills["instrument"]) == {"EURUSD", "GBPUSD", "USDJPY"}


def test_profit_by_group_sums_to_the_net(bars: PortfolioBars, small: SpecialistsConfig):
    books = settled(bars, _wishes(bars), small).books
    assert sum(group_profit(books, bars).values()) == pytest.approx(books.totals().net)


def test_specialists_in_equal_parts_each_have_a_third_of_their_own_size(bars: PortfolioBars):
    whole = {group: only(bars, _wishes(bars), (group,)) for group in bars.groups}
    together = in_equal_parts(whole, bars)
    assert together.weight_TM == pytest.approx(_wishes(bars).weight_TM / 3)


def test_the_shield_holds_whatever_is_wished(bars: PortfolioBars, small: SpecialistsConfig):
    mad = Wishes(weight_TM=np.random.default_rng(0).normal(0, 5, bars.bars.shape), groups=bars.groups)
    books = settled(bars, mad, small, shielded=True).books
    value_TM = books.record.quantity_TM * bars.bars.open_TM
    # Limits hold at the open, where orders fill; net worth there is the close's less one bar's move.
    share_TM = np.abs(value_TM[1:]) / books.record.worth_T[:-1, None]
    assert share_TM.max() <= small.environment.max_position_size * 1.05


def test_a_span_too_short_for_a_year_has_none(bars: PortfolioBars):
    assert year_of(bars) == pytest.approx(365 * 6, rel=0.01)
    assert year_of(bars.part(range(20))) is None
