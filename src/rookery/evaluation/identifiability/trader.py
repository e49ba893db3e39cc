"""A trader in markets of two outcomes, told from his fills: what he earns, by what, and whether a twin can copy it.

A pair of both tokens is worth 1, so selling Up at p is buying Down at 1 - p: every fill is a purchase of one of the two
tokens. Of U bought for c_U and D bought for c_D in a market, n = min(U, D) are matched pairs, each worth 1
whatever happens, and the rest is a leftover that is worth 1 or 0:

    profit = n (1 - c_U / U - c_D / D)  +  leftover (payoff - its average cost)

Prices are of his own fills: there is no book of orders in his history. The middle of a market at a time is the mean of
the last price at which he bought Up (or sold Down) and the last at which he sold Up (or bought Down).
"""

# M markets

from dataclasses import dataclass

import numpy as np
import polars as pl

from rookery.evaluation.identifiability.outcome_trips import OutcomeTrips, outcome_trips
from rookery.evaluation.identifiability.resampling import mean_over_markets, ratio_over_markets
from rookery.evaluation.report.estimate import Estimate
from rookery.features.segments import SEGMENT

AFTER_S = 60
_LEAST_SHARES = 5e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderDescription:
    """Money is USDC a market, before fees (none are in his rows); a move is USDC a share that he bought, by size.

    `pair_cost` is the mean over markets of what a pair of both tokens cost him, `below_one` the share of markets where
    that is below 1. `spread` is what he gained on the middle at the moment of his fills, `moved` what the middle did
    within `AFTER_S` seconds after (below 0: it turned against him), `to_end` from his price to the market's payoff.
    `copied` is what one share, held with the sign of his net exposure and traded at prices that came after, earned.
    `trips` are his round trips, None where he hardly sells.
    """

    markets: int
    unsettled: int
    fills: int
    sales: int
    profit: Estimate
    profitable: Estimate
    pairs: Estimate
    leftovers: Estimate
    pair_cost: Estimate
    below_one: Estimate
    matched: Estimate
    spread: Estimate
    moved: Estimate
    to_end: Estimate
    copied: Estimate
    trips: OutcomeTrips | None = None


def describe(trades: pl.DataFrame, markets: pl.DataFrame, bars: pl.DataFrame, *, seed: int) -> TraderDescription:
    """The trader of TRADES in the complete ones of MARKETS; `bars` are those that states are made of, with `market`."""
    ends = payoffs(trades, markets.filter("complete"))
    books = market_books(trades, ends)
    moves = _moves(trades, ends)
    copied = copied_exposure(bars, ends)
    paired = books.drop_nulls("pair_cost")
    sold = trades.filter((pl.col("side") == "SELL") & pl.col("market").is_in(ends["market"].implode()))

    def mean(values: pl.Series) -> Estimate:
        return mean_over_markets(values.cast(pl.Float64).to_numpy(), seed=seed)

    def ratio(table: pl.DataFrame, above: str, below: str) -> Estimate:
        return ratio_over_markets(table[above].to_numpy(), table[below].to_numpy(), seed=seed)

    return TraderDescription(
        markets=books.height,
        unsettled=books.height - int(books["settled"].sum()),
        fills=int(books["fills"].sum()),
        sales=sold.height,
        profit=mean(books["profit"]),
        profitable=mean(books["profit"] > 0),
        pairs=mean(books["by_pairs"]),
        leftovers=mean(books["by_leftovers"]),
        pair_cost=mean(paired["pair_cost"]),
        below_one=mean(paired["pair_cost"] < 1),
        matched=ratio(books.with_columns(both=2 * pl.col("pairs")), "both", "bought"),
        spread=ratio(moves, "spread", "known"),
        moved=ratio(moves, "moved", "followed"),
        to_end=ratio(moves, "to_end", "bought"),
        copied=mean(copied["profit"]),
        trips=outcome_trips(trades, books, seed=seed),
    )


def payoffs(trades: pl.DataFrame, markets: pl.DataFrame) -> pl.DataFrame:
    """What a share of Up was worth in the end, by market: `market`, `payoff`, `settled`, `ends`.

    1 or 0 by the token that was redeemed; in a market without redemption the last price of Up (`settled` is False).
    This is known when a market is over, so it may settle a position and never be part of a state.
    """
    is_trade = pl.col("kind") == "TRADE"
    last = trades.filter(is_trade).group_by("market", maintain_order=True).agg(pl.col("up_price").last().alias("last"))
    won = pl.when(pl.col("winner") == "Up").then(1.0).when(pl.col("winner") == "Down").then(0.0)
    return markets.join(last, on="market", how="inner", maintain_order="left").select(
        "market",
        pl.coalesce(won, "last").alias("payoff"),
        pl.col("winner").is_not_null().alias("settled"),
        pl.coalesce("close_time", "last_time").alias("ends"),
    )


