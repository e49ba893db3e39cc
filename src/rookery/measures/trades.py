"""What single trades came to: profits, losses, how long they lasted, and how they clustered."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.measures.measure import Measure, measured, series


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long N closed trades were held, in seconds."""

    mean_s: Measure
    median_s: Measure
    shortest_s: Measure
    longest_s: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaks:
    """Most trades in a row that won, and that lost. `current` is the run at the end: above 0 won, below 0 lost."""

    wins: int
    losses: int
    current: int


def win_rate(profits: npt.ArrayLike) -> Measure:
    """Share of N trades with a profit above 0; a trade that comes out even is no win."""
    values = series(profits, "profits")
    if not values.size:
        return Measure(value=None, reason="no trade was closed")
    return Measure(value=float((values > 0).mean()))


def profit_factor(profits: npt.ArrayLike) -> Measure:
    """Sum of the profits of N trades over the sum of their losses."""
    values = series(profits, "profits")
    if not values.size:
        return Measure(value=None, reason="no trade was closed")
    losses = -values[values < 0].sum()
    if losses == 0:
        return Measure(value=None, reason="no trade lost")
    return measured(np.asarray(values[values > 0].sum() / losses), "no trade lost")


def average_win(profits: npt.ArrayLike) -> Measure:
    """Mean profit of the trades with a profit above 0, in their unit."""
    values = series(profits, "profits")
    won = values[values > 0]
    if not won.size:
        return Measure(value=None, reason="no trade won" if values.size else "no trade was closed")
    return measured(won.mean(), "no trade won")


def average_loss(profits: npt.ArrayLike) -> Measure:
    """Mean loss of the trades with a profit below 0, as a positive amount."""
    values = series(profits, "profits")
    lost = values[values < 0]
    if not lost.size:
        return Measure(value=None, reason="no trade lost" if values.size else "no trade was closed")
    return measured(-lost.mean(), "no trade lost")


def payoff_ratio(profits: npt.ArrayLike) -> Measure:
    """Average win over average loss."""
    won, lost = average_win(profits), average_loss(profits)
    if won.value is None or lost.value is None:
        return Measure(value=None, reason=won.reason or lost.reason)
    return measured(won.value / lost.value, "no trade lost")


def trade_durations(opened_ns: npt.ArrayLike, closed_ns: npt.ArrayLike) -> Durations:
    """From N times of entry and of exit (ns). Raises ValueError when a trade closes before it opens."""
    opened, closed = np.asarray(opened_ns, dtype=np.int64), np.asarray(closed_ns, dtype=np.int64)
    if opened.ndim != 1 or opened.shape != closed.shape:
        raise ValueError(f"there must be an exit for each entry, not {closed.shape} for {opened.shape}")
    early = np.flatnonzero(closed < opened)
    if early.size:
        raise ValueError(f"trade {early[0]} closes before it opens")
    if not opened.size:
        none = Measure(value=None, reason="no trade was closed")
        return Durations(mean_s=none, median_s=none, shortest_s=none, longest_s=none)
    held_s = (closed - opened) / 1e9
    return Durations(
        mean_s=Measure(value=float(held_s.mean())),
        median_s=Measure(value=float(np.median(held_s))),
        shortest_s=Measure(value=float(held_s.min())),
        longest_s=Measure(value=float(held_s.max())),
    )


def streaks(profits: npt.ArrayLike) -> Streaks:
    """Of N trades in the order in which they closed; a trade that comes out even ends either run."""
    signs = np.sign(series(profits, "profits")).astype(np.int64)
    if not signs.size:
        return Streaks(wins=0, losses=0, current=0)
    ends = np.append(np.flatnonzero(np.diff(signs)), signs.size - 1)
    runs = np.diff(np.concatenate(([-1], ends))) * signs[ends]
    return Streaks(wins=max(0, int(runs.max())), losses=max(0, int(-runs.min())), current=int(runs[-1]))


def turnover(traded: npt.ArrayLike, equity: npt.ArrayLike) -> Measure:
    """How many times the mean equity was traded: sum of |traded| (quote, both sides) / mean equity."""
    amounts, values = series(traded, "traded"), series(equity, "equity")
    mean = values.mean() if values.size else 0.0
    if mean <= 0:
        return Measure(value=None, reason="there was no equity")
    return Measure(value=float(np.abs(amounts).sum() / mean))
