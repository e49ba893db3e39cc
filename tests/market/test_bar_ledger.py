"""Settlement over bars, by numbers that can be checked on paper."""

from collections.abc import Sequence

import numpy as np
import pytest

from rookery.market.accounts import CARRY, CASH, EVENTS, FEES, REALISED, SLIPPAGE
from rookery.market.bar_ledger import BarBooks, market, settle_bars
from rookery.market.bars import Bars, bars_of_closes
from rookery.market.terms import Account, Instrument

Row = tuple[float, float, float, float]


def bars_of(rows: Sequence[Row], volume: float = 1e6) -> Bars:
    """One instrument from (open, high, low, close) rows."""
    open_T, high_T, low_T, close_T = np.array(rows, np.float64).T
    return Bars(
        open_TM=open_T[:, None],
        high_TM=high_T[:, None],
        low_TM=low_T[:, None],
        close_TM=close_T[:, None],
        volume_TM=np.full((len(rows), 1), volume),
    )


def settle(
    bars: Bars, orders: Sequence[float], *, instrument: Instrument | None = None, account: Account | None = None
) -> BarBooks:
    """One account with 1,000 in cash; `orders[t]` is sent at the close of bar t."""
    order_NTM = np.zeros((1, bars.shape[0], 1))
    order_NTM[0, : len(orders), 0] = orders
    rules = account or Account(leverage=1000.0)
    return settle_bars(market(bars, [instrument or Instrument()], rules), order_NTM, np.array([1000.0]))


def count(books: BarBooks, event: str) -> int:
    return int(books.accounts.counts_NK[0, EVENTS.index(event)])


FLAT: Row = (100.0, 100.0, 100.0, 100.0)


def test_an_order_fills_at_the_next_bars_open_and_not_at_the_close_it_has_seen():
    books = settle(bars_of([(90, 95, 90, 95), (100, 110, 100, 110)]), [2.0])
    assert books.worth_NT[0].tolist() == [1000.0, 1020.0]


def test_with_fill_close_it_fills_at_the_next_bars_close():
    bars = bars_of([FLAT, (100, 110, 100, 110), (110, 121, 110, 121)])
    books = settle(bars, [2.0], account=Account(fill="close"))
    assert books.worth_NT[0].tolist() == [1000.0, 1000.0, 1022.0]


def test_a_round_trip_realises_its_profit_less_fees():
    bars = bars_of([FLAT, FLAT, (120, 120, 120, 120)])
    books = settle(bars, [5.0, -5.0], instrument=Instrument(fee_bps=10, fee_fixed=0.5))
    # Bought 5 for 500 and sold for 600: 100 of profit, fees 0.5 + 0.6 + 2 x 0.5.
    assert books.accounts.position_NMC[0, 0, REALISED] == 100.0
    assert books.accounts.money_NB[0, FEES] == pytest.approx(2.1, abs=1e-12)
    assert books.worth_NT[0, -1] == pytest.approx(1097.9, abs=1e-12)


def test_a_flip_closes_the_old_side_and_opens_the_new_one_at_one_price():
    bars = bars_of([FLAT, FLAT, (110, 110, 110, 110), (99, 99, 99, 99)])
    books = settle(bars, [2.0, -5.0])
    # +2 from 100 to 110 earns 20; -3 from 110 to 99 earns 33.
    assert books.accounts.position_NMC[0, 0, REALISED] == 20.0
    assert books.worth_NT[0, -1] == 1053.0


def test_spread_slippage_and_impact_are_paid_on_the_worse_side():
    terms = Instrument(half_spread_bps=10, slippage_bps=10, impact_linear=0.1, impact_root=0.01)
    books = settle(bars_of([FLAT, FLAT], volume=400.0), [4.0], instrument=terms)
    # 4 of 400 units: 0.002 + 0.1 x 0.01 + 0.01 x 0.1 = 0.004 of 400.
    assert books.accounts.money_NB[0, SLIPPAGE] == pytest.approx(1.6, abs=1e-12)
    assert books.worth_NT[0, -1] == pytest.approx(998.4, abs=1e-12)


def test_fills_lie_on_the_tick_that_is_worse_for_the_account():
    terms = Instrument(tick=0.25, half_spread_bps=1)
    books = settle(bars_of([FLAT, FLAT, FLAT]), [1.0, -1.0], instrument=terms)
    assert books.accounts.money_NB[0, CASH] == 1000.0 - 100.25 + 99.75


