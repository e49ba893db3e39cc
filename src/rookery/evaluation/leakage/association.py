"""Columns that know too much: of the target, of shuffled answers, of the next price of a fair game."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.errors import UserError
from rookery.evaluation.leakage.differences import numeric_columns
from rookery.evaluation.leakage.finding import Finding, Outcome, not_tested
from rookery.evaluation.leakage.point_in_time import Probed

# N rows, K columns

Floats = npt.NDArray[np.float64]

LEAST_ROWS = 100
# Beyond these a column is the target under another name.
MOST_CORRELATION = 0.99
MOST_INFORMATION = 0.95
# Chance that an honest table of any width fails one of the two tests below.
FALSE_ALARM = 1e-4
_BINS = 32


def target_association(outputs: pl.DataFrame, target: pl.Series, subject: str, *, looks_ahead: bool) -> Finding:
    """No column may have a correlation of over 0.99 with the target, or tell over 95 % of what there is to know of it.

    Information is mutual information over the target's entropy, in 32 bins of equal count, less the bias of Miller
    (1955). Where the target looks ahead, such a column is a leak. Where it does not (a rule's label), it may be all
    that the rule looks at, and is `possible`.
    """
    probe = "target association"
    columns = numeric_columns(outputs)
    known_N = target.is_not_null().to_numpy()
    labels_N, numbers_N = _classes(target), _numbers(target)
    if len(target) != outputs.height or known_N.sum() < LEAST_ROWS or np.unique(labels_N[known_N]).size < 2:
        return not_tested(probe, subject, f"target '{target.name}' has fewer than {LEAST_ROWS} rows, or one value")
    strength = {name: _strength(values_N, numbers_N, labels_N, known_N) for name, values_N in columns.items()}
    over = {
        name: (correlation, information)
        for name, (correlation, information) in strength.items()
        if correlation > MOST_CORRELATION or information > MOST_INFORMATION
    }
    outcome: Outcome = ("failed" if looks_ahead else "possible") if over else "passed"
    first = max(over, key=lambda name: max(over[name]), default=None)
    detail = ""
    if first is not None:
        correlation, information = over[first]
        detail = f"correlation {correlation:.4f} with '{target.name}', tells {information:.0%} of it"
    return Finding(
        probe=probe,
        subject=subject,
        outcome=outcome,
        tested=f"{len(columns)} columns against '{target.name}', {int(known_N.sum()):,} rows",
        times=len(columns),
        detail=detail,
        columns=tuple(over),
        column=first,
    )


def shuffled_answers(one: Probed, answers: Sequence[str]) -> Finding:
    """Shuffle the table's columns `answers`: no column of the output may then be associated with them.

    Shuffled answers are exchangeable, so that z = r sqrt(N - 1) is standard normal however the columns behave.
    """
    probe, rng = "shuffled answers", np.random.default_rng([one.seed, *b"shuffled"])
    if not one.by_row or one.table.height < LEAST_ROWS:
        return not_tested(probe, one.subject, f"fewer than {LEAST_ROWS} rows, or output rows are not the table's rows")
    order = rng.permutation(one.table.height)
    shuffled = one.table.with_columns(one.table[name].gather(order) for name in answers)
    columns = numeric_columns(one.function(shuffled))
    limit = _limit(max(1, len(columns) * len(answers)))
    found = []
    for answer in answers:
        truth_N = _numbers(shuffled[answer])
        for name, values_N in columns.items():
            correlation, rows = _correlation(values_N, truth_N)
            if rows >= LEAST_ROWS and correlation * np.sqrt(rows - 1) > limit:
                found.append((correlation, name, answer))
    strongest = max(found, default=None)
    return Finding(
        probe=probe,
        subject=one.subject,
        outcome="failed" if found else "passed",
        tested=f"{len(columns)} columns against shuffled {', '.join(answers)}, {one.table.height:,} rows",
        times=len(columns) * len(answers),
        detail="" if strongest is None else f"correlation {strongest[0]:.3f} with shuffled '{strongest[2]}'",
        columns=tuple(dict.fromkeys(name for _, name, _ in found)),
        column=None if strongest is None else strongest[1],
    )


def martingale(outputs: pl.DataFrame, price: pl.Series, subject: str) -> Finding:
    """On a price without any edge no column may foretell the next return.

    Each column is standardised by its own past, held within 3 deviations, and multiplied with the return that follows.
    If the column knows no future these products have mean 0 whatever came before, and their sum over the root of the
    sum of their squares is near standard normal. `outputs` are row by row those of the prices.
    """
    probe = "martingale"
    if outputs.height != price.len() or price.len() < LEAST_ROWS:
        return not_tested(probe, subject, f"fewer than {LEAST_ROWS} rows, or output rows are not the table's rows")
    values = price.cast(pl.Float64).to_numpy()
    if not (np.isfinite(values) & (values > 0)).all():
        raise UserError("are not positive numbers throughout", place="martingale prices")
    returns_N = values[1:] / values[:-1] - 1.0
    columns = numeric_columns(outputs)
    limit = _limit(max(1, len(columns)))
    scores = {name: _foresight(values_N[:-1], returns_N) for name, values_N in columns.items()}
    found = sorted((name for name in scores if abs(scores[name]) > limit), key=lambda name: -abs(scores[name]))
    return Finding(
        probe=probe,
        subject=subject,
        outcome="failed" if found else "passed",
        tested=f"{len(columns)} columns against the next of {returns_N.size:,} fair returns",
        times=len(columns),
        detail=f"foretells the next return: z = {scores[found[0]]:.1f}, limit {limit:.1f}" if found else "",
        columns=tuple(found),
        column=found[0] if found else None,
    )


def _foresight(known_N: Floats, returns_N: Floats) -> float:
    finite = np.isfinite(known_N)
    level = np.where(finite, known_N, 0.0)
    count = np.maximum(np.cumsum(finite), 1)
    mean = np.cumsum(level) / count
    spread = np.sqrt(np.maximum(np.cumsum(np.where(finite, (level - mean) ** 2, 0.0)) / count, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.clip((level - mean) / spread, -3.0, 3.0)
    weight = np.where(finite & (spread > 1e-12 * np.abs(mean)), weight, 0.0)
    products = np.nan_to_num(weight) * returns_N
    size = float(np.sqrt((products**2).sum()))
    return float(products.sum()) / size if size > 0.0 else 0.0


def _strength(
    values_N: Floats, numbers_N: Floats, labels_N: npt.NDArray[np.int64], known_N: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """Absolute correlation with the target's numbers, and the share of its entropy that the column tells."""
    use = known_N & np.isfinite(values_N)
    if use.sum() < LEAST_ROWS:
        return 0.0, 0.0
    return _correlation(values_N[use], numbers_N[use])[0], _information(values_N[use], labels_N[use])


def _correlation(left_N: Floats, right_N: Floats) -> tuple[float, int]:
    use = np.isfinite(left_N) & np.isfinite(right_N)
    left, right = left_N[use], right_N[use]
    if use.sum() < 2 or np.ptp(left) == 0.0 or np.ptp(right) == 0.0:
        return 0.0, int(use.sum())
    with np.errstate(all="ignore"):
        correlation = float(np.corrcoef(left, right)[0, 1])
    return (abs(correlation) if np.isfinite(correlation) else 0.0), int(use.sum())


def _information(values_N: Floats, labels_N: npt.NDArray[np.int64]) -> float:
    """Mutual information of the column (in bins of equal count, ties together) and the classes, over their entropy."""
    edges = np.unique(np.quantile(values_N, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, values_N, side="right")
    _, classes = np.unique(labels_N, return_inverse=True)
    counts = np.zeros((bins.max() + 1, classes.max() + 1))
    np.add.at(counts, (bins, classes), 1.0)
    joint = counts / values_N.size
    entropy = _entropy(joint.sum(axis=0))
    if entropy == 0.0:
        return 0.0
    told = _entropy(joint.sum(axis=1)) + entropy - _entropy(joint.ravel())
    rows, columns = np.count_nonzero(joint.sum(axis=1)), np.count_nonzero(joint.sum(axis=0))
    return max(0.0, float(told - (rows - 1) * (columns - 1) / (2 * values_N.size)) / entropy)


def _entropy(shares: Floats) -> float:
    present = shares[shares > 0]
    return float(-(present * np.log(present)).sum())


def _classes(target: pl.Series) -> npt.NDArray[np.int64]:
    """Class numbers: the target's values, or bins of equal count where these are many numbers."""
    distinct = target.drop_nulls().n_unique()
    if target.dtype.is_numeric() and distinct > _BINS:
        values = target.cast(pl.Float64).fill_null(0.0).fill_nan(0.0).to_numpy()
        edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, _BINS // 2 + 1)[1:-1]))
        return np.searchsorted(edges, values, side="right").astype(np.int64)
    return target.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()


def _numbers(target: pl.Series) -> Floats:
    """The target as numbers; words by their order."""
    numeric = target.dtype.is_numeric() or target.dtype == pl.Boolean
    return np.asarray((target if numeric else target.rank("dense")).cast(pl.Float64).to_numpy(), np.float64)


def _limit(tests: int) -> float:
    """The two-sided normal quantile at FALSE_ALARM, divided among the tests (Bonferroni)."""
    return NormalDist().inv_cdf(1.0 - FALSE_ALARM / (2.0 * tests))
