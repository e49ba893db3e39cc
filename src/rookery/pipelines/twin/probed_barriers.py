"""Leakage probes on the barriers of a twin's tables: set by training exits, touched in their own market, no state."""

from functools import partial

import polars as pl

from rookery.evaluation.leakage import Finding, Fitted, Parts
from rookery.evaluation.leakage.differences import differences, sentence
from rookery.evaluation.leakage.point_in_time import future, probed, truncation
from rookery.evaluation.leakage.provenance import Rows, provenance
from rookery.evaluation.leakage.serving import recomputation
from rookery.features.segments import SEGMENT
from rookery.pipelines.twin import barriers
from rookery.pipelines.twin.barriers import FittedBarriers
from rookery.pipelines.twin.tables import TwinTables

_SUBJECT = "barrier labels"
_FILE_TOLERANCE = 1e-12
_PRICES = ("open", "high", "low", "close")
# Which market a bar is of, and when that ends, is announced before: no later row changes it.
_ANNOUNCED = (SEGMENT, "seconds_to_end")
# Of an output that a probe compares, what is not a time.
_COMPARED = ("barrier", "barrier_label", "barrier_return", "barrier_rows")


def of_barriers(tables: TwinTables, parts: Parts, *, cuts: int, seed: int) -> list[Finding]:
    """Every probe on barriers and their labels; none where the settings want no barriers."""
    fitted = tables.barriers
    if fitted is None or tables.barrier_labels is None:
        return []
    bars = tables.bars.select("time", *_ANNOUNCED, *_PRICES).sort("time", maintain_order=True)
    labels = partial(_labels, tables, fitted, bars.select(_ANNOUNCED))
    moving = bars.select("time", *_PRICES)
    one = probed(labels, moving, _SUBJECT, t1="t1", cuts=cuts, seed=seed, tolerance=0.0)
    stated = Fitted(
        name="barriers", rows=range(*fitted.fitted_rows), figures=fitted.figures, refit=partial(_refit, tables)
    )
    again = barriers.label(tables.bars, fitted, tables.config.barriers)
    return [
        future(one),
        truncation(one),
        provenance(stated, parts),
        _held_out(tables),
        recomputation(tables.barrier_labels, again, _SUBJECT, tolerance=_FILE_TOLERANCE),
        _of_states(tables),
    ]


def _labels(tables: TwinTables, fitted: FittedBarriers, announced: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """Labels in the order of `table`, each known when its barrier was touched."""
    whole = table.hstack(announced.head(table.height))
    placed = whole.with_row_index("place").sort(SEGMENT, "time", maintain_order=True)
    made = barriers.label(placed, fitted, tables.config.barriers)
    told = placed.select("place", "time").hstack(made.select(*_COMPARED, pl.col("barrier_time").alias("t1")))
    return told.sort("place").drop("place")


def _refit(tables: TwinTables, rows: Rows) -> dict[str, float]:
    span = range(int(min(rows)), int(max(rows)) + 1)
    return _fitted(tables, tables.bars, span)


def _fitted(tables: TwinTables, bars: pl.DataFrame, rows: range) -> dict[str, float]:
    return barriers.fit(bars, rows, tables.config.barriers, settles=tables.history.pays_out).figures


def _held_out(tables: TwinTables) -> Finding:
    """Let him hold the opposite of what he held in all held-out markets, at other prices: no barrier may move."""
    stop = tables.train_rows.stop
    is_later = pl.int_range(pl.len()) >= stop
    prices = (pl.col(name) * 1.5 for name in _PRICES)
    changed = (*prices, (1.0 - 2.0 * pl.col("inventory")).alias("inventory"))
    other = tables.bars.with_columns(pl.when(is_later).then(one).otherwise(one.meta.output_name()) for one in changed)
    before, after = (pl.DataFrame([_fitted(tables, bars, tables.train_rows)]) for bars in (tables.bars, other))
    found = differences(before, after, tolerance=0.0)
    return Finding(
        probe="future perturbation",
        subject="barriers",
        outcome="failed" if found else "passed",
        tested=f"exits and prices of {len(tables.validation):,} held-out markets",
        times=1,
        detail=sentence(found, of=before.width, cause="moved with held-out exits") if found else "",
        columns=tuple(one.column for one in found),
        column=found[0].column if found else None,
        row=stop if found else None,
    )


def _of_states(tables: TwinTables) -> Finding:
    """What came first after a bar may stand neither among the bars that states are made of, nor among the states."""
    named = sorted({*barriers.LABELS} & {*tables.bars.columns, *tables.states.columns})
    return Finding(
        probe="own answer",
        subject=_SUBJECT,
        outcome="failed" if named else "passed",
        tested=f"{len(tables.bars.columns)} columns of bars and {len(tables.states.columns)} of states",
        times=1,
        detail=f"'{named[0]}' is a label" if named else "",
        columns=tuple(named),
        column=named[0] if named else None,
    )
