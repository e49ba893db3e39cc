"""What a ROOK brain learned of its teacher, and what the teacher's labels were worth."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from rookery.datasets.sequences import Sequences
from rookery.datasets.splits import Split
from rookery.evaluation.classification import Called, class_scores, reliability, scores
from rookery.evaluation.comparison import Comparison
from rookery.evaluation.deployment import confidence_bins, forward_moves, profit_by
from rookery.evaluation.report.record import Estimate, HeadError, Mix, RookPanel

# Decisions that share most of a window are no independent rows; a window's length is the least block.
_HEADS = (("size", "of balance", 4), ("slippage_bps", "bps", 1), ("deadline_s", "s", 0))


def rook_panel(
    sequences: Sequences,
    split: Split,
    predictions: pl.DataFrame,
    decisions: pl.DataFrame,
    labelled: pl.DataFrame,
    price: pl.Series,
    result: Comparison,
    *,
    threshold: float,
    quote: str,
    seed: int,
) -> RookPanel:
    """The panel over the test split. `predictions` are the network's own outputs (p_*, size, slippage_bps, deadline_s)
    for it, `decisions` what the agent made of them, `labelled` the teacher's DECISIONS, `price` that of the swaps.
    """
    test = sequences.part(split.test)
    classes = sequences.classes
    train_side_N = sequences.part(split.train).side_N
    chances_NK = predictions.select([f"p_{name.lower()}" for name in classes]).to_numpy()
    rows = Called(
        truth_N=test.side_N,
        called_N=chances_NK.argmax(axis=1),
        chances_NK=chances_NK,
        prior_K=np.bincount(train_side_N, minlength=len(classes)) / train_side_N.size,
    )
    counts = rows.confusion()
    bins, gap = reliability(rows)
    return RookPanel(
        classes=classes,
        split="test",
        confusion=tuple(tuple(int(count) for count in row) for row in counts),
        per_class=class_scores(counts, classes),
        scores=scores(rows, block_length=float(sequences.seq_len), seed=seed),
        heads=_head_errors(sequences.part(split.train), test, predictions),
        reliability=bins,
        calibration_error=Estimate(value=gap, note="no interval: a mean of absolute gaps is biased upwards"),
        label_mix=tuple(
            Mix(name=name, counts=_counts(sequences.part(part).side_N, classes))
            for name, part in (("train", split.train), ("validation", split.validation), ("test", split.test))
        ),
        confidence=confidence_bins(decisions["confidence"]),
        threshold=threshold,
        unit=quote,
        by_action=profit_by(result.agent, "side", seed=seed),
        by_rule=profit_by(result.rivals["teacher"], "reason", seed=seed),
        forward=forward_moves(labelled, price, seed=seed),
    )


def _counts(side_N: np.ndarray[tuple[int], np.dtype[np.int64]], classes: Sequence[str]) -> tuple[int, ...]:
    return tuple(int(count) for count in np.bincount(side_N, minlength=len(classes)))


def _head_errors(train: Sequences, test: Sequences, predictions: pl.DataFrame) -> tuple[HeadError, ...]:
    """Mean absolute error where the teacher acted, beside that of always saying the training median."""
    hold = test.classes.index("HOLD")
    acted_N, learned_N = test.side_N != hold, train.side_N != hold
    errors = []
    for name, unit, digits in _HEADS:
        truth, known = getattr(test, f"{name}_N")[acted_N], getattr(train, f"{name}_N")[learned_N]
        said = predictions[name].to_numpy()[acted_N]
        some = bool(truth.size and known.size)
        errors.append(
            HeadError(
                head=name,
                unit=unit,
                digits=digits,
                error=float(np.abs(said - truth).mean()) if some else None,
                constant_error=float(np.abs(np.median(known) - truth).mean()) if some else None,
                rows=int(truth.size),
            )
        )
    return tuple(errors)
