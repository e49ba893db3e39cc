"""Whether the parts of a split are apart: in their windows, in what their labels look at, in time and in content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.evaluation.leakage.finding import Finding, Outcome, not_tested

Ints = npt.NDArray[np.int64]

# Columns that together name an event, whatever else repeats; the first whose cells are all filled are used.
IDENTITIES = (("transaction_hash", "log_index"), ("block_number", "log_index"), ("trade_id",), ("event_id",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Which rows of the table each part's samples are of, train first: {"train": range(700), "test": range(730, 1000)}.

    A sample of row r sees rows r - window + 1 to r, and its label looks at rows up to `label_end[r]` (by default r
    itself). `ordered`: every part must begin after the one before it has ended, as all but cross-validation does.
    """

    rows: Mapping[str, Sequence[int] | range | npt.NDArray[Any]]
    window: int = 1
    label_end: npt.NDArray[Any] | None = None
    ordered: bool = True

    def __post_init__(self) -> None:
        if len(self.rows) < 2 or any(len(part) == 0 for part in self.rows.values()) or self.window < 1:
            raise ValueError("a split has two parts or more, none of them empty, and windows of at least one row")

    @property
    def train(self) -> Ints:
        """The rows of the first part."""
        return self.arrays[next(iter(self.rows))]

    @property
    def arrays(self) -> dict[str, Ints]:
        """The rows of every part, in the order given."""
        return {name: np.asarray(part, np.int64) for name, part in self.rows.items()}


def window_overlap(parts: Parts, rows: int) -> Finding:
    """No row may be seen by windows of two parts."""
    seen = {name: _covered(part - parts.window + 1, part, rows) for name, part in parts.arrays.items()}
    tested = f"windows of {parts.window} rows of {_sizes(parts)}"
    found = [(first, second, seen[first] & seen[second]) for first, second in combinations(seen, 2)]
    return _shared("window overlap", tested, found, column="window", what="seen by windows of both")


def label_overlap(parts: Parts, rows: int, *, target: str = "label") -> Finding:
    """No row may lie in [first row of the window, last row that the label looks at] of samples of two parts.

    Rows that the windows alone share are left to `window_overlap`.
    """
    if parts.label_end is None:
        return not_tested("label overlap", "split", "it is not said how far labels look: give labels or label_end")
    ends = np.minimum(np.asarray(parts.label_end, np.int64), rows - 1)
    arrays, first = parts.arrays, {name: part - parts.window + 1 for name, part in parts.arrays.items()}
    seen = {name: _covered(first[name], part, rows) for name, part in arrays.items()}
    whole = {name: _covered(first[name], ends[part], rows) for name, part in arrays.items()}
    found = [(a, b, whole[a] & whole[b] & ~(seen[a] & seen[b])) for a, b in combinations(arrays, 2)]
    longest = int(max((ends[part] - part).max() for part in arrays.values()))
    tested = f"labels that look up to {longest} rows ahead, of {_sizes(parts)}"
    return _shared("label overlap", tested, found, column=target, what="within samples and labels of both")


def time_order(parts: Parts) -> Finding:
    """Each part must begin after the one before it has ended."""
    if not parts.ordered:
        return not_tested("time order", "split", "the parts are said to be unordered")
    arrays = list(parts.arrays.items())
    for (first, before), (second, after) in pairwise(arrays):
        early = after[after <= before.max()]
        if early.size:
            return Finding(
                probe="time order",
                subject="split",
                outcome="failed",
                tested=_sizes(parts),
                times=len(arrays) - 1,
                detail=f"{early.size:,} of {after.size:,} rows of {second} come before {first} ends",
                columns=(second,),
                column=second,
                row=int(early.min()),
            )
    return Finding(probe="time order", subject="split", outcome="passed", tested=_sizes(parts), times=len(arrays) - 1)


