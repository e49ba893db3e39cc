"""An agent against bars: what it sees, what it gets, and what the journal says about it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from rookery.agents.agent import Agent
from rookery.market.accounts import REFUSED
from rookery.market.bar_orders import BarObservation, BarOrder, hold, rebalance
from rookery.market.bar_record import market_of
from rookery.market.bars import Bars, bars_of_closes
from rookery.market.execution import BarTimes, Execution
from rookery.market.terms import Account, Instrument
from rookery.trading.bar_venue import BarVenue
from rookery.trading.loop import trade
from rookery.trading.order_book import Sent
from rookery.trading.venue import Venue

MINUTE = 60_000_000_000


class Script:
    """Sends given orders at given bars, and remembers all it saw."""

    def __init__(self, orders: Mapping[int, Sequence[BarOrder]]) -> None:
        self._orders = orders
        self.seen: list[BarObservation] = []

    def decide(self, observation: BarObservation) -> Sequence[BarOrder]:
        self.seen.append(observation)
        return self._orders.get(observation.bar, [])


def buy(quantity: float, **more: float) -> list[BarOrder]:
    return [BarOrder(quantity=quantity, **more)]  # type: ignore[arg-type]


def venue(
    closes: Sequence[float],
    *,
    volume: float = 1e6,
    instrument: Instrument | None = None,
    execution: Execution | None = None,
    times: BarTimes | None = None,
    account: Account | None = None,
) -> BarVenue:
    """One instrument and 1,000 in cash."""
    bars = bars_of_closes(np.array(closes, np.float64)[:, None], volume=volume)
    terms = market_of(bars, [instrument or Instrument()], account or Account(leverage=100.0))
    return BarVenue(terms, capital=1000.0, execution=execution, times=times)


def run(where: BarVenue, orders: Mapping[int, Sequence[BarOrder]]) -> tuple[Script, list[Sent]]:
    agent = Script(orders)
    trade(agent, where)
    where.record()
    return agent, where.orders


def test_it_is_a_venue_and_whoever_decides_is_an_agent():
    assert isinstance(venue([100, 101]), Venue)
    assert isinstance(Script({}), Agent)


def test_an_agent_sees_every_close_but_the_last_and_its_own_account():
    agent, _ = run(venue([100, 110, 120, 130]), {0: buy(2.0)})
    assert [seen.bar for seen in agent.seen] == [0, 1, 2]
    assert [seen.close_M.tolist() for seen in agent.seen] == [[100], [110], [120]]
    assert [seen.quantity_M.tolist() for seen in agent.seen] == [[0], [2], [2]]
    # Bought at the open of bar 1, 100.
    assert [(seen.cash, seen.worth) for seen in agent.seen] == [(1000, 1000), (800, 1020), (800, 1040)]


def test_an_agent_cannot_change_the_market_through_what_it_sees():
    where = venue([100, 110, 120])
    seen = where.observe()
    assert seen is not None
    seen.close_M[:], seen.quantity_M[:] = 1.0, 99.0
    again = where.observe()
    assert again is not None
    assert (again.close_M.tolist(), again.quantity_M.tolist()) == ([100], [0])


def test_a_fill_comes_back_with_its_price_its_reference_and_its_fee():
    where = venue([100, 100, 110], instrument=Instrument(half_spread_bps=100, fee_fixed=0.5))
    fill = where.submit(buy(2.0))[0]
    assert (fill.bar, fill.instrument, fill.cause, fill.quantity) == (1, 0, "order", 2.0)
    assert (fill.price, fill.reference, fill.fee) == (101.0, 100.0, 0.5)


def test_stops_come_back_as_fills_too():
    where = venue([100, 100, 90, 90], account=Account(stop_loss_pct=0.05))
    where.submit(buy(1.0))
    assert [(fill.cause, fill.quantity, fill.price) for fill in where.submit([])] == [("stop", -1.0, 95.0)]


def test_a_delayed_order_is_under_way_until_its_bar():
    where = venue([100] * 5, execution=Execution(latency_bars=1))
    agent, orders = run(where, {0: buy(2.0), 3: buy(1.0)})
    assert [seen.under_way_M[0] for seen in agent.seen] == [0, 2, 0, 0]
    assert [seen.quantity_M[0] for seen in agent.seen] == [0, 0, 2, 2]
    assert [(order.meets, order.filled_bar, order.status, order.why) for order in orders] == [
        (2, 2, "filled", ""),
        (5, None, "working", "no_bar"),
    ]


def test_a_delay_of_milliseconds_waits_for_the_next_bar_that_opens():
    open_ns_T = np.array([0, 1, 2, 10, 11], np.int64) * MINUTE
    times = BarTimes(open_ns_T=open_ns_T, close_ns_T=open_ns_T + MINUTE)
    where = venue([100] * 5, execution=Execution(latency_ms=250.0), times=times)
    agent, orders = run(where, {0: buy(1.0), 1: buy(1.0), 2: buy(1.0)})
    assert agent.seen[0].time_ns == MINUTE
    # The second misses the open of bar 2; it and the third meet after the gap, in one fill.
    assert [order.filled_bar for order in orders] == [2, 3, 3]
    assert len(where.record().fill_XC) == 2


def test_what_the_volume_does_not_take_is_cancelled():
    thin = Instrument(max_volume_share=0.1)
    _, orders = run(venue([100] * 5, volume=30.0, instrument=thin), {0: buy(8.0)})
    assert [(order.filled, order.status, order.why) for order in orders] == [(3.0, "partly", "volume")]


def test_or_carried_from_bar_to_bar_until_it_is_filled():
    thin = Instrument(max_volume_share=0.1, fee_fixed=1.0)
    where = venue([100, 100, 110, 120, 130], volume=30.0, instrument=thin, execution=Execution(unfilled="carry"))
    agent, orders = run(where, {0: buy(8.0)})
    assert [seen.quantity_M[0] for seen in agent.seen] == [0, 3, 6, 8]
    assert [seen.under_way_M[0] for seen in agent.seen] == [0, 5, 2, 0]
    # Opens of bars 1 to 3: 3 at 100, 3 at 100, 2 at 110.
    assert [(order.price, order.fee, order.filled_bar, order.status, order.why) for order in orders] == [
        (102.5, 3.0, 3, "filled", "")
    ]


def test_a_new_order_against_the_rest_takes_it_off():
    thin = Instrument(max_volume_share=0.1)
    where = venue([100] * 6, volume=30.0, instrument=thin, execution=Execution(unfilled="carry"))
    agent, orders = run(where, {0: buy(8.0), 1: buy(-5.0)})
    assert [seen.quantity_M[0] for seen in agent.seen] == [0, 3, 3, 3, 3]
    assert [(order.filled, order.status) for order in orders] == [(8.0, "filled"), (-5.0, "filled")]


def test_orders_of_one_bar_are_filled_in_the_order_sent_and_share_the_fee():
    thin = Instrument(max_volume_share=0.1, fee_fixed=4.0)
    both = [BarOrder(quantity=2.0), BarOrder(quantity=2.0)]
    _, orders = run(venue([100] * 3, volume=30.0, instrument=thin), {0: both})
    assert [(order.filled, order.status, order.why) for order in orders] == [(2, "filled", ""), (1, "partly", "volume")]
    assert sum(order.fee for order in orders) == pytest.approx(4.0)


def test_refusals_say_why():
    orders = {
        0: [BarOrder(quantity=np.nan), BarOrder(quantity=0.0)],
        1: [BarOrder(quantity=1.0, max_slippage_bps=50.0)],
        2: [BarOrder(quantity=1e6)],
        3: [BarOrder(quantity=1.0, max_slippage_bps=50.0)],
    }
    bars = Bars(
        open_TM=np.array([[100.0], [100.0], [101.0], [102.0], [102.4]]),
        high_TM=np.full((5, 1), 103.0),
        low_TM=np.full((5, 1), 99.0),
        close_TM=np.array([[100.0], [100.0], [102.0], [102.0], [102.0]]),
        volume_TM=np.full((5, 1), 1e6),
    )
    where = BarVenue(market_of(bars, [Instrument(max_position=5.0)]), capital=1000.0)
    _, sent = run(where, orders)
    assert [(order.status, order.why) for order in sent] == [
        ("refused", "not_finite"),
        ("refused", "zero"),
        ("refused", "slippage"),
        ("partly", "limit"),
        ("refused", "limit"),
    ]
    assert where.record().counts_K[REFUSED] == 2


def test_the_warm_up_is_lived_through_and_not_shown():
    agent, _ = run(venue([100] * 6, execution=Execution(warmup_bars=3)), {})
    assert [seen.bar for seen in agent.seen] == [3, 4]


def test_features_are_those_of_the_bar_that_closed():
    bars = bars_of_closes(np.full((3, 1), 100.0))
    where = BarVenue(market_of(bars, []), features_TF=np.array([[1.0], [2.0], [3.0]]))
    agent = Script({})
    trade(agent, where)
    assert [seen.features_F.tolist() for seen in agent.seen] == [[1.0], [2.0]]


def test_rebalance_and_hold_ask_for_what_is_missing():
    bars = bars_of_closes(np.array([[100.0, 50.0]] * 4))
    where = BarVenue(market_of(bars, [Instrument(contract=2.0), Instrument()]), capital=1000.0)
    first = where.observe()
    assert first is not None
    where.submit(rebalance(first, [0.4, 0.5]))
    second = where.observe()
    assert second is not None
    assert second.quantity_M.tolist() == [2.0, 10.0]
    assert [(o.instrument, o.quantity) for o in hold(second, [np.nan, 7.0])] == [(1, -3.0)]


def test_what_does_not_fit_is_refused():
    where = venue([100, 101])
    with pytest.raises(ValueError, match="order for instrument 1; there are 1"):
        where.submit([BarOrder(quantity=1.0, instrument=1)])
    where.submit([])
    assert where.observe() is None
    with pytest.raises(ValueError, match="no bar left"):
        where.submit([])
    with pytest.raises(ValueError, match="features have 2 rows for 3 bars"):
        BarVenue(market_of(bars_of_closes(np.full((3, 1), 1.0)), []), features_TF=np.zeros((2, 1)))


def test_a_deadline_needs_times():
    with pytest.raises(ValueError, match="deadline in seconds"):
        venue([100, 101]).submit(buy(1.0, deadline_s=5.0))
