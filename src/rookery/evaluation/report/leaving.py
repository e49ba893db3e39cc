"""A section on how a trader leaves: his exits, the triple barrier nearest to them, and what it says of each action."""

from dataclasses import dataclass

from rookery.evaluation.report.estimate import Estimate, Style
from rookery.evaluation.report.learned import Mix

# In the order of the mixes of labels.
TOUCHED = ("profit first", "loss first", "neither")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPart:
    """His exits in one part of the markets, by bars' closes.

    `positions` were left, `by_sale` of them mainly by selling what was held, the others by buying; `held_to_end` more
    were open when their market ended. `sold`, `merged` and `settled` are shares of all that he bought (None where he
    bought nothing). `returns` (in the unit of the widths) and `bars` are quantiles at the section's levels.
    `error` is that of the barriers that were chosen, `at_once` of leaving where he entered.
    """

    name: str
    markets: int
    positions: int
    by_sale: int
    held_to_end: int
    sold: float | None
    merged: float | None
    settled: float | None
    returns: tuple[float, ...]
    bars: tuple[float, ...]
    error: float | None
    at_once: float | None
    agreement: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Barriers that were tried on training exits, and their mean absolute difference to his returns."""

    profit: float
    stop: float
    horizon_bars: int
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterAction:
    """Mean return to the first barrier after an action: the trader's, the twin's (weighted by its chances), paired."""

    name: str
    decisions: int
    trader: Estimate
    twin: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """How he leaves. Widths, returns and errors are written by `style`, `digits` (means: one more) and `unit`.

    `said` names the barriers and whose they are. `levels` are those of the quantiles in `parts`. `mix` counts bars by
    TOUCHED in each part; `unknown` bars have no label, and in `both` of the others profit and loss were reached in one
    bar, which counts as a loss.
    """

    style: Style
    digits: int
    unit: str
    interval_s: int
    said: str
    note: str
    levels: tuple[float, ...]
    parts: tuple[ExitPart, ...]
    profit: float
    stop: float
    horizon_bars: int
    tried: tuple[Tried, ...]
    mix: tuple[Mix, ...]
    unknown: int
    both: int
    actions: tuple[AfterAction, ...]
    actions_note: str

    def __post_init__(self) -> None:
        if any(len(one.counts) != len(TOUCHED) for one in self.mix):
            raise ValueError(f"every mix must count {', '.join(TOUCHED)}")

    @property
    def stops(self) -> tuple[float, ...]:
        """Stop-losses that were tried, in order."""
        return tuple(sorted({one.stop for one in self.tried}))

    @property
    def errors(self) -> tuple[tuple[float, tuple[float, ...]], ...]:
        """At the chosen horizon: each profit-taking that was tried, with the error at each of `stops`."""
        found = {(one.profit, one.stop): one.error for one in self.tried if one.horizon_bars == self.horizon_bars}
        profits = sorted({one.profit for one in self.tried})
        return tuple((profit, tuple(found[profit, stop] for stop in self.stops)) for profit in profits)

    @property
    def by_horizon(self) -> tuple[tuple[int, float], ...]:
        """At the chosen widths: each horizon that was tried, with its error."""
        chosen = [one for one in self.tried if (one.profit, one.stop) == (self.profit, self.stop)]
        return tuple((one.horizon_bars, one.error) for one in chosen)
