"""Real swaps, read to the last digit; exact prices; whose sign an amount has."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.schema import SWAPS
from rookery.sources._logs import V3_SWAP, V4_SWAP
from rookery.sources._price import MAX_SQRT_PRICE, MIN_SQRT_PRICE, human_prices, raw_price
from rookery.sources.uniswap import load
from rookery.types import Pair

USDC_WETH = Pair(token0="USDC", decimals0=6, token1="WETH", decimals1=18, quote="USDC")
V3_NAME = "ethereum-0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640-2024-01-05"


@pytest.fixture(scope="module")
def v4_folder(shared_data: Path) -> Path:
    return shared_data / "uniswap_v4_eth_usdc_rook"


@pytest.fixture(scope="module")
def v3_folder(shared_data: Path) -> Path:
    return shared_data / "uniswap_v3_usdc_weth_2024_01_05"


def test_raw_price_of_two_to_the_96_is_one():
    assert raw_price(2**96) == 1.0


def test_raw_price_is_the_nearest_float_to_the_exact_ratio():
    sqrt_price = 1662995104975155420368771254341874
    exact = Fraction(sqrt_price * sqrt_price, 2**192)
    price = raw_price(sqrt_price)
    assert abs(Fraction(price) - exact) <= min(
        abs(Fraction(float(np.nextafter(price, way))) - exact) for way in (0.0, np.inf)
    )


@pytest.mark.parametrize(
    ("tick", "pair", "price"),
    [
        (196_256, USDC_WETH, 3000.10),
        (-197_000, Pair(), 2785.008),
    ],
)
def test_price_of_a_tick_in_human_units(tick: int, pair: Pair, price: float):
    sqrt_price = int(1.0001 ** (tick / 2) * 2**96)
    assert human_prices([sqrt_price], pair)[0] == pytest.approx(price, abs=5e-3)


def test_either_token_can_be_the_quote():
    sqrt_price = int(1.0001 ** (-197_000 / 2) * 2**96)
    in_usdc = human_prices([sqrt_price], Pair())[0]
    in_eth = human_prices([sqrt_price], Pair(quote="ETH"))[0]
    assert in_usdc * in_eth == pytest.approx(1.0, rel=1e-15)


def test_prices_at_the_ends_of_the_range_are_finite():
    lowest, highest = human_prices([MIN_SQRT_PRICE, MAX_SQRT_PRICE], Pair())
    assert lowest == pytest.approx(2.9389568e-39 * 1e12, rel=1e-7)
    assert highest == pytest.approx(3.4025679e38 * 1e12, rel=1e-7)


def test_v4_prices_amounts_and_ticks_equal_the_published_ones(v4_folder: Path):
    table = load(v4_folder / "swaps_raw_rebuilt_rows_1_7000.csv.gz").table
    published = pl.read_csv(v4_folder / "core_features_rows_1_7000.csv.gz")
    assert table.height == 7_000
    np.testing.assert_allclose(table["price_raw"], published["price"], rtol=1e-12, atol=0)
    np.testing.assert_allclose(table["amount_base"], published["amount0_eth"], rtol=1e-15, atol=0)
    np.testing.assert_allclose(table["amount_quote"], published["amount1_usdc"], rtol=1e-15, atol=0)
    assert table["tick"].equals(published["tick"], check_names=False)
    assert table["liquidity"].cast(pl.Int64).equals(published["liquidity"], check_names=False)
    times = published["timestamp"].str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="ns", time_zone="UTC")
    assert table["time"].equals(times, check_names=False)


def test_v4_facts_say_what_was_read_and_found(v4_folder: Path):
    facts = load(v4_folder / "swaps_raw_rebuilt_rows_1_7000.csv.gz").facts
    assert (facts.dialect, facts.rows_read, facts.rows_kept, facts.duplicates_dropped) == ("ROOK", 7_000, 7_000, 0)
    assert facts.notes["sign"].startswith("swapper's, by the data; 81.3% of 6978 price moves")
    assert "swaps may be missing between rows" in facts.notes["moves"]
    assert facts.notes["time unit"] == "seconds"
    assert facts.notes["identical rows"].startswith("24 kept")
    assert facts.fingerprint == "e78911d1d52129dd796f10bf508a65b96c2293db29c891be865af1a2c1f5d7e1"


def test_v3_logs_and_decoded_file_give_one_table(v3_folder: Path):
    raw = load(v3_folder / f"{V3_NAME}.raw.csv.gz", pair=USDC_WETH)
    decoded = load(v3_folder / f"{V3_NAME}.pool.tick.csv.gz", pair=USDC_WETH)
    assert raw.table.height == 6_046
    assert raw.table.equals(decoded.table)
    assert raw.facts.other_events_skipped == decoded.facts.other_events_skipped == 69 + 65 + 54
    assert raw.facts.notes["version"] == "v3"


def test_v3_amounts_are_turned_to_the_swappers_side_and_price_is_usdc_per_eth(v3_folder: Path):
    loaded = load(v3_folder / f"{V3_NAME}.raw.csv.gz", pair=USDC_WETH, fee_bps=5.0)
    first = loaded.table.row(0, named=True)
    # The log says the pool paid out 22.68611 USDC and received 0.01 WETH: the swapper sold 0.01 WETH.
    assert (first["amount_base"], first["amount_quote"]) == (-0.01, 22.68611)
    assert first["price"] == pytest.approx(1e12 / (1662995104975155420368771254341874 / 2**96) ** 2, rel=1e-12)
    assert 2_195 < loaded.table["price"].min() < loaded.table["price"].max() < 2_286
    assert loaded.facts.notes["sign"] == "pool's, by the data; 100.0% of 6044 price moves agree with the pool's sign"
    assert loaded.table["fee_bps"].unique().to_list() == [5.0]


def test_v3_quoted_in_eth_swaps_base_and_quote(v3_folder: Path):
    path = v3_folder / f"{V3_NAME}.pool.tick.csv.gz"
    in_usdc = load(path, pair=USDC_WETH).table
    in_eth = load(path, pair=Pair(token0="USDC", decimals0=6, token1="WETH", decimals1=18, quote="WETH")).table
    assert in_eth["amount_base"].equals(in_usdc["amount_quote"], check_names=False)
    np.testing.assert_allclose(in_eth["price"] * in_usdc["price"], 1.0, rtol=1e-15)


def test_tokens_the_wrong_way_round_are_refused(v3_folder: Path):
    with pytest.raises(UserError, match=r"cannot be") as failure:
        load(v3_folder / f"{V3_NAME}.raw.csv.gz")
    assert "order and decimals" in str(failure.value.remedy)


def test_the_table_has_the_columns_and_types_of_the_contract(v4_folder: Path):
    table = load(v4_folder / "swaps_raw_rebuilt_rows_1_7000.csv.gz").table
    assert dict(table.schema) == {name: column.dtype for name, column in SWAPS.columns.items()}


_ROUND = [
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000, 0x000000000000808B,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008A, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000A, 0x000000008000808B, 0x800000000000008B, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
]  # fmt: skip


def keccak256(message: bytes) -> str:
    """Keccak-256 as Ethereum has it (FIPS 202 with the earlier padding byte), for messages of one block."""
    block = bytearray(message + b"\x01" + bytes(135 - len(message)))
    block[-1] |= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for position in range(17):
        lanes[position % 5][position // 5] = int.from_bytes(block[8 * position : 8 * position + 8], "little")

    def turn(value: int, count: int) -> int:
        return (value << count % 64 | value >> (64 - count % 64)) & (2**64 - 1)

    for constant in _ROUND:
        parity = [lanes[x][0] ^ lanes[x][1] ^ lanes[x][2] ^ lanes[x][3] ^ lanes[x][4] for x in range(5)]
        lanes = [[lane ^ parity[x - 1] ^ turn(parity[(x + 1) % 5], 1) for lane in lanes[x]] for x in range(5)]
        x, y, moving = 1, 0, lanes[1][0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            lanes[x][y], moving = turn(moving, (step + 1) * (step + 2) // 2), lanes[x][y]
        lanes = [[lanes[x][y] ^ (~lanes[(x + 1) % 5][y] & lanes[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
        lanes[0][0] ^= constant
    return "0x" + b"".join(lanes[position][0].to_bytes(8, "little") for position in range(4)).hex()


def test_topics_are_the_hashes_of_the_events_signatures():
    assert keccak256(b"") == "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"Swap(address,address,int256,int256,uint160,uint128,int24)") == V3_SWAP
    assert keccak256(b"Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)") == V4_SWAP
