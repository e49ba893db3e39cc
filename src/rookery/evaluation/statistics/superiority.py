"""Whether the best of many strategies beats a benchmark by more than the search for it explains."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.evaluation.resampling import block_length_of
from rookery.measures import LEAST_PERIODS, ROUNDING, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Superiority:
    """P-values of 'no strategy has a higher mean return than the benchmark'.

    `reality_check` is White's (2000); `consistent` is Hansen's (2005), between his `lower` and `upper` bounds.
    """

    reality_check: float
    consistent: float
    lower: float
    upper: float
    strategies: int
    block_length: int
    resamples: int


def superiority(returns: npt.ArrayLike, benchmark: npt.ArrayLike, *, seed: int, resamples: int = 1_000) -> Superiority:
    """White's reality check and Hansen's test of superior predictive ability of N strategies (T, N), by arch.

    Both resample the strategies' lead over the benchmark (T) by a stationary bootstrap, blocks as Politis and White
    advise for the lead that asks for the longest. Hansen's lead is studentised and its hopeless strategies are set
    aside; White's is neither. arch compares losses: it is given the returns with their sign turned. Raises ValueError
    for shapes that do not fit, figures that are not finite, fewer than 30 periods or leads that do not vary.
    """
    returns_TN, benchmark_T = np.asarray(returns, dtype=np.float64), np.asarray(benchmark, dtype=np.float64)
    _check(returns_TN, benchmark_T)
    from arch.bootstrap import SPA, RealityCheck

    leads_NT = (returns_TN - benchmark_T[:, None]).T
    still = np.flatnonzero(np.ptp(leads_NT, axis=1) <= ROUNDING)
    if still.size:
        raise ValueError(f"strategy {still[0]} leads the benchmark by a constant: there is nothing to resample")
    length = round(block_length_of(leads_NT, "stationary"))
    losses = (-benchmark_T, -returns_TN)
    hansen = SPA(*losses, block_size=length, reps=resamples, bootstrap="stationary", studentize=True, seed=seed)
    white = RealityCheck(
        *losses, block_size=length, reps=resamples, bootstrap="stationary", studentize=False, seed=seed
    )
    hansen.compute()
    white.compute()
    return Superiority(
        reality_check=float(white.pvalues["upper"]),
        consistent=float(hansen.pvalues["consistent"]),
        lower=float(hansen.pvalues["lower"]),
        upper=float(hansen.pvalues["upper"]),
        strategies=returns_TN.shape[1],
        block_length=length,
        resamples=resamples,
    )


def _check(returns_TN: Floats, benchmark_T: Floats) -> None:
    if returns_TN.ndim != 2 or not returns_TN.shape[1] or benchmark_T.shape != returns_TN.shape[:1]:
        raise ValueError(
            f"expected periods by strategies and a benchmark of as many periods, not {returns_TN.shape} and "
            f"{benchmark_T.shape}"
        )
    if returns_TN.shape[0] < LEAST_PERIODS:
        raise ValueError(f"{returns_TN.shape[0]} periods are too few, at least {LEAST_PERIODS} are needed")
    if not (np.isfinite(returns_TN).all() and np.isfinite(benchmark_T).all()):
        raise ValueError("returns and benchmark must be finite numbers")
