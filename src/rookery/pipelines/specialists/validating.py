"""What a joint policy's episodes on validation bars come to, and by which of these figures one is better."""

# T decisions, N episodes

from collections.abc import Mapping

from rookery.measures import max_drawdown, total_return
from rookery.pipelines.specialists.joint_worlds import Floats, portfolio_sharpe

Figures = Mapping[str, float]


def figures(growth_TN: Floats) -> dict[str, float]:
    """Figures of simple returns per decision, by the names of `config.BEST_BY` without their minus.

    The Sharpe ratio is of all decisions in all episodes; total return and maximum drawdown are means over the episodes,
    `episodes_won` is the share of them that gained.
    """
    gained_N = total_return.over(growth_TN.T, None)
    return {
        "portfolio_sharpe": portfolio_sharpe(growth_TN),
        "total_return": float(gained_N.mean()),
        "max_drawdown": float(max_drawdown.over(growth_TN.T, None).mean()),
        "episodes_won": float((gained_N > 0.0).mean()),
    }


def score(found: Figures, best_by: str) -> float:
    """The figure `best_by` so that larger is better: with a minus before its name less is."""
    name = best_by.removeprefix("-")
    return -found[name] if name != best_by else found[name]
