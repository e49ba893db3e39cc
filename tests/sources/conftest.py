"""Twelve swaps of one ETH/USDC pool as plain integers, for every test that writes them in some exporter's form."""

from datetime import UTC, datetime
from math import floor, log

import pytest

Event = dict[str, int | str]

START_S = 1_737_646_995  # 2025-01-23 15:43:15 UTC
LIQUIDITY = 10**18
DIRECTIONS = (1, -1, -1, 1, 1, 1, -1, 1, -1, -1, 1, -1)


def _events() -> list[Event]:
    """A walk of half a per mille a swap at constant liquidity; amounts are the swapper's (v4), two swaps a block."""
    sqrt_price = 4458936925670369465800972
    events: list[Event] = []
    for position, direction in enumerate(DIRECTIONS):
        after = sqrt_price + direction * (sqrt_price // (2_000 + 37 * position))
        block = 21_688_000 + position // 2
        events.append(
            {
                "time_s": START_S + 12 * (position // 2),
                "block_number": block,
                "transaction_index": 3 + position % 2,
                "log_index": 100 + 7 * (position % 2),
                "transaction_hash": f"0x{block * 100 + position:064x}",
                "sqrt_price_x96": after,
                "amount0": LIQUIDITY * 2**96 * (after - sqrt_price) // (sqrt_price * after),
                "amount1": -(LIQUIDITY * (after - sqrt_price)) // 2**96,
                "liquidity": LIQUIDITY,
                "tick": floor(2 * log(after / 2**96) / log(1.0001)),
                "fee": 500,
            }
        )
        sqrt_price = after
    return events


@pytest.fixture
def events() -> list[Event]:
    """The twelve swaps, oldest first."""
    return _events()


@pytest.fixture
def rook_lines(events: list[Event]) -> list[str]:
    """The swaps as the lines of ROOK's raw CSV; line 1 is the header, so swap i stands on line i + 2."""
    names = ("time_s", "amount0", "amount1", "sqrt_price_x96", "liquidity", "tick")
    rows = [",".join(str(event[name]) for name in names) for event in events]
    return ["timestamp,amount0,amount1,sqrt_price_x96,liquidity,tick", *rows]


@pytest.fixture
def iso_times(events: list[Event]) -> list[str]:
    """The swaps' times as '2025-01-23 15:43:15'."""
    return [datetime.fromtimestamp(int(event["time_s"]), UTC).strftime("%Y-%m-%d %H:%M:%S") for event in events]
