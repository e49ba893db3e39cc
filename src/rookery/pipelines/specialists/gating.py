"""Whether a phase beat what needs no learning: the gate before the next one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.hierarchy import GateRow, PhaseGate
from rookery.evaluation.significance import Significance, significance
from rookery.measures import Floats, sharpe, total_return

Baseline = Literal["flat", "buy_and_hold", "equal_weights", "equal_parts"]
BASELINES: Mapping[Baseline, str] = {
    "equal_parts": "specialists in equal parts",
    "equal_weights": "equal weights",
    "buy_and_hold": "buy and hold",
    "flat": "always flat",
}
PHASES: Mapping[int, str] = {
    1: "Phase 1, specialists in equal parts",
    2: "Phase 2, meta-controller over frozen specialists",
    3: "Phase 3, joint fine-tuning",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What gates are judged by: periods a year (None: measures per bar), resamples, seed."""

    periods_per_year: float | None
    resamples: int
    seed: int


def gate(
    phase: int, returns_N: Floats, baselines: Mapping[Baseline, Floats], *, ground: Ground, span: str, applied: bool
) -> PhaseGate:
    """Judge a phase by its N returns, beside those of its frozen baselines over the same bars.

    It passes when the lead over every baseline has an interval that lies above 0: the lead in Sharpe ratio, which no
    change of exposure buys, or the net return itself where the baseline is flat and has no Sharpe ratio.
    """
    found = _compared(returns_N, baselines, ground)
    rows = tuple(_row(found, name, ground) for name in BASELINES if name in baselines)
    passed = bool(rows) and all(row.passed for row in rows)
    return PhaseGate(
        phase=phase,
        name=PHASES[phase],
        span=span,
        passed=passed,
        applied=applied,
        sentence=_sentence(phase, rows, span, passed=passed, applied=applied),
        rows=rows,
    )


def _compared(returns_N: Floats, baselines: Mapping[Baseline, Floats], ground: Ground) -> Significance:
    return significance(
        returns_N,
        {str(name): rival_N for name, rival_N in baselines.items()},
        seed=ground.seed,
        periods_per_year=ground.periods_per_year,
        formulas=(sharpe, total_return),
        resamples=ground.resamples,
    )


def _row(found: Significance, name: Baseline, ground: Ground) -> GateRow:
    measure = total_return if name == "flat" else sharpe
    lead = found.differences[name][measure.name]
    per = "" if name == "flat" else " a year" if ground.periods_per_year is not None else " a bar"
    return GateRow(baseline=BASELINES[name], measure=f"{measure.title}{per}", lead=lead, passed=_above_zero(lead))


def _above_zero(lead: Estimate) -> bool:
    return lead.low is not None and lead.low > 0


def _sentence(phase: int, rows: tuple[GateRow, ...], span: str, *, passed: bool, applied: bool) -> str:
    if passed:
        return f"Phase {phase} beats {_names([row.baseline for row in rows])}: every interval lies above 0 ({span})."
    failed = [row.baseline for row in rows if not row.passed]
    after = f"phase {phase + 1} was not started" if phase < 3 else "its agent is not one to trade with"
    end = after if applied else "the gate was told not to stop (--no-gate)"
    lacking = f"is not shown to beat {_names(failed)}" if rows else "has no baseline to be held against"
    unseen = "neither taught it nor chose its weights" if phase == 3 else "it did not learn from"
    return f"Phase {phase} {lacking} on data that {unseen} ({span}): {end}."


def _names(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
