"""Leakage probes on the underlying: what a bar knows of it was over by then, and so were the rows of its order."""

# N bars

from statistics import NormalDist

import numpy as np
import polars as pl

from rookery.evaluation.leakage import Finding, Parts
from rookery.evaluation.leakage.finding import not_tested
from rookery.evaluation.leakage.point_in_time import Compute, future, probed, truncation
from rookery.features.segments import SEGMENT
from rookery.features.underlying import is_known, with_underlying
from rookery.measures import Floats
from rookery.pipelines.twin.audited import AuditedTwin
from rookery.pipelines.twin.tables import known_underlying

# So many of its bars before the probed markets are kept: windows and averages have settled by then.
_BEFORE = 1_000
# A price is of the bar's end when the trader's last fill is no older than this share of the bar.
_FRESH = 0.25
_SEEN = ("open", "high", "low", "close", "volume")
_LEAST_BARS = 100
_FALSE_ALARM = 1e-4


def of_underlying(run: AuditedTwin, states: Compute, times: pl.Series, cuts: int, seed: int) -> list[Finding]:
    """Change and cut off later bars of the underlying; `states` makes bars at `times` of its bars."""
    # Without its other columns: no feature looks at them, and a second clock must not be shuffled.
    table = outside_of(run).select("time", *_SEEN)
    first, last = times.min(), times.max()
    place = int((table["time"] < first).sum())
    before, inside = table[max(0, place - _BEFORE) : place], table[place:].filter(pl.col("time") <= last)
    if inside.height < 2:
        reason = "fewer than two of its bars lie in the probed markets"
        return [not_tested("future perturbation", "features by the underlying", reason)]
    one = probed(
        lambda rows: states(pl.concat([before, rows])),
        inside,
        "features by the underlying",
        t1="time",
        cuts=cuts,
        seed=seed,
        tolerance=0.0,
    )
    return [future(one), truncation(one), _clock(run)]


def _clock(run: AuditedTwin) -> Finding:
    """The markets must move with the underlying as it is stamped, not with what its next bar only tells.

    Stamps that are early by a bar (an opening taken for a close, a wrong clock) make each of its bars known before it
    has happened, and no change of later rows can show that. Correlations of moves are compared by Fisher's z.
    """
    probe, subject = "target association", "the underlying's stamps"
    table, tables = outside_of(run), run.tables
    step_ns = int(table["time"].to_physical().diff().median() or 0)  # type: ignore[arg-type]
    stamped, later = (_moves(run, table, shift_ns) for shift_ns in (0, step_ns))
    price = tables.bars.select(pl.col("close").diff().over(SEGMENT)).to_series().to_numpy()
    fresh = (pl.col("seconds_since_fill") <= _FRESH * tables.interval_s).fill_null(False)
    known = is_known(tables.state.underlying_max_age_s)
    both = (fresh & known) & (fresh & known).shift(1, fill_value=False).over(SEGMENT)
    use_N = tables.bars.select(both).to_series().to_numpy()
    use_N &= np.isfinite(stamped) & np.isfinite(later) & np.isfinite(price)
    bars = int(use_N.sum())
    if bars < _LEAST_BARS:
        return not_tested(probe, subject, f"fewer than {_LEAST_BARS} bars end with a fill of the trader")
    own, next_one = (abs(_correlation(moves[use_N], price[use_N])) for moves in (stamped, later))
    z = float(np.arctanh(min(next_one, 0.999999)) - np.arctanh(min(own, 0.999999))) * np.sqrt((bars - 3) / 2)
    is_early = z > NormalDist().inv_cdf(1.0 - _FALSE_ALARM)
    return Finding(
        probe=probe,
        subject=subject,
        outcome="failed" if is_early else "passed",
        tested=f"moves of the underlying and of the markets' prices in {bars:,} bars: correlation {own:.3f} as "
        f"stamped, {next_one:.3f} were each of its bars known {step_ns / 1e9:,.0f} s later",
        times=1,
        detail="its bars are stamped before they are over: the markets move with the bar before" if is_early else "",
        columns=("time",) if is_early else (),
        column="time" if is_early else None,
    )


def _moves(run: AuditedTwin, table: pl.DataFrame, shift_ns: int) -> Floats:
    """(R,) How far the log price of the underlying moved in each bar, were each of its rows known so much later."""
    rows = run.tables.bars.select("time", SEGMENT).with_row_index("row").sort("time", maintain_order=True)
    facts = table.select(
        pl.col("time") + pl.duration(nanoseconds=shift_ns, time_unit="ns"), pl.col("close").log().alias("price")
    )
    joined = rows.join_asof(facts, on="time", strategy="backward").sort("row")
    return joined.select(pl.col("price").diff().over(SEGMENT)).to_series().to_numpy()


def _correlation(left_N: Floats, right_N: Floats) -> float:
    if np.ptp(left_N) == 0.0 or np.ptp(right_N) == 0.0:
        return 0.0
    return float(np.corrcoef(left_N, right_N)[0, 1])


def order_parts(run: AuditedTwin) -> Parts:
    """Rows of the underlying that were knowable when the last training bar closed, and all that came later."""
    table = outside_of(run)
    rows = run.tables.train_rows
    known = known_underlying(table, run.tables.bars["time"][rows.start : rows.stop])
    # One row beyond the table: there may be none that came later.
    return Parts(rows={"train": known, "later": range(known.stop, table.height + 1)})


def outside_of(run: AuditedTwin) -> pl.DataFrame:
    """The underlying's bars, of a run that has them."""
    loaded = run.tables.history.underlying
    if loaded is None:
        raise ValueError("this run has no underlying")
    return loaded.table


def with_own_underlying(run: AuditedTwin, bars: pl.DataFrame) -> pl.DataFrame:
    """`bars` of a made-up market; where the run's states have an underlying it is the market's own price."""
    if not run.tables.state.underlying:
        return bars
    return with_underlying(bars, bars, run.tables.state, order=run.tables.order.order)
