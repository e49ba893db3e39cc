"""What the meta-controller adds over specialists in equal parts, and what each specialist adds."""

from collections.abc import Mapping

from rookery.evaluation.report.hierarchy import AblationRow
from rookery.evaluation.significance import significance
from rookery.measures import Floats, sharpe, total_return
from rookery.pipelines.specialists.gating import BASELINES, Ground

WHOLE = "the whole agent"
EQUAL = BASELINES["equal_parts"]


def without(group: str) -> str:
    """What the agent without one specialist is called."""
    return f"without {group}"


def ablation(whole_N: Floats, parts: Mapping[str, Floats], *, ground: Ground) -> tuple[AblationRow, ...]:
    """The whole agent's N returns, then each of `parts`, with the whole's lead in Sharpe ratio over each.

    All are resampled together, so that the lead is paired; it holds 0 where the part's absence makes no difference.
    """
    found = significance(
        whole_N,
        dict(parts),
        seed=ground.seed,
        periods_per_year=ground.periods_per_year,
        formulas=(sharpe, total_return),
        resamples=ground.resamples,
    )
    nothing = found.agent[sharpe.name].absent("itself")
    first = AblationRow(name=WHOLE, sharpe=found.agent[sharpe.name], net=found.agent[total_return.name], lead=nothing)
    rest = tuple(
        AblationRow(
            name=name,
            sharpe=found.rivals[name][sharpe.name],
            net=found.rivals[name][total_return.name],
            lead=found.differences[name][sharpe.name],
        )
        for name in parts
    )
    return (first, *rest)
