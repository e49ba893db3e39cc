"""What agents ask of the market: the DECISIONS table, and the orders in it as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rookery.market.ledger import BUY, SELL, Orders
from rookery.schema import TIME, Column, Contract, check
from rookery.types import Side


def _number(meaning: str, *, nullable: bool = False) -> Column:
    return Column(dtype=pl.Float64, meaning=meaning, nullable=nullable)


DECISIONS = Contract(
    name="decisions",
    columns={
        "row": Column(dtype=pl.Int64, meaning="row of the swap, counted from 0, after which it was decided"),
        "time": Column(dtype=TIME, meaning="time of that swap, UTC"),
        "side": Column(dtype=pl.String, meaning="BUY, HOLD or SELL"),
        "size": _number("share of the quote (BUY) or base (SELL) held that is to be spent, 0 to 1"),
        "slippage_bps": _number("how much worse than the price at the decision the fill may be, basis points"),
        "deadline_s": _number("seconds after which the order is void"),
        "confidence": _number("how sure the agent is, 0 to 1"),
        "reason": Column(dtype=pl.String, meaning="the rule or cause"),
        "p_buy": _number("probability of BUY", nullable=True),
        "p_hold": _number("probability of HOLD", nullable=True),
        "p_sell": _number("probability of SELL", nullable=True),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The orders of one or more accounts, and the decisions (HOLD left out) that they came from, in the same order."""

    orders: Orders
    decisions: pl.DataFrame


def asked(tables: Sequence[pl.DataFrame], swaps: pl.DataFrame) -> Asked:
    """Orders of N accounts from N DECISIONS tables over `swaps`; account n is `tables[n]`.

    A table holds at most one decision per swap, in the order of the swaps; swaps without a decision are HOLD. Raises
    ValueError when a side is unknown, a row is not in the swaps or repeats, or a time is not that of its swap.
    """
    chosen = [_checked(table, swaps).filter(pl.col("side") != Side.HOLD) for table in tables]
    joined = pl.concat(chosen) if chosen else pl.DataFrame(schema={n: c.dtype for n, c in DECISIONS.columns.items()})
    orders = Orders(
        account_O=np.repeat(np.arange(len(chosen), dtype=np.int64), [table.height for table in chosen]),
        row_O=joined["row"].to_numpy(),
        side_O=np.where((joined["side"] == Side.BUY).to_numpy(), BUY, SELL).astype(np.int8),
        size_O=joined["size"].to_numpy(),
        slippage_bps_O=joined["slippage_bps"].to_numpy(),
        deadline_s_O=joined["deadline_s"].to_numpy(),
    )
    return Asked(orders=orders, decisions=joined)


def _checked(table: pl.DataFrame, swaps: pl.DataFrame) -> pl.DataFrame:
    decisions = check(table, DECISIONS, place="decisions")
    strange = decisions.filter(~pl.col("side").is_in([side.value for side in Side]))
    if strange.height:
        raise ValueError(f"decisions: side '{strange['side'][0]}' is none of BUY, HOLD, SELL")
    rows = decisions["row"]
    if not decisions.height:
        return decisions
    if rows[0] < 0 or rows[-1] >= swaps.height or (rows.diff() <= 0).any():
        raise ValueError(f"decisions: 'row' must rise strictly within 0 to {swaps.height - 1}")
    if not decisions["time"].equals(swaps["time"].gather(rows)):
        raise ValueError("decisions: 'time' is not the time of the swap at 'row'")
    return decisions
