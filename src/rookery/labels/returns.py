"""What was still to be earned after a row."""

import numpy as np
import polars as pl
from numba import njit

from rookery.features.segments import Floats, Offsets, within_segments

# Returns of a bar are thousandths; attention tells hundredths apart with difficulty and units with ease.
RTG_SCALE = 100.0


def return_to_go(rewards: pl.Expr, *, scale: float = RTG_SCALE) -> pl.Expr:
    """Sum of the rewards from a row to the end of its segment, undiscounted, times `scale` (Chen et al. 2021).

    A missing reward at a segment's end counts as nothing; one in the midst makes all sums that hold it null.
    """
    return within_segments(_sums_to_go, [rewards], scale).alias("return_to_go")


@njit(cache=True, nogil=True)
def _sums_to_go(offsets_S: Offsets, rewards: Floats, scale: float, out: Floats) -> None:
    for s in range(offsets_S.size - 1):
        total, has_begun = 0.0, False
        for i in range(offsets_S[s + 1] - 1, offsets_S[s] - 1, -1):
            if has_begun or not np.isnan(rewards[i]):
                has_begun = True
                total += rewards[i]
            out[i] = total * scale
