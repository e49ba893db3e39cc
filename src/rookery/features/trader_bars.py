"""A trader's markets as bars of one length, never across two markets: his flow, the price he saw, what he held."""

import polars as pl

from rookery.features.position import FLAT, positions

INTERVAL_S = 900
_SECOND = 1_000_000_000
_HELD = ("up_held", "down_held", "cash", "quantity", "entry_price", "realised", "unrealised", "held_s")


def trader_bars(
    trades: pl.DataFrame,
    markets: pl.DataFrame,
    *,
    interval_s: int = INTERVAL_S,
    quotes: pl.DataFrame | None = None,
    sessions: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Bars of `interval_s` seconds from a TRADES and a MARKETS table, by market, then by time.

    A market's bars start at its opening, or whole intervals earlier where there are trades before it, and end at its
    close; the last one may be shorter. A market without a window goes from its first to its last row. A bar holds the
    rows of `open_time` <= row < `time`, and is knowable at `time`, its end. Trades after the close are in no bar.

    `market`, `segment` (0, 1, ... by opening), `bar` (0 at the opening, negative before)
    `observed`      False where rows may be missing: after the last row of a cut market, before the first of a capped
                    one, in the bars that hold those rows, and throughout a market with faulty rows. Unknown, not idle.
    `fills`, `up_bought`, `down_bought`, `up_sold`, `down_sold`, `merged` (shares), `usdc` (traded), `signed_quantity`
                    (Up-equivalent: Up bought and Down sold less Up sold and Down bought)
    `open`, `high`, `low`, `close`, `vwap`      price of Up in his fills; null in a bar without one
    `up_price`      the last such price so far, null before any; `since_fill_s` its age at `time`
    `to_close_s`    seconds from `time` to the market's close, as its slug says; null without a window
    `up_held`, `down_held`, `cash`, `quantity`, `entry_price`, `realised`, `unrealised`, `held_s`
                    the position at `time` (see `positions`); 0 before the first row
    `quote_price`, `quote_age_s`, `quote_mid`, `quote_spread`
                    with `quotes` (QUOTES): price of Up by the market's last event strictly before `time` (middle of
                    the book, or a last trade), that event's age, and middle and spread of the last book that had both
                    sides; null before any. Events that name no token are left out: 0.4 of Down is 0.6 of Up. In a bar
                    without a fill `up_price` is then the market's, where that is newer than the last fill, and
                    `unrealised` is what is held at `up_price`.

    With `sessions` (SESSIONS) a market is a session of an instrument, whose price has no upper end. What was held
    before the session's first fill is carried into it, and everything is told in the session's own measure, so that
    instruments are alike: prices over that of its first fill, quantities times it, which makes them quote.

    Raises ValueError when the interval is no whole number of seconds above 0.
    """
    if interval_s < 1 or interval_s != int(interval_s):
        raise ValueError(f"interval_s is {interval_s}; expected whole seconds, at least 1")
    step_ns = int(interval_s) * _SECOND
    trades, openings = (trades, None) if sessions is None else _in_own_measure(trades, sessions)
    grid = _grid(markets, step_ns)
    bounds = grid.group_by("market").agg(pl.col("open_time").min().alias("start"), pl.col("time").max().alias("end"))
    inside = trades.join(bounds, on="market", how="left", maintain_order="left").filter(pl.col("time") < pl.col("end"))
    flow = _flow(inside, step_ns)
    bars = grid.join(flow, on=["market", "place"], how="left", maintain_order="left")
    counted = pl.col("fills", "up_bought", "down_bought", "up_sold", "down_sold", "merged", "usdc", "signed_quantity")
    bars = bars.with_columns(counted.fill_null(0), pl.col("close").forward_fill().over("market").alias("up_price"))
    bars = _with_position(bars, trades, openings).with_columns(_since("last_fill").alias("since_fill_s"))
    bars = bars if quotes is None else _with_quotes(bars, quotes)
    return bars.drop("place", "last_fill").sort("segment", "bar")


def _grid(markets: pl.DataFrame, step_ns: int) -> pl.DataFrame:
    """Every bar of every market with its bounds, from the market's own window."""
    windowed = pl.col("close_time").is_not_null()
    first, last = pl.col("first_time").to_physical(), pl.col("last_time").to_physical()
    opens = pl.when(windowed).then(pl.col("open_time").to_physical()).otherwise(first // step_ns * step_ns)
    # The last row of a market without a window belongs to its last bar, so that one ends after it.
    closes = pl.when(windowed).then(pl.col("close_time").to_physical()).otherwise((last // step_ns + 1) * step_ns)
    early = ((pl.col("opens") - first).clip(lower_bound=0) + step_ns - 1) // step_ns
    late = (pl.col("closes") - pl.col("opens") + step_ns - 1) // step_ns
    bounds = markets.sort(pl.coalesce("open_time", "first_time"), "market").with_columns(
        opens.alias("opens"), closes.alias("closes")
    )
    grid = bounds.select(
        "market",
        pl.int_range(pl.len()).alias("segment"),
        "opens",
        "closes",
        windowed.alias("windowed"),
        pl.int_ranges(-early, late).alias("bar"),
        *("first_time", "last_time", "capped", "cut", "faulty_rows"),
    ).explode("bar", empty_as_null=False)
    start = pl.col("opens") + pl.col("bar") * step_ns
    end = pl.when(pl.col("bar") >= 0).then(pl.min_horizontal(start + step_ns, "closes")).otherwise(start + step_ns)
    grid = grid.with_columns(_moment(start).alias("open_time"), _moment(end).alias("time"))
    lost = (pl.col("capped") & (pl.col("open_time") <= pl.col("first_time"))) | (
        pl.col("cut") & (pl.col("time") > pl.col("last_time"))
    )
    to_close = (pl.col("closes") - pl.col("time").to_physical()) / _SECOND
    return grid.select(
        "time",
        "open_time",
        "market",
        "segment",
        "bar",
        (~lost & (pl.col("faulty_rows") == 0)).alias("observed"),
        pl.when("windowed").then(to_close).alias("to_close_s"),
        (pl.col("bar") - pl.col("bar").min().over("market")).alias("place"),
    )


def _flow(trades: pl.DataFrame, step_ns: int) -> pl.DataFrame:
    """What happened in each bar in which anything did."""
    place = (pl.col("time") - pl.col("start")).dt.total_nanoseconds() // step_ns
    size, price = pl.col("size"), pl.col("up_price")
    bought, up, fills = pl.col("side") == "BUY", pl.col("outcome") == "Up", pl.col("kind") == "TRADE"
    sums = {
        "up_bought": fills & up & bought,
        "down_bought": fills & ~up & bought,
        "up_sold": fills & up & ~bought,
        "down_sold": fills & ~up & ~bought,
        "merged": pl.col("kind") == "MERGE",
    }
    table = trades.with_columns(place.alias("place")).group_by("market", "place", maintain_order=True)
    flow = table.agg(
        fills.sum().cast(pl.Int64).alias("fills"),
        *(size.filter(which).sum().alias(name) for name, which in sums.items()),
        pl.col("usdc").filter(fills).sum(),
        price.filter(fills).first().alias("open"),
        price.filter(fills).max().alias("high"),
        price.filter(fills).min().alias("low"),
        price.filter(fills).last().alias("close"),
        ((price * size).filter(fills).sum() / size.filter(fills).sum()).fill_nan(None).alias("vwap"),
    )
    signed = pl.col("up_bought") + pl.col("down_sold") - pl.col("up_sold") - pl.col("down_bought")
    return flow.with_columns(signed.alias("signed_quantity"))


def _in_own_measure(trades: pl.DataFrame, sessions: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Trades and openings with prices over, and sizes times, the price of each session's first fill."""
    first = pl.col("first_price")
    measured = trades.join(sessions.select("market", "first_price"), on="market", how="left", maintain_order="left")
    openings = sessions.with_columns(
        pl.col("quantity") * first, pl.col("entry_price") / first, pl.lit(1.0).alias("one")
    )
    return (
        measured.with_columns(pl.col("size") * first, pl.col("price", "up_price") / first).drop("first_price"),
        openings.drop("first_price").rename({"one": "first_price"}),
    )


def _with_position(bars: pl.DataFrame, trades: pl.DataFrame, openings: pl.DataFrame | None) -> pl.DataFrame:
    """The position that all rows before the bar's end have made, and when the last fill was."""
    fill_time = pl.when(pl.col("kind") == "TRADE").then("time").forward_fill().over("market")
    after = positions(trades, openings).with_columns(
        pl.col("time").alias("row_time"),
        trades.select(fill_time.alias("last_fill")).to_series(),
    )
    joined = _as_of(bars, after.drop("up_price"))
    held = pl.col("held_s") + pl.when(pl.col("quantity").abs() >= FLAT).then(_since("row_time")).otherwise(0.0)
    joined = joined.with_columns(held.alias("held_s")).drop("row_time")
    zero = [name for name in _HELD if name != "entry_price"]
    return joined.with_columns(pl.col(zero).fill_null(0.0))


def _with_quotes(bars: pl.DataFrame, quotes: pl.DataFrame) -> pl.DataFrame:
    """The market's own price at each bar's end; it is the bar's where the trader gave none, and marks what he holds."""
    down, book = pl.col("outcome") == "Down", pl.col("mid")
    traded = pl.when(pl.col("kind") == "last_trade_price").then("price")
    told = quotes.filter(pl.col("outcome").is_in(("Up", "Down"))).select(
        "time",
        "market",
        *(
            pl.when(down).then(1.0 - price).otherwise(price).alias(name)
            for name, price in (("quote_mid", book), ("quote_price", pl.coalesce(book, traded)))
        ),
        (pl.col("best_ask") - pl.col("best_bid")).alias("quote_spread"),
        pl.col("time").alias("quoted"),
    )
    # At 0 and 1 there is no book left, and a price of 0 has no logarithm.
    events = told.filter(pl.col("quote_price").is_between(0.0, 1.0, closed="none"))
    books = told.filter(pl.col("quote_mid").is_not_null(), pl.col("quote_spread").is_not_null())
    for facts, names in ((events, ("quote_price", "quoted")), (books, ("quote_mid", "quote_spread"))):
        sorted_facts = facts.select("time", "market", *names).sort("time", maintain_order=True)
        bars = _as_of(bars, sorted_facts)
    bars = bars.with_columns(_since("quoted").alias("quote_age_s")).drop("quoted")
    is_newer = (pl.col("fills") == 0) & (pl.col("quote_age_s") < pl.col("since_fill_s").fill_null(float("inf")))
    price = pl.when(is_newer).then("quote_price").otherwise("up_price").alias("up_price")
    held, pairs = pl.col("up_held") - pl.col("down_held"), pl.col("down_held")
    worth = pl.col("cash") + held * pl.col("up_price") + pairs
    return bars.with_columns(price).with_columns(
        pl.coalesce(worth - pl.col("realised"), "unrealised").alias("unrealised")
    )


def _as_of(bars: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """`bars` (any order) with the last of `facts` of the same market strictly before each bar's end."""
    return bars.sort("time", maintain_order=True).join_asof(
        facts, on="time", by="market", strategy="backward", allow_exact_matches=False, check_sortedness=False
    )


def _since(moment: str) -> pl.Expr:
    return (pl.col("time") - pl.col(moment)).dt.total_nanoseconds() / _SECOND


def _moment(nanoseconds: pl.Expr) -> pl.Expr:
    return nanoseconds.cast(pl.Datetime("ns", "UTC"))
