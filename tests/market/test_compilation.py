"""What runs without numba's memory management cannot need it."""

import numpy as np
import pytest
from numba.core.errors import NumbaError

from rookery.market.compilation import hot


def test_a_hot_function_that_allocates_is_not_compiled():
    @hot
    def total(count: int) -> float:
        return float(np.ones(count).sum())

    with pytest.raises(NumbaError):
        total(3)
