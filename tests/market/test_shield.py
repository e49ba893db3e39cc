"""No order whatever passes the shield: a million random actions on markets that gap, and each limit by hand."""

# N accounts, T bars, M instruments

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from rookery.market.accounts import EVENTS
from rookery.market.bar_ledger import BarBooks, market, settle_bars
from rookery.market.bars import Bars, bars_of_closes
from rookery.market.execution import BarTimes
from rookery.market.limits import trailing_covariance
from rookery.market.terms import Account, Breakers, Instrument

Floats = npt.NDArray[np.float64]
SECTORS = ("forex", "forex", "forex", "commodities", "commodities", "equity", "equity", "equity")
BANDS = (0.02, 0.02, 0.02, 0.05, 0.05, 0.03, 0.03, 0.03)
WINDOW, CAPITAL, HOUR_NS, SLACK = 50, 1e5, 3600 * 10**9, 1.0 + 1e-8
BREAKERS = Breakers()
SHIELD = Account(
    leverage=1.2,
    max_position_size=0.3,
    max_portfolio_var=0.02,
    max_correlation_exposure=0.7,
    max_sector_allocation=0.4,
    enforced=True,
    breakers=BREAKERS,
)
INSTRUMENTS = [
    Instrument(name=str(m), sector=sector, price_band=band, fee_bps=1.0, half_spread_bps=1.0)
    for m, (sector, band) in enumerate(zip(SECTORS, BANDS, strict=True))
]


