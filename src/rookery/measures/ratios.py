"""How good a series of returns is: one definition of each headline figure, for rewards, objectives and reports."""

import numpy as np
import numpy.typing as npt

from rookery.measures.measure import ROUNDING, Floats, Formula, Measure, series


def information_ratio(
    returns: npt.ArrayLike, benchmark: npt.ArrayLike, *, periods_per_year: float | None = None
) -> Measure:
    """Mean active return over its standard deviation (Goodwin 1998): the Sharpe ratio of returns - benchmark.

    Both hold the simple returns of the same N periods. Raises ValueError when they differ in length.
    """
    ours, theirs = series(returns, "returns"), series(benchmark, "benchmark")
    if ours.size != theirs.size:
        raise ValueError(f"there are {ours.size} returns and {theirs.size} of the benchmark")
    found = sharpe(ours - theirs, periods_per_year=periods_per_year)
    return Measure(value=None, reason="the active returns do not vary") if found.reason == sharpe.undefined else found


def _where(condition: npt.NDArray[np.bool_], values: Floats) -> Floats:
    return np.where(condition, values, np.nan)


def _deviation(returns: Floats) -> Floats:
    spread = np.asarray(returns.std(axis=-1, ddof=1))
    return _where(spread > ROUNDING, spread)


def _total_return(returns: Floats, periods: float) -> Floats:
    return np.asarray(np.prod(1.0 + returns, axis=-1) - 1.0)


def _cagr(returns: Floats, periods: float) -> Floats:
    growth = np.asarray(np.prod(1.0 + returns, axis=-1))
    return np.asarray(_where(growth >= 0, growth) ** (periods / returns.shape[-1]) - 1.0)


def _volatility(returns: Floats, periods: float) -> Floats:
    return np.asarray(returns.std(axis=-1, ddof=1) * np.sqrt(periods))


def _sharpe(returns: Floats, periods: float) -> Floats:
    return np.asarray(returns.mean(axis=-1) / _deviation(returns) * np.sqrt(periods))


def _sortino(returns: Floats, periods: float) -> Floats:
    downside = np.sqrt(np.square(np.minimum(returns, 0.0)).mean(axis=-1))
    return np.asarray(returns.mean(axis=-1) / _where(downside > ROUNDING, downside) * np.sqrt(periods))


def _max_drawdown(returns: Floats, periods: float) -> Floats:
    equity = np.cumprod(1.0 + returns, axis=-1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=-1), 1.0)
    return np.asarray(np.maximum((1.0 - equity / peak).max(axis=-1), 0.0))


def _calmar(returns: Floats, periods: float) -> Floats:
    drawdown = _max_drawdown(returns, periods)
    return np.asarray(_cagr(returns, periods) / _where(drawdown > ROUNDING, drawdown))


def _logs(returns: Floats) -> Floats:
    """log(1 + r) less its mean."""
    logs = np.log1p(returns)
    return np.asarray(logs - logs.mean(axis=-1, keepdims=True))


def _total_return_influence(returns: Floats, periods: float) -> Floats:
    return np.asarray((1.0 + _total_return(returns, periods)[..., None]) * returns.shape[-1] * _logs(returns))


def _cagr_influence(returns: Floats, periods: float) -> Floats:
    return np.asarray((1.0 + _cagr(returns, periods)[..., None]) * periods * _logs(returns))


def _volatility_influence(returns: Floats, periods: float) -> Floats:
    squares = np.square(returns - returns.mean(axis=-1, keepdims=True))
    variance = squares.mean(axis=-1, keepdims=True)
    return np.asarray((squares - variance) / (2 * np.sqrt(variance)) * np.sqrt(periods))


def _sharpe_influence(returns: Floats, periods: float) -> Floats:
    mean, deviation = returns.mean(axis=-1, keepdims=True), _deviation(returns)[..., None]
    scores = (returns - mean) / deviation
    squares = np.square(scores)
    pull = scores - mean / deviation / 2 * (squares - squares.mean(axis=-1, keepdims=True))
    return np.asarray(pull * np.sqrt(periods))


def _sortino_influence(returns: Floats, periods: float) -> Floats:
    mean, squares = returns.mean(axis=-1, keepdims=True), np.square(np.minimum(returns, 0.0))
    downside = np.sqrt(squares.mean(axis=-1, keepdims=True))
    downside = _where(downside > ROUNDING, downside)
    pull = (returns - mean) / downside - mean / (2 * downside**3) * (squares - downside**2)
    return np.asarray(pull * np.sqrt(periods))


total_return = Formula(
    name="total_return",
    title="Net return",
    meaning="What the capital gained over the whole span, after all costs.",
    text="product of (1 + r) - 1",
    source="definition",
    rows=_total_return,
    undefined="the returns overflow",
    influence=_total_return_influence,
    floor=1.0,
)

cagr = Formula(
    name="cagr",
    title="Return per year",
    meaning="The constant yearly return that would have given the same result.",
    text="(product of (1 + r)) ^ (periods per year / n) - 1",
    source="GIPS standards, annualised return",
    rows=_cagr,
    undefined="equity fell below 0",
    needs_years=True,
    influence=_cagr_influence,
    floor=1.0,
)

volatility = Formula(
    name="volatility",
    title="Volatility",
    meaning="Standard deviation of the returns.",
    text="sd(r, n - 1) * sqrt(periods per year)",
    source="definition",
    rows=_volatility,
    undefined="the returns overflow",
    least=2,
    scales=True,
    influence=_volatility_influence,
    floor=0.0,
)

sharpe = Formula(
    name="sharpe",
    title="Sharpe ratio",
    meaning="Mean return over its standard deviation; cash earns nothing.",
    text="mean(r) / sd(r, n - 1) * sqrt(periods per year)",
    source="Sharpe 1994, The Sharpe Ratio",
    rows=_sharpe,
    undefined="the returns do not vary",
    least=2,
    scales=True,
    influence=_sharpe_influence,
)

sortino = Formula(
    name="sortino",
    title="Sortino ratio",
    meaning="Mean return over the deviation of the losing periods, taken over all periods.",
    text="mean(r) / sqrt(sum of min(r, 0)^2 / n) * sqrt(periods per year)",
    source="Sortino and Price 1994",
    rows=_sortino,
    undefined="no period lost",
    least=2,
    scales=True,
    influence=_sortino_influence,
)

max_drawdown = Formula(
    name="max_drawdown",
    title="Maximum drawdown",
    meaning=(
        "Deepest fall below the highest equity so far, the starting capital included. Its interval is of resampled "
        "paths, which lose the order of gains and losses: it need not hold the figure itself."
    ),
    text="max of 1 - equity / highest equity so far",
    source="definition",
    rows=_max_drawdown,
    undefined="the returns overflow",
)

calmar = Formula(
    name="calmar",
    title="Calmar ratio",
    meaning="Return per year over the maximum drawdown.",
    text="return per year / maximum drawdown",
    source="Young 1991, over the whole span",
    rows=_calmar,
    undefined="equity never fell",
    needs_years=True,
)

HEADLINE = (total_return, cagr, volatility, sharpe, sortino, max_drawdown, calmar)
