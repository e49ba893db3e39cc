"""Windows, labels, order and content of the parts of a split."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from rookery.evaluation.leakage.splitting import Parts, duplicates, label_overlap, time_order, window_overlap
from rookery.schema import TIME

MakeBars = Callable[..., pl.DataFrame]


def test_an_embargo_of_a_window_less_one_keeps_windows_apart():
    apart = Parts(rows={"train": range(100), "test": range(129, 200)}, window=30)
    close = Parts(rows={"train": range(100), "test": range(128, 200)}, window=30)

    assert window_overlap(apart, 200).outcome == "passed"
    found = window_overlap(close, 200)
    assert (found.outcome, found.row) == ("failed", 99)
    assert found.detail == "rows seen by windows of both train and test: 1"


def test_purged_cross_validation_passes_and_unpurged_fails():
    # Labels look 5 rows ahead; the test fold is rows 40 to 59.
    ends = np.arange(100) + 5
    purged = [row for row in range(100) if row < 35 or row > 64]
    unpurged = [row for row in range(100) if row < 40 or row > 59]
    rows = {"test": range(40, 60)}

    assert label_overlap(Parts(rows={"train": purged, **rows}, label_end=ends, ordered=False), 100).outcome == "passed"
    found = label_overlap(Parts(rows={"train": unpurged, **rows}, label_end=ends, ordered=False), 100, target="up")
    assert (found.outcome, found.column, found.row) == ("failed", "up", 40)
    assert time_order(Parts(rows={"train": purged, **rows}, ordered=False)).outcome == "not_tested"
    assert time_order(Parts(rows={"train": purged, **rows})).outcome == "failed"


def test_a_part_without_rows_is_refused():
    with pytest.raises(ValueError, match="none of them empty"):
        Parts(rows={"train": range(10), "test": range(0)})


def fills(rows: int = 1_000) -> pl.DataFrame:
    """Fills of a coarse market: prices and sizes of a few values, several in a second, each with its own name."""
    rng = np.random.default_rng(0)
    second = np.sort(rng.integers(0, rows // 4, rows))
    return pl.DataFrame(
        {
            "time": pl.Series(second * 1_000_000_000).cast(TIME),
            "price": rng.choice([0.48, 0.49, 0.50], rows),
            "size": rng.choice([5.0, 10.0], rows),
            "trade_id": np.arange(rows),
        }
    )


PARTS = Parts(rows={"train": range(700), "test": range(700, 1_000)})


def test_genuine_events_of_the_same_size_and_price_are_possible_and_no_alarm():
    named, nameless = fills(), fills().drop("trade_id")

    for table in (named, nameless):
        found = duplicates(PARTS, table)
        assert found.outcome == "possible"
        assert found.row is not None
    assert "events known by trade_id" in duplicates(PARTS, named).tested


def test_one_event_in_both_parts_is_a_leak_by_its_name():
    table = fills().with_columns(trade_id=pl.when(pl.col("trade_id") == 950).then(10).otherwise(pl.col("trade_id")))
    found = duplicates(PARTS, table)

    assert (found.outcome, found.column, found.row) == ("failed", "trade_id", 950)
    assert found.detail.startswith("as row 10;")


def test_nameless_rows_of_one_second_at_the_cut_are_possible_and_elsewhere_a_leak():
    table = fills().drop("trade_id")
    at_the_cut = pl.concat([table[:700], table[699:700], table[701:]])
    assert duplicates(PARTS, at_the_cut).outcome == "possible"

    shuffled = np.random.default_rng(1).permutation(1_000)
    parts = Parts(rows={"train": np.sort(shuffled[:700]), "test": np.sort(shuffled[700:])})
    found = duplicates(parts, table)
    assert (found.outcome, found.column) == ("failed", "row content")
    assert "in both with their time" in found.detail


def test_a_price_that_stands_still_over_the_cut_is_no_copy(make_bars: MakeBars):
    bars = make_bars(1_000).drop("trades")
    still = bars.with_columns(
        pl.when(pl.int_range(pl.len()).is_between(690, 710)).then(1.0).otherwise(pl.col(name)).alias(name)
        for name in ("open", "high", "low", "close", "volume")
    )
    found = duplicates(PARTS, still)
    assert (found.outcome, found.row) == ("possible", 700)


def test_an_identity_that_is_partly_empty_names_nothing():
    hashes = pl.Series(["a"] * 999 + [None])
    found = duplicates(PARTS, fills().drop("trade_id").with_columns(transaction_hash=hashes, log_index=hashes))
    assert "known by" not in found.tested


def test_rows_without_a_twin_pass(make_bars: MakeBars):
    assert duplicates(PARTS, make_bars(1_000)).outcome == "passed"
