"""A swap table as the tape that orders meet."""

import numpy as np
import polars as pl

from rookery.errors import UserError
from rookery.market.costs import DEFAULT_FEE_BPS, Costs
from rookery.market.ledger import Tape
from rookery.schema import SWAPS, check
from rookery.types import Pair


def tape(swaps: pl.DataFrame, *, costs: Costs, pair: Pair) -> Tape:
    """The tape of a SWAPS table: depth in human units (infinite when impact is off), fee as a share.

    Raises UserError when the table is empty or breaks its contract, a price is not positive, or impact is asked for and
    the liquidity that it needs is missing.
    """
    table = check(swaps, SWAPS, place="swaps")
    if not table.height:
        raise UserError("no swaps to trade on", place="swaps")
    _refuse(table["price"] <= 0, "price is not positive", None)
    if costs.impact:
        _refuse(table["liquidity"].is_null(), "liquidity is empty, and impact needs it", "set impact to false in costs")
        _refuse(table["liquidity"] < 0, "liquidity is negative", None)
    fee_bps = table["fee_bps"].fill_null(DEFAULT_FEE_BPS) if costs.fee_bps is None else None
    if fee_bps is not None:
        _refuse((fee_bps < 0) | (fee_bps >= 10_000), "fee_bps is not at least 0 and below 10000", None)
    unit = 10.0 ** ((pair.decimals0 + pair.decimals1) / 2)
    depth = table["liquidity"].cast(pl.Float64).to_numpy() / unit if costs.impact else np.full(table.height, np.inf)
    fee = np.full(table.height, costs.fee_bps) if fee_bps is None else fee_bps.to_numpy()
    return Tape(
        time_ns_T=table["time"].to_physical().to_numpy(),
        price_T=table["price"].to_numpy(),
        depth_T=depth,
        fee_T=fee / 10_000,
    )


def _refuse(bad: pl.Series, what: str, remedy: str | None) -> None:
    rows = bad.fill_null(False).arg_true()
    if len(rows):
        raise UserError(what, place="swaps", row=rows[0] + 2, remedy=remedy)
