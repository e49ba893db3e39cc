"""Online portfolio selection: shares of wealth in M instruments, rebalanced at every close.

The literature's setting (Cover 1991; Li and Hoi 2014): on day t wealth is multiplied by weights_t . x_t, where
x_t = close_t / close_{t-1} and weights_t were chosen from x_1 to x_{t-1}. Here row t of a table of weights is decided
at the close of bar t from closes up to t, and earns bar t + 1. That is no look-ahead. What it idealises is the fill: it
is made at the very close that was just seen, without cost. `published_bars` says so openly: each bar opens at the last
close, so that the ledger's ordinary next open is that close.

The two `_in_hindsight` tables are benchmarks, not strategies: they know every close from the start.
"""

# T bars, M instruments

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from rookery.market.bar_orders import BarObservation, BarOrder, rebalance
from rookery.market.bars import Bars, bars_of_closes

Floats = npt.NDArray[np.float64]
# Weights of the next bar from those of this one and its price relatives.
Update = Callable[[Floats, Floats], Floats]


def published_bars(cumulative_TM: npt.ArrayLike) -> Bars:
    """Bars of a published set: cumulative products of price relatives, to which the start, 1, is put in front."""
    wealth_TM = np.asarray(cumulative_TM, np.float64)
    return bars_of_closes(np.concatenate((np.ones((1, wealth_TM.shape[1])), wealth_TM)))


def keep_weights(weights_M: Floats, relatives_M: Floats) -> Floats:
    """Constant rebalancing: the same weights again (Cover 1991)."""
    return weights_M


def exponentiated_gradient(rate: float = 0.05) -> Update:
    """w_i proportional to w_i exp(rate x_i / (w . x)) (Helmbold, Schapire, Singer, Warmuth 1998, eq. 3.3)."""

    def update(weights_M: Floats, relatives_M: Floats) -> Floats:
        raised_M = weights_M * np.exp(rate * relatives_M / (weights_M @ relatives_M))
        return np.asarray(raised_M / raised_M.sum())

    return update


def passive_aggressive_mean_reversion(sensitivity: float = 0.5) -> Update:
    """PAMR without slack (Li, Zhao, Hoi, Gopalkrishnan 2012, algorithm 1): towards what fell.

    w - tau (x - mean x) with tau = max(0, w . x - sensitivity) / |x - mean x|^2, projected onto the simplex.
    """

    def update(weights_M: Floats, relatives_M: Floats) -> Floats:
        excess_M = relatives_M - relatives_M.mean()
        length = float(excess_M @ excess_M)
        loss = max(0.0, float(weights_M @ relatives_M) - sensitivity)
        moved_M = weights_M - loss / length * excess_M if length > 0.0 else weights_M
        return on_simplex(moved_M)

    return update


def on_simplex(point_M: Floats) -> Floats:
    """The nearest point with no entry below 0 and sum 1 (Duchi, Shalev-Shwartz, Singer, Chandra 2008, figure 1)."""
    falling_M = np.sort(point_M)[::-1]
    surplus_M = (np.cumsum(falling_M) - 1.0) / np.arange(1, len(point_M) + 1)
    threshold = surplus_M[np.flatnonzero(falling_M > surplus_M)[-1]]
    return np.asarray(np.maximum(point_M - threshold, 0.0))


def online_weights(close_TM: Floats, update: Update) -> Floats:
    """Weights (T, M) of a rule that starts even: row t from closes up to t."""
    weights_TM = np.empty(close_TM.shape)
    weights_TM[0] = 1.0 / close_TM.shape[1]
    for t in range(1, len(close_TM)):
        weights_TM[t] = update(weights_TM[t - 1], close_TM[t] / close_TM[t - 1])
    return weights_TM


def bought_once(close_TM: Floats, weights_M: npt.ArrayLike | None = None) -> Floats:
    """Weights (T, M) that buy at the first close, in equal shares unless told, and hold (nan: leave as it is).

    In equal shares this is the `market` of the literature.
    """
    weights_TM = np.full(close_TM.shape, np.nan)
    weights_TM[0] = 1.0 / close_TM.shape[1] if weights_M is None else weights_M
    return weights_TM


def best_stock_in_hindsight(close_TM: Floats) -> Floats:
    """Weights (T, M) that buy at the first close what will have risen most by the last."""
    best = int(np.argmax(close_TM[-1] / close_TM[0]))
    return bought_once(close_TM, np.eye(close_TM.shape[1])[best])


def best_constant_in_hindsight(close_TM: Floats) -> Floats:
    """Weights (T, M), constant: those with which rebalancing would have grown most by the end (BCRP, Cover 1991).

    Maximises the sum of log(w . x_t) over the simplex, which is concave, to a relative 1e-10 of wealth. Raises
    ValueError when the solver fails.
    """
    from scipy.optimize import minimize

    relatives_TM = close_TM[1:] / close_TM[:-1]

    def loss(weights_M: Floats) -> tuple[float, Floats]:
        growth_T = relatives_TM @ weights_M
        return -float(np.log(growth_T).sum()), -(relatives_TM / growth_T[:, None]).sum(axis=0)

    count = close_TM.shape[1]
    found = minimize(
        loss,
        np.full(count, 1.0 / count),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": lambda w: np.ones(count)},
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    if not found.success:
        raise ValueError(f"the best constant weights were not found: {found.message}")
    weights_M = np.maximum(found.x, 0.0)
    return np.tile(weights_M / weights_M.sum(), (len(close_TM), 1))


class OnlinePortfolio:
    """An agent that starts even and updates its weights by each bar's price relatives."""

    def __init__(self, update: Update) -> None:
        self._update = update
        self._weights_M: Floats | None = None
        self._close_M: Floats | None = None

    def decide(self, observation: BarObservation) -> Sequence[BarOrder]:
        """Rebalance to the new weights."""
        if self._weights_M is None or self._close_M is None:
            self._weights_M = np.full(len(observation.close_M), 1.0 / len(observation.close_M))
        else:
            self._weights_M = self._update(self._weights_M, observation.close_M / self._close_M)
        self._close_M = observation.close_M
        return rebalance(observation, self._weights_M)
