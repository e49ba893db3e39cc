"""The same twelve swaps, written as each exporter writes them, load as the same table."""

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from eth_abi import encode

from rookery.sources._logs import V3_SWAP, V4_SWAP
from rookery.sources.uniswap import load

Event = dict[str, int | str]
SIGNATURE = {
    "v3": ["int256", "int256", "uint160", "uint128", "int24"],
    "v4": ["int128", "int128", "uint160", "uint128", "int24", "uint24"],
}
POOL_ID = "0x" + "96d4b53a" * 8
POOL = "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640"
BURN = "0x" + "0c396cd9" * 8
SAME = ["time", "sqrt_price_x96", "price_raw", "price", "amount_base", "amount_quote", "tick"]
IDS = ["block_number", "transaction_index", "log_index", "transaction_hash"]


def pool_sign(event: Event) -> Event:
    return event | {"amount0": -int(event["amount0"]), "amount1": -int(event["amount1"])}


def scaled(value: int | str, decimals: int) -> str:
    return format(Decimal(value).scaleb(-decimals), "f")


def words(event: Event, version: str) -> bytes:
    names = ["amount0", "amount1", "sqrt_price_x96", "liquidity", "tick", "fee"][: len(SIGNATURE[version])]
    return encode(SIGNATURE[version], [event[name] for name in names])


def csv_text(rows: list[dict[str, object]], delimiter: str = ",") -> str:
    def cell(value: object) -> str:
        text = "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"' if delimiter in text or '"' in text else text

    lines = [delimiter.join(rows[0]), *(delimiter.join(cell(value) for value in row.values()) for row in rows)]
    return "\n".join(lines) + "\n"


def rook(event: Event, iso: str) -> dict[str, object]:
    return {
        "timestamp": event["time_s"],
        **{name: event[name] for name in ("amount0", "amount1", "sqrt_price_x96", "liquidity", "tick")},
    }


def dune(event: Event, iso: str) -> dict[str, object]:
    return {
        "contract_address": "0x000000000004444c5dc75cb358380d2e3de08a90",
        "evt_tx_hash": event["transaction_hash"],
        "evt_tx_index": event["transaction_index"],
        "evt_index": event["log_index"],
        "evt_block_time": f"{iso}.000 UTC",
        "evt_block_number": event["block_number"],
        "id": POOL_ID,
        "amount0": event["amount0"],
        "amount1": event["amount1"],
        "sqrtPriceX96": event["sqrt_price_x96"],
        "liquidity": event["liquidity"],
        "tick": event["tick"],
        "fee": event["fee"],
    }


def the_graph(event: Event, iso: str) -> dict[str, object]:
    # Subgraphs of v3 and v4 alike tell the pool's side.
    seen = pool_sign(event)
    return {
        "id": f"{event['transaction_hash']}#{event['log_index']}",
        "timestamp": str(event["time_s"]),
        "amount0": scaled(seen["amount0"], 18),
        "amount1": scaled(seen["amount1"], 6),
        "amountUSD": "12.5",
        "sqrtPriceX96": str(event["sqrt_price_x96"]),
        "tick": str(event["tick"]),
        "logIndex": str(event["log_index"]),
        "transaction": {"id": event["transaction_hash"], "blockNumber": str(event["block_number"])},
        "pool": {"id": POOL, "feeTier": "500", "token0": {"symbol": "WETH"}, "token1": {"symbol": "USDC"}},
    }


def flat_graph(event: Event, iso: str) -> dict[str, object]:
    row = the_graph(event, iso)
    del row["pool"]
    transaction = row.pop("transaction")
    assert isinstance(transaction, dict)
    return row | {f"transaction.{name}": value for name, value in transaction.items()}


def cryo(event: Event, iso: str) -> dict[str, object]:
    seen = pool_sign(event)
    named = {"amount0": "amount0", "amount1": "amount1", "sqrtPriceX96": "sqrt_price_x96", "liquidity": "liquidity"}
    row: dict[str, object] = {name: event[name] for name in IDS} | {"timestamp": event["time_s"], "topic0": V3_SWAP}
    for parameter, name in named.items():
        value = int(seen[name])
        row[f"event__{parameter}_binary"] = "0x" + (value % 2**256).to_bytes(32, "big").hex()
        row[f"event__{parameter}_string"] = str(value)
        row[f"event__{parameter}_f64"] = float(value)
    return row | {"event__tick": event["tick"]}


