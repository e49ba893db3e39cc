"""Whether a market's trades, merges, splits and redemption can all be true together."""

from typing import Literal

import polars as pl

Dedupe = Literal["none", "exact", "tx"]

RESIDUAL_TOLERANCE = 1e-3
# Shares have six decimals: two leftovers nearer to each other than this cannot be told apart.
_SAME = 5e-7
# What a collector that drops rows of one transaction takes for the same fill.
_TX_KEY = ("time", "market", "transaction_hash", "price", "side")


def repeats(trades: pl.DataFrame, dedupe: Dedupe) -> pl.Series:
    """Per row, whether a policy takes it for the repetition of an earlier trade. Of "none": what "exact" would."""
    key = list(_TX_KEY) if dedupe == "tx" else [*_TX_KEY, "trader", "kind", "outcome", "size", "usdc"]
    alike = trades.select(pl.struct(key).hash().is_duplicated() & (pl.col("kind") == "TRADE")).to_series()
    # Rows are compared in full only where a hash meets another: in full they take more memory than the table.
    places = alike.arg_true()
    again = ~trades[places].select(pl.struct(key).is_first_distinct()).to_series()
    return pl.zeros(trades.height, dtype=pl.Boolean, eager=True).scatter(places.filter(again).to_list(), True)


def reconcile(trades: pl.DataFrame) -> pl.DataFrame:
    """Per market of a TRADES table: what is left of each token, and by how many shares the rows disagree.

    left_up = Up bought - sold + split - merged, and the same for Down. The residual is the larger of
    - the shortfall: the most shares of one token that were merged or sold without having been held at that time, and
    - the gap between what REDEEM rows paid out and the nearer leftover (of two tokens exactly one pays).
    It is null where nothing was merged, split, redeemed or sold. `winner` is the token whose leftover was paid out,
    null when nothing was or when both leftovers fit.
    """
    size, kind = pl.col("size"), pl.col("kind")
    traded = pl.when(kind == "TRADE").then(pl.when(pl.col("side") == "BUY").then(size).otherwise(-size)).otherwise(0.0)
    pairs = pl.when(kind == "SPLIT").then(size).when(kind == "MERGE").then(-size).otherwise(0.0)
    # Redemption ends a holding; it must not count as a shortfall of the token that lost.
    held = trades.with_columns(
        *(
            (pl.when(pl.col("outcome") == token).then(traded).otherwise(0.0) + pairs)
            .cum_sum()
            .over("market")
            .alias(name)
            for token, name in (("Up", "up"), ("Down", "down"))
        )
    )
    told = (kind != "TRADE") & (kind != "REWARD") | (pl.col("side") == "SELL").fill_null(False)
    redeems = kind == "REDEEM"
    per_market = held.group_by("market", maintain_order=True).agg(
        pl.col("up").last().alias("left_up"),
        pl.col("down").last().alias("left_down"),
        (-pl.min_horizontal(pl.col("up").min(), pl.col("down").min())).clip(lower_bound=0.0).alias("shortfall"),
        size.filter(redeems).sum().alias("redeemed"),
        redeems.any().alias("was_redeemed"),
        told.any().alias("told"),
        pl.col("outcome").filter(redeems).drop_nulls().first().alias("stated"),
    )
    return per_market.with_columns(
        (pl.col("redeemed") - pl.col("left_up")).abs().alias("gap_up"),
        (pl.col("redeemed") - pl.col("left_down")).abs().alias("gap_down"),
    ).select(
        "market",
        "left_up",
        "left_down",
        "redeemed",
        pl.when("told").then(_residual()).alias("residual"),
        pl.when("was_redeemed").then(pl.coalesce("stated", _winner())).alias("winner"),
    )


def _residual() -> pl.Expr:
    gap = pl.when("was_redeemed").then(pl.min_horizontal("gap_up", "gap_down")).otherwise(0.0)
    return pl.max_horizontal("shortfall", gap)


def _winner() -> pl.Expr:
    up, down = pl.col("gap_up"), pl.col("gap_down")
    clear = ((up - down).abs() > _SAME) & (_residual() <= RESIDUAL_TOLERANCE)
    return pl.when(clear).then(pl.when(up < down).then(pl.lit("Up")).otherwise(pl.lit("Down")))


def policies(trades: pl.DataFrame, complete: pl.Series) -> dict[str, tuple[int, int]]:
    """For every policy on duplicates: how many of the complete markets that can be judged do reconcile, of how many."""
    judged: dict[str, tuple[int, int]] = {}
    for policy in ("none", "exact", "tx"):
        kept = trades if policy == "none" else trades.filter(~repeats(trades, policy))
        found = reconcile(kept).filter(pl.col("market").is_in(complete.implode()), pl.col("residual").is_not_null())
        judged[policy] = (int((found["residual"] <= RESIDUAL_TOLERANCE).sum()), found.height)
    return judged
