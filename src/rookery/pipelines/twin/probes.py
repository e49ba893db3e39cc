"""Every leakage probe on what a twin's run made: states, labels, split, all that was fitted, and the network."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import polars as pl

from rookery.evaluation.leakage import Certificate, Finding, certify
from rookery.evaluation.leakage.association import martingale, target_association
from rookery.evaluation.leakage.differences import Difference, differences, merged, sentence
from rookery.evaluation.leakage.finding import Outcome
from rookery.evaluation.leakage.point_in_time import future, probed, truncation
from rookery.evaluation.leakage.serving import recomputation
from rookery.evaluation.leakage.splitting import label_overlap, time_order, window_overlap
from rookery.features.segments import SEGMENT
from rookery.features.state import state_features
from rookery.features.trader_bars import trader_bars
from rookery.features.underlying import with_age, with_underlying
from rookery.labels.trader import trader_labels
from rookery.pipelines.twin.audited import AuditedTwin
from rookery.pipelines.twin.bars import state_bars
from rookery.pipelines.twin.probed_barriers import of_barriers
from rookery.pipelines.twin.probed_decisions import fair_bars, of_decisions
from rookery.pipelines.twin.probed_fits import of_fits
from rookery.pipelines.twin.probed_sessions import of_sessions
from rookery.pipelines.twin.probed_underlying import of_underlying, outside_of, with_own_underlying
from rookery.progress import Progress

# Of a market's row in MARKETS, what only its end tells.
AFTERWARDS = ("rows", "fills", "duplicates", "left_up", "left_down", "redeemed", "residual", "winner")
# Markets, half of them before the cut, whose trades are changed: each change costs all their bars and states anew.
_PROBED_MARKETS = 16
_FAIR_ROWS = 2_000
_FILE_TOLERANCE = 1e-12


def certificate_of(
    run: AuditedTwin, subject: str, *, cuts: int, seed: int, progress: Progress, stages: Mapping[str, str] | None = None
) -> Certificate:
    """Every probe on a run's tables and network, wherever they come from; `stages` are hashes of their files."""
    groups = (
        partial(of_sessions, run, cuts, seed),
        partial(_of_features, run, cuts, seed),
        partial(_of_markets, run),
        partial(_of_labels, run, cuts, seed),
        partial(_of_split, run),
        partial(of_fits, run),
        partial(_of_barriers, run, cuts, seed),
        partial(of_decisions, run, cuts, seed),
    )
    findings: list[Finding] = []
    with progress.stage("audit", len(groups), unit="groups") as advance:
        for probe in groups:
            findings += probe()
            advance(1)
    return certify(findings, run.tables.history.trades, subject=subject, seed=seed, stages=stages)


