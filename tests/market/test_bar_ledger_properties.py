"""Settlement over bars keeps its promises whatever an agent sends: 100,000 random order sequences and more."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.market.accounts import CARRY, CASH, COST, EVENTS, FEES, REALISED, SLIPPAGE
from rookery.market.bar_ledger import BarBooks, market, settle_bars
from rookery.market.bars import Bars
from rookery.market.limits import trailing_covariance
from rookery.market.scenarios import generate
from rookery.market.terms import Account, Instrument

Floats = npt.NDArray[np.float64]
BARS, INSTRUMENTS, CAPITAL = 25, 2, 1000.0
COSTLY = Instrument(
    tick=0.01,
    contract=2.0,
    fee_bps=7,
    fee_fixed=0.1,
    half_spread_bps=3,
    slippage_bps=2,
    impact_linear=0.1,
    impact_root=0.05,
    funding_bps=0.5,
    borrow_bps=0.3,
)
SLACK = 1.0 + 1e-9
# What these sequences cannot or need not meet: the shield is tried in test_shield.py.
OTHERS = ("stop_and_take", "trimmed", "halted", "breaker", "emergency")


def wild_bars(seed: int) -> Bars:
    return generate("high_volatility", bars=BARS, seed=seed, instruments=INSTRUMENTS, volatility=0.02)


def wild_orders(seed: int, count: int) -> Floats:
    """Orders of every size, some absurd, some not numbers."""
    draws = np.random.default_rng(seed)
    order_NTM = draws.normal(0.0, 10.0, (count, BARS, INSTRUMENTS)) * draws.random((count, BARS, INSTRUMENTS)) ** 4
    order_NTM[draws.random(order_NTM.shape) < 0.3] = 0.0
    for value in (np.nan, np.inf, -np.inf, 1e300, -1e300):
        order_NTM[draws.random(order_NTM.shape) < 0.01] = value
    return order_NTM


def settle(bars: Bars, instrument: Instrument, account: Account, order_NTM: Floats) -> BarBooks:
    terms = market(bars, [instrument] * INSTRUMENTS, account, covariance_window=10)
    return settle_bars(terms, order_NTM, np.array([CAPITAL]))


@pytest.mark.parametrize("seed", range(5))
def test_cash_and_cost_move_only_by_profit_and_costs_over_100_000_sequences(seed: int):
    draws = np.random.default_rng(seed)
    account = Account(
        leverage=float(draws.uniform(8, 15)),
        maintenance=0.05,
        stop_loss_pct=0.05,
        take_profit_pct=0.03,
        cash_bps=1.0,
        fill="close" if seed == 4 else "open",
    )
    books = settle(wild_bars(seed), COSTLY, account, wild_orders(seed, 20_000))
    money_NB, position_NMC = books.accounts.money_NB, books.accounts.position_NMC
    held_N = money_NB[:, CASH] + position_NMC[:, :, COST].sum(axis=1)
    earned_N = position_NMC[:, :, REALISED].sum(axis=1) - money_NB[:, FEES] - money_NB[:, CARRY]
    np.testing.assert_allclose(held_N, CAPITAL + earned_N, rtol=0, atol=1e-9)
    # The sequences must have met everything that can happen, or they prove little.
    counts_K = dict(zip(EVENTS, books.accounts.counts_NK.sum(axis=0).tolist(), strict=True))
    assert all(count > 0 for event, count in counts_K.items() if event not in OTHERS), counts_K


@pytest.mark.parametrize("seed", range(5))
def test_net_worth_moves_by_what_prices_did_to_positions_less_costs(seed: int):
    bars = wild_bars(seed)
    books = settle(bars, COSTLY, Account(leverage=0.5, cash_bps=1.0), wild_orders(seed, 20_000))
    # Without stops a position changes at opens only, so that prices alone say what it gained.
    quantity_NTM = books.quantity_NTM * COSTLY.contract
    gained_N = (quantity_NTM[:, :-1] * (bars.open_TM[1:] - bars.close_TM[:-1])).sum(axis=(1, 2))
    gained_N += (quantity_NTM[:, 1:] * (bars.close_TM[1:] - bars.open_TM[1:])).sum(axis=(1, 2))
    money_NB = books.accounts.money_NB
    costs_N = money_NB[:, FEES] + money_NB[:, SLIPPAGE] + money_NB[:, CARRY]
    np.testing.assert_allclose(books.worth_NT[:, -1], CAPITAL + gained_N - costs_N, rtol=0, atol=1e-9)
    assert (money_NB[:, SLIPPAGE] >= 0).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), low=st.floats(0, 50), more=st.floats(0, 50))
def test_raising_a_fee_never_raises_the_net_worth_of_the_same_fills(seed: int, low: float, more: float):
    order_NTM = np.clip(np.nan_to_num(wild_orders(seed, 50)), -0.5, 0.5)
    cheap, dear = (
        settle(wild_bars(seed), COSTLY.model_copy(update={"fee_bps": fee}), Account(leverage=1e9), order_NTM)
        for fee in (low, low + more)
    )
    assert np.array_equal(cheap.quantity_NTM, dear.quantity_NTM)
    assert (dear.worth_NT <= cheap.worth_NT + 1e-9).all()


def test_one_account_and_a_thousand_have_equal_books():
    bars, order_NTM = wild_bars(3), wild_orders(3, 1000)
    account = Account(leverage=3, maintenance=0.1, stop_loss_pct=0.02, max_portfolio_var=0.05)
    together = settle(bars, COSTLY, account, order_NTM)
    for n in (0, 1, 499, 999):
        alone = settle(bars, COSTLY, account, order_NTM[n : n + 1])
        assert np.array_equal(alone.worth_NT[0], together.worth_NT[n])
        assert np.array_equal(alone.accounts.position_NMC[0], together.accounts.position_NMC[n])
        assert np.array_equal(alone.accounts.counts_NK[0], together.accounts.counts_NK[n])


@pytest.mark.parametrize("seed", range(5))
def test_nothing_that_is_sent_breaks_a_limit(seed: int):
    bars, order_NTM = wild_bars(seed), wild_orders(seed, 20_000)
    account = Account(leverage=1.5, max_position_size=0.9, max_portfolio_var=0.05, max_correlation_exposure=0.7)
    instrument = Instrument(contract=2.0, max_order=3.0, max_position=4.0, fee_bps=5)
    books = settle(bars, instrument, account, order_NTM)
    before_NTM, after_NTM = books.quantity_NTM[:, :-1], books.quantity_NTM[:, 1:]
    unit_TM = instrument.contract * bars.open_TM[1:]
    moved_NTM = before_NTM * instrument.contract * (bars.open_TM[1:] - bars.close_TM[:-1])
    worth_NT = books.worth_NT[:, :-1] + moved_NTM.sum(axis=2)
    raised_NTM = np.abs(after_NTM) > np.abs(before_NTM) * SLACK
    raised_NTM |= (after_NTM * before_NTM < 0) & (after_NTM != before_NTM)
    assert np.abs(after_NTM - before_NTM).max() <= 3.0 * SLACK
    assert np.abs(after_NTM).max() <= 4.0 * SLACK
    value_NTM = np.abs(after_NTM) * unit_TM
    assert (value_NTM <= 0.9 * worth_NT[:, :, None] * SLACK)[raised_NTM].all()
    any_NT = raised_NTM.any(axis=2)
    assert any_NT.sum() > 10_000
    assert (value_NTM.sum(axis=2) <= 1.5 * worth_NT * SLACK)[any_NT].all()
    _assert_risk_held(bars, before_NTM * unit_TM, after_NTM * unit_TM, worth_NT, any_NT)


def _assert_risk_held(bars: Bars, before_NTM: Floats, after_NTM: Floats, worth_NT: Floats, any_NT: Floats) -> None:
    covariance_TMM = trailing_covariance(bars.close_TM, 10)[:-1]
    kept_NTM = np.where(before_NTM * after_NTM > 0, np.sign(after_NTM), 0.0)
    kept_NTM = kept_NTM * np.minimum(np.abs(before_NTM), np.abs(after_NTM)) / worth_NT[:, :, None]
    held_NTM = after_NTM / worth_NT[:, :, None]

    def deviation(exposure_NTM: Floats) -> Floats:
        variance = np.einsum("nti,tij,ntj->nt", exposure_NTM, covariance_TMM, exposure_NTM)
        return np.asarray(1.6448536269514722 * np.sqrt(np.maximum(variance, 0.0)))

    risk_NT = deviation(held_NTM)
    assert (risk_NT <= np.maximum(0.05, deviation(kept_NTM)) * SLACK + 1e-12)[any_NT].all()
    assert np.isclose(risk_NT[any_NT], 0.05, rtol=1e-6).any()
    scale_TM = np.sqrt(np.diagonal(covariance_TMM, axis1=1, axis2=2))
    with np.errstate(invalid="ignore"):
        correlation_TMM = covariance_TMM / (scale_TM[:, :, None] * scale_TM[:, None, :])
    correlation_TMM = np.where(np.isnan(correlation_TMM), np.eye(INSTRUMENTS), correlation_TMM)
    most_NTM = np.maximum(0.7, np.abs(np.einsum("tij,ntj->nti", correlation_TMM, kept_NTM)))
    found_NTM = np.abs(np.einsum("tij,ntj->nti", correlation_TMM, held_NTM))
    assert (found_NTM <= most_NTM * SLACK + 1e-12)[any_NT].all()


def test_the_trailing_covariance_is_numpys_and_knows_nothing_of_later_bars():
    close_TM = wild_bars(0).close_TM
    covariance_TMM = trailing_covariance(close_TM, 10)
    returns_TM = close_TM[1:] / close_TM[:-1] - 1.0
    np.testing.assert_allclose(covariance_TMM[20], np.cov(returns_TM[10:20].T), rtol=1e-12)
    shocked_TM = close_TM.copy()
    shocked_TM[21:] *= 3.0
    assert np.array_equal(trailing_covariance(shocked_TM, 10)[:21], covariance_TMM[:21])