def test_the_contract_size_multiplies_profit():
    books = settle(bars_of([FLAT, (100, 101, 100, 101)]), [2.0], instrument=Instrument(contract=50.0))
    assert books.worth_NT[0, -1] == 1100.0


def test_orders_are_cut_to_whole_lots_towards_zero():
    books = settle(bars_of([FLAT, FLAT]), [2.9], instrument=Instrument(lot=0.5))
    assert books.quantity_NTM[0, -1, 0] == 2.5


def test_longs_pay_funding_and_shorts_receive_it_and_pay_borrowing():
    terms = Instrument(funding_bps=10, borrow_bps=4)
    long = settle(bars_of([FLAT, FLAT]), [5.0], instrument=terms)
    short = settle(bars_of([FLAT, FLAT]), [-5.0], instrument=terms)
    assert long.accounts.money_NB[0, CARRY] == pytest.approx(0.5)
    assert short.accounts.money_NB[0, CARRY] == pytest.approx(-0.5 + 0.2)


def test_negative_cash_costs_interest():
    books = settle(bars_of([FLAT, FLAT]), [15.0], account=Account(leverage=2, cash_bps=20))
    assert books.accounts.money_NB[0, CARRY] == pytest.approx(500 * 0.002)


@pytest.mark.parametrize(
    ("bar", "quantity", "worth"),
    [
        ((100, 101, 97, 99), 1.0, 998.0),
        ((97, 97, 95, 96), 1.0, 997.0),
        ((100, 103, 99, 101), -1.0, 998.0),
        ((104, 105, 103, 104), -1.0, 996.0),
    ],
)
def test_a_stop_closes_at_its_level_or_at_an_open_beyond_it(bar: Row, quantity: float, worth: float):
    books = settle(bars_of([FLAT, FLAT, bar]), [quantity], account=Account(stop_loss_pct=0.02))
    assert count(books, "stop") == 1
    assert books.worth_NT[0, -1] == pytest.approx(worth, abs=1e-12)


def test_a_take_profit_closes_at_its_level_or_at_a_better_open():
    rules = Account(take_profit_pct=0.02)
    inside = settle(bars_of([FLAT, FLAT, (100, 103, 100, 101)]), [1.0], account=rules)
    beyond = settle(bars_of([FLAT, FLAT, (105, 106, 104, 104)]), [1.0], account=rules)
    assert (inside.worth_NT[0, -1], beyond.worth_NT[0, -1]) == (1002.0, 1005.0)
    assert count(inside, "take") == count(beyond, "take") == 1


def test_a_bar_that_touches_both_stops_out_and_is_counted():
    rules = Account(stop_loss_pct=0.02, take_profit_pct=0.02)
    books = settle(bars_of([FLAT, FLAT, (100, 103, 97, 100)]), [1.0], account=rules)
    assert books.worth_NT[0, -1] == 998.0
    assert (count(books, "stop"), count(books, "take"), count(books, "stop_and_take")) == (1, 0, 1)


def test_a_tick_without_a_take_profit_does_not_close_anything():
    books = settle(
        bars_of([FLAT, FLAT, (100, 103, 99, 100)]),
        [1.0],
        instrument=Instrument(tick=0.01),
        account=Account(stop_loss_pct=0.5),
    )
    assert books.quantity_NTM[0, -1, 0] == 1.0


def test_the_triple_barrier_example_meets_its_upper_barrier_at_the_third_bar():
    rows = [
        FLAT,
        (100, 101.4, 100, 100.2),
        (100.2, 101.2, 98.9, 100),
        (100, 102.1, 99.4, 101.2),
        (101.5, 103, 101.2, 102),
    ]
    books = settle(bars_of(rows), [1.0], account=Account(stop_loss_pct=0.02, take_profit_pct=0.02))
    assert books.quantity_NTM[0, :, 0].tolist() == [0.0, 1.0, 1.0, 0.0, 0.0]
    assert books.worth_NT[0, -1] == pytest.approx(1002.0, abs=1e-12)


def test_liquidation_comes_at_the_price_where_margin_runs_out():
    # 90 units: net worth 1000 - 90 (100 - p) meets its margin, 5 % of 90 p, at p = 8000 / (90 x 0.95).
    books = settle(bars_of([FLAT, (100, 100, 80, 100)]), [90.0], account=Account(leverage=10, maintenance=0.05))
    price = 8000 / (90 * 0.95)
    assert count(books, "liquidation") == 1
    assert books.quantity_NTM[0, -1, 0] == 0.0
    assert books.worth_NT[0, -1] == pytest.approx(1000 - 90 * (100 - price), abs=1e-9)


