"""The exporters' forms of a row, told apart by their fields and laid out under one set of names."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rookery.errors import UserError, listed
from rookery.sources._records import shown

Row = dict[str, Any]

# Where a row has several of a field's names, the first counts: milliseconds before seconds.
NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("t", "timestampMs", "match_time", "timestamp"),
    "kind": ("type",),
    "side": ("side",),
    "outcome": ("outcome",),
    "outcome_index": ("outcomeIndex",),
    "price": ("price",),
    "size": ("size",),
    "usdc": ("usdcSize", "usdc"),
    "token": ("asset", "asset_id", "aid"),
    "condition_id": ("conditionId", "condition_id"),
    "market": ("slug",),
    "trader": ("proxyWallet", "maker_address"),
    "transaction_hash": ("transactionHash", "transaction_hash", "tx"),
    "best_bid": ("bestBid",),
    "best_ask": ("bestAsk",),
    "mid": ("mid",),
}
_SUMMARY = "marketSummary"
_LONGEST_CELL = 400


class Shape(StrEnum):
    """Who wrote the file."""

    PRICES = "price file"
    ACTIVITY = "data-api activity"
    TRADES = "data-api trades"
    CLOB = "CLOB trades"
    MERGED = "merged file"
    FILLS = "fills"


@dataclass(slots=True, kw_only=True, eq=False)
class Tally:
    """What was left out on purpose while rows were laid out."""

    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, what: str, count: int = 1) -> None:
        """Count something left out."""
        if count:
            self.skipped[what] = self.skipped.get(what, 0) + count


def shape_of(row: object, list_name: str | None, place: str) -> Shape:
    """Tell the form of a file by its first row. Raises UserError naming the fields of a row of no known form."""
    names = set(row) if isinstance(row, dict) else set()
    if list_name == "prices":
        return Shape.PRICES
    if "rest" in names or _SUMMARY in names:
        return Shape.MERGED
    if "match_time" in names or {"asset_id", "price"} <= names:
        return Shape.CLOB
    if {"type", "timestamp"} <= names and names & {"usdcSize", "conditionId", "proxyWallet"}:
        return Shape.ACTIVITY
    if {"side", "size", "price", "timestamp"} <= names:
        return Shape.TRADES
    found = f"its rows have {shown(listed(names), limit=120)}" if names else "its rows are no objects"
    raise UserError(
        f"is no file of trades or prices: {found}",
        place=place,
        remedy="expected a price file, data-api activity or trades, CLOB trades, or a merged file",
    )


def spread(shape: Shape, row: Row, trader: str | None, tally: Tally) -> Iterable[Row]:
    """One item of the file as rows of the names that NAMES knows: itself, its maker orders, its window before."""
    return _SPREAD[shape](row, trader, tally)


def columns(rows: Sequence[Row]) -> dict[str, list[str | None]]:
    """Text columns of NAMES, null where a row has nothing under any of a field's names."""
    present: set[str] = set().union(*rows)
    laid: dict[str, list[str | None]] = {}
    for name, aliases in NAMES.items():
        known = [alias for alias in aliases if alias in present]
        laid[name] = _cells(rows, known)
    return laid


def _cells(rows: Sequence[Row], aliases: Sequence[str]) -> list[str | None]:
    if not aliases:
        return [None] * len(rows)
    if len(aliases) > 1:
        return [_cell(row, aliases) for row in rows]
    # Most fields have one name, and most of their cells are plain text or nothing.
    (alias,) = aliases
    found = [row.get(alias) for row in rows]
    if all(value is None or (type(value) is str and value and value.isascii()) for value in found):
        return found
    return [_cell(row, aliases) for row in rows]


def _cell(row: Row, aliases: Sequence[str]) -> str | None:
    for alias in aliases:
        value = row.get(alias)
        if type(value) is str:
            if value:
                return value if value.isascii() else encodable(value)
        elif value is not None:
            return str(value)[:_LONGEST_CELL]
    return None


def encodable(text: str) -> str:
    """Text without halves of letters, which JSON's escapes can hold and UTF-8 cannot: they are spelt out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _own_row(row: Row, _trader: str | None, _tally: Tally) -> Iterable[Row]:
    return (row,)


def _data_api_trade(row: Row, _trader: str | None, _tally: Tally) -> Iterable[Row]:
    return ({**row, "type": "TRADE"},)


def _clob_trade(row: Row, trader: str | None, tally: Tally) -> Iterator[Row]:
    """The taker's trade, or the trader's own orders in it where he was a maker (a match lists both; never sum them)."""
    if str(row.get("status", "")).upper().removeprefix("TRADE_STATUS_") == "FAILED":
        tally.skip("failed trades")
        return
    own = {**row, "type": "TRADE", "conditionId": row.get("market")}
    orders = row.get("maker_orders")
    is_maker = "MAKER" in (row.get("trader_side"), row.get("type"))
    if not is_maker or not isinstance(orders, list):
        yield own
        return
    wallet = (trader or str(row.get("maker_address", ""))).lower()
    for order in orders:
        if isinstance(order, dict) and str(order.get("maker_address", "")).lower() == wallet:
            filled = {name: order.get(name) for name in ("price", "side", "outcome", "asset_id", "maker_address")}
            yield {**own, **filled, "size": order.get("matched_amount")}
        else:
            tally.skip("other makers' orders")


def _merged_trade(row: Row, _trader: str | None, tally: Tally) -> Iterator[Row]:
    """The trade and what the market showed before it. What came after it is future data and is dropped."""
    summary = row.get(_SUMMARY)
    shared = {"slug": row.get("slug"), "tx": row.get("tx")}
    if isinstance(summary, dict):
        after = summary.get("afterTrade")
        tally.skip("events from after the trade", len(after) if isinstance(after, list) else 0)
        tally.skip("statistics of windows that reach past the trade", int("stats" in summary))
        before = summary.get("beforeTrade")
        for event in before if isinstance(before, list) else ():
            if isinstance(event, dict) and event.get("type") != "trade":
                yield {**event, "slug": row.get("slug")}
            else:
                tally.skip("trades shown beside another trade")
    rest = row.get("rest")
    stamps = {name: row.get(name) for name in ("timestampMs", "timestamp")}
    if stamps["timestampMs"] is None:
        stamps["timestampMs"] = _milliseconds(stamps["timestamp"])
    yield {**(rest if isinstance(rest, dict) else {}), **shared, **stamps, "type": "TRADE"}


def _milliseconds(stamp: object) -> str | None:
    # The events beside the trade are in milliseconds, and a file has one unit.
    text = str(stamp)
    return f"{text}000" if text.isdigit() and len(text) == 10 else (None if stamp is None else text)


_SPREAD: dict[Shape, Callable[[Row, str | None, Tally], Iterable[Row]]] = {
    Shape.PRICES: _own_row,
    Shape.ACTIVITY: _own_row,
    Shape.TRADES: _data_api_trade,
    Shape.CLOB: _clob_trade,
    Shape.MERGED: _merged_trade,
}
