"""A trained brain on swaps that it has not learned from: its decisions, and what they earned beside its rivals'."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rookery.agents.baselines import teacher
from rookery.datasets.sequences import Sequences
from rookery.evaluation.backtest import Totals, backtest
from rookery.evaluation.comparison import Comparison, compare
from rookery.evaluation.verdict import Gate
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.config import RookConfig
from rookery.progress import Progress
from rookery.tables import write_table
from rookery.types import Pair


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """All tables have one row per swap of the judged span, in step; `test` are the windows that end on them.

    `taught` is what the teacher's rules earn on the whole table, rows that the brain has learned from included.
    """

    test: Sequences
    swaps: pl.DataFrame
    features: pl.DataFrame
    predictions: pl.DataFrame
    decisions: pl.DataFrame
    labelled: pl.DataFrame
    comparison: Comparison
    taught: Totals


def judge(
    brain: TrainedROOKBrain,
    test: Sequences,
    swaps: pl.DataFrame,
    features: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    config: RookConfig,
    pair: Pair,
    seed: int,
    progress: Progress,
    gates: Sequence[Gate] = (),
) -> Judged:
    """Let `brain` decide on every window of `test` and settle it beside the baselines.

    `swaps`, `features` and `labels` are of the whole table that the windows were cut from; the span that is traded on
    is that of the windows' last rows. No claim is made when one of `gates` is red.
    """
    span = slice(int(test.row_N[0]), int(test.row_N[-1]) + 1)
    traded, known, labelled_span = swaps[span], features[span], labels[span]
    with progress.stage("backtest", len(test), unit="decisions") as advance:
        predictions = brain.predict(test.core_NLF, test.conditions_NC)
        decisions = brain.decisions(predictions, traded)
        labelled = teacher(traded, labelled_span)
        comparison = compare(
            traded,
            decisions,
            labelled,
            costs=config.costs,
            pair=pair,
            seed=seed,
            capital_quote=config.capital_quote,
            gates=gates,
        )
        whole = teacher(swaps, labels)
        books = backtest(swaps, whole, costs=config.costs, pair=pair, capital_quote=config.capital_quote)
        advance(len(test))
    return Judged(
        test=test,
        swaps=traded,
        features=known,
        predictions=predictions,
        decisions=decisions,
        labelled=labelled,
        comparison=comparison,
        taught=books.totals,
    )


def write_books(judged: Judged, folder: Path) -> None:
    """Write decisions, orders and equity of the agent, and every rival's equity on the common clock, as parquet."""
    result = judged.comparison
    write_table(judged.decisions, folder / "decisions.parquet")
    write_table(result.agent.orders, folder / "orders.parquet")
    write_table(result.agent.equity, folder / "equity.parquet")
    clock = pl.Series("time", result.grid.time_ns_G1).cast(judged.swaps["time"].dtype)
    lines = pl.DataFrame({"time": clock, **dict(result.equity_G1)})
    write_table(lines, folder / "comparison.parquet")