def cryo_binary(event: Event, iso: str) -> dict[str, object]:
    return {name: value for name, value in cryo(event, iso).items() if not name.endswith("_string")}


def hypersync(event: Event, iso: str) -> dict[str, object]:
    names = (*IDS, "amount0", "amount1", "sqrt_price_x96", "liquidity", "tick")
    return {"block_timestamp": hex(int(event["time_s"]))} | {name: pool_sign(event)[name] for name in names}


def substreams(event: Event, iso: str) -> dict[str, object]:
    rest = {name: pool_sign(event)[name] for name in ("amount0", "amount1", "sqrt_price_x96", "tick", "liquidity")}
    return {
        "block_num": event["block_number"],
        "timestamp": iso,
        "index": event["transaction_index"],
        "tx_hash": event["transaction_hash"],
        "address": POOL,
        "ordinal": event["log_index"],
        **rest,
    }


def allium(event: Event, iso: str) -> dict[str, object]:
    names = {"sqrtPriceX96": "sqrt_price_x96", "liquidity": "liquidity", "tick": "tick", "fee": "fee"}
    return {
        "project": "uniswap",
        "event_name": "Swap",
        "params": json.dumps({"id": POOL_ID} | {name: str(event[source]) for name, source in names.items()}),
        "token0_symbol": "ETH",
        "token0_decimals": 18,
        "token0_amount_raw_str": event["amount0"],
        "token0_amount": int(event["amount0"]) / 1e18,
        "token1_symbol": "USDC",
        "token1_decimals": 6,
        "token1_amount_raw_str": event["amount1"],
        "token1_amount": int(event["amount1"]) / 1e6,
        "transaction_hash": event["transaction_hash"],
        "transaction_index": event["transaction_index"],
        "log_index": event["log_index"],
        "block_timestamp": f"{iso}.000",
        "block_number": event["block_number"],
    }


def web3(event: Event, iso: str) -> dict[str, object]:
    seen = pool_sign(event)
    return {
        "address": POOL,
        "blockNumber": event["block_number"],
        "blockTimestamp": hex(int(event["time_s"])),
        "transactionHash": event["transaction_hash"],
        "transactionIndex": event["transaction_index"],
        "logIndex": event["log_index"],
        "event": "Swap",
        "returnValues": {
            "0": "0x3fc9",
            "amount0": str(seen["amount0"]),
            "amount1": str(seen["amount1"]),
            "sqrtPriceX96": str(event["sqrt_price_x96"]),
            "liquidity": str(event["liquidity"]),
            "tick": str(event["tick"]),
        },
    }


def big_number(value: int | str) -> dict[str, str]:
    return {"type": "BigNumber", "hex": hex(int(value))}


def ethers(event: Event, iso: str) -> dict[str, object]:
    seen, row = pool_sign(event), web3(event, iso)
    del row["returnValues"]
    numbers = [big_number(seen[name]) for name in ("amount0", "amount1", "sqrt_price_x96", "liquidity")]
    return row | {"args": ["0x3fc9", "0x3fc9", *numbers, event["tick"]]}


def web3_python(event: Event, iso: str) -> dict[str, object]:
    row = web3(event, iso)
    del row["returnValues"]
    names = ("amount0", "amount1", "liquidity", "tick", "fee")
    arguments = {name: event[name] for name in names} | {"sqrtPriceX96": event["sqrt_price_x96"]}
    return row | {"args": {"id": POOL_ID} | arguments}


def demeter_raw(event: Event, iso: str) -> dict[str, object]:
    topics = [V3_SWAP, "0x" + "0" * 64, "0x" + "0" * 64]
    return {
        "block_number": event["block_number"],
        "block_timestamp": iso,
        "transaction_hash": event["transaction_hash"],
        "transaction_index": event["transaction_index"],
        "log_index": event["log_index"],
        "topics": json.dumps(topics),
        "data": "0x" + words(pool_sign(event), "v3").hex(),
    }


