"""A made-up trader's fills in made-up markets, for whoever has no history: what he does is known but for his noise."""

# R bars

from dataclasses import replace

import numpy as np
import polars as pl

from rookery.market.planted_trader import PlantedMarkets, planted_bars, rule_trader
from rookery.pipelines.twin.history import TwinHistory
from rookery.schema import SourceFacts, fingerprint
from rookery.sources import polymarket

# He does one of the five actions at random so often: see `market.planted_trader.best_accuracy`.
NOISE = 0.2
# So small that nothing but the price is learnt from it.
_LOT = 0.1
_BAR_S = 60
_BARS = 60


def planted_history(markets: int, *, seed: int) -> TwinHistory:
    """All rows of the trader by rule in hourly `markets`: what he decides at a close he trades at the next open.

    Bars of 60 s show what he saw: in each he also makes two small pairs of both tokens, at its open and high, and at
    its low and close. He only buys (selling Up is buying Down), and what is left of the winner is redeemed.
    """
    shape = PlantedMarkets(markets=markets, bars=_BARS, persistence=0.0)
    bars = rule_trader(planted_bars(shape, seed=seed), noise=NOISE, seed=seed + 1)
    return history_of(bars, seed=seed)


def history_of(bars: pl.DataFrame, *, seed: int) -> TwinHistory:
    """The rows of one who trades `net_quantity` in bars of 60 s of hourly markets, each a segment, at their open."""
    opens = pl.col("time").first().over("segment").dt.epoch("s") - _BAR_S
    bars = bars.with_columns(pl.format("planted-updown-1h-{}", opens).alias("market"))
    trades = pl.concat([_decided(bars), *_pairs(bars)]).sort("time", maintain_order=True)
    rows = pl.concat([trades, _redeemed(bars, trades, seed=seed + 2)]).sort("time", maintain_order=True)
    whole = _as_trades(rows)
    found = polymarket.of_trades(whole, facts=_facts(whole, bars["segment"].n_unique()))
    return TwinHistory.of(replace(found, facts=replace(found.facts, generated=True)))


def _decided(bars: pl.DataFrame) -> pl.DataFrame:
    """What the rule, or chance, asked for at the close before."""
    quantity = pl.col("net_quantity").round(6)
    buys = quantity > 0
    traded = bars.filter(quantity != 0)
    return _bought(traded, "open", 1, pl.when(buys).then(pl.lit("Up")).otherwise(pl.lit("Down")), quantity.abs())


def _pairs(bars: pl.DataFrame) -> list[pl.DataFrame]:
    moments = (("open", 5, "Up"), ("high", 20, "Down"), ("low", 40, "Up"), ("close", 55, "Down"))
    return [_bought(bars, price, second, pl.lit(outcome), pl.lit(_LOT)) for price, second, outcome in moments]


def _bought(bars: pl.DataFrame, price: str, second: int, outcome: pl.Expr, size: pl.Expr) -> pl.DataFrame:
    return bars.select(
        pl.col("time") - pl.duration(seconds=_BAR_S - second, time_unit="ns"),
        "market",
        pl.lit("TRADE").alias("kind"),
        outcome.alias("outcome"),
        pl.lit("BUY").alias("side"),
        size.alias("size"),
        pl.when(outcome == "Up").then(price).otherwise(1.0 - pl.col(price)).alias("price"),
    )


def _redeemed(bars: pl.DataFrame, trades: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """The winner's shares, a minute after each market's close; Up wins as often as its last price says."""
    ends = bars.group_by("market", maintain_order=True).agg(pl.col("time").last(), pl.col("close").last())
    draws = np.random.default_rng(seed).random(ends.height)
    winner = pl.when(pl.col("close") > pl.Series(draws)).then(pl.lit("Up")).otherwise(pl.lit("Down"))
    held = trades.group_by("market", "outcome", maintain_order=True).agg(pl.col("size").sum())
    named = ends.with_columns(winner.alias("outcome")).join(held, on=["market", "outcome"], maintain_order="left")
    return named.select(
        pl.col("time") + pl.duration(seconds=_BAR_S, time_unit="ns"),
        "market",
        pl.lit("REDEEM").alias("kind"),
        "outcome",
        pl.lit(None, dtype=pl.String).alias("side"),
        "size",
        pl.lit(None, dtype=pl.Float64).alias("price"),
    )


def _as_trades(rows: pl.DataFrame) -> pl.DataFrame:
    price = pl.col("price")
    return rows.select(
        "time",
        "market",
        pl.lit("planted").alias("trader"),
        *("kind", "outcome", "side", "size", "price"),
        (pl.col("size") * price.fill_null(1.0)).alias("usdc"),
        pl.when(pl.col("outcome") == "Up").then(price).otherwise(1.0 - price).alias("up_price"),
        pl.lit(None, dtype=pl.String).alias("transaction_hash"),
    )


def _facts(trades: pl.DataFrame, markets: int) -> SourceFacts:
    return SourceFacts(
        path=f"the trader by rule in {markets} markets",
        dialect="generated",
        rows_read=trades.height,
        rows_kept=trades.height,
        notes={"time": "generated"},
        fingerprint=fingerprint(trades),
    )
