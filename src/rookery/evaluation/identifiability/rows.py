"""Decisions to be foretold, with what is known when each is taken."""

# R rows, F state features, K kinds of action, X inputs

from dataclasses import dataclass

import numpy as np

from rookery.measures import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionRows:
    """R decisions of known outcome. `before_R` is the action of the row before in the same market, -1 where unknown.

    `states_RF` are scaled and finite. `market_R` numbers markets from 0. `rtg_R` is the true return-to-go: it tells of
    the future, and only models that are said to know it may look at it.
    """

    states_RF: Floats
    before_R: Ints
    actions_R: Ints
    market_R: Ints
    rtg_R: Floats
    kinds: int

    def __post_init__(self) -> None:
        if self.actions_R.size == 0 or self.actions_R.min() < 0 or self.actions_R.max() >= self.kinds:
            raise ValueError(f"actions must be 0 to {self.kinds - 1}, and at least one")
        if not np.isfinite(self.states_RF).all():
            raise ValueError("states must be scaled and finite")

    def inputs(self, *, with_rtg: bool) -> Floats:
        """(R, X): states, the action before as K + 1 columns of 0 and 1 (the last: unknown), and the return-to-go."""
        before_RK = np.eye(self.kinds + 1)[self.before_R]
        columns = [self.states_RF, before_RK, *([self.rtg_R[:, None]] if with_rtg else [])]
        return np.concatenate(columns, axis=1, dtype=np.float64)