def market_books(trades: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Profit of each market of `ends` (`payoffs`), in its order, by matched pairs and by leftovers.

    `market`, `payoff`, `settled`, `ends`, `fills`, `bought` (shares of both tokens), `pairs` (matched), `pair_cost`
    (null where only one token was bought), `profit`, `by_pairs`, `by_leftovers` (USDC, before fees).
    """
    is_up = (pl.col("outcome") == "Up") == (pl.col("side") == "BUY")
    bought = pl.col("side") == "BUY"
    cost = pl.when(bought).then("usdc").otherwise(pl.col("size") - pl.col("usdc"))
    sums = (
        trades.filter(pl.col("kind") == "TRADE")
        .group_by("market", maintain_order=True)
        .agg(
            pl.len().alias("fills"),
            pl.col("size").filter(is_up).sum().alias("up"),
            pl.col("size").filter(~is_up).sum().alias("down"),
            cost.filter(is_up).sum().alias("up_cost"),
            cost.filter(~is_up).sum().alias("down_cost"),
        )
    )
    up, down, payoff = pl.col("up"), pl.col("down"), pl.col("payoff")
    both = (up > _LEAST_SHARES) & (down > _LEAST_SHARES)
    profit = up * payoff + down * (1.0 - payoff) - pl.col("up_cost") - pl.col("down_cost")
    made = ends.join(sums, on="market", how="inner", maintain_order="left").with_columns(
        pairs=pl.min_horizontal(up, down),
        bought=up + down,
        pair_cost=pl.when(both).then(pl.col("up_cost") / up + pl.col("down_cost") / down),
        profit=profit,
    )
    by_pairs = (pl.col("pairs") * (1.0 - pl.col("pair_cost"))).fill_null(0.0)
    return made.with_columns(by_pairs=by_pairs, by_leftovers=pl.col("profit") - by_pairs).select(
        *("market", "payoff", "settled", "ends", "fills", "bought", "pairs", "pair_cost"),
        *("profit", "by_pairs", "by_leftovers"),
    )


def copied_exposure(bars: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """`profit` by `market` of one share with the sign of his `inventory` at each bar's close, until the payoff.

    It is traded at the open of the next bar, and only where that bar has a fill of his: an open without one is a price
    that was known before. Null inventories hold nothing.
    """
    wanted = pl.col("inventory").sign().fill_null(0.0).shift(1).over(SEGMENT)
    held = pl.when(pl.col("volume") > 0).then(wanted).forward_fill().over(SEGMENT).fill_null(0.0)
    traded = bars.select(SEGMENT, "market", "open", held=held).with_columns(
        change=pl.col("held") - pl.col("held").shift(1).over(SEGMENT).fill_null(0.0)
    )
    sums = traded.group_by("market", maintain_order=True).agg(
        paid=(pl.col("change") * pl.col("open")).sum(), held=pl.col("held").last()
    )
    joined = ends.join(sums, on="market", how="inner", maintain_order="left")
    return joined.select("market", profit=pl.col("held") * pl.col("payoff") - pl.col("paid"))


def _moves(trades: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Sums over each market's fills, in shares and in shares times USDC, of what prices did for him afterwards."""
    buys_up = (pl.col("outcome") == "Up") == (pl.col("side") == "BUY")
    price = pl.col("up_price")
    fills = (
        trades.filter(pl.col("kind") == "TRADE")
        .join(ends, on="market", how="inner", maintain_order="left")
        .with_columns(sign=pl.when(buys_up).then(1.0).otherwise(-1.0))
    )
    sides = [
        pl.when(pl.col("sign") == sign).then(price).forward_fill().over("market").alias(name)
        for sign, name in ((1.0, "bid"), (-1.0, "ask"))
    ]
    # Rows of one second have no order that is known: the last of them speaks for all.
    fills = fills.with_columns(sides).with_columns(middle=(pl.col("bid") + pl.col("ask")) / 2)
    middles = fills.group_by("market", "time", maintain_order=True).agg(pl.col("middle").last())
    later = fills.with_columns(at=pl.col("time") + pl.duration(seconds=AFTER_S, time_unit="ns"))
    now = later.drop("middle").join(middles, on=["market", "time"], how="left", maintain_order="left")
    ahead = middles.rename({"time": "at", "middle": "after"}).sort("at", maintain_order=True)
    joined = now.sort("at", maintain_order=True).join_asof(
        ahead, on="at", by="market", strategy="backward", check_sortedness=False
    )
    gain, size = pl.col("sign") * pl.col("size"), pl.col("size")
    known = pl.col("middle").is_not_null()
    follows = known & (pl.col("at") <= pl.col("ends"))
    sums = (
        joined.sort("market", "time", maintain_order=True)
        .group_by("market", maintain_order=True)
        .agg(
            bought=size.sum(),
            known=size.filter(known).sum(),
            followed=size.filter(follows).sum(),
            spread=(gain * (pl.col("middle") - price)).filter(known).sum(),
            moved=(gain * (pl.col("after") - pl.col("middle"))).filter(follows).sum(),
            to_end=(gain * (pl.col("payoff") - price)).sum(),
        )
    )
    return ends.select("market").join(sums, on="market", how="inner", maintain_order="left")


def profits_by_market(books: pl.DataFrame, names: list[str]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """The trader's profit in each market of `names`; 0 where he did not trade."""
    found = dict(zip(books["market"].to_list(), books["profit"].to_list(), strict=True))
    return np.array([found.get(name, 0.0) for name in names])
