"""Resampling a series in blocks, so that what depends on its neighbours keeps them, and how far its mean can stray."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from rookery.measures import ROUNDING, Floats, Ints

# N periods, S series, R resamples, ... any leading axes
Blocks = Literal["stationary", "circular"]


def block_length_of(returns_SN: Floats, blocks: Blocks) -> float:
    """The longest block that Politis and White (2004, corrected 2009) advise for any of the series that vary.

    Circular blocks are of one whole length; stationary ones have this mean. 1 where no series varies.
    """
    from arch.bootstrap import optimal_block_length  # two seconds to import

    varying = returns_SN[varies(returns_SN)]
    if not varying.size:
        return 1.0
    longest = float(np.nanmax(optimal_block_length(varying.T)[blocks].to_numpy()))
    return max(1.0, float(np.ceil(longest)) if blocks == "circular" else longest)


def resampled_rows(
    count: int, *, block_length: float, resamples: int, seed: int, blocks: Blocks = "stationary"
) -> Iterator[Ints]:
    """Row numbers of each resample of `count` rows, as arch draws them.

    Stationary blocks have geometric lengths (Politis and Romano 1994), circular ones a fixed length (Politis and Romano
    1992): row 0 follows the last, and the block that would be too many is cut.
    """
    from arch.bootstrap import CircularBlockBootstrap, StationaryBootstrap

    kind = StationaryBootstrap if blocks == "stationary" else CircularBlockBootstrap
    # arch asks for a whole number; a stationary bootstrap uses 1 / block_length as a probability: any from 1 will do.
    length: Any = block_length if blocks == "stationary" else int(block_length)
    drawn = kind(length, np.arange(count), seed=np.random.default_rng(seed))
    for positional, _ in drawn.bootstrap(resamples):
        yield positional[0]


def block_deviation(influence: Floats, block_length: int) -> Floats:
    """Standard error of the mean of a circular resample's influences (..., N), from the sums of its whole blocks.

    These are independent by construction (Goetze and Kuensch 1996): sqrt(mean of (block sum)^2 / (block length N)).
    """
    count = influence.shape[-1]
    whole = count // block_length
    sums = influence[..., : whole * block_length].reshape(*influence.shape[:-1], whole, block_length).sum(axis=-1)
    return np.asarray(np.sqrt(np.square(sums).mean(axis=-1) / (block_length * count)))


def long_run_deviation(influence_N: Floats) -> float:
    """Standard error of the mean of N dependent influences of mean 0; NaN where they are not finite or do not vary.

    Quadratic spectral kernel with Andrews' (1991) bandwidth for an AR(1), after prewhitening by an AR(1) whose
    coefficient is held within 0.97 (Andrews and Monahan 1992), as Ledoit and Wolf (2008) advise.
    """
    if not np.isfinite(influence_N).all() or influence_N.size < 3 or np.ptp(influence_N) <= ROUNDING:
        return float("nan")
    from arch.covariance.kernel import QuadraticSpectral

    whitening = _autoregression(influence_N)
    rest = influence_N[1:] - whitening * influence_N[:-1]
    if np.ptp(rest) <= ROUNDING:
        return float("nan")
    slope = _autoregression(rest)
    bandwidth = 1.3221 * (4 * slope**2 / (1 - slope) ** 4 * rest.size) ** 0.2
    found = QuadraticSpectral(rest[:, np.newaxis], bandwidth=bandwidth, center=False)
    variance = float(found.cov.long_run[0, 0]) / (1 - whitening) ** 2
    return float(np.sqrt(variance / influence_N.size)) if variance > 0 else float("nan")


def varies(returns_SN: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which series have a spread beyond rounding."""
    return np.asarray(np.ptp(returns_SN, axis=-1) > ROUNDING)


def _autoregression(values: Floats) -> float:
    before = float(values[:-1] @ values[:-1])
    return float(np.clip(values[1:] @ values[:-1] / before, -0.97, 0.97)) if before > 0 else 0.0
