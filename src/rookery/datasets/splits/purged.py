"""Cross-validation of overlapping labels: what is trained on ends before each test begins, or starts after it ended."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from rookery.datasets.splits.spans import Ints, LabelSpans, spans_of
from rookery.errors import UserError

# N rows, G groups, S splits, P paths
Block = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgedKFold:
    """Each of `groups` blocks of consecutive rows is tested once (Lopez de Prado 2018, ch. 7.4). A cv of scikit-learn.

    A train row is purged when its span [start, end] meets the test's, from the earliest start to the latest end. The
    `embargo` rows that come next after the last label of the test has ended are dropped too: an hundredth of all rows
    is the usual number. Blocks have rows // groups rows, the last one the rest. Without spans a row is a moment.
    """

    groups: int = 5
    embargo: int = 0
    spans: LabelSpans | None = None

    def __post_init__(self) -> None:
        _check(self.groups, self.embargo)

    def split(self, X: Sized, y: object = None, groups: object = None) -> Iterator[tuple[Ints, Ints]]:
        """Row numbers of train and test of each block. Raises UserError when a part would be empty."""
        spans = spans_of(self.spans, X)
        for block in _blocks(len(spans), self.groups):
            yield _train(spans, [block], self.embargo), np.arange(*block, dtype=np.int64)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """The number of blocks."""
        return self.groups


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinatorialPurged:
    """Every choice of `test_groups` out of `groups` blocks is tested once (Lopez de Prado 2018, ch. 12.4).

    Purge and embargo are those of PurgedKFold, around each tested block. Each row is tested in
    C(groups - 1, test_groups - 1) splits, which is the number of whole backtest paths that `recombine` puts together.
    A cv of scikit-learn.
    """

    groups: int = 6
    test_groups: int = 2
    embargo: int = 0
    spans: LabelSpans | None = None

    def __post_init__(self) -> None:
        _check(self.groups, self.embargo)
        if not 1 <= self.test_groups < self.groups:
            raise ValueError(f"test_groups is {self.test_groups}, expected 1 to {self.groups - 1} of {self.groups}")

    @property
    def paths(self) -> int:
        """The number of backtest paths."""
        return comb(self.groups - 1, self.test_groups - 1)

    @property
    def tested(self) -> tuple[tuple[int, ...], ...]:
        """The blocks that each split tests, in lexicographic order."""
        return tuple(combinations(range(self.groups), self.test_groups))

    @property
    def path_splits(self) -> Ints:
        """The split (paths, groups) that each path takes each block from: a block's i-th test belongs to path i."""
        splits_of = [[s for s, groups in enumerate(self.tested) if g in groups] for g in range(self.groups)]
        return np.array(splits_of, dtype=np.int64).T

    def split(self, X: Sized, y: object = None, groups: object = None) -> Iterator[tuple[Ints, Ints]]:
        """Row numbers of train and test, both rising. Raises UserError when a part would be empty."""
        spans = spans_of(self.spans, X)
        blocks = _blocks(len(spans), self.groups)
        for chosen in self.tested:
            tested = [blocks[g] for g in chosen]
            rows = np.concatenate([np.arange(*block, dtype=np.int64) for block in tested])
            yield _train(spans, tested, self.embargo), rows

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """C(groups, test_groups)."""
        return comb(self.groups, self.test_groups)

    def recombine(self, outcomes: Sequence[npt.ArrayLike]) -> npt.NDArray[np.float64]:
        """Whole paths (paths, rows) from what each split gave for its test rows, in the order of `split`.

        Raises ValueError when an outcome does not have a value per test row.
        """
        values = [np.asarray(one, dtype=np.float64) for one in outcomes]
        if len(values) != self.get_n_splits():
            raise ValueError(f"there are {len(values)} outcomes for {self.get_n_splits()} splits")
        # Every row is tested as often as there are paths.
        count = sum(one.size for one in values) // self.paths
        blocks = _blocks(count, self.groups)
        paths_PN = np.empty((self.paths, count))
        taken = [0] * self.groups
        for s, chosen in enumerate(self.tested):
            sizes = [blocks[g][1] - blocks[g][0] for g in chosen]
            if values[s].shape != (sum(sizes),):
                raise ValueError(
                    f"outcome {s} has shape {values[s].shape}, expected a value for {sum(sizes)} test rows"
                )
            for g, part in zip(chosen, np.split(values[s], np.cumsum(sizes)[:-1]), strict=True):
                paths_PN[taken[g], slice(*blocks[g])] = part
                taken[g] += 1
        return paths_PN


def _check(groups: int, embargo: int) -> None:
    if groups < 2:
        raise ValueError(f"groups is {groups}, expected at least 2")
    if embargo < 0:
        raise ValueError(f"embargo is {embargo}, it may not be negative")


def _blocks(count: int, groups: int) -> list[Block]:
    if count < groups:
        raise UserError(f"{count} rows are too few for {groups} groups", place="splits", remedy="ask for fewer groups")
    size = count // groups
    return [(g * size, count if g == groups - 1 else (g + 1) * size) for g in range(groups)]


def _train(spans: LabelSpans, tested: Iterable[Block], embargo: int) -> Ints:
    out = np.zeros(len(spans), dtype=np.bool_)
    for first, stop in tested:
        out[first:stop] = True
        out |= spans.meets(first, stop)
        free = spans.first_after(first, stop)
        out[free : free + embargo] = True
    train = np.flatnonzero(~out).astype(np.int64)
    if not train.size:
        raise UserError(
            f"nothing is left to train on: labels and an embargo of {embargo} reach over all rows",
            place="splits",
            remedy="give more rows, fewer or smaller test groups, or a smaller embargo",
        )
    return train
