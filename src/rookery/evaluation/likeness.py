"""Whether an agent is, in truth, one of its own baselines."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from rookery.evaluation.backtest import Backtest
from rookery.evaluation.grid import Grid
from rookery.evaluation.report.belief import Likeness
from rookery.evaluation.report.wording import number
from rookery.measures import ROUNDING, Floats, simple_returns

# T rows of an account, G periods of a clock
LEAST_CORRELATION = 0.99
LEAST_SAME = 0.95
# Shares of net worth are nearly the same when they differ by no more than this part of the larger one.
_NEAR = 0.05
_DUST = 0.001

Kind = Literal["same", "diluted", "apart"]


def likenesses(
    agent: Backtest, rivals: Mapping[str, Backtest], clock: Grid, names: Mapping[str, str]
) -> tuple[Likeness, ...]:
    """The agent held against every rival that has books of its own; `names` says what the reader calls each.

    It is the rival when both hold nearly the same share of their net worth in base on 95 % of the rows and their
    returns on `clock` correlate by 0.99, where both vary. It is the rival at another size when the returns correlate so
    but the shares differ by one factor throughout.
    """
    return tuple(_likeness(agent, rivals[key], clock, name) for key, name in names.items() if key in rivals)


def share_in_base(books: Backtest) -> Floats:
    """Share of net worth held in base after each of T rows; 0 after ruin."""
    table = books.equity
    worth, held = table["equity"].to_numpy(), (table["base"] * table["price"]).to_numpy()
    return np.asarray(np.divide(held, worth, out=np.zeros_like(held), where=worth > 0))


def correlation(ours_G: Floats, theirs_G: Floats) -> float | None:
    """Pearson's, or None where either does not vary."""
    if min(np.ptp(ours_G), np.ptp(theirs_G)) <= ROUNDING:
        return None
    return float(np.clip(np.corrcoef(ours_G, theirs_G)[0, 1], -1.0, 1.0))


def _likeness(agent: Backtest, rival: Backtest, clock: Grid, name: str) -> Likeness:
    ours_T, theirs_T = share_in_base(agent), share_in_base(rival)
    returns_G, rivals_G = simple_returns(agent.equity_on(clock)), simple_returns(rival.equity_on(clock))
    related = correlation(returns_G, rivals_G)
    larger_T = np.maximum(ours_T, theirs_T)
    near_T = np.abs(ours_T - theirs_T) <= np.maximum(_NEAR * larger_T, _DUST)
    same = float(near_T.mean())
    kind = _kind(related, same, ours_T, theirs_T, moves=float(np.ptp(returns_G)), rival_moves=float(np.ptp(rivals_G)))
    return Likeness(
        rival=name,
        correlation=related,
        same_position=same,
        same=kind != "apart",
        text=_text(kind, name, related, same, _size(ours_T, theirs_T)),
    )


def _kind(
    related: float | None, same: float, ours_T: Floats, theirs_T: Floats, *, moves: float, rival_moves: float
) -> Kind:
    if related is None:
        # A rival that never moves, such as cash, can only be told by what is held.
        return "same" if same >= LEAST_SAME and max(moves, rival_moves) <= ROUNDING else "apart"
    if related < LEAST_CORRELATION:
        return "apart"
    if same >= LEAST_SAME:
        return "same"
    both = (ours_T > _DUST) & (theirs_T > _DUST)
    alike = ((ours_T > _DUST) == (theirs_T > _DUST)).mean() >= LEAST_SAME
    if not both.any() or not alike:
        return "apart"
    factor_T = ours_T[both] / theirs_T[both]
    middle = float(np.median(factor_T))
    steady = float((np.abs(factor_T - middle) <= 2 * _NEAR * middle).mean())
    return "diluted" if steady >= LEAST_SAME else "apart"


def _size(ours_T: Floats, theirs_T: Floats) -> float:
    both = (ours_T > _DUST) & (theirs_T > _DUST)
    return float(np.median(ours_T[both] / theirs_T[both])) if both.any() else 0.0


def _text(kind: Kind, name: str, related: float | None, same: float, size: float) -> str:
    moves = "its equity never moves" if related is None else f"its returns correlate by {related:.3f} with that"
    alike = number(same, "percent", 0)
    if kind == "same":
        return f"In truth this policy is {name}: {moves}, and it holds the same on {alike} of the rows."
    if kind == "diluted":
        return f"In truth this policy is {name} at {number(size, 'percent', 0)} of its size: {moves}."
    return f"Another policy than {name}."
