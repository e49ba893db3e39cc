"""Leakage probes on a trader's sessions: what each opens with was known at its first fill and follows from fills."""

import polars as pl

from rookery.evaluation.leakage import Finding
from rookery.evaluation.leakage.point_in_time import future, probed, truncation
from rookery.evaluation.leakage.serving import recomputation
from rookery.pipelines.twin.audited import AuditedTwin
from rookery.pipelines.twin.fills_source import FillsSource
from rookery.pipelines.twin.sessions import sessions_of

_SUBJECT = "sessions"
_FILE_TOLERANCE = 1e-12
# Of a fill, what another future would have had otherwise; who traded what in which instrument stays.
_MOVED = ("size", "price", "position_before")
# The fills of one trader do not tell when the file of all of them ends.
_OF_THE_FILE = ("cut", "complete")

Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def of_sessions(run: AuditedTwin, cuts: int, seed: int) -> list[Finding]:
    """Change and cut off later fills, and make trades, markets and sessions anew; none where there are no sessions."""
    history, source = run.tables.history, run.source
    fills, sessions = history.fills, history.sessions
    if fills is None or sessions is None or not isinstance(source, FillsSource):
        return []
    fixed, made = fills.drop("time", *_MOVED), _made(fills, source)
    # Half of the cuts are right after an empty cell: where of a session the first fill alone is known.
    goes_on = pl.when(made[0]["market"].is_first_distinct().not_()).then(pl.lit(True)).alias("goes_on")
    moving = fills.select("time", *_MOVED, goes_on)

    def opened(rows: pl.DataFrame) -> pl.DataFrame:
        _, markets, openings = _made(rows.hstack(fixed.head(rows.height)).select(fills.columns), source)
        first = markets.select("market", pl.col("first_time").alias("time"))
        found = first.join(openings, on="market", how="left", maintain_order="left")
        return found.sort("time", maintain_order=True).drop("market", "instrument")

    one = probed(opened, moving, _SUBJECT, cuts=cuts, seed=seed, tolerance=0.0)
    return [future(one), truncation(one), *_again((history.trades, history.markets, sessions), made)]


def _made(fills: pl.DataFrame, source: FillsSource) -> Tables:
    """TRADES, MARKETS and SESSIONS of these fills, as `source` would have them."""
    return sessions_of(
        fills,
        session_s=source.session_s,
        resolution_s=source.columns.resolution_s,
        last_time=fills["time"][-1],
        place="fills",
    )


def _again(recorded: Tables, made: Tables) -> list[Finding]:
    """The recorded tables against what this code makes of the recorded fills."""
    subjects = ("trades of sessions", "markets of sessions", _SUBJECT)
    return [
        recomputation(
            table.drop(_OF_THE_FILE, strict=False),
            again.drop(_OF_THE_FILE, strict=False),
            subject,
            tolerance=_FILE_TOLERANCE,
        )
        for subject, table, again in zip(subjects, recorded, made, strict=True)
    ]
