"""Where one segment ends and the next begins."""

import numpy as np
import polars as pl
import pytest

from rookery.features.segments import segment_offsets


@pytest.mark.parametrize(
    ("segment", "offsets"),
    [
        (["a", "a", "b"], [0, 2, 3]),
        ([1, 1, 1], [0, 3]),
        ([None, None, 1], [0, 2, 3]),
        ([1, 2, 1], [0, 1, 2, 3]),
        ([], [0]),
    ],
)
def test_a_segment_is_a_run_of_equal_values(segment: list[object], offsets: list[int]):
    assert np.array_equal(segment_offsets(pl.Series(segment)), offsets)