def demeter_python_quotes(event: Event, iso: str) -> dict[str, object]:
    row = demeter_raw(event, iso)
    return row | {"topics": str(row["topics"]).replace('"', "'")}


def demeter_decoded(event: Event, iso: str) -> dict[str, object]:
    seen = pool_sign(event)
    return {
        "block_number": event["block_number"],
        "block_timestamp": iso,
        "tx_type": "SWAP",
        "transaction_hash": event["transaction_hash"],
        "tx_index": event["transaction_index"],
        "log_index": event["log_index"],
        "amount0": seen["amount0"],
        "amount1": seen["amount1"],
        "total_liquidity": event["liquidity"],
        "sqrtPriceX96": event["sqrt_price_x96"],
        "current_tick": f"{event['tick']}.0",
        "liquidity": None,
    }


def get_logs(event: Event, iso: str) -> dict[str, object]:
    return {
        "address": "0x000000000004444c5dc75cb358380d2e3de08a90",
        "topics": [V4_SWAP, POOL_ID, "0x" + "0" * 64],
        "data": "0x" + words(event, "v4").hex(),
        "blockNumber": hex(int(event["block_number"])),
        "blockTimestamp": hex(int(event["time_s"])),
        "transactionHash": event["transaction_hash"],
        "transactionIndex": hex(int(event["transaction_index"])),
        "logIndex": hex(int(event["log_index"])),
        "removed": False,
    }


def cryo_logs(event: Event, iso: str) -> dict[str, object]:
    hexes = {"transaction_hash": str(event["transaction_hash"]), "topic0": V4_SWAP, "topic1": POOL_ID}
    row: dict[str, object] = {name: event[name] for name in IDS} | {"timestamp": event["time_s"]}
    return row | {name: bytes.fromhex(text[2:]) for name, text in hexes.items()} | {"data": words(event, "v4")}


def typed(values: list[object]) -> pl.Series:
    """A parquet column: integers as such where 64 bits hold them all, else as text, as exporters do."""
    if all(isinstance(value, int) for value in values) and max(abs(int(str(value))) for value in values) < 2**63:
        return pl.Series(values, dtype=pl.Int64)
    if all(isinstance(value, (bytes, float, int)) and not isinstance(value, int) for value in values):
        return pl.Series(values)
    return pl.Series([None if value is None else str(value) for value in values], dtype=pl.String)


Shape = Callable[[Event, str], dict[str, object]]
CSV: list[tuple[str, Shape]] = [
    ("ROOK", rook),
    ("Dune", dune),
    ("The Graph", flat_graph),
    ("cryo", cryo),
    ("cryo", cryo_binary),
    ("hypersync", hypersync),
    ("substreams", substreams),
    ("Allium", allium),
    ("event logs", demeter_raw),
    ("event logs", demeter_python_quotes),
    ("demeter-fetch", demeter_decoded),
]
JSON: list[tuple[str, Shape]] = [
    ("The Graph", the_graph),
    ("web3", web3),
    ("web3", ethers),
    ("web3", web3_python),
    ("Allium", allium),
    ("event logs", get_logs),
    ("ROOK", rook),
]