def states_of(
    run: AuditedTwin,
    trades: pl.DataFrame,
    markets: pl.DataFrame,
    quotes: pl.DataFrame,
    outside: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """What a run knows at each bar of these markets: the bars that it makes of these rows, and their states.

    `outside` stands in for the underlying's recorded bars, where the states have one.
    """
    config = run.tables.config
    told = quotes if quotes.height else None
    sessions = run.tables.history.sessions
    cut = trader_bars(trades, markets, interval_s=config.interval_s, quotes=told, sessions=sessions)
    names = cut.group_by(SEGMENT, maintain_order=True).agg(pl.col("market").first())
    bars = state_bars(cut, capital=config.capital).join(names, on=SEGMENT, how="left", maintain_order="left")
    if config.state.underlying:
        told_of = outside_of(run) if outside is None else outside
        bars = with_underlying(with_age(bars, told_of), told_of, config.state, order=run.tables.order.order)
    states = state_features(bars, config.state, order=run.tables.order.order)
    return bars.hstack(states.select(n for n in config.state.names if n not in bars.columns)).drop(SEGMENT)


def _of_features(run: AuditedTwin, cuts: int, seed: int) -> list[Finding]:
    tables = run.tables
    first, last = max(0, tables.train.stop - _PROBED_MARKETS // 2), tables.train.stop + _PROBED_MARKETS // 2
    markets = _named(tables.history.markets, tables.markets[first:last])
    trades, quotes = (_rows_of(table, markets) for table in (tables.history.trades, tables.history.quotes))
    one = probed(
        lambda rows: states_of(run, rows, markets, quotes), trades, "features", cuts=cuts, seed=seed, tolerance=0.0
    )
    found = [future(one), truncation(one), _later_markets(run, trades, markets, quotes, one.whole)]
    if quotes.height > 1:
        other = probed(
            lambda rows: states_of(run, trades, markets, rows),
            quotes,
            "features by quotes",
            cuts=cuts,
            seed=seed,
            tolerance=0.0,
        )
        found += [future(other), truncation(other)]
    if tables.state.underlying:
        times = one.whole["time"]
        found += of_underlying(run, lambda rows: states_of(run, trades, markets, quotes, rows), times, cuts, seed)
    return [*found, *_associations(run), _fair(run, seed), *_again(run)]


def _later_markets(
    run: AuditedTwin, trades: pl.DataFrame, markets: pl.DataFrame, quotes: pl.DataFrame, whole: pl.DataFrame
) -> Finding:
    """Without the markets before it a market's bars and states must be the same: nothing is carried over."""
    starts = sorted({markets.height // 3, 2 * markets.height // 3} - {0})
    runs: list[list[Difference]] = []
    for start in starts:
        kept = markets[start:]
        later = states_of(run, _rows_of(trades, kept), kept, _rows_of(quotes, kept))
        known = whole.filter(pl.col("market").is_in(kept["market"].implode()))
        runs.append(_compared(known, later))
    tested = f"{whole.width} columns from {len(starts)} later first markets of {markets.height}"
    return _told("different start", "features", tested, max(1, len(starts)), merged(runs), "knew an earlier market")


def _associations(run: AuditedTwin) -> list[Finding]:
    """No state may be what is yet to come under another name. A rule's action may be, and a person must look."""
    tables = run.tables
    states = tables.states.select(tables.state.names)
    close = tables.bars["close"]
    move = tables.bars.select((pl.col("close").shift(-1).over(SEGMENT) / close - 1.0).alias("next move"))
    ahead = [move.to_series(), tables.labels["reward"], tables.labels["return_to_go"]]
    ahead += [] if tables.barrier_labels is None else [tables.barrier_labels["barrier_return"]]
    return [
        *(target_association(states, target, "features", looks_ahead=True) for target in ahead),
        target_association(states, tables.labels["action"], "features", looks_ahead=False),
    ]


def _fair(run: AuditedTwin, seed: int) -> Finding:
    bars = with_own_underlying(run, fair_bars(_FAIR_ROWS, seed=seed))
    states = state_features(bars, run.tables.state, order=run.tables.order.order)
    return martingale(states.select(run.tables.state.names), bars["close"], "features")


def _again(run: AuditedTwin) -> list[Finding]:
    """The recorded bars, states and labels against what this code makes of the recorded history."""
    tables = run.tables
    markets = _named(tables.history.markets, tables.markets)
    trades, quotes = (_rows_of(table, markets) for table in (tables.history.trades, tables.history.quotes))
    made = states_of(run, trades, markets, quotes)
    recorded = tables.bars.hstack(tables.states.select(n for n in tables.state.names if n not in tables.bars.columns))
    labels = trader_labels(tables.bars, tables.thresholds)
    return [
        recomputation(recorded.select(made.columns), made, "features", tolerance=_FILE_TOLERANCE),
        recomputation(tables.labels, labels, "labels", tolerance=_FILE_TOLERANCE),
    ]


def _of_markets(run: AuditedTwin) -> list[Finding]:
    """Markets' ends tell a state nothing, and only markets whose whole history is known are learnt from."""
    tables = run.tables
    markets = _named(tables.history.markets, tables.markets)
    used = tables.markets[max(0, tables.train.stop - _PROBED_MARKETS // 2) :][:_PROBED_MARKETS]
    few = _named(markets, used)
    trades, quotes = (_rows_of(table, few) for table in (tables.history.trades, tables.history.quotes))
    plain, other = (states_of(run, trades, one, quotes) for one in (few, _changed_ends(few)))
    listed = sorted({*tables.state.names} & {*AFTERWARDS, *tables.labels.columns} - {"time", SEGMENT})
    named = [Difference(column=n, row=0, rows=1, last_row=0, before="known", after="afterwards") for n in listed]
    tested = f"{plain.width} columns, {len(AFTERWARDS)} facts of {few.height} markets' ends"
    unfit = markets.filter(~pl.col("complete") | pl.col("capped") | pl.col("cut") | (pl.col("faulty_rows") > 0))
    return [
        _told("own answer", "markets' ends", tested, 1, [*named, *_compared(plain, other)], "changed with the outcome"),
        Finding(
            probe="recomputation",
            subject="markets",
            outcome="failed" if unfit.height else "passed",
            tested=f"{markets.height:,} markets: none capped, cut or faulty",
            times=markets.height,
            detail=f"{unfit.height} are, the first is {unfit['market'][0]}" if unfit.height else "",
            columns=("market",) if unfit.height else (),
            column="market" if unfit.height else None,
        ),
    ]


def _changed_ends(markets: pl.DataFrame) -> pl.DataFrame:
    """The same markets, ended otherwise."""
    other = pl.when(pl.col("winner") == "Up").then(pl.lit("Down")).otherwise(pl.lit("Up")).alias("winner")
    numbers = [name for name in AFTERWARDS if markets.schema[name].is_numeric()]
    return markets.with_columns(pl.col(numbers) * 7 + 1, other)


def _of_labels(run: AuditedTwin, cuts: int, seed: int) -> list[Finding]:
    """Action and reward are the next bar's; a return-to-go ends with its market."""
    tables = run.tables
    bars = tables.bars.select("time", SEGMENT, "net_quantity", "bar_return").sort("time", maintain_order=True)

    def labels(table: pl.DataFrame) -> pl.DataFrame:
        placed = table.with_row_index("place").sort(SEGMENT, "time", maintain_order=True)
        known = placed.select("place", pl.col("time").shift(-1).over(SEGMENT).alias("t1"))
        made = trader_labels(placed, tables.thresholds).select("time", "action", "reward")
        return made.hstack(known).sort("place").drop("place")

    one = probed(labels, bars, "labels", t1="t1", cuts=cuts, seed=seed, tolerance=0.0)
    return [future(one), truncation(one), _within_markets(run, cuts, seed)]


def _within_markets(run: AuditedTwin, cuts: int, seed: int) -> Finding:
    """Change what all later markets earned: the returns-to-go of a market must stay as they were."""
    tables = run.tables
    rng = np.random.default_rng([seed, *b"markets"])
    offsets_S = tables.trajectories.offsets_S
    places = np.sort(rng.choice(np.arange(1, len(offsets_S) - 1), min(cuts, len(offsets_S) - 2), replace=False))
    row = pl.int_range(pl.len())
    runs = []
    for stop in offsets_S[places].tolist():
        later = pl.when(row >= stop).then(7.0 * pl.col("bar_return") + 1.0).otherwise("bar_return")
        other = trader_labels(tables.bars.with_columns(later.alias("bar_return")), tables.thresholds)
        runs.append(differences(tables.labels[:stop], other[:stop], tolerance=0.0))
    tested = f"{len(places)} of {tables.trajectories.segments} markets' ends"
    return _told("future perturbation", "returns-to-go", tested, max(1, len(runs)), merged(runs), "knew a later market")


def _of_split(run: AuditedTwin) -> list[Finding]:
    parts, height = run.parts, run.tables.bars.height
    return [
        window_overlap(parts, height),
        label_overlap(parts, height, target="return_to_go"),
        time_order(parts),
        _closed_before(run),
        _whole_markets(run),
    ]


def _closed_before(run: AuditedTwin) -> Finding:
    """Every training market must be over before the first held-out one opens."""
    tables = run.tables
    opens = pl.coalesce("open_time", "first_time")
    closes = pl.max_horizontal("close_time", pl.coalesce("close_time", "last_time"))
    train, held_out = _markets_of_parts(run)
    ended, begun = train.select(closes.max()).item(), held_out.select(opens.min()).item()
    is_late = ended > begun
    last = int(np.argmax(tables.bars["time"].to_physical().to_numpy()[: tables.train_rows.stop]))
    return Finding(
        probe="time order",
        subject="markets",
        outcome="failed" if is_late else "passed",
        tested=f"the last of {train.height:,} closes at {ended:%Y-%m-%d %H:%M}, the first held out opens at "
        f"{begun:%Y-%m-%d %H:%M}",
        times=1,
        columns=("validation",) if is_late else (),
        column="validation" if is_late else None,
        row=last if is_late else None,
    )


def _whole_markets(run: AuditedTwin) -> Finding:
    """No market may be in both parts, under its own name or as the same fills under another."""
    trades = run.tables.history.trades.filter(pl.col("kind") == "TRADE")
    content = pl.struct("time", "outcome", "side", "size", "price").hash(seed=0)
    marked = trades.group_by("market").agg(content.sort().implode().hash(seed=0).first().alias("content"))
    train, held_out = (part.join(marked, on="market", how="left") for part in _markets_of_parts(run))
    twice = held_out.filter(
        pl.col("market").is_in(train["market"].implode()) | pl.col("content").is_in(train["content"].implode())
    )
    return Finding(
        probe="duplicates",
        subject="markets",
        outcome="failed" if twice.height else "passed",
        tested=f"names and fills of {train.height:,} and {held_out.height:,} markets",
        times=held_out.height,
        detail=f"{twice.height} held-out markets are in train too, the first is {twice['market'][0]}"
        if twice.height
        else "",
        columns=("market",) if twice.height else (),
        column="market" if twice.height else None,
    )


def _of_barriers(run: AuditedTwin, cuts: int, seed: int) -> list[Finding]:
    return of_barriers(run.tables, run.parts, cuts=cuts, seed=seed)


def _markets_of_parts(run: AuditedTwin) -> tuple[pl.DataFrame, pl.DataFrame]:
    names, markets = run.tables.markets, run.tables.history.markets
    train, held_out = run.tables.train, run.tables.validation
    return _named(markets, names[train.start : train.stop]), _named(markets, names[held_out.start : held_out.stop])


def _named(markets: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return markets.filter(pl.col("market").is_in(list(names)))


def _rows_of(table: pl.DataFrame, markets: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("market").is_in(markets["market"].implode()))


def _compared(before: pl.DataFrame, after: pl.DataFrame) -> list[Difference]:
    if before.height != after.height:
        counts = f"{before.height:,} rows", f"{after.height:,} rows"
        return [Difference(column="time", row=0, rows=1, last_row=0, before=counts[0], after=counts[1])]
    return differences(before, after, tolerance=0.0)


def _told(probe: str, subject: str, tested: str, times: int, found: Sequence[Difference], cause: str) -> Finding:
    outcome: Outcome = "failed" if found else "passed"
    return Finding(
        probe=probe,
        subject=subject,
        outcome=outcome,
        tested=tested,
        times=times,
        detail=sentence(found, of=len(found), cause=cause) if found else "",
        columns=tuple(one.column for one in found),
        column=found[0].column if found else None,
        row=found[0].row if found else None,
    )
