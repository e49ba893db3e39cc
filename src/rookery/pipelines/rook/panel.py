"""What a ROOK brain learned of its teacher, and what the teacher's labels were worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl

from rookery.datasets.sequences import Sequences
from rookery.evaluation.backtest import Backtest
from rookery.evaluation.classification import Called, class_scores, reliability, scores
from rookery.evaluation.comparison import Comparison
from rookery.evaluation.deployment import confidence_bins, forward_moves, profit_by
from rookery.evaluation.report.record import Estimate, HeadError, Mix, RookPanel

_HEADS = (("size", "of balance", 4), ("slippage_bps", "bps", 1), ("deadline_s", "s", 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What the training part held, as far as the simplest rivals need it: rows per class, medians where it acted."""

    class_counts: Mapping[str, int]
    medians: Mapping[str, float | None]

    @classmethod
    def of(cls, train: Sequences) -> Self:
        """The lesson of a training part."""
        acted_N = train.side_N != train.classes.index("HOLD")
        counts = np.bincount(train.side_N, minlength=len(train.classes))
        return cls(
            class_counts={name: int(count) for name, count in zip(train.classes, counts, strict=True)},
            medians={
                name: float(np.median(getattr(train, f"{name}_N")[acted_N])) if acted_N.any() else None
                for name, _, _ in _HEADS
            },
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The lesson that `dataclasses.asdict` turned into JSON."""
        return cls(class_counts=values["class_counts"], medians=values["medians"])


def rook_panel(
    test: Sequences,
    lesson: Lesson,
    predictions: pl.DataFrame,
    decisions: pl.DataFrame,
    labelled: pl.DataFrame,
    result: Comparison,
    *,
    mixes: Sequence[Mix],
    threshold: float,
    quote: str,
    seed: int,
) -> RookPanel:
    """The panel over the judged span.

    `predictions` are the network's own answers for `test` (p_buy, p_hold, p_sell, size, slippage_bps, deadline_s),
    `decisions` what the agent made of them, `labelled` the teacher's DECISIONS on the same swaps.
    """
    classes = test.classes
    chances_NK = predictions.select([f"p_{name.lower()}" for name in classes]).to_numpy()
    known = np.array([lesson.class_counts[name] for name in classes], dtype=np.float64)
    rows = Called(
        truth_N=test.side_N,
        called_N=chances_NK.argmax(axis=1),
        chances_NK=chances_NK,
        prior_K=known / known.sum(),
    )
    counts = rows.confusion()
    bins, gap = reliability(rows)
    return RookPanel(
        classes=classes,
        split="test",
        confusion=tuple(tuple(int(count) for count in row) for row in counts),
        per_class=class_scores(counts, classes),
        # Decisions that share most of a window are no independent rows; a window's length is the least block.
        scores=scores(rows, block_length=float(test.seq_len), seed=seed),
        heads=_head_errors(test, lesson, predictions),
        reliability=bins,
        calibration_error=Estimate(value=gap, note="no interval: a mean of absolute gaps is biased upwards"),
        label_mix=tuple(mixes),
        confidence=confidence_bins(decisions["confidence"]),
        threshold=threshold,
        unit=quote,
        by_action=profit_by(result.agent, "side", seed=seed),
        by_rule=profit_by(result.rivals["teacher"], "reason", seed=seed),
        by_agents_rule=profit_by(_under_rules(result.agent, labelled), "reason", seed=seed),
        forward=forward_moves(labelled, result.agent.equity["price"], seed=seed),
    )


def label_mix(name: str, part: Sequences) -> Mix:
    """Rows per class of one part."""
    return Mix(name=name, counts=tuple(int(c) for c in np.bincount(part.side_N, minlength=len(part.classes))))


def _under_rules(agent: Backtest, labelled: pl.DataFrame) -> Backtest:
    """The agent's books with the rule that the teacher's label had on each order's row as its reason."""
    rules = labelled.select("row", pl.col("reason").alias("rule"))
    orders = agent.orders.join(rules, on="row", how="left", maintain_order="left")
    return replace(agent, orders=orders.with_columns(reason=pl.col("rule").fill_null("no label")).drop("rule"))


def _head_errors(test: Sequences, lesson: Lesson, predictions: pl.DataFrame) -> tuple[HeadError, ...]:
    """Mean absolute error where the teacher acted, beside that of always saying the training median."""
    acted_N = test.side_N != test.classes.index("HOLD")
    errors = []
    for name, unit, digits in _HEADS:
        truth, said = getattr(test, f"{name}_N")[acted_N], predictions[name].to_numpy()[acted_N]
        median = lesson.medians[name]
        errors.append(
            HeadError(
                head=name,
                unit=unit,
                digits=digits,
                error=float(np.abs(said - truth).mean()) if truth.size else None,
                constant_error=float(np.abs(median - truth).mean()) if truth.size and median is not None else None,
                rows=int(truth.size),
            )
        )
    return tuple(errors)
