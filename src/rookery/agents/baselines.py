"""Decision makers that an agent must beat: do nothing, buy once, act at random, follow the rules it learned from."""

import numpy as np
import polars as pl

from rookery.market.orders import DECISIONS
from rookery.types import Side

# A buyer who wants in at any price: a limit that lets the order lapse would leave the baseline in cash, unnoticed.
_ANY_SLIPPAGE_BPS = 1e9
_ANY_DEADLINE_S = 365 * 86_400.0


def always_hold(swaps: pl.DataFrame) -> pl.DataFrame:
    """DECISIONS that never trade, one per swap."""
    return _decisions(swaps).select(*DECISIONS.columns)


def buy_and_hold(swaps: pl.DataFrame) -> pl.DataFrame:
    """DECISIONS that spend all quote after the first swap, at any price, and hold from then on."""
    first = pl.int_range(pl.len()) == 0
    return (
        _decisions(swaps)
        .with_columns(
            side=pl.when(first).then(pl.lit(str(Side.BUY))).otherwise(pl.col("side")),
            size=pl.when(first).then(1.0).otherwise(0.0),
            slippage_bps=pl.when(first).then(_ANY_SLIPPAGE_BPS).otherwise(0.0),
            deadline_s=pl.when(first).then(_ANY_DEADLINE_S).otherwise(0.0),
            reason=pl.when(first).then(pl.lit("BUY_AND_HOLD")).otherwise(pl.col("reason")),
        )
        .select(*DECISIONS.columns)
    )


def random(swaps: pl.DataFrame, like: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """DECISIONS with the orders of `like` (sides, sizes, limits) in random order after random swaps of the span.

    One draw for one `seed`. Rows without an order are left out. What a random trader with the same habits earns is what
    trading so often costs; only what an agent earns beyond that can be skill in choosing when.
    """
    orders = like.filter(pl.col("side") != Side.HOLD)
    if orders.height > swaps.height:
        raise ValueError(f"{orders.height} orders do not fit into {swaps.height} swaps")
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.choice(swaps.height, size=orders.height, replace=False)).astype(np.int64)
    return (
        orders[generator.permutation(orders.height)]
        .with_columns(
            row=pl.Series(rows),
            time=swaps["time"].gather(rows),
            confidence=pl.lit(0.0),
            reason=pl.lit("RANDOM"),
            **_no_probabilities(),
        )
        .select(*DECISIONS.columns)
    )


def teacher(swaps: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """DECISIONS that follow a LABELS table of the same swaps, row by row; `rule_triggered` is the reason."""
    if not labels["time"].equals(swaps["time"]):
        raise ValueError("labels and swaps must be of the same rows: their times differ")
    chosen = labels.select(
        "time", "side", "size", "slippage_bps", "deadline_s", "confidence", reason=pl.col("rule_triggered")
    )
    return chosen.with_columns(
        row=pl.int_range(pl.len(), dtype=pl.Int64),
        size=pl.col("size").cast(pl.Float64),
        slippage_bps=pl.col("slippage_bps").cast(pl.Float64),
        deadline_s=pl.col("deadline_s").cast(pl.Float64),
        **_no_probabilities(),
    ).select(*DECISIONS.columns)


def _decisions(swaps: pl.DataFrame) -> pl.DataFrame:
    """A HOLD after every swap."""
    return swaps.select(
        row=pl.int_range(pl.len(), dtype=pl.Int64),
        time="time",
        side=pl.lit(str(Side.HOLD)),
        size=pl.lit(0.0),
        slippage_bps=pl.lit(0.0),
        deadline_s=pl.lit(0.0),
        confidence=pl.lit(1.0),
        reason=pl.lit("ALWAYS_HOLD"),
        **_no_probabilities(),
    )


def _no_probabilities() -> dict[str, pl.Expr]:
    return {name: pl.lit(None, dtype=pl.Float64) for name in ("p_buy", "p_hold", "p_sell")}