def test_a_stop_above_the_liquidation_price_is_met_first():
    rules = Account(leverage=10, maintenance=0.05, stop_loss_pct=0.01)
    books = settle(bars_of([FLAT, (100, 100, 80, 100)]), [90.0], account=rules)
    assert (count(books, "stop"), count(books, "liquidation")) == (1, 0)
    assert books.worth_NT[0, -1] == pytest.approx(910.0)


def test_a_jump_beyond_ruin_liquidates_at_the_open_and_shows_the_debt():
    books = settle(bars_of([FLAT, FLAT, (80, 80, 80, 80)]), [90.0], account=Account(leverage=10, maintenance=0.05))
    assert books.worth_NT[0, -1] == pytest.approx(-800.0)
    assert count(books, "liquidation") == 1


@pytest.mark.parametrize("order", [np.nan, np.inf, -np.inf])
def test_an_order_that_is_no_number_is_refused_and_counted(order: float):
    books = settle(bars_of([FLAT, FLAT]), [order])
    assert books.worth_NT[0, -1] == 1000.0
    assert count(books, "refused") == 1


def test_leverage_cuts_all_raising_orders_in_one_proportion():
    bars = bars_of_closes(np.full((2, 2), 100.0))
    order_NTM = np.array([[[10.0, -30.0], [0.0, 0.0]]])
    books = settle_bars(market(bars, [Instrument()] * 2, Account(leverage=2)), order_NTM, np.array([1000.0]))
    assert books.quantity_NTM[0, -1].tolist() == [5.0, -15.0]


def test_orders_and_positions_are_cut_to_their_limits():
    sized = settle(bars_of([FLAT] * 3), [5.0, 5.0], instrument=Instrument(max_order=3))
    held = settle(bars_of([FLAT] * 3), [5.0, -9.0], instrument=Instrument(max_position=2))
    thin = settle(bars_of([FLAT] * 3, volume=40.0), [5.0], instrument=Instrument(max_volume_share=0.1))
    share = settle(bars_of([FLAT] * 3), [5.0], account=Account(max_position_size=0.1))
    assert sized.quantity_NTM[0, :, 0].tolist() == [0.0, 3.0, 6.0]
    assert held.quantity_NTM[0, :, 0].tolist() == [0.0, 2.0, -2.0]
    assert thin.quantity_NTM[0, 1, 0] == 4.0
    assert share.quantity_NTM[0, 1, 0] == 1.0


def test_a_market_without_volume_takes_no_order_that_would_move_it():
    books = settle(bars_of([FLAT] * 2, volume=0.0), [5.0], instrument=Instrument(impact_root=0.1))
    assert books.quantity_NTM[0, -1, 0] == 0.0


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("open_TM", np.nan, "open_TM is not a finite number at bar 1, instrument 0"),
        ("close_TM", np.inf, "close_TM is not a finite number at bar 1"),
        ("low_TM", 0.0, "low_TM is not above 0 at bar 1"),
        ("low_TM", -1.0, "low_TM is not above 0 at bar 1"),
        ("high_TM", 50.0, "high_TM is below low at bar 1"),
        ("high_TM", 99.5, "high_TM is below open or close at bar 1"),
        ("low_TM", 100.5, "low_TM is above open or close at bar 1"),
        ("volume_TM", -1.0, "volume_TM is negative at bar 1"),
    ],
)
def test_bad_numbers_are_refused_at_the_door(column: str, value: float, message: str):
    columns = {name: np.full((3, 1), 100.0) for name in ("open_TM", "close_TM", "volume_TM")}
    columns |= {"high_TM": np.full((3, 1), 101.0), "low_TM": np.full((3, 1), 99.0)}
    columns[column][1, 0] = value
    with pytest.raises(ValueError, match=message):
        Bars(**columns)


def test_terms_that_do_not_fit_the_bars_are_refused():
    bars = bars_of([FLAT, FLAT])
    with pytest.raises(ValueError, match="2 instruments for bars of 1"):
        market(bars, [Instrument()] * 2, Account())
    with pytest.raises(ValueError, match="a price lies below the tick"):
        market(bars, [Instrument(tick=200.0)], Account())
    with pytest.raises(ValueError, match="maintenance x leverage"):
        Account(leverage=20, maintenance=0.05)
