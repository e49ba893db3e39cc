"""Swaps become a tape, or say by row why they cannot."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.market.costs import Costs
from rookery.market.ledger import BUY, SELL, Orders, settle
from rookery.market.tape import tape
from rookery.types import Pair

MakeSwaps = Callable[..., pl.DataFrame]

PAIR = Pair()


def test_liquidity_is_read_in_human_units(make_swaps: MakeSwaps):
    # 18 and 6 decimals: 10^16 raw are 10^4.
    assert tape(make_swaps([2_000.0], liquidity=10**16), costs=Costs(), pair=PAIR).depth_T.tolist() == [1e4]
    both = Pair(token1="WETH2", decimals1=18, quote="WETH2")
    assert tape(make_swaps([1.0], liquidity=10**20), costs=Costs(), pair=both).depth_T.tolist() == [100.0]


def test_impact_is_that_of_the_pool_itself_whichever_token_is_the_quote(make_swaps: MakeSwaps):
    """A pool of 50 A and 200 B, by hand: 10 B in gives 50 - 10,000 / 210 A; quoted either way."""

    def received(price: float, side: int, quote: str) -> float:
        pair = Pair(token0="A", decimals0=18, token1="B", decimals1=6, quote=quote)
        swaps = make_swaps([price, price], liquidity=100 * 10**12, fee_bps=0.0)
        order = Orders(
            account_O=np.zeros(1, dtype=np.int64),
            row_O=np.zeros(1, dtype=np.int64),
            side_O=np.full(1, side, dtype=np.int8),
            size_O=np.ones(1),
            slippage_bps_O=np.full(1, 1e4),
            deadline_s_O=np.full(1, 60.0),
        )
        held = np.array([10.0])
        books = settle(
            tape(swaps, costs=Costs(gas_quote=0), pair=pair),
            order,
            base_A=held if side == SELL else np.zeros(1),
            quote_A=held if side == BUY else np.zeros(1),
            gas_quote=0,
            min_order_quote=0,
        )
        return float((books.base_O if side == BUY else books.quote_O)[0])

    expected = 50 - 10_000 / 210
    assert received(4.0, BUY, "B") == pytest.approx(expected, rel=1e-12)
    assert received(0.25, SELL, "A") == pytest.approx(expected, rel=1e-12)


def test_the_fee_is_the_swaps_own_unless_it_is_given(make_swaps: MakeSwaps):
    own, none = make_swaps([1.0], fee_bps=30.0), make_swaps([1.0])
    assert tape(own, costs=Costs(), pair=PAIR).fee_T.tolist() == [0.003]
    assert tape(none, costs=Costs(), pair=PAIR).fee_T.tolist() == [0.0005]
    assert tape(own, costs=Costs(fee_bps=1.0), pair=PAIR).fee_T.tolist() == [0.0001]


def test_missing_liquidity_is_refused_unless_impact_is_off(make_swaps: MakeSwaps):
    swaps = make_swaps([1.0, 2.0], liquidity=None)
    with pytest.raises(UserError, match="swaps:2: liquidity is empty") as failure:
        tape(swaps, costs=Costs(), pair=PAIR)
    assert failure.value.remedy == "set impact to false in costs"
    assert np.isinf(tape(swaps, costs=Costs(impact=False), pair=PAIR).depth_T).all()


def test_swaps_that_cannot_be_traded_on_are_refused_by_row(make_swaps: MakeSwaps):
    with pytest.raises(UserError, match="no swaps to trade on"):
        tape(make_swaps([]), costs=Costs(), pair=PAIR)
    with pytest.raises(UserError, match="swaps:3: price is not positive"):
        tape(make_swaps([1.0, 0.0]), costs=Costs(), pair=PAIR)
    with pytest.raises(UserError, match="swaps:3: column 'price_raw' is nan"):
        tape(make_swaps([1.0, float("nan")]), costs=Costs(), pair=PAIR)
    with pytest.raises(UserError, match="swaps:2: fee_bps is not"):
        tape(make_swaps([1.0], fee_bps=10_000.0), costs=Costs(), pair=PAIR)
    with pytest.raises(UserError, match="time runs backwards"):
        tape(make_swaps([1.0, 1.0]).with_columns(pl.col("time").reverse()), costs=Costs(), pair=PAIR)