def gapping_bars(seed: int, count: int) -> Bars:
    """Correlated prices of changing volatility, with gaps between bars, some beyond every band."""
    draws = np.random.default_rng(seed)
    mixing_MM = np.eye(8) + 0.5 * draws.random((8, 8))
    volatility_T1 = np.exp(draws.normal(-5.0, 1.0, (count // 50 + 1, 1))).repeat(50, axis=0)[:count]
    close_TM = 100.0 * np.exp(np.cumsum(volatility_T1 * (draws.standard_normal((count, 8)) @ mixing_MM), axis=0))
    gap_TM = draws.standard_t(2, (count, 8)) * 0.004
    open_TM = np.concatenate((close_TM[:1], close_TM[:-1])) * np.exp(np.clip(gap_TM, -0.3, 0.3))
    high_TM, low_TM = np.maximum(open_TM, close_TM) * 1.001, np.minimum(open_TM, close_TM) * 0.999
    volume_TM = np.full(close_TM.shape, 1e6)
    return Bars(open_TM=open_TM, high_TM=high_TM, low_TM=low_TM, close_TM=close_TM, volume_TM=volume_TM)


def hours(count: int) -> BarTimes:
    open_ns_T = np.arange(count, dtype=np.int64) * HOUR_NS
    return BarTimes(open_ns_T=open_ns_T, close_ns_T=open_ns_T + HOUR_NS)


def random_orders(seed: int, bars: Bars, count: int) -> Floats:
    """Orders of every size, some absurd, some no numbers."""
    draws = np.random.default_rng(seed)
    shape = (count, *bars.shape)
    order_NTM = draws.standard_normal(shape) * draws.random(shape) ** 4 * 2.0 * CAPITAL / bars.close_TM
    order_NTM[draws.random(shape) < 0.3] = 0.0
    for value in (np.nan, np.inf, -np.inf, 1e300, -1e300):
        order_NTM[draws.random(shape) < 0.002] = value
    return order_NTM


@cache
def shielded(seed: int) -> tuple[Bars, BarBooks]:
    bars = gapping_bars(seed, 500)
    terms = market(bars, INSTRUMENTS, SHIELD, covariance_window=WINDOW, times=hours(500))
    return bars, settle_bars(terms, random_orders(seed, bars, 501), np.array([CAPITAL]))


def worth_at_open(bars: Bars, books: BarBooks) -> Floats:
    moved_TM = bars.open_TM[1:] - bars.close_TM[:-1]
    worth_NT: Floats = books.worth_NT[:, :-1] + np.einsum("ntm,tm->nt", books.quantity_NTM[:, :-1], moved_TM)
    return worth_NT


@pytest.mark.parametrize("seed", range(4))
def test_a_million_random_actions_break_no_limit(seed: int):
    bars, books = shielded(seed)
    assert 4 * books.worth_NT[:, 1:].size * 1.002 > 1e6
    exposure_NTM = books.quantity_NTM[:, 1:] * bars.open_TM[1:] / worth_at_open(bars, books)[:, :, None]
    size_NTM = np.abs(exposure_NTM)
    assert size_NTM.max() <= 0.3 * SLACK
    assert size_NTM.sum(axis=2).max() <= 1.2 * SLACK
    for sector in set(SECTORS):
        members = [m for m, own in enumerate(SECTORS) if own == sector]
        assert size_NTM[:, :, members].sum(axis=2).max() <= 0.4 * SLACK
    covariance_TMM = trailing_covariance(bars.close_TM, WINDOW)[:-1]
    variance_NT = np.einsum("ntm,ntm->nt", np.einsum("nti,tij->ntj", exposure_NTM, covariance_TMM), exposure_NTM)
    risk_NT = 1.6448536269514722 * np.sqrt(np.maximum(variance_NT, 0.0))
    assert risk_NT.max() <= 0.02 * SLACK
    scale_TM = np.sqrt(np.diagonal(covariance_TMM, axis1=1, axis2=2))[2:]
    correlation_TMM = covariance_TMM[2:] / (scale_TM[:, :, None] * scale_TM[:, None, :])
    assert np.abs(np.einsum("nti,tij->ntj", exposure_NTM[:, 2:], correlation_TMM)).max() <= 0.7 * SLACK
    # Each limit was pressed against, or its silence would prove nothing.
    assert np.isclose(size_NTM.max(), 0.3)
    assert np.isclose(risk_NT.max(), 0.02)


@pytest.mark.parametrize("seed", range(4))
def test_a_million_random_actions_open_nothing_outside_the_bands(seed: int):
    bars, books = shielded(seed)
    outside_TM = np.abs(bars.open_TM[1:] / bars.close_TM[:-1] - 1.0) > np.array(BANDS)
    before_NTM, after_NTM = books.quantity_NTM[:, :-1], books.quantity_NTM[:, 1:]
    smaller_NTM = (np.abs(after_NTM) <= np.abs(before_NTM) * SLACK) & (after_NTM * before_NTM >= 0.0)
    assert outside_TM.sum() > 20
    assert smaller_NTM[:, outside_TM].all()


@pytest.mark.parametrize("seed", range(4))
def test_a_million_random_actions_do_not_trade_against_a_breaker(seed: int):
    _, books = shielded(seed)
    worth_NT, quantity_NTM = books.worth_NT, books.quantity_NTM
    count = len(worth_NT)
    start_N, peak_N, wait_N, level_N = (
        worth_NT[:, 0].copy(),
        worth_NT[:, 0].copy(),
        np.full(count, -np.inf),
        np.zeros(count),
    )
    halted, stopped = 0, 0
    for t in range(1, worth_NT.shape[1]):
        if t % 24 == 0:
            start_N, level_N = worth_NT[:, t - 1].copy(), np.zeros(count)
        before_NM, after_NM = quantity_NTM[:, t - 1], quantity_NTM[:, t]
        raised_N = ((np.abs(after_NM) > np.abs(before_NM) * SLACK) | (after_NM * before_NM < 0.0)).any(axis=1)
        halt_N = 60.0 * t < wait_N
        assert not (raised_N & halt_N).any()
        assert (after_NM[np.isinf(wait_N) & (wait_N > 0)] == 0.0).all()
        loss_N = 1.0 - worth_NT[:, t] / start_N
        peak_N = np.maximum(peak_N, worth_NT[:, t])
        now_N = np.searchsorted(BREAKERS.day_losses, loss_N, side="right").astype(float)
        until_N = 60.0 * (t + 1) + np.array([0.0, *BREAKERS.cooldowns_min])[now_N.astype(int)]
        wait_N = np.where(now_N > level_N, np.maximum(wait_N, until_N), wait_N)
        level_N = np.maximum(level_N, now_N)
        wait_N[(loss_N >= 0.20) | (worth_NT[:, t] <= 0.7 * peak_N)] = np.inf
        halted, stopped = halted + int(halt_N.sum()), int((wait_N == np.inf).sum())
    assert halted > 0
    counts = dict(zip(EVENTS, books.accounts.counts_NK.sum(axis=0).tolist(), strict=True))
    assert min(counts[name] for name in ("refused", "clipped", "trimmed", "halted", "breaker")) > 0, counts
    assert counts["emergency"] == stopped


def alone(close: list[float], orders: list[float], **settings: object) -> BarBooks:
    """One account of 1000 in one instrument, an order after each close."""
    bars = bars_of_closes(np.array(close)[:, None])
    band = {"price_band": settings.pop("price_band")} if "price_band" in settings else {}
    account = Account.model_validate({"leverage": 10.0, **settings})
    order_NTM = np.array(orders, np.float64)[None, :, None]
    return settle_bars(market(bars, [Instrument(**band)], account), order_NTM, np.array([1000.0]))  # type: ignore[arg-type]


def event(books: BarBooks, name: str) -> int:
    return int(books.accounts.counts_NK[0, EVENTS.index(name)])


def test_a_sector_is_cut_in_one_proportion_and_others_are_left_alone():
    bars = bars_of_closes(np.full((3, 3), 100.0))
    instruments = [Instrument(name=name, sector=sector) for name, sector in (("a", "x"), ("b", "x"), ("c", "y"))]
    orders = np.array([[[3.0, 5.0, 3.0], [0, 0, 0], [0, 0, 0]]])
    books = settle_bars(market(bars, instruments, Account(max_sector_allocation=0.4)), orders, np.array([1000.0]))
    np.testing.assert_allclose(books.quantity_NTM[0, 1], [1.5, 2.5, 3.0])


def test_instruments_without_a_sector_share_no_limit():
    bars = bars_of_closes(np.full((3, 2), 100.0))
    orders = np.array([[[4.0, 4.0], [0, 0], [0, 0]]])
    books = settle_bars(
        market(bars, [Instrument()] * 2, Account(max_sector_allocation=0.1)), orders, np.array([1000.0])
    )
    assert books.quantity_NTM[0, 1].tolist() == [4.0, 4.0]


def gap(price: float, band: float) -> BarBooks:
    """Long one at 100 is held; then, in a bar that opens at `price`, it is to be doubled."""
    bars = Bars(
        open_TM=np.array([[100.0], [100.0], [price]]),
        high_TM=np.array([[100.0], [100.0], [120.0]]),
        low_TM=np.array([[100.0], [100.0], [80.0]]),
        close_TM=np.array([[100.0], [100.0], [price]]),
        volume_TM=np.ones((3, 1)),
    )
    orders = np.array([[[1.0], [1.0], [0.0]]])
    return settle_bars(market(bars, [Instrument(price_band=band)], Account()), orders, np.array([1000.0]))


@pytest.mark.parametrize("price", [94.9, 105.1])
def test_an_order_is_refused_where_the_price_left_its_band(price: float):
    books = gap(price, 0.05)
    assert books.quantity_NTM[0, :, 0].tolist() == [0.0, 1.0, 1.0]
    assert event(books, "refused") == 1


@pytest.mark.parametrize("price", [95.1, 104.9])
def test_an_order_fills_where_the_price_stayed_in_its_band(price: float):
    assert gap(price, 0.05).quantity_NTM[0, :, 0].tolist() == [0.0, 1.0, 2.0]


def test_an_enforced_limit_cuts_back_what_prices_carried_over_it():
    books = alone([100, 100, 100, 300, 300], [5, 0, 0, 0, 0], max_position_size=0.5, enforced=True)
    # 5 at 300 are 1500 of 2000; the limit allows 1000, which is 3 1/3 contracts, from the next open on.
    np.testing.assert_allclose(books.quantity_NTM[0, :, 0], [0, 5, 5, 5, 10 / 3])
    assert event(books, "trimmed") == 1
    loose = alone([100, 100, 100, 300, 300], [5, 0, 0, 0, 0], max_position_size=0.5)
    assert loose.quantity_NTM[0, -1, 0] == 5.0


def test_closing_one_leg_of_a_hedge_cannot_carry_the_other_over_the_risk_limit():
    draws = np.random.default_rng(0)
    moves_T = 0.01 * draws.standard_normal(60)
    close_TM = 100.0 * np.exp(np.cumsum(np.stack((moves_T, moves_T + 0.0005 * draws.standard_normal(60)), 1), axis=0))
    bars = bars_of_closes(close_TM)
    orders = np.zeros((1, 60, 2))
    orders[0, 30], orders[0, 40] = [40.0, -40.0], [0.0, 1e9]
    orders[0, 40, 1] = 40.0
    for enforced, most in ((True, 0.02 * SLACK), (False, np.inf)):
        account = Account(leverage=20, max_portfolio_var=0.02, enforced=enforced)
        books = settle_bars(market(bars, [Instrument()] * 2, account, covariance_window=20), orders, np.array([1000.0]))
        exposure_TM = books.quantity_NTM[0, 1:] * bars.open_TM[1:] / worth_at_open(bars, books)[0][:, None]
        covariance_TMM = trailing_covariance(close_TM, 20)[:-1]
        risk_T = 1.6448536 * np.sqrt(np.einsum("ti,tij,tj->t", exposure_TM, covariance_TMM, exposure_TM))
        assert risk_T.max() <= most
        assert enforced or risk_T.max() > 0.02


def test_a_day_loss_of_five_in_a_hundred_opens_nothing_for_half_an_hour_and_lets_close():
    # 6 % lost at the close of bar 2, 12 % at that of 3, 18 % at that of 4: each halts the next hourly bar's open.
    close = [100.0, 100.0, 94.0, 88.0, 82.0, 82.0]
    books = alone(close, [10, 0, 5, 5, -3, 0], breakers=BREAKERS)
    assert books.quantity_NTM[0, :, 0].tolist() == [0, 10, 10, 10, 10, 7]
    assert event(books, "breaker") == 3
    assert event(books, "halted") == 2


@pytest.mark.parametrize(("loss", "bars_halted"), [(0.06, 1), (0.11, 1), (0.16, 2)])
def test_deeper_losses_wait_longer(loss: float, bars_halted: int):
    close = [100.0, 100.0, *([100.0 * (1 - loss)] * 5)]
    books = alone(close, [10, 0, 5, 5, 5, 0, 0], breakers=BREAKERS)
    quantity = books.quantity_NTM[0, :, 0]
    assert quantity[2] == 10
    assert event(books, "halted") == bars_halted
    assert quantity[3 : 3 + bars_halted].tolist() == [10.0] * bars_halted
    assert quantity[3 + bars_halted] > 10


def test_a_day_loss_of_a_fifth_closes_everything_and_stops_for_good():
    books = alone([100, 100, 79, 79, 100, *([100] * 40)], [10, 0, 5, 5, *([5] * 41)], breakers=BREAKERS)
    assert books.quantity_NTM[0, :4, 0].tolist() == [0, 10, 10, 0]
    assert (books.quantity_NTM[0, 3:, 0] == 0).all()
    assert event(books, "emergency") == 1


def test_a_drawdown_of_three_tenths_over_days_closes_everything():
    # 0.6 % an hour: no day loses a fifth, and each day's levels wait at most two hours.
    close = [100.0 * 0.994**k for k in range(80)]
    books = alone(close, [10.0] + [0.0] * 79, breakers=BREAKERS)
    worth = books.worth_NT[0]
    first = int(np.argmax(worth <= 0.7 * 1000.0))
    assert first > 24
    assert books.quantity_NTM[0, first, 0] == 10
    assert (books.quantity_NTM[0, first + 1 :, 0] == 0).all()


def test_the_losses_of_a_day_begin_anew_at_midnight():
    close = [100.0] * 23 + [94.0] + [94.0] * 3 + [90.0] * 3
    books = alone(close, [10.0] + [0.0] * (len(close) - 1), breakers=BREAKERS)
    # 6 % before midnight, then 4.3 % of what was left: below the new day's first level.
    assert event(books, "breaker") == 1


def test_settings_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="cooldown"):
        Breakers(day_losses=(0.1,))
    with pytest.raises(ValueError, match="rise"):
        Breakers(day_losses=(0.1, 0.05, 0.15))
    bars = bars_of_closes(np.full((5, 1), 100.0))
    with pytest.raises(ValueError, match="times of 4 bars"):
        market(bars, [Instrument()], Account(breakers=BREAKERS), times=hours(4))
