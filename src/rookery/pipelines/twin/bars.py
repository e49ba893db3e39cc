"""A trader's bars in markets of two outcomes as the bars that states and labels are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from rookery.errors import UserError
from rookery.features.segments import SEGMENT
from rookery.features.trader_bars import trader_bars
from rookery.features.underlying import is_known, with_age
from rookery.pipelines.twin.config import TableConfig
from rookery.pipelines.twin.history import TwinHistory

_NEEDED = (
    *("time", SEGMENT, "observed", "open", "high", "low", "close", "up_price", "since_fill_s", "to_close_s"),
    *("up_bought", "down_bought", "up_sold", "down_sold", "signed_quantity"),
    *("quantity", "entry_price", "realised", "unrealised", "held_s"),
)
# Shares have six decimals: less than half of the last one is nothing held.
_FLAT = 5e-7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketBars:
    """Bars of complete markets, nothing fitted.

    `bars` are those of `state_bars` with `market`, and with AGE where the state has an underlying. `spans` are
    `segment`, `market`, `opens` and `closes` (of its bars) of every complete market, `left_out` counts markets that
    have no bar here, by reason.
    """

    bars: pl.DataFrame
    spans: pl.DataFrame
    left_out: Mapping[str, int]


def bars_of(history: TwinHistory, config: TableConfig) -> MarketBars:
    """All that a bundle can be asked about in `history`, whatever part it lies in.

    A market of which no bar knows the underlying is left out. Raises UserError where nothing is left, where the state
    has an underlying and the history has none, or the other way round, and for an extended state of instruments.
    """
    if config.state.state == "extended" and not history.pays_out:
        raise UserError(
            "the extended state knows how far a price is from 0.5; an instrument's price has no such middle",
            place="--state",
            remedy="give --state spec17",
        )
    complete = history.markets.filter("complete")
    if not complete.height:
        raise UserError(
            f"none of the {history.markets.height} markets is complete",
            place=history.facts.path,
            remedy="fetch the whole files: a capped, cut or faulty one hides what was held",
        )
    trades = history.trades.filter(pl.col("market").is_in(complete["market"].implode()))
    quotes = history.quotes if history.quotes.height else None
    cut = trader_bars(trades, complete, interval_s=config.interval_s, quotes=quotes, sessions=history.sessions)
    spans = cut.group_by(SEGMENT, maintain_order=True).agg(
        pl.col("market").first(), pl.col("open_time").min().alias("opens"), pl.col("time").max().alias("closes")
    )
    priced = state_bars(cut, capital=config.capital)
    bars = priced.join(spans.select(SEGMENT, "market"), on=SEGMENT, how="left", maintain_order="left")
    left_out = {
        "incomplete": history.markets.height - complete.height,
        "without a price": complete.height - bars[SEGMENT].n_unique(),
    }
    bars, without = _aged(bars, history, config)
    return MarketBars(bars=bars, spans=spans, left_out=left_out | without)


def _aged(bars: pl.DataFrame, history: TwinHistory, config: TableConfig) -> tuple[pl.DataFrame, dict[str, int]]:
    """`bars` of the markets that know the underlying in some bar, with its age, and how many others there are."""
    check_underlying(history, config)
    if history.underlying is None:
        return bars, {}
    limit = config.state.underlying_max_age_s
    known = with_age(bars, history.underlying.table).filter(is_known(limit).any().over(SEGMENT))
    if not known.height:
        raise UserError(
            f"tells of none of the trader's {bars[SEGMENT].n_unique()} markets: no bar of it is known there, or only "
            f"one older than {limit:,.0f} s",
            place=history.underlying.facts.path,
            remedy="give bars of the markets' own time, or allow older ones: state.underlying_max_age_s",
        )
    return known, {"without the underlying": bars[SEGMENT].n_unique() - known[SEGMENT].n_unique()}


def check_underlying(history: TwinHistory, config: TableConfig) -> None:
    """Raise UserError unless the history has an underlying where the state is made of one, and there alone."""
    if config.state.underlying and history.underlying is None:
        raise UserError(
            "has no underlying, of which the state is to be made",
            place=history.facts.path,
            remedy="give its bars: --underlying FILE",
        )
    if history.underlying is not None and not config.state.underlying:
        raise UserError(
            "is given, and the state is to be made without an underlying",
            place=history.underlying.facts.path,
            remedy="leave --underlying out, or set state.underlying in the settings",
        )


def state_bars(bars: pl.DataFrame, *, capital: float) -> pl.DataFrame:
    """`features.trader_bars` (price of Up, signed Up-equivalent quantity) as `features.state` and `labels.trader` ask.

    A bar without a fill stands at the last price seen, or with quotes at the market's own; bars before a segment's
    first price are left out, since there is no state to speak of. `volume` is the trader's own: no other is in his
    history. `net_quantity` is null where rows may be missing, and HOLD is 0. `bar_return` is what realised and
    unrealised profit gained in the bar, over `capital` (USDC). Raises UserError for a missing column, ValueError for a
    capital of 0 or less.
    """
    if missing := [name for name in _NEEDED if name not in bars.columns]:
        raise UserError(f"lacks the column '{missing[0]}'", place="bars", remedy=f"found: {', '.join(bars.columns)}")
    if not capital > 0:
        raise ValueError(f"capital is {capital}; expected USDC above 0")
    before = pl.col("up_price").shift(1).over(SEGMENT)
    stood = pl.coalesce(before, "up_price")
    book = pl.col("realised") + pl.col("unrealised")
    is_open = pl.col("quantity").abs() >= _FLAT
    table = bars.select(
        "time",
        SEGMENT,
        pl.coalesce("open", stood).alias("open"),
        pl.coalesce("high", pl.max_horizontal(stood, "up_price")).alias("high"),
        pl.coalesce("low", pl.min_horizontal(stood, "up_price")).alias("low"),
        pl.coalesce("close", "up_price").alias("close"),
        pl.sum_horizontal("up_bought", "down_bought", "up_sold", "down_sold").cast(pl.Float64).alias("volume"),
        pl.when(is_open).then("quantity").otherwise(0.0).alias("inventory"),
        pl.when(is_open).then("entry_price").alias("entry_price"),
        pl.when(is_open).then("unrealised").otherwise(0.0).alias("unrealised_pnl"),
        pl.when(is_open).then("held_s").alias("seconds_since_entry"),
        pl.col("since_fill_s").alias("seconds_since_fill"),
        pl.col("to_close_s").clip(lower_bound=0.0).alias("seconds_to_end"),
        pl.when("observed").then("signed_quantity").alias("net_quantity"),
        ((book - book.shift(1).over(SEGMENT).fill_null(0.0)) / capital).alias("bar_return"),
    )
    return table.filter(pl.col("close").is_not_null())
