"""How far each row is from the one before."""

import polars as pl

from rookery.features.changes import difference, relative_change, seconds_since

VALUE = pl.col("value")


def test_the_first_row_has_changed_by_nothing():
    table = pl.DataFrame({"value": [4, 7, 5]})
    assert table.select(difference(VALUE)).to_series().to_list() == [0.0, 3.0, -2.0]
    assert table.cast(pl.Float64).select(relative_change(VALUE)).to_series().to_list() == [0.0, 0.75, 5 / 7 - 1]


def test_whole_seconds_are_whole():
    # As products with 1e-9, 15 s would be 15.000000000000002 and 29 s 29.000000000000004.
    seconds = [0, 15, 44, 313_278]
    table = pl.DataFrame({"value": seconds}).select((VALUE * 1_000_000_000).cast(pl.Datetime("ns", "UTC")))
    assert table.select(seconds_since(VALUE)).to_series().to_list() == [0.0, 15.0, 29.0, 313_234.0]


def test_half_seconds_are_kept():
    table = pl.DataFrame({"value": [0, 1_500_000_000]}).cast(pl.Datetime("ns", "UTC"))
    assert table.select(seconds_since(VALUE)).to_series().to_list() == [0.0, 1.5]
