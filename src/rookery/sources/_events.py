"""Which rows of a file are Swap events of one version of Uniswap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from rookery.errors import UserError
from rookery.sources._dialects import by_normalised, is_log
from rookery.sources._faults import Check, Faults
from rookery.sources._json import parse_object
from rookery.sources._logs import V3_SWAP, V4_SWAP, decode, with_topics
from rookery.sources._records import Records, shown

_EVENT_COLUMNS = ("eventname", "txtype", "eventtype", "event")
_PARAMETERS = ("id", "amount0", "amount1", "sqrtPriceX96", "liquidity", "tick", "fee")
_VERSION_OF = {V3_SWAP: "v3", V4_SWAP: "v4"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The Swap events' rows, how many other rows were passed over, and the version where the events tell it."""

    table: pl.DataFrame
    skipped: int
    version: str | None


def swap_events(
    records: Records, table: pl.DataFrame, *, version: Literal["auto", "v3", "v4"], faults: Faults
) -> Events:
    """Keep Swap events, decoding logs and JSON parameters into columns.

    Raises UserError when there is none, or when v3 and v4 meet in one file and `version` does not choose.
    """
    height = table.height
    table = _named_swap(_not_removed(table), records)
    found = by_normalised(table.columns)
    known: str | None = None
    topics = next((found[name] for name in ("topic0", "topics") if name in found), None)
    skipped = height - table.height
    if topics is not None and table[topics].null_count() < table.height:
        table = with_topics(table)
        before = table.height
        table = faults.sift(table, [_unreadable_topic()])
        faulty = before - table.height
        table, known = _of_version(table, records, version)
        skipped = height - table.height - faulty
        if is_log(table.columns):
            table = decode(table, version=known, faults=faults)
    if "params" in found and "sqrtpricex96" not in found:
        table = _with_parameters(table, found["params"], faults)
    return Events(table=table, skipped=skipped, version=known)


def _not_removed(table: pl.DataFrame) -> pl.DataFrame:
    """Without logs that a reorganisation of the chain has taken back."""
    found = by_normalised(table.columns)
    if "removed" not in found:
        return table
    return table.filter(pl.col(found["removed"]).str.to_lowercase().ne_missing("true"))


def _named_swap(table: pl.DataFrame, records: Records) -> pl.DataFrame:
    found = by_normalised(table.columns)
    for name in _EVENT_COLUMNS:
        if name in found and table[found[name]].null_count() < table.height:
            column = pl.col(found[name])
            swaps = table.filter(column.str.to_lowercase().str.starts_with("swap"))
            if swaps.is_empty():
                raise _no_swaps(table[found[name]], records)
            return swaps
    return table


def _unreadable_topic() -> Check:
    topic = pl.col("topic0")
    return Check(
        kind="log topics",
        bad=~topic.str.contains(r"^0x[0-9a-f]{64}$"),
        what="its topics are no list of 32-byte words",
    )


def _of_version(
    table: pl.DataFrame, records: Records, version: Literal["auto", "v3", "v4"]
) -> tuple[pl.DataFrame, str]:
    topic = pl.col("topic0")
    present = {_VERSION_OF[topic] for topic in table["topic0"].unique().drop_nulls() if topic in _VERSION_OF}
    if not present:
        raise _no_swaps(table["topic0"].str.slice(0, 10), records)
    if version == "auto" and len(present) > 1:
        raise UserError("holds Swap events of v3 and of v4", place=records.path, remedy="choose: --version v3 or v4")
    known = present.pop() if version == "auto" else version
    swaps = table.filter(topic == (V3_SWAP if known == "v3" else V4_SWAP))
    if swaps.is_empty():
        other = "v4" if known == "v3" else "v3"
        what = f"holds Swap events of {other}, none of {known}"
        raise UserError(what, place=records.path, remedy=f"leave --version out, or say --version {other}")
    return swaps, known


def _no_swaps(events: pl.Series, records: Records) -> UserError:
    counts = events.fill_null("none").value_counts(sort=True).head(5)
    listed = ", ".join(f"{shown(name)} ({count})" for name, count in counts.iter_rows())
    return UserError("holds no Swap event of Uniswap v3 or v4", place=records.path, remedy=f"events found: {listed}")


def _with_parameters(table: pl.DataFrame, column: str, faults: Faults) -> pl.DataFrame:
    """Allium's `params`: a JSON object of the event's own parameters."""
    objects = [None if text is None else parse_object(text) for text in table[column]]
    unread = pl.Series("_unread", [item is None for item in objects], dtype=pl.Boolean)
    columns = [pl.Series(f"params.{name}", _values(objects, name), dtype=pl.String) for name in _PARAMETERS]
    decoded = table.with_columns(*(column for column in columns if column.count()), unread)
    bad = Check(
        kind="params unreadable",
        bad=pl.col("_unread"),
        what=f"{column} '{{}}' is not a JSON object",
        value=pl.col(column),
    )
    return faults.sift(decoded, [bad]).drop("_unread")


def _values(objects: Sequence[dict[str, str | None] | None], name: str) -> list[str | None]:
    return [None if item is None else item.get(name) for item in objects]
