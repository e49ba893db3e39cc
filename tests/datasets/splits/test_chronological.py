"""Where a series is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.datasets.splits import chronological
from rookery.errors import UserError


def test_without_embargo_the_published_sizes_come_out():
    split = chronological(10_000 - 29, embargo=0)
    assert [len(split.train), len(split.validation), len(split.test)] == [6979, 1496, 1496]


def test_the_embargo_is_taken_from_the_head_of_validation_and_of_test():
    split = chronological(1000, embargo=29)
    assert split.train == range(700)
    assert split.validation == range(729, 850)
    assert split.test == range(879, 1000)


@given(count=st.integers(300, 5000), seq_len=st.integers(1, 40))
def test_with_an_embargo_of_a_window_less_one_no_row_is_on_both_sides_of_a_cut(count: int, seq_len: int):
    split = chronological(count, embargo=seq_len - 1)
    parts = [set(range(p.start, p.stop + seq_len - 1)) for p in (split.train, split.validation, split.test)]
    assert not parts[0] & parts[1]
    assert not parts[1] & parts[2]
    assert not parts[0] & parts[2]


@given(count=st.integers(300, 5000), seq_len=st.integers(2, 40))
def test_with_one_less_a_row_is_shared(count: int, seq_len: int):
    split = chronological(count, embargo=seq_len - 2)
    last_of_train = split.train.stop - 1 + seq_len - 1
    assert last_of_train == split.validation.start


def test_an_empty_part_is_refused_by_name():
    with pytest.raises(UserError, match="validation part is empty with an embargo of 29"):
        chronological(150, embargo=29)


def test_no_sequences_at_all_is_refused():
    with pytest.raises(UserError, match="train part is empty"):
        chronological(0, embargo=0)


def test_a_negative_embargo_is_a_programming_error():
    with pytest.raises(ValueError, match="negative"):
        chronological(100, embargo=-1)
