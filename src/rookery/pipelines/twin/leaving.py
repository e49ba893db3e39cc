"""How a trader leaves his positions, for the report: his exits, the barriers nearest to them, and each action's end."""

# R rows, S segments, K kinds of action, M markets

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import polars as pl

from rookery.datasets.trajectories import UNKNOWN
from rookery.evaluation.identifiability.resampling import estimate, market_draws, ratio, sums_by_market
from rookery.evaluation.report.estimate import Estimate, Style
from rookery.evaluation.report.learned import Mix
from rookery.evaluation.report.leaving import AfterAction, ExitPart, Leaving, Tried
from rookery.features.segments import SEGMENT
from rookery.labels.barrier import OUTCOMES
from rookery.labels.trader import ACTIONS, BUY, SELL, STRONG_BUY, STRONG_SELL
from rookery.measures import Floats, Ints
from rookery.pipelines.twin import barriers
from rookery.pipelines.twin.barriers import FittedBarriers, Widths
from rookery.pipelines.twin.foretelling import TWIN
from rookery.pipelines.twin.judging import Judged
from rookery.pipelines.twin.tables import TwinTables

# How figures in units of the widths are written: style, digits, unit.
_WRITTEN: dict[Widths, tuple[Style, int, str]] = {
    "fraction": ("percent", 2, ""),
    "points": ("money", 3, "USDC"),
    "volatility": ("number", 2, ""),
}
# Of the candidates those that the price touches last and the clock first.
_FAR: dict[str, Callable[[Iterable[float]], float]] = {"profit": max, "stop": max, "horizon_bars": min}
_BUYS, _SELLS = [STRONG_BUY, BUY], [SELL, STRONG_SELL]
_BOTH = "BUYS_LESS_SELLS"

# A sign, and how much each row counts.
Term = tuple[float, Floats]


def leaving_section(judged: Judged, tables: TwinTables, *, seed: int) -> Leaving | None:
    """The section; None where the settings want no barriers. `seed` draws the intervals."""
    fitted, labels = tables.barriers, tables.barrier_labels
    if fitted is None or labels is None:
        return None
    config = tables.config.barriers
    style, digits, unit = _WRITTEN[config.widths]
    spans = {"train": tables.train_rows, "held out": tables.validation_rows}
    return Leaving(
        style=style,
        digits=digits,
        unit=unit,
        interval_s=tables.interval_s,
        said=_said(fitted, config.widths),
        note=_note(config.widths),
        levels=config.quantiles,
        parts=tuple(exit_part(name, tables, fitted, rows) for name, rows in spans.items()),
        profit=fitted.barriers.profit,
        stop=fitted.barriers.stop,
        horizon_bars=fitted.barriers.horizon_bars,
        tried=tuple(
            Tried(profit=one.profit, stop=one.stop, horizon_bars=one.horizon_bars, error=one.error)
            for one in fitted.grid
        ),
        mix=tuple(_mix(name, labels[rows.start : rows.stop]) for name, rows in spans.items()),
        unknown=labels["barrier"].null_count(),
        both=barriers.touches(tables.bars, fitted, config).both_touched,
        actions=after_actions(judged, tables, labels, seed=seed),
        actions_note=(
            "Entered long at the close of the bar in which the action was carried out, so that nobody fills at a price "
            "that he had seen; a right purchase shows a gain, a right sale a loss. The twin's rows count by the chance "
            "that it gave the action."
        ),
    )


def exit_part(name: str, tables: TwinTables, fitted: FittedBarriers, rows: range) -> ExitPart:
    """His exits in the markets of `rows`."""
    config = tables.config.barriers
    part = tables.bars[rows.start : rows.stop]
    own = barriers.own_exits(part, config)
    matched = barriers.agreement(part, fitted, config)
    sold, merged, settled = fates(tables.history.trades, part["market"])
    levels = config.quantiles if own.height else ()
    return ExitPart(
        name=name,
        markets=part[SEGMENT].n_unique(),
        positions=own.height,
        by_sale=_by_sale(tables, part, own),
        held_to_end=barriers.held_to_end(part),
        sold=sold,
        merged=merged,
        settled=settled,
        returns=tuple(float(np.quantile(own["gain"].to_numpy(), level)) for level in levels),
        bars=tuple(float(np.quantile(own["bars"].to_numpy(), level)) for level in levels),
        error=matched.error if matched else None,
        at_once=float(np.abs(own["gain"].to_numpy()).mean()) if own.height else None,
        agreement=matched.agreement if matched else None,
    )


def fates(trades: pl.DataFrame, markets: pl.Series) -> tuple[float | None, float | None, float | None]:
    """What became of all shares that he bought in these markets: sold, merged in pairs, or held to the settlement."""
    kind, size = pl.col("kind"), pl.col("size")
    is_trade = kind == "TRADE"
    sums = trades.filter(pl.col("market").is_in(markets.unique().implode())).select(
        bought=size.filter(is_trade & (pl.col("side") == "BUY")).sum() + 2 * size.filter(kind == "SPLIT").sum(),
        sold=size.filter(is_trade & (pl.col("side") == "SELL")).sum(),
        merged=2 * size.filter(kind == "MERGE").sum(),
    )
    bought, sold, merged = (float(sums[name].item()) for name in ("bought", "sold", "merged"))
    if bought <= 0:
        return None, None, None
    return sold / bought, merged / bought, max(0.0, bought - sold - merged) / bought


