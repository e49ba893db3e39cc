"""What a meta-controller sees, by name: portfolio, correlations of its instruments, its specialists, the economy."""

# M instruments, S specialists, T bars, C pairs of instruments

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rookery.features.macro import META_MACRO

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

# Raised when the meaning of a place changes: a network trained on one version must not be fed another.
SCHEMA_VERSION = 1
RETURNS = 30
METRICS = ("sharpe", "win_rate", "max_drawdown")


def meta_names(instruments: Sequence[str], specialists: Sequence[str]) -> tuple[str, ...]:
    """The name of every place: 74 for eight instruments and three specialists.

    return_1 is the newest of 30 period returns and stands last of them; those that do not exist yet are 0.
    """
    pairs = [f"correlation_{one}_{other}" for i, one in enumerate(instruments) for other in instruments[i + 1 :]]
    metrics = [f"{name}_{metric}" for name in specialists for metric in METRICS]
    returns = [f"return_{age}" for age in range(RETURNS, 0, -1)]
    return (*returns, "volatility", "drawdown", *pairs, *metrics, *META_MACRO)


def meta_size(instruments: int, specialists: int) -> int:
    """Numbers in one observation."""
    return RETURNS + 2 + instruments * (instruments - 1) // 2 + len(METRICS) * specialists + len(META_MACRO)


def correlations(covariance_TMM: Floats) -> Singles:
    """Correlations of trailing covariances, row-major over pairs i < j (T, C); 0 where an instrument does not move."""
    deviation_TM = np.sqrt(np.einsum("tii->ti", covariance_TMM))
    first, second = np.triu_indices(covariance_TMM.shape[1], k=1)
    below_TC = deviation_TM[:, first] * deviation_TM[:, second]
    above_TC = covariance_TMM[:, first, second]
    found_TC = np.divide(above_TC, below_TC, out=np.zeros_like(above_TC), where=below_TC > 0.0)
    bounded_TC: Singles = np.clip(found_TC, -1.0, 1.0).astype(np.float32)
    return bounded_TC
