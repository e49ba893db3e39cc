"""Trading problems whose best policy is known, by formula or by dynamic programming: the yardsticks of a learner."""

from rookery.market.optimum.problem import Act, Problem

__all__ = ["Act", "Problem"]
