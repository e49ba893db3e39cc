"""The specialists' panel: what it refuses, and what page and Markdown show of it."""

from dataclasses import replace

import pytest

from rookery.evaluation.report import html, markdown
from rookery.evaluation.report.belief import Claim
from rookery.evaluation.report.codec import from_json, to_json
from rookery.evaluation.report.hierarchy import (
    AblationRow,
    Allocations,
    Breaches,
    Curve,
    GateRow,
    Limited,
    PhaseGate,
    PhaseTargets,
    Share,
    SpecialistsPanel,
    SpecialistUse,
)
from rookery.evaluation.report.hierarchy_charts import curve_groups, hierarchy_charts, learners
from rookery.evaluation.report.record import Estimate, Report

SURE = Estimate(value=1.0, low=0.5, high=1.5)
UNSURE = Estimate(value=0.2, low=-0.5, high=0.9)


def _curve(learner: str, name: str = "value loss") -> Curve:
    return Curve(phase=1, learner=learner, name=name, goal="lower", steps=(1, 2, 3), values=(3.0, 2.0, 1.0))


PANEL = SpecialistsPanel(
    unit="USD",
    phase=2,
    gates=(
        PhaseGate(
            phase=1,
            name="Phase 1, specialists in equal parts",
            span="validation",
            passed=True,
            applied=True,
            sentence="Phase 1 beats always flat: every interval lies above 0.",
            rows=(GateRow(baseline="always flat", measure="Net return", lead=SURE, passed=True),),
        ),
    ),
    ablation=(AblationRow(name="without forex", sharpe=UNSURE, net=UNSURE, lead=SURE),),
    uses=(
        SpecialistUse(
            name="forex",
            instruments=("EURUSD", "GBPUSD"),
            allocation=SURE,
            in_market=Estimate.exact(0.5),
            fills=12,
            profit=34.5,
            alone=UNSURE,
        ),
    ),
    targets=(
        PhaseTargets(
            phase=2,
            span="test",
            claims=(
                Claim(
                    name="Sharpe ratio above 1.8 a year",
                    target="> 1.8",
                    reached=UNSURE,
                    style="number",
                    digits=2,
                    state="not testable with this data",
                    needed="a record of 3.0 years",
                ),
            ),
        ),
    ),
    breaches=(Breaches(name="the agent", limit=0.02, bars=500, breaches=3, compliance=SURE),),
    allocations=Allocations(
        time_ms=(0, 1_000), shares=(Share(name="forex", values=(1.0, 0.25)), Share(name="equity", values=(0.0, 0.75)))
    ),
    limits=(Limited(name="clipped", count=7, text="an order was cut"),),
    curves=(_curve("forex"), _curve("equity"), _curve("equity", "entropy")),
)


@pytest.fixture
def shown(report: Report) -> Report:
    return replace(report, panel=PANEL)


def test_the_panel_survives_a_round_trip_beside_the_others(report: Report, shown: Report):
    assert from_json(to_json(shown)).panel == PANEL
    assert from_json(to_json(report)) == report


@pytest.mark.parametrize(
    "words",
    [
        "Phase 1 beats always flat",
        "without forex",
        "EURUSD, GBPUSD",
        "not testable with this data",
        "an order was cut",
        "a record of 3.0 years",
    ],
)
def test_page_and_markdown_show_every_part(shown: Report, words: str):
    assert words in html.page(shown)
    assert words in markdown.text(shown)


def test_a_learner_has_one_colour_in_all_charts_of_its_phase():
    assert learners(PANEL, 1) == {"forex": "agent", "equity": "buy_and_hold"}
    charts = hierarchy_charts(PANEL)
    assert [chart.id for chart in charts] == ["allocation-chart", "curve-0", "curve-1"]
    assert [line.role for chart in charts[1:] for line in chart.lines] == ["agent", "buy_and_hold", "buy_and_hold"]


def test_curves_of_other_steps_do_not_share_a_chart():
    late = replace(_curve("equity"), steps=(4, 5, 6))
    assert [len(group) for group in curve_groups(replace(PANEL, curves=(_curve("forex"), late)))] == [1, 1]


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="one per time"):
        Allocations(time_ms=(0,), shares=(Share(name="forex", values=(1.0, 0.0)),))
    with pytest.raises(ValueError, match="value loss"):
        Curve(phase=1, learner="forex", name="value loss", goal="lower", steps=(1,), values=())