def _by_sale(tables: TwinTables, part: pl.DataFrame, own: pl.DataFrame) -> int:
    """Of the positions that were left, those against which more was sold than bought in the bar that ended them."""
    is_buy = pl.col("side") == "BUY"
    is_up = is_buy == ~(pl.col("outcome") == "Down").fill_null(False)
    trades = tables.history.trades.filter(
        (pl.col("kind") == "TRADE") & pl.col("market").is_in(part["market"].unique().implode())
    ).select("time", "market", "size", is_buy=is_buy, direction=pl.when(is_up).then(1).otherwise(-1))
    ends = part.select("time", "market", pl.col("time").alias("ends")).sort("time", maintain_order=True)
    placed = trades.sort("time", maintain_order=True).join_asof(
        ends, on="time", by="market", strategy="forward", allow_exact_matches=False, check_sortedness=False
    )
    flow = placed.group_by("market", "ends", "direction", maintain_order=True).agg(
        sold=pl.col("size").filter(~pl.col("is_buy")).sum(), bought=pl.col("size").filter("is_buy").sum()
    )
    left = own.select(
        market=part["market"].gather(own["exit_row"]),
        ends=part["time"].gather(own["exit_row"]),
        direction=-pl.col("side").cast(pl.Int32),
    )
    matched = left.join(flow, on=["market", "ends", "direction"], how="left", maintain_order="left")
    return int((matched["sold"] > matched["bought"]).sum())


def after_actions(judged: Judged, tables: TwinTables, labels: pl.DataFrame, *, seed: int) -> tuple[AfterAction, ...]:
    """Mean barrier return after each action on held-out markets, of the trader and of the twin, paired by market."""
    told, part = judged.foretelling, tables.trajectories.part(tables.validation)
    rows = tables.validation_rows
    gain_R = barriers.gains(tables.bars, labels, tables.config.barriers)[rows.start : rows.stop]
    # An action is of the bar after its row, and what came of it is known from that bar's close on.
    later_R = np.append(gain_R[1:], np.nan)
    later_R[part.offsets_S[1:] - 1] = np.nan
    later_R = later_R[(part.actions_R != UNKNOWN) & np.isfinite(part.rtg_R)]
    known_R = np.isfinite(later_R)
    if not known_R.any():
        return ()
    own_RK = np.eye(len(ACTIONS))[told.rows.actions_R[known_R]]
    twin_RK = told.chances[TWIN][known_R]
    market_R, later_R = told.rows.market_R[known_R], later_R[known_R]
    draws_BM = market_draws(len(judged.markets), seed=seed)

    def told_of(name: str, kinds: Sequence[tuple[float, list[int]]]) -> AfterAction:
        trader, twin = ([(sign, one_RK[:, which].sum(axis=1)) for sign, which in kinds] for one_RK in (own_RK, twin_RK))
        against = [(-sign, weights_R) for sign, weights_R in trader]
        return AfterAction(
            name=name,
            decisions=int(sum(weights_R.sum() for _, weights_R in trader)),
            trader=_mean(later_R, trader, market_R, draws_BM),
            twin=_mean(later_R, twin, market_R, draws_BM),
            difference=_mean(later_R, [*twin, *against], market_R, draws_BM),
        )

    each = (told_of(name, [(1.0, [kind])]) for kind, name in enumerate(ACTIONS))
    return (*each, told_of(_BOTH, [(1.0, _BUYS), (-1.0, _SELLS)]))


def _mean(values_R: Floats, terms: Sequence[Term], market_R: Ints, draws_BM: Floats) -> Estimate:
    """Weighted means over rows, added with their signs; whole markets are drawn anew."""
    if any(not weights_R.sum() > 0 for _, weights_R in terms):
        return Estimate.absent("there is no such action")
    columns = np.stack([one for _, weights_R in terms for one in (values_R * weights_R, weights_R)], axis=1)
    signs = [sign for sign, _ in terms]

    def figure(sums: Floats) -> Floats:
        means = [sign * ratio(sums[..., 2 * place : 2 * place + 2]) for place, sign in enumerate(signs)]
        return np.asarray(sum(means))

    return estimate(sums_by_market(columns, market_R, draws_BM.shape[1]), figure, draws_BM)


def _mix(name: str, labels: pl.DataFrame) -> Mix:
    return Mix(name=name, counts=tuple(int((labels["barrier"] == outcome).sum()) for outcome in OUTCOMES))


def _said(fitted: FittedBarriers, widths: Widths) -> str:
    said = fitted.sentence(widths)
    told = f"{said[0].upper()}{said[1:]}."
    if fitted.fallback or len({one.horizon_bars for one in fitted.grid}) < 2:
        return told
    if any(fitted.figures[key] != pick(getattr(one, key) for one in fitted.grid) for key, pick in _FAR.items()):
        return told
    return f"{told} Nothing wider or shorter was tried: he leaves by the clock more than by the price."


def _note(widths: Widths) -> str:
    measured = {
        "fraction": "Returns and widths are fractions of the price of entry.",
        "points": "Returns and widths are differences of the price of Up, in which Up and Down mirror one another.",
        "volatility": "Returns and widths are multiples of a bar's volatility at the entry.",
    }[widths]
    return (
        "A position runs while his inventory keeps its sign, by bars' closes; where there are two tokens, buying the "
        f"other one leaves it as selling does. {measured} The error is the mean "
        "absolute difference between his return and that of the barriers from the same entry; candidates are "
        "quantiles of his own exits in training, and held-out markets chose nothing."
    )