def duplicates(parts: Parts, table: pl.DataFrame, *, time: str = "time", identity: Sequence[str] = ()) -> Finding:
    """No event may be in two parts. Rows are compared by a hash of their content.

    A leak: one event by its `identity` columns (by default the first of IDENTITIES that the table has); without
    identity, a row equal in time and content, unless the cut itself falls into that moment; or content that repeats
    across the parts far oftener than within train. Repeats that happen anyway, such as fills of one size and price, are
    `possible`: only who knows the source can tell genuine events from copies.
    """
    known_by = [tuple(identity)] if identity else IDENTITIES
    keys = next((names for names in known_by if all(_is_filled(table, name) for name in names)), ())
    content = [name for name in table.columns if name != time and name not in keys]
    hashes = {
        "identity": _hashes(table, keys),
        "moment": _hashes(table, [time, *content] if time in table.columns else []),
        "content": _hashes(table, content),
    }
    arrays = parts.arrays
    found = [
        (names, _repeats(arrays[names[0]], arrays[names[1]], hashes, table, time)) for names in combinations(arrays, 2)
    ]
    order: Sequence[Outcome] = ("failed", "possible", "passed")
    (first, second), worst = min(found, key=lambda one: order.index(one[1].outcome))
    passed = worst.outcome == "passed"
    known = f", events known by {', '.join(keys)}" if keys else ""
    column = None if passed else (keys[0] if worst.by_identity else "row content")
    return Finding(
        probe="duplicates",
        subject="split",
        outcome=worst.outcome,
        tested=f"{len(content)} columns of {_sizes(parts)}{known}",
        times=sum(part.size for part in arrays.values()),
        detail="" if passed else f"as row {worst.earlier:,}; {first} and {second}: {worst.detail}",
        columns=() if column is None else (column,),
        column=column,
        row=None if passed else worst.later,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repeat:
    """How one part repeats another: what to make of it, and the first pair of equal rows."""

    outcome: Outcome
    earlier: int = 0
    later: int = 0
    detail: str = ""
    by_identity: bool = False


def _repeats(train: Ints, other: Ints, hashes: Mapping[str, Ints | None], table: pl.DataFrame, time: str) -> _Repeat:
    identity, moment, content = hashes["identity"], hashes["moment"], hashes["content"]
    if identity is not None and (twins := _twins(identity, train, other)).size:
        return _repeat("failed", identity, train, twins, f"{twins.size:,} events are in both", by_identity=True)
    if moment is not None and (twins := _twins(moment, train, other)).size:
        at = table[time].to_physical().to_numpy()
        count = f"{twins.size:,} rows are in both with their time"
        if identity is not None:
            return _repeat("possible", moment, train, twins, f"{count}, each known by another name")
        at_the_cut = bool((at[twins] == at[train].max()).all())
        return _repeat("possible" if at_the_cut else "failed", moment, train, twins, count)
    if content is None or not (twins := _twins(content, train, other)).size:
        return _Repeat(outcome="passed")
    across, expected = _copies(content[train], content[other])
    count = f"{twins.size:,} rows repeat earlier content at another time"
    if identity is None and across > expected + 5.0 * np.sqrt(expected):
        return _repeat("failed", content, train, twins, f"{count}; within {train.size:,} rows it hardly repeats")
    return _repeat("possible", content, train, twins, f"{count}, as rows of one part do among themselves")


def _repeat(
    outcome: Outcome, hashes: Ints, train: Ints, twins: Ints, detail: str, *, by_identity: bool = False
) -> _Repeat:
    later = int(twins.min())
    earlier = int(train[hashes[train] == hashes[later]].min())
    return _Repeat(outcome=outcome, earlier=earlier, later=later, detail=detail, by_identity=by_identity)


def _copies(train: Ints, other: Ints) -> tuple[int, float]:
    """How many contents stand once in train and again in another part, and how many of these to expect at most.

    Contents that repeat within train (a price that stands still, lots of one size) are nobody's copies. Where they are
    rare, chance puts 2 M / N times as many across parts of N and M rows as within the first.
    """
    values, counts = np.unique(train, return_counts=True)
    across = np.intersect1d(values[counts == 1], other).size
    within = int((counts > 1).sum())
    # Three more than were seen: the 95 % upper bound of a Poisson mean of which none was seen.
    return across, (within + 3.0) * 2.0 * other.size / max(train.size - 1.0, 1.0)


def _is_filled(table: pl.DataFrame, name: str) -> bool:
    return name in table.columns and not table[name].null_count()


def _twins(hashes: Ints, train: Ints, other: Ints) -> Ints:
    return other[np.isin(hashes[other], hashes[train])]


def _hashes(table: pl.DataFrame, columns: Sequence[str]) -> Ints | None:
    """A 64-bit hash of every row: of a million rows two have one by chance in 1 of 4e7 tables."""
    if not columns:
        return None
    return table.select(columns).hash_rows(seed=0).reinterpret(signed=True).to_numpy()


def _covered(first: Ints, last: Ints, rows: int) -> npt.NDArray[np.bool_]:
    """Rows that lie in any of the intervals [first, last]."""
    edges = np.zeros(rows + 1, np.int64)
    np.add.at(edges, np.maximum(first, 0), 1)
    np.add.at(edges, last + 1, -1)
    return np.asarray(np.cumsum(edges)[:rows] > 0)


def _shared(
    probe: str, tested: str, found: Sequence[tuple[str, str, npt.NDArray[np.bool_]]], *, column: str, what: str
) -> Finding:
    hits = [(first, second, np.flatnonzero(shared)) for first, second, shared in found if shared.any()]
    if not hits:
        return Finding(probe=probe, subject="split", outcome="passed", tested=tested, times=len(found))
    first, second, rows = hits[0]
    return Finding(
        probe=probe,
        subject="split",
        outcome="failed",
        tested=tested,
        times=len(found),
        detail=f"rows {what} {first} and {second}: {rows.size:,}",
        columns=(column,),
        column=column,
        row=int(rows[0]),
    )


def _sizes(parts: Parts) -> str:
    return ", ".join(f"{name} {part.size:,}" for name, part in parts.arrays.items())
