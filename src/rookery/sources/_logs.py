"""Undecoded event logs: which of them are Swap events, and what their data words say."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import polars as pl

from rookery.errors import UserError
from rookery.sources._dialects import by_normalised
from rookery.sources._faults import Check, Faults

# keccak256 of the event's signature; a test computes both.
V3_SWAP = "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"
V4_SWAP = "0x40e9cecb9f5f1f1c5b9c97dec2917b7ee92e57ba5563708daca94dd84ad7112f"
_WORDS = {
    "v3": (
        ("int256", "amount0"),
        ("int256", "amount1"),
        ("uint160", "sqrtPriceX96"),
        ("uint128", "liquidity"),
        ("int24", "tick"),
    ),
    "v4": (
        ("int128", "amount0"),
        ("int128", "amount1"),
        ("uint160", "sqrtPriceX96"),
        ("uint128", "liquidity"),
        ("int24", "tick"),
        ("uint24", "fee"),
    ),
}
_TOPIC = r"0[xX][0-9a-fA-F]{64}"


def with_topics(table: pl.DataFrame) -> pl.DataFrame:
    """`table` with `topic0` and `topic1` in lower case, whether they came apart or as a list in JSON or Python form."""
    found = by_normalised(table.columns)
    if "topic0" in found:
        first = pl.col(found["topic0"])
        second = pl.col(found["topic1"]) if "topic1" in found else pl.lit(None, dtype=pl.String)
    else:
        listed = pl.col(found["topics"]).str.extract_all(_TOPIC)
        empty = pl.col(found["topics"]).str.contains(r"^[\[\(]?\s*[\]\)]?$")
        first = pl.when(empty).then(None).otherwise(listed.list.get(0, null_on_oob=True).fill_null("?"))
        second = listed.list.get(1, null_on_oob=True)
    return table.with_columns(first.str.to_lowercase().alias("topic0"), second.str.to_lowercase().alias("topic1"))


def decode(table: pl.DataFrame, *, version: str, faults: Faults) -> pl.DataFrame:
    """Swap logs of one version with their data words as text columns, named as in the event's signature.

    Decoding is eth_abi's (extra `onchain`). Raises UserError when that is not installed; data that is not five words
    (v3) or six (v4), or does not fit the types, is faulty.
    """
    words = _WORDS[version]
    column = by_normalised(table.columns)["data"]
    data = pl.col(column).str.strip_chars()
    shape = rf"^0[xX][0-9a-fA-F]{{{64 * len(words)}}}$"
    wrong = f"data '{{}}' is not the {len(words)} words of a {version} Swap event"
    unfit = Check(kind="log data", bad=~data.str.contains(shape).fill_null(False), what=wrong, value=data)
    table = faults.sift(table, [unfit])
    rows = _decode_all(table[column].str.strip_chars(), [kind for kind, _ in words])
    decoded = table.with_columns(
        pl.Series(name, [None if row is None else str(row[position]) for row in rows], dtype=pl.String)
        for position, (_, name) in enumerate(words)
    ).with_columns(
        pl.col("topic1").alias("pool_id") if version == "v4" else pl.lit(None, dtype=pl.String).alias("pool_id")
    )
    unread = Check(
        kind="log data",
        bad=pl.col("amount0").is_null(),
        what=f"data '{{}}' does not fit the types of a {version} Swap event",
        value=data,
    )
    return faults.sift(decoded, [unread])


def _decode_all(data: pl.Series, types: Sequence[str]) -> list[tuple[int, ...] | None]:
    decoders, stream, failures = _decoders(types)
    rows: list[tuple[int, ...] | None] = []
    for text in data:
        words = stream(bytes.fromhex(text[2:]))
        try:
            rows.append(tuple(decoder(words) for decoder in decoders))
        except failures:
            rows.append(None)
    return rows


def _decoders(types: Sequence[str]) -> tuple[list[Any], Any, type[Exception]]:
    """One decoder a word, looked up once: twice as fast as eth_abi.decode, which looks them up for every row."""
    try:
        registry = import_module("eth_abi.registry").registry
        stream = import_module("eth_abi.decoding").ContextFramesBytesIO
        failure = import_module("eth_abi.exceptions").DecodingError
    except ImportError:
        what = "event logs need eth-abi, which is not installed"
        raise UserError(what, remedy="pip install 'rookery[onchain]'") from None
    return [registry.get_decoder(kind) for kind in types], stream, failure
