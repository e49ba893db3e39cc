"""What a problem with a known optimum is: an environment, the best value, and how a policy's own value is found."""

# B states, O observation, A action columns

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.compiled_env import CompiledVectorEnv

# A deterministic policy: observations (B, O) float32 to actions (B, A), in the units of the environment's action space.
Act = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """`optimum` is the value of the best policy from the start, in the unit of `value`; `best` is that policy.

    `value(act)` finds a policy's value without noise where the state is small, else by simulation on numbers that are
    the same for every policy. `discount` is the problem's own, with which its rewards are to be summed.
    """

    title: str
    source: str
    make: Callable[[int, int], CompiledVectorEnv]
    optimum: float
    best: Act
    value: Callable[[Act], float]
    discount: float

    def share(self, act: Act) -> float:
        """How much of the optimum a policy reaches: value over optimum, or optimum over value where both are costs."""
        reached = self.value(act)
        return reached / self.optimum if self.optimum > 0 else self.optimum / reached
