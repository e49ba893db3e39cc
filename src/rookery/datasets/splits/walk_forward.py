"""Training on the past and judging by what came next, again and again: the cuts that trading itself would make."""

from collections.abc import Iterator, Sized
from dataclasses import dataclass

import numpy as np

from rookery.datasets.splits.spans import Ints, LabelSpans, spans_of
from rookery.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForward:
    """Test windows that follow each other, each after the rows that it is trained on. A cv of scikit-learn.

    The window is the last `train_size` rows before each test, or with `expanding` all of them, `train_size` at first.
    `embargo` rows lie between the two. Train rows whose label span meets the test's are dropped besides. The last test
    may be shorter than `test_size`: no row goes untested after the first test begins.
    """

    train_size: int
    test_size: int
    expanding: bool = False
    embargo: int = 0
    spans: LabelSpans | None = None

    def __post_init__(self) -> None:
        if self.train_size < 1 or self.test_size < 1:
            raise ValueError(f"train_size ({self.train_size}) and test_size ({self.test_size}) must be at least 1")
        if self.embargo < 0:
            raise ValueError(f"embargo is {self.embargo}, it may not be negative")

    def split(self, X: Sized, y: object = None, groups: object = None) -> Iterator[tuple[Ints, Ints]]:
        """Row numbers of train and test, in time order. Raises UserError when a part would be empty."""
        spans = spans_of(self.spans, X)
        count, head = len(spans), self.train_size + self.embargo
        if count <= head:
            raise UserError(
                f"{count} rows are too few: the first test would begin at row {head}",
                place="walk-forward",
                remedy="give more rows, a shorter train window or a smaller embargo",
            )
        for first in range(head, count, self.test_size):
            stop = min(first + self.test_size, count)
            last = first - self.embargo
            train = np.arange(0 if self.expanding else last - self.train_size, last, dtype=np.int64)
            train = train[~spans.meets(first, stop)[train]]
            if not train.size:
                raise UserError(
                    f"nothing is left to train on before row {first}: every label ends within the test",
                    place="walk-forward",
                    remedy="give a longer train window or shorter labels",
                )
            yield train, np.arange(first, stop, dtype=np.int64)

    def get_n_splits(self, X: Sized | None = None, y: object = None, groups: object = None) -> int:
        """How many tests the rows of X give."""
        if X is None:
            raise ValueError("the number of walk-forward tests depends on the rows: give X")
        after = len(spans_of(self.spans, X)) - self.train_size - self.embargo
        return max(0, -(-after // self.test_size))
