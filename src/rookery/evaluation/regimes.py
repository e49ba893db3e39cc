"""The result by the state of the market, as it could be known when each period began."""

from collections.abc import Sequence

import numpy as np

from rookery.evaluation.report.record import RegimeRow, Regimes
from rookery.evaluation.significance import mean_estimate
from rookery.measures import ROUNDING, Floats, Ints, simple_returns

# G periods of a clock, G1 the G + 1 points that bound them
WINDOW = 30
LEAST_KNOWN = 30
_HALF = 0.5
_CHUNK_ROWS = 512
VOLATILITY = ("calm", "ordinary", "wild")
TREND = ("falling", "sideways", "rising")


def volatility_regime(price_G1: Floats, *, window: int = WINDOW) -> Ints:
    """0 calm, 1 ordinary, 2 wild, -1 not known yet, for each of G periods, from what was known when it began.

    Trailing volatility is the standard deviation (n - 1) of the `window` market returns before the period. Its rank is
    the share of all earlier trailing volatilities below it (ties count half): calm under 1/3, wild from 2/3 on. Known
    from the 31st trailing volatility.
    """
    volatility_G = _trailing_deviation(np.diff(np.log(price_G1)), window)
    rank_G = _expanding_rank(volatility_G)
    regime_G = np.select([rank_G < 1 / 3, rank_G < 2 / 3], [0, 1], default=2)
    return np.where(np.isfinite(rank_G), regime_G, -1).astype(np.int64)


def trend_regime(price_G1: Floats, *, window: int = WINDOW) -> Ints:
    """0 falling, 1 sideways, 2 rising, -1 not known yet, for each of G periods, from what was known when it began.

    The log price's move over the `window` periods before, over their standard deviation times sqrt(window): above 0.5
    is rising, below -0.5 falling.
    """
    log_G1 = np.log(price_G1)
    deviation_G = _trailing_deviation(np.diff(log_G1), window)
    move_G = np.full(deviation_G.size, np.nan)
    move_G[window:] = log_G1[window:-1] - log_G1[: -window - 1]
    still = deviation_G <= ROUNDING
    score_G = np.divide(move_G, deviation_G * np.sqrt(window), out=np.zeros_like(move_G), where=~still)
    regime_G = np.select([score_G < -_HALF, score_G <= _HALF], [0, 1], default=2)
    return np.where(np.isfinite(move_G), regime_G, -1).astype(np.int64)


def regime_sections(price_G1: Floats, equity_G1: Floats, *, period: str, seed: int) -> tuple[Regimes, ...]:
    """What agent and market made in each regime of volatility and of trend; `period` names a period, such as 5 min.

    A mean period has its interval by the block bootstrap over the regime's own periods, in time order. Raises
    ValueError when a price is not positive or the two differ in length.
    """
    if price_G1.shape != equity_G1.shape or not (price_G1 > 0).all():
        raise ValueError("regimes need one positive price for each equity")
    market_G, agent_G = simple_returns(price_G1), simple_returns(equity_G1)
    known = f"the {WINDOW} periods of {period} before each period"
    return (
        _section(
            "By volatility",
            f"Standard deviation of the market's returns over {known}, ranked among all such values known by then: "
            "calm is the lowest third, wild the highest.",
            VOLATILITY,
            volatility_regime(price_G1),
            agent_G,
            market_G,
            seed,
        ),
        _section(
            "By trend",
            f"Log price move over {known}, in standard deviations of such a move: rising above {_HALF:g}, falling "
            f"below \N{MINUS SIGN}{_HALF:g}.",
            TREND,
            trend_regime(price_G1),
            agent_G,
            market_G,
            seed,
        ),
    )


def _section(
    name: str, definition: str, names: Sequence[str], regime_G: Ints, agent_G: Floats, market_G: Floats, seed: int
) -> Regimes:
    rows = []
    for number, called in [*enumerate(names), (-1, "not known yet")]:
        inside = regime_G == number
        if not inside.any():
            continue
        rows.append(
            RegimeRow(
                name=called,
                periods=int(inside.sum()),
                agent=float(np.prod(1 + agent_G[inside]) - 1),
                market=float(np.prod(1 + market_G[inside]) - 1),
                each_bps=mean_estimate(agent_G[inside] * 1e4, seed=seed),
            )
        )
    return Regimes(
        name=name,
        definition=definition,
        rows=tuple(rows),
        total=float(np.prod(1 + agent_G) - 1),
        market=float(np.prod(1 + market_G) - 1),
    )


def _trailing_deviation(moves_G: Floats, window: int) -> Floats:
    """Standard deviation of the `window` moves before each one; NaN where there are fewer."""
    deviation_G = np.full(moves_G.size, np.nan)
    if moves_G.size > window:
        before = np.lib.stride_tricks.sliding_window_view(moves_G, window)[:-1]
        deviation_G[window:] = before.std(axis=1, ddof=1)
    return deviation_G


def _expanding_rank(values_G: Floats) -> Floats:
    """Share of the earlier known values below each one, ties half; NaN under LEAST_KNOWN earlier ones."""
    rank_G = np.full(values_G.size, np.nan)
    first = np.flatnonzero(np.isfinite(values_G))
    known = values_G[first]
    for start in range(LEAST_KNOWN, known.size, _CHUNK_ROWS):
        rows = np.arange(start, min(start + _CHUNK_ROWS, known.size))
        mine = known[rows, np.newaxis]
        earlier = np.arange(rows[-1] + 1) < rows[:, np.newaxis]
        others = known[np.newaxis, : rows[-1] + 1]
        below = ((others < mine) & earlier).sum(axis=1) + _HALF * ((others == mine) & earlier).sum(axis=1)
        rank_G[first[rows]] = below / rows
    return rank_G
