"""Windows over a series."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from rookery.datasets.sequences import Sequences, from_tables
from rookery.errors import UserError

Tables = Callable[[int], tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]]


def test_ten_thousand_rows_make_9971_sequences(tables: Tables):
    assert len(from_tables(*tables(10_000), seq_len=30)) == 9971


def test_a_window_holds_its_own_30_rows_in_order(sequences: Sequences):
    window = sequences.core_NLF[7]
    assert window.shape == (30, 6)
    assert window[:, 0].tolist() == list(range(7, 37))
    assert window[:, 5].tolist() == list(range(5007, 5037))


def test_all_else_is_of_the_last_row(sequences: Sequences):
    assert sequences.row_N[7] == 36
    assert sequences.conditions_NC[7, 0] == 36.0
    assert sequences.classes[sequences.side_N[7]] == ("BUY", "HOLD", "SELL")[36 % 3]
    assert sequences.size_N[7] == 36 / 400
    assert sequences.slippage_bps_N[7] == 50.0
    assert sequences.deadline_s_N[8] == 120.0
    assert sequences.time_ns_N[7] - sequences.time_ns_N[0] == 7 * 12_000_000_000


def test_the_class_order_is_buy_hold_sell(sequences: Sequences):
    assert sequences.classes == ("BUY", "HOLD", "SELL")
    assert sequences.side_N[:3].tolist() == [(29 + k) % 3 for k in range(3)]


def test_windows_copy_nothing(sequences: Sequences):
    assert np.shares_memory(sequences.core_NLF, sequences.core_RF)
    assert np.shares_memory(sequences.part(range(20, 60)).core_NLF, sequences.core_RF)


def test_a_part_numbers_its_windows_as_the_whole_does(sequences: Sequences):
    part = sequences.part(range(50, 60))
    assert len(part) == 10
    assert np.array_equal(part.core_NLF, sequences.core_NLF[50:60])
    assert part.row_N.tolist() == list(range(79, 89))


def test_windows_that_do_not_follow_on_one_another_are_gathered(sequences: Sequences):
    part = sequences.part(range(0, 100, 10))
    assert part.core_NLF[3, :, 0].tolist() == list(range(30, 60))


def test_fewer_rows_than_a_window_are_refused(tables: Tables):
    with pytest.raises(UserError, match="29 rows are fewer than one sequence of 30"):
        from_tables(*tables(29), seq_len=30)


def test_tables_of_other_rows_are_refused(tables: Tables):
    features, conditions, labels = tables(50)
    with pytest.raises(UserError, match="not of the same rows"):
        from_tables(features, conditions, labels.head(49), seq_len=30)


def test_a_gap_is_refused_by_column_and_line(tables: Tables):
    features, conditions, labels = tables(50)
    holed = features.with_columns(pl.when(pl.int_range(50) == 40).then(None).otherwise("volume").alias("volume"))
    with pytest.raises(UserError, match="dataset:42: 'volume' is nan"):
        from_tables(holed, conditions, labels, seq_len=30)


def test_a_word_that_is_no_side_is_refused_by_line(tables: Tables):
    features, conditions, labels = tables(50)
    wrong = labels.with_columns(side=pl.when(pl.int_range(50) == 3).then(pl.lit("SHORT")).otherwise("side"))
    with pytest.raises(UserError, match="dataset:5: side 'SHORT' is none of BUY, HOLD, SELL"):
        from_tables(features, conditions, wrong, seq_len=30)
