import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.macro import META_MACRO, known_macro, meta_macro
from rookery.schema import TIME


def table(**columns: list[object]) -> pl.DataFrame:
    return pl.DataFrame(columns).with_columns(pl.col("time").cast(TIME))


def test_a_figure_is_known_from_its_own_moment_on():
    figures = known_macro(table(time=[10, 20], vix=[15.0, 30.0]), np.array([5, 10, 19, 20, 99]))
    np.testing.assert_array_equal(figures["vix"], [np.nan, 15.0, 15.0, 30.0, 30.0])


def test_defaults_stand_for_what_is_not_known_and_the_mask_says_so():
    values, known = meta_macro({"vix": np.array([np.nan, 33.0])}, 2)
    assert values[0].tolist() == list(META_MACRO.values())
    assert values[1].tolist() == [33.0, 100.0, 5.25, 4.5, 1.5]
    assert known.tolist() == [[False] * 5, [True, False, False, False, False]]


def test_an_unknown_column_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="vxi") as refusal:
        known_macro(table(time=[1], vxi=[1.0]), np.array([1]))
    assert "vix" in (refusal.value.remedy or "")


def test_a_table_out_of_order_is_refused_with_its_row():
    with pytest.raises(UserError, match="rise"):
        known_macro(table(time=[2, 1], vix=[1.0, 1.0]), np.array([1]))
