"""The chain's own order of swaps, and events that were delivered twice."""

from dataclasses import dataclass

import polars as pl

from rookery.sources._faults import Check, Faults
from rookery.sources._records import INDEX

# A short table that runs backwards is more likely a mistake than an export with the newest row first.
_LEAST_NEWEST_FIRST = 10
_EVENT = ("block_number", "transaction_index", "log_index")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """Rows in the order of the chain, repeated events taken out, with what was done in words."""

    table: pl.DataFrame
    key: str
    duplicates: int
    identical: int


def in_chain_order(table: pl.DataFrame, *, time_label: str, faults: Faults) -> Ordered:
    """Sort by (block, transaction, log) as far as known; without any, keep the file's order or turn it round.

    Needs `time`, the columns of _EVENT as Int64 (a column all null is unknown), `transaction_hash` and `event_id`.
    Rows whose time still goes back are faulty, and so are events told twice with different content.
    """
    known = [name for name in _EVENT if table[name].null_count() < table.height]
    # An index counts within its block: without the block the time has to stand in for it.
    keys = known if "block_number" in known else (["time", *known] if known else [])
    if keys:
        ordered = (
            table
            if table.select(keys).equals(table.select(keys).sort(keys, maintain_order=True))
            else (table.sort(keys, maintain_order=True))
        )
        key = ", ".join(keys)
        moved = int((ordered[INDEX] != table[INDEX]).sum())
        key = f"{key}; {moved} rows moved" if moved else key
    else:
        ordered, key = _by_time(table)
    ordered, duplicates = _once_each(ordered, faults)
    identical = 0 if _event_key(ordered) else _identical(ordered)
    remedy = (
        "its block order and its times disagree: export it again"
        if keys
        else "sort the export by block_number and log_index, and keep both columns"
    )
    moment = pl.col("time").cast(pl.Int64)
    backwards = Check(
        kind="time goes back",
        bad=moment < moment.cum_max(),
        what=f"{time_label} goes back to {{}}, before the row above it",
        value=pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S UTC"),
        remedy=remedy,
    )
    return Ordered(table=faults.sift(ordered, [backwards]), key=key, duplicates=duplicates, identical=identical)


def _by_time(table: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    steps = table["time"].diff().dt.total_nanoseconds()
    newest_first = table.height >= _LEAST_NEWEST_FIRST and bool((steps <= 0).all()) and bool((steps < 0).any())
    if newest_first:
        return table.reverse(), "time; the file had the newest row first and was turned round"
    return table, "time, in the file's own order (no block or log numbers)"


def _event_key(table: pl.DataFrame) -> list[str]:
    """What tells one event from another, or nothing."""
    full = [
        name for name in ("transaction_hash", "block_number", "log_index", "event_id") if not table[name].null_count()
    ]
    if "log_index" in full and "transaction_hash" in full:
        return ["transaction_hash", "log_index"]
    if "log_index" in full and "block_number" in full:
        return ["block_number", "log_index"]
    return ["event_id"] if "event_id" in full else []


def _once_each(table: pl.DataFrame, faults: Faults) -> tuple[pl.DataFrame, int]:
    key = _event_key(table)
    if not key or not table.select(key).is_duplicated().any():
        return table, 0
    content = [name for name in table.columns if name != INDEX]
    distinct = table.unique(content, keep="first", maintain_order=True)
    again = ~pl.struct(key).is_first_distinct()
    conflict = Check(
        kind="event told twice",
        bad=again,
        what=f"the event ({', '.join(key)}) {{}} came before with other values",
        value=pl.concat_str([pl.col(name).cast(pl.String) for name in key], separator=", "),
        remedy="keep one of the two rows",
    )
    return faults.sift(distinct, [conflict]), table.height - distinct.height


def _identical(table: pl.DataFrame) -> int:
    """Rows equal to an earlier one; without event ids they may be real, so they stay."""
    content = table.select("time", "sqrt_price_x96", "amount0", "amount1", "liquidity")
    return int(table.height - content.n_unique())
