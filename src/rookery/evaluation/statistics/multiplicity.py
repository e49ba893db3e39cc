"""P-values of many tests at once, corrected for their number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """P-values in the given order, each to be compared with the level itself, and which of them stay below it."""

    p_values: tuple[float, ...]
    rejected: tuple[bool, ...]
    level: float


def holm(p_values: Sequence[float] | npt.ArrayLike, *, level: float = 0.05) -> Adjusted:
    """Holm's (1979) step-down: the chance of even one false rejection is at most `level`, whatever the dependence."""
    return _adjusted(p_values, level, "holm")


def benjamini_hochberg(p_values: Sequence[float] | npt.ArrayLike, *, level: float = 0.05) -> Adjusted:
    """Benjamini and Hochberg (1995): of what is rejected, at most the share `level` is expected to be false.

    Holds for independent or positively dependent tests.
    """
    return _adjusted(p_values, level, "fdr_bh")


def _adjusted(p_values: Sequence[float] | npt.ArrayLike, level: float, method: Literal["holm", "fdr_bh"]) -> Adjusted:
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values must be one series of shares from 0 to 1")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}, expected a share between 0 and 1")
    if not values.size:
        return Adjusted(p_values=(), rejected=(), level=level)
    from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

    rejected, adjusted, _, _ = multipletests(values, alpha=level, method=method)
    return Adjusted(
        p_values=tuple(float(one) for one in adjusted), rejected=tuple(bool(one) for one in rejected), level=level
    )
