"""DECISIONS tables become orders, or are refused when no agent should have made them."""

from collections.abc import Callable

import polars as pl
import pytest

from rookery.market.orders import DECISIONS, asked

MakeSwaps = Callable[..., pl.DataFrame]


def decisions(swaps: pl.DataFrame, rows: list[int], sides: list[str]) -> pl.DataFrame:
    count = len(rows)
    return pl.DataFrame(
        {
            "row": rows,
            "time": swaps["time"].gather(rows),
            "side": sides,
            "size": [0.5] * count,
            "slippage_bps": [50.0] * count,
            "deadline_s": [300.0] * count,
            "confidence": [0.7] * count,
            "reason": ["test"] * count,
            "p_buy": [None] * count,
            "p_hold": [None] * count,
            "p_sell": [None] * count,
        }
    ).cast({name: column.dtype for name, column in DECISIONS.columns.items()})


def test_hold_makes_no_order_and_accounts_keep_their_own(make_swaps: MakeSwaps):
    swaps = make_swaps([1.0, 2.0, 3.0])
    first = decisions(swaps, [0, 1, 2], ["BUY", "HOLD", "SELL"])
    second = decisions(swaps, [1], ["SELL"])
    result = asked([first, second], swaps)
    assert result.orders.account_O.tolist() == [0, 0, 1]
    assert result.orders.row_O.tolist() == [0, 2, 1]
    assert result.orders.side_O.tolist() == [1, -1, -1]
    assert result.decisions["side"].to_list() == ["BUY", "SELL", "SELL"]


def test_no_decision_at_all_is_no_order(make_swaps: MakeSwaps):
    swaps = make_swaps([1.0])
    assert asked([decisions(swaps, [], [])], swaps).orders.row_O.size == 0


@pytest.mark.parametrize(
    ("rows", "sides", "message"),
    [
        ([0], ["buy"], "side 'buy' is none of BUY, HOLD, SELL"),
        ([1, 0], ["BUY", "HOLD"], "time runs backwards"),
        ([1, 1], ["BUY", "HOLD"], "must rise strictly within 0 to 2"),
    ],
)
def test_decisions_that_make_no_sense_are_refused(
    make_swaps: MakeSwaps, rows: list[int], sides: list[str], message: str
):
    swaps = make_swaps([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=message):
        asked([decisions(swaps, rows, sides)], swaps)


def test_a_row_outside_the_swaps_is_refused(make_swaps: MakeSwaps):
    swaps = make_swaps([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="within 0 to 2"):
        asked([decisions(swaps, [0], ["BUY"]).with_columns(row=pl.lit(3, dtype=pl.Int64))], swaps)


def test_a_decision_dated_otherwise_than_its_swap_is_refused(make_swaps: MakeSwaps):
    swaps = make_swaps([1.0, 2.0, 3.0])
    late = decisions(swaps, [0], ["BUY"]).with_columns(row=pl.lit(1, dtype=pl.Int64))
    with pytest.raises(ValueError, match="not the time of the swap"):
        asked([late], swaps)


@pytest.mark.parametrize(("column", "bad"), [("size", 1.5), ("size", float("nan")), ("deadline_s", -1.0)])
def test_a_bad_number_is_refused_by_name(make_swaps: MakeSwaps, column: str, bad: float):
    swaps = make_swaps([1.0, 2.0])
    with pytest.raises(ValueError, match=column):
        asked([decisions(swaps, [0], ["BUY"]).with_columns(pl.lit(bad).alias(column))], swaps)
