"""Event by event or in one pass: the books of a backtest over bars are the same."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.market.bar_orders import BarObservation, BarOrder, hold, rebalance
from rookery.market.bar_record import BarRecord, market_of, record_targets
from rookery.market.execution import BarTimes, Execution
from rookery.market.scenarios import generate
from rookery.market.targets import Wish
from rookery.market.terms import Account, Instrument, Market
from rookery.trading.bar_venue import BarVenue
from rookery.trading.loop import trade

Floats = npt.NDArray[np.float64]
BARS, INSTRUMENTS, CAPITAL = 120, 2, 10_000.0
MINUTE = 60_000_000_000


class Asks:
    """Asks at each close for what its row of a table says, in its own words."""

    def __init__(self, wish_TM: Floats, wish: Wish) -> None:
        self._wish_TM, self._wish = wish_TM, wish

    def decide(self, observation: BarObservation) -> Sequence[BarOrder]:
        wish_M = self._wish_TM[observation.bar]
        if self._wish == "weight":
            return rebalance(observation, wish_M)
        if self._wish == "contracts":
            return hold(observation, wish_M)
        if self._wish == "side":
            return rebalance(observation, np.where(self._stays(observation, wish_M), np.nan, wish_M))
        return [BarOrder(quantity=float(q), instrument=m) for m, q in enumerate(wish_M) if q != 0.0]

    @staticmethod
    def _stays(observation: BarObservation, wish_M: Floats) -> npt.NDArray[np.bool_]:
        held_M = observation.quantity_M + observation.under_way_M
        return (wish_M * held_M > 0) | ((wish_M == 0) & (held_M == 0))


def wishes(draws: np.random.Generator, wish: Wish) -> Floats:
    """Random, some absurd, some not numbers; for targets nan means leave it."""
    if wish == "side":
        return draws.choice([-1.0, 0.0, 1.0, np.nan], (BARS, INSTRUMENTS))
    wish_TM = draws.normal(0.0, {"order": 20.0, "contracts": 50.0, "weight": 0.8}[wish], (BARS, INSTRUMENTS))
    wish_TM[draws.random(wish_TM.shape) < 0.3] = 0.0 if wish == "order" else np.nan
    for value in (np.nan, np.inf, 1e6) if wish == "order" else (1e3, -1e3):
        wish_TM[draws.random(wish_TM.shape) < 0.01] = value
    return wish_TM


def terms(draws: np.random.Generator, seed: int) -> Market:
    bars = generate("high_volatility", bars=BARS, seed=seed, instruments=INSTRUMENTS, volatility=0.02)

    def maybe(value: float, otherwise: float | None = None) -> float | None:
        return value if draws.random() < 0.5 else otherwise

    instrument = Instrument(
        tick=maybe(0.01, 0.0),
        contract=maybe(2.0, 1.0),
        lot=maybe(0.1, 0.0),
        fee_bps=draws.uniform(0, 20),
        fee_fixed=maybe(0.1, 0.0),
        half_spread_bps=draws.uniform(0, 5),
        impact_root=maybe(0.05, 0.0),
        funding_bps=maybe(0.5, 0.0),
        borrow_bps=maybe(0.3, 0.0),
        max_volume_share=maybe(1e-5, 1e9),
        max_position=maybe(60.0, 1e9),
    )
    account = Account(
        leverage=draws.uniform(0.5, 4),
        maintenance=maybe(0.1, 0.0),
        stop_loss_pct=maybe(0.03),
        take_profit_pct=maybe(0.04),
        max_portfolio_var=maybe(0.05),
        cash_bps=maybe(1.0, 0.0),
        fill="close" if draws.random() < 0.3 else "open",
    )
    return market_of(bars, [instrument] * INSTRUMENTS, account, covariance_window=10)


def times(draws: np.random.Generator) -> BarTimes:
    """Bars of a minute with gaps between some."""
    open_ns_T = np.cumsum(draws.choice([1, 1, 1, 5], BARS)).astype(np.int64) * MINUTE
    return BarTimes(open_ns_T=open_ns_T, close_ns_T=open_ns_T + MINUTE)


def assert_equal_books(one_pass: BarRecord, events: BarRecord) -> None:
    np.testing.assert_allclose(one_pass.worth_T, events.worth_T, rtol=0, atol=1e-9 * CAPITAL)
    np.testing.assert_allclose(one_pass.quantity_TM, events.quantity_TM, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one_pass.carry_T, events.carry_T, rtol=0, atol=1e-9 * CAPITAL)
    np.testing.assert_allclose(one_pass.fill_XC, events.fill_XC, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(one_pass.trip_YC, events.trip_YC, rtol=1e-9, atol=1e-9 * CAPITAL)
    np.testing.assert_allclose(one_pass.open_MC, events.open_MC, rtol=1e-9, atol=1e-9 * CAPITAL)
    assert np.array_equal(one_pass.counts_K, events.counts_K)
    assert (one_pass.fees, one_pass.slippage) == pytest.approx((events.fees, events.slippage), abs=1e-9 * CAPITAL)


@settings(max_examples=250, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    wish=st.sampled_from(["order", "contracts", "weight", "side"]),
    delay=st.sampled_from(["none", "bars", "milliseconds"]),
    unfilled=st.sampled_from(["cancel", "carry"]),
)
def test_a_random_agent_has_the_same_books_event_by_event_and_in_one_pass(
    seed: int, wish: Wish, delay: str, unfilled: str
):
    draws = np.random.default_rng(seed)
    market, wish_TM, when = terms(draws, seed), wishes(draws, wish), times(draws)
    execution = Execution(
        latency_bars=int(draws.integers(1, 5)) if delay == "bars" else 0,
        latency_ms=float(draws.uniform(1, 200_000)) if delay == "milliseconds" else 0.0,
        unfilled=unfilled,  # type: ignore[arg-type]
        warmup_bars=int(draws.integers(0, 10)),
    )
    one_pass = record_targets(market, wish_TM, capital=CAPITAL, wish=wish, execution=execution, times=when)
    venue = BarVenue(market, capital=CAPITAL, execution=execution, times=when)
    trade(Asks(wish_TM, wish), venue)
    events = venue.record()
    assert_equal_books(one_pass, events)
    _assert_the_journal_adds_up(venue, events)


def _assert_the_journal_adds_up(venue: BarVenue, events: BarRecord) -> None:
    by_order_XC = events.fill_XC[events.fill_XC[:, 2] == 0]
    filled = sum(order.filled for order in venue.orders)
    # Orders that meet in one bar fill each other first: the sum cancels where they are large.
    asked = sum(abs(order.quantity) for order in venue.orders if np.isfinite(order.quantity))
    assert filled == pytest.approx(by_order_XC[:, 3].sum(), rel=0, abs=1e-9 + 1e-13 * asked)
    fees = sum(order.fee for order in venue.orders)
    assert fees == pytest.approx(by_order_XC[:, 6].sum(), rel=1e-9, abs=1e-9)
    for order in venue.orders:
        assert abs(order.filled) <= abs(order.quantity) * (1 + 1e-9) or not np.isfinite(order.quantity)
        assert (order.status == "filled") == (order.why == "")
