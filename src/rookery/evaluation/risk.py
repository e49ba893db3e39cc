"""How much can be lost, how much was, and whether forecasts of it held."""

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.evaluation.backtest import Backtest
from rookery.evaluation.grid import Grid
from rookery.evaluation.likeness import share_in_base
from rookery.evaluation.report.estimate import Estimate, Figure
from rookery.evaluation.report.hazards import Exceedances, Fall, Risk
from rookery.evaluation.report.wording import duration
from rookery.evaluation.significance import significance
from rookery.evaluation.statistics import sharpe_moments
from rookery.measures import (
    LEAST_PERIODS,
    ROUNDING,
    TAILS,
    Floats,
    Ints,
    LikelihoodRatio,
    Measure,
    drawdowns,
    simple_returns,
    turnover,
    value_at_risk_compliance,
)

# N periods, T rows of an account
WINDOW = 250
_IN_THE_MARKET = 0.001
_DAY_S = 86_400


def trailing_value_at_risk(returns_N: Floats, *, tail: float, window: int = WINDOW) -> Floats:
    """Forecasts of value at risk (positive) for the periods from `window` on, each from the `window` returns before it.

    Historical: minus the `tail` quantile, interpolated linearly, as the Basel backtest of 250 days has it.
    """
    if returns_N.size <= window:
        return np.empty(0)
    before = np.lib.stride_tricks.sliding_window_view(returns_N, window)[:-1]
    return np.asarray(-np.quantile(before, tail, axis=1))


def risk_section(books: Backtest, clock: Grid, *, seed: int) -> Risk:
    """Tails, tested forecasts, exposure and the five worst drawdowns of one account on `clock`."""
    return risk_of(
        books.equity_on(clock), clock.time_ns_G1, interval_s=clock.interval_s, exposure=_exposure(books), seed=seed
    )


def risk_of(equity_G1: Floats, time_ns_G1: Ints, *, interval_s: float, exposure: tuple[Figure, ...], seed: int) -> Risk:
    """The same of G + 1 net worths, `interval_s` apart as a rule; `exposure` is what its market makes of that word."""
    returns = simple_returns(equity_G1)
    return Risk(
        basis=(f"Losses are positive, of {returns.size:,} returns of {duration(interval_s)}; historical, not fitted."),
        tails=_tails(returns, seed),
        forecast=(
            f"Each period's value at risk was forecast from the {WINDOW} returns before it. A p-value under 0.05 says "
            "that losses beyond it were not as many (Kupiec 1995), or not as scattered (Christoffersen 1998), as it "
            "promised."
        ),
        exceedances=tuple(exceedances(returns, tail=tail) for tail in (0.05, 0.01)),
        exposure=exposure,
        falls=_falls(equity_G1, time_ns_G1),
    )


def exceedances(returns_N: Floats, *, tail: float, window: int = WINDOW) -> Exceedances:
    """Kupiec's and Christoffersen's tests of the trailing forecasts; absent under 30 forecasts, or without a move."""
    forecast = trailing_value_at_risk(returns_N, tail=tail, window=window)
    name = f"Value at risk {100 * (1 - tail):g} %"
    short = forecast.size < LEAST_PERIODS
    if short or np.ptp(returns_N) <= ROUNDING:
        few = f"{returns_N.size} returns, fewer than {window + LEAST_PERIODS}"
        none = Estimate.absent(few if short else "the returns do not vary")
        return Exceedances(
            name=name, periods=0, exceedances=0, expected=tail, coverage=none, independence=none, conditional=none
        )
    found = value_at_risk_compliance(returns_N[window:], forecast, tail=tail)
    return Exceedances(
        name=name,
        periods=found.periods,
        exceedances=found.exceedances,
        expected=tail,
        coverage=_p_value(found.coverage),
        independence=_p_value(found.independence),
        conditional=_p_value(found.conditional),
    )


def _p_value(test: LikelihoodRatio) -> Estimate:
    return _exact(test.p_value)


def _exact(one: Measure) -> Estimate:
    return Estimate.absent(one.reason) if one.value is None else Estimate.exact(one.value)


def _tails(returns: Floats, seed: int) -> tuple[Figure, ...]:
    found = significance(returns, {}, seed=seed, formulas=TAILS)
    figures = [
        Figure(name=one.title, style="percent", digits=3, estimate=found.agent[one.name], text=one.meaning)
        for one in TAILS
    ]
    moments = sharpe_moments(returns)
    lone = "no interval: a few periods decide it"
    for name, value, text in (
        (
            "Skewness",
            None if moments is None else moments.skewness,
            "Below 0: the bad periods reach farther than the good ones.",
        ),
        (
            "Excess kurtosis",
            None if moments is None else moments.kurtosis - 3,
            "Above 0: extremes are more frequent than a normal law's.",
        ),
    ):
        estimate = Estimate.absent("the returns do not vary") if value is None else Estimate(value=value, note=lone)
        figures.append(Figure(name=name, style="number", digits=2, estimate=estimate, text=text))
    for name, extreme in (("Worst period", returns.min()), ("Best period", returns.max())):
        figures.append(
            Figure(name=name, style="percent", digits=3, estimate=Estimate.exact(float(extreme)), text="Its return.")
        )
    return tuple(figures)


def _exposure(books: Backtest) -> tuple[Figure, ...]:
    table = books.equity
    share_T = share_in_base(books)
    held_T = np.diff(table["time"].to_physical().to_numpy()) / 1e9
    fills = books.orders.filter(pl.col("status") == "filled")
    turned = turnover((fills["base"] * fills["fill_price"]).to_numpy(), table["equity"].to_numpy())
    days = float(held_T.sum()) / _DAY_S
    daily = turned if turned.value is None else _over(turned.value, days)
    return (
        _share("Mean exposure", _mean_over(share_T[:-1], held_T), "Share of net worth in base, over time."),
        _share("Highest exposure", Measure(value=float(share_T.max())), "The largest share in base."),
        _share(
            "Time in the market",
            _mean_over(share_T[:-1] > _IN_THE_MARKET, held_T),
            f"Share of the time with more than {100 * _IN_THE_MARKET:g} % of net worth in base.",
        ),
        _times("Turnover", turned, "Value of all fills over mean equity, both sides."),
        _times("Turnover a day", daily, "The same, over the days of the span."),
    )


def _mean_over(values: Floats | npt.NDArray[np.bool_], held_T: Floats) -> Measure:
    return _over(float(values @ held_T), float(held_T.sum()))


def _over(value: float, span: float) -> Measure:
    return Measure(value=value / span) if span > 0 else Measure(value=None, reason="all rows have one time")


def _share(name: str, one: Measure, text: str) -> Figure:
    return Figure(name=name, style="percent", digits=1, estimate=_exact(one), text=text)


def _times(name: str, one: Measure, text: str) -> Figure:
    return Figure(name=name, style="number", digits=2, unit="times", estimate=_exact(one), text=text)


def _falls(equity_G1: Floats, time_ns_G1: Ints) -> tuple[Fall, ...]:
    time_ms = time_ns_G1 // 1_000_000
    return tuple(
        Fall(
            depth=one.depth,
            start_ms=int(time_ms[one.start]),
            trough_ms=int(time_ms[one.trough]),
            end_ms=None if one.end is None else int(time_ms[one.end]),
            last_ms=int(time_ms[one.start + one.periods]),
        )
        for one in drawdowns(equity_G1, most=5)
    )