def named(cases: list[tuple[str, Shape]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("dialect", "shape"), cases, ids=[shape.__name__ for _, shape in cases])


@pytest.fixture
def expected(tmp_path: Path, rook_lines: list[str]) -> pl.DataFrame:
    """What ROOK's own raw form gives."""
    path = tmp_path / "expected.csv"
    path.write_text("\n".join(rook_lines))
    return load(path).table


def assert_same(path: Path, expected: pl.DataFrame, events: list[Event], dialect: str) -> None:
    loaded = load(path)
    assert loaded.facts.dialect == dialect
    assert loaded.table.select(SAME).equals(expected.select(SAME))
    if loaded.table["liquidity"].null_count():
        assert dialect == "The Graph"
    else:
        assert loaded.table["liquidity"].equals(expected["liquidity"])
    for name in IDS:
        if loaded.table[name].null_count() == 0:
            assert loaded.table[name].to_list() == [event[name] for event in events]
    assert set(loaded.table["fee_bps"].to_list()) <= {5.0, None}


@named(CSV)
def test_csv_of_every_dialect(
    dialect: str, shape: Shape, tmp_path: Path, events: list[Event], iso_times: list[str], expected: pl.DataFrame
):
    path = tmp_path / "swaps.csv"
    path.write_text(csv_text([shape(event, iso) for event, iso in zip(events, iso_times, strict=True)]))
    assert_same(path, expected, events, dialect)


@named(JSON)
@pytest.mark.parametrize("wrapping", ["list", "data.swaps", "result.rows", "lines"])
def test_json_of_every_dialect(
    wrapping: str,
    dialect: str,
    shape: Shape,
    tmp_path: Path,
    events: list[Event],
    iso_times: list[str],
    expected: pl.DataFrame,
):
    rows = [shape(event, iso) for event, iso in zip(events, iso_times, strict=True)]
    text = {
        "list": json.dumps(rows, indent=1),
        "data.swaps": json.dumps({"data": {"swaps": rows}}),
        "result.rows": json.dumps({"result": {"metadata": {"row_count": 12}, "rows": rows}}),
        "lines": "\n".join(json.dumps(row) for row in rows),
    }[wrapping]
    path = tmp_path / "swaps.json"
    path.write_text(text)
    assert_same(path, expected, events, dialect)


@named([*CSV, ("event logs", cryo_logs)])
def test_parquet_of_every_dialect(
    dialect: str, shape: Shape, tmp_path: Path, events: list[Event], iso_times: list[str], expected: pl.DataFrame
):
    rows = [shape(event, iso) for event, iso in zip(events, iso_times, strict=True)]
    table = pl.DataFrame({name: typed([row[name] for row in rows]) for name in rows[0]})
    path = tmp_path / "swaps.parquet"
    table.write_parquet(path)
    assert_same(path, expected, events, dialect)


def test_gzipped_parquet_with_nested_and_typed_columns(tmp_path: Path, events: list[Event], expected: pl.DataFrame):
    table = pl.DataFrame(
        {
            "block_timestamp": [int(event["time_s"]) * 1_000_000 for event in events],
            "block_number": [event["block_number"] for event in events],
            "log_index": [event["log_index"] for event in events],
            "args": [
                {
                    "amount0": str(event["amount0"]),
                    "amount1": int(event["amount1"]),
                    "sqrtPriceX96": str(event["sqrt_price_x96"]),
                    "liquidity": Decimal(int(event["liquidity"])),
                    "tick": int(event["tick"]),
                }
                for event in events
            ],
        }
    ).with_columns(pl.col("block_timestamp").cast(pl.Datetime("us", "UTC")).dt.convert_time_zone("Asia/Tokyo"))
    path = tmp_path / "swaps.parquet.gz"
    plain = tmp_path / "swaps.parquet"
    table.write_parquet(plain)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    assert_same(path, expected, events, "web3")


def test_other_events_among_logs_are_passed_over_and_counted(
    tmp_path: Path, events: list[Event], iso_times: list[str], expected: pl.DataFrame
):
    rows = [demeter_raw(event, iso) for event, iso in zip(events, iso_times, strict=True)]
    burns = [row | {"topics": json.dumps([BURN]), "data": "0x", "log_index": 900 + i} for i, row in enumerate(rows[:5])]
    anonymous = rows[0] | {"topics": "[]", "data": "0x", "log_index": 950}
    path = tmp_path / "logs.csv"
    path.write_text(csv_text([*burns, anonymous, *rows]))
    loaded = load(path)
    assert loaded.facts.other_events_skipped == 6
    assert (loaded.facts.rows_read, loaded.facts.rows_kept) == (18, 12)
    assert loaded.table.select(SAME).equals(expected.select(SAME))


def test_logs_that_a_reorganisation_took_back_are_passed_over(tmp_path: Path, events: list[Event]):
    rows = [get_logs(event, "") for event in events]
    path = tmp_path / "logs.json"
    path.write_text(json.dumps([*rows, rows[3] | {"removed": True, "logIndex": "0x3e7"}]))
    loaded = load(path)
    assert (loaded.table.height, loaded.facts.other_events_skipped) == (12, 1)
