"""An account that is played bar by bar, against sums that can be done by hand."""

import numpy as np
import polars as pl
import pytest

from rookery.pipelines.twin.fees import TakerFee
from rookery.pipelines.twin.replay import Account, Sizes, as_given, replay
from rookery.schema import TIME

SIZES = Sizes(shares_K=(3.0, 1.0, 0.0, -1.0, -3.0), most=4.0)
FREE = TakerFee()


def bars(opens: list[float], closes: list[float], volume: list[float], segment: list[int]) -> pl.DataFrame:
    count = len(opens)
    return pl.DataFrame(
        {
            "time": pl.Series([(row + 1) * 60 * 10**9 for row in range(count)]).cast(TIME),
            "segment": segment,
            "open": opens,
            "close": closes,
            "volume": volume,
        }
    )


MARKET = bars([0.40, 0.50, 0.55, 0.30], [0.45, 0.55, 0.35, 0.20], [1.0] * 4, [0] * 4)


def played(
    actions: list[int], payoff: float, *, table: pl.DataFrame = MARKET, fee: TakerFee = FREE, sizes: Sizes = SIZES
):
    return replay(table, np.array([payoff]), as_given(np.array(actions)), sizes=sizes, fee=fee)


def test_an_action_is_filled_at_the_next_open_and_settled_at_the_payoff():
    # 3 Up at .50, 1 sold at .55, and 2 Up are worth 1 each.
    found = played([0, 3, 2, -1], 1.0)
    assert found.profit_S.tolist() == pytest.approx([-3 * 0.50 + 0.55 + 2])
    assert found.left_S.tolist() == [2.0]
    assert (found.orders, found.lapsed) == (2, 0)


def test_what_is_decided_at_the_last_close_is_not_carried_out():
    assert played([2, 2, 2, 0], 1.0).orders == 0


def test_selling_up_is_buying_down():
    # 3 Down at 1 - .50; Down wins and pays 1 each.
    assert played([4, 2, 2, -1], 0.0).profit_S.tolist() == pytest.approx([3 - 3 * 0.50])


def test_cash_and_value_are_conserved():
    rng = np.random.default_rng(0)
    count = 6 * 50
    table = bars(
        rng.uniform(0.05, 0.95, count).tolist(),
        rng.uniform(0.05, 0.95, count).tolist(),
        rng.integers(0, 2, count).astype(float).tolist(),
        np.repeat(np.arange(6), 50).tolist(),
    )
    payoff = np.array([0.0, 1.0, 0.0, 1.0, 0.3, 1.0])
    account: list[Account] = []
    given = as_given(rng.integers(-1, 5, count))

    def decide(one: Account, row_N: np.ndarray, step: int) -> np.ndarray:
        account.append(one)
        return given(one, row_N, step)

    found = replay(table, payoff, decide, sizes=SIZES, fee=TakerFee(rate=0.05))
    columns, close = account[0].columns, table["close"].to_numpy()
    held, unrealised = columns["inventory"], columns["unrealised_pnl"]
    # Average cost: what is open cost held x price - unrealised; the rest of the book was realised or paid as fees.
    realised = found.book_R - unrealised
    entry = np.nan_to_num(columns["entry_price"])
    assert held * close - unrealised == pytest.approx(held * entry)
    # Nothing is realised where nothing is traded: the book then moves with the price alone.
    inner = np.flatnonzero((np.diff(held) == 0) & (np.diff(np.repeat(np.arange(6), 50)) == 0))
    assert realised[inner + 1] == pytest.approx(realised[inner])
    # All bar profits, from the first close to the payoff, sum to the whole.
    last = np.arange(49, count, 50)
    assert found.book_R[last] + held[last] * (payoff - close[last]) == pytest.approx(found.profit_S, abs=1e-9)
    assert found.cash_S + found.left_S * payoff == pytest.approx(found.profit_S, abs=1e-12)
    assert found.lapsed > 0


def test_an_order_lapses_where_the_next_bar_has_no_price_of_its_own():
    quiet = MARKET.with_columns(volume=pl.Series([1.0, 0.0, 1.0, 1.0]))
    found = played([0, 2, 2, -1], 1.0, table=quiet)
    assert (found.orders, found.lapsed, found.profit_S.tolist()) == (1, 1, [0.0])


def test_no_more_is_held_than_the_trader_ever_held():
    found = played([0, 0, 0, -1], 1.0)
    assert found.left_S.tolist() == [4.0]
    # 3 at .50, 1 more at .55, and nothing at .30.
    assert found.profit_S.tolist() == pytest.approx([4 - 1.5 - 0.55])
    assert found.orders == 2


def test_the_fee_is_the_exchanges_formula_rounded_down():
    fee = TakerFee(rate=0.25, exponent=2.0)
    # 10 x .25 x (.5 x .5)^2 = .15625; 1 x .25 x (.3 x .7)^2 = .011025.
    assert fee.of(np.array([10.0, -1.0]), np.array([0.5, 0.3])).tolist() == pytest.approx([0.15625, 0.01102])
    free, paid = played([0, 2, 2, -1], 1.0), played([0, 2, 2, -1], 1.0, fee=fee)
    assert free.profit_S - paid.profit_S == pytest.approx(paid.fees_S)
    assert paid.fees_S.tolist() == pytest.approx([np.floor(3 * 0.25 * 0.0625 * 1e5) / 1e5])


def test_the_payoff_changes_nothing_before_the_end():
    won, lost = played([0, 3, 1, -1], 1.0), played([0, 3, 1, -1], 0.0)
    assert (won.book_R == lost.book_R).all()
    assert (won.cash_S == lost.cash_S).all()
    assert won.profit_S - lost.profit_S == pytest.approx(won.left_S)


def test_the_state_of_a_position_is_that_of_average_cost():
    seen: dict[str, np.ndarray] = {}

    def decide(account: Account, row_N: np.ndarray, step: int) -> np.ndarray:
        seen.update(account.columns)
        return np.array([1, 1, 4, -1])[row_N]

    replay(MARKET, np.array([1.0]), decide, sizes=SIZES, fee=FREE)
    # 1 at .50, 1 at .55, then 3 sold at .30: one Down is left from there.
    assert seen["inventory"].tolist() == pytest.approx([0, 1, 2, -1])
    assert seen["entry_price"][1:].tolist() == pytest.approx([0.50, 0.525, 0.30])
    assert seen["unrealised_pnl"].tolist() == pytest.approx([0, 0.05, 2 * 0.35 - 1.05, -0.20 + 0.30])
    assert seen["seconds_since_entry"][1:].tolist() == [60, 120, 60]
    assert seen["seconds_since_fill"][1:].tolist() == [60, 60, 60]
