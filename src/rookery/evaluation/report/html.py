"""The record as one page that asks nothing of a network: styles, scripts and figures are inside it."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rookery.evaluation.report import (
    drawings,
    glyphs,
    hierarchy_charts,
    imitation_drawings,
    leaving_rows,
    orders,
    wording,
)
from rookery.evaluation.report.charts import Chart, equity_charts, payload, term_charts
from rookery.evaluation.report.codec import digest
from rookery.evaluation.report.leaving import TOUCHED
from rookery.evaluation.report.record import (
    Decisions,
    Estimate,
    Measure,
    Named,
    Report,
    RookPanel,
    SpecialistsPanel,
    TwinPanel,
)

ASSETS = Path(__file__).parent / "assets"
# More table rows than a reader scrolls through; the file beside the report holds all of them.
MOST_ROWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page: shown when the record's field of the same name is filled."""

    id: str
    heading: str


SECTIONS = (
    Section(id="headline", heading="Headline figures"),
    Section(id="equity", heading="Equity and drawdown"),
    Section(id="belief", heading="Can it be believed"),
    Section(id="claims", heading="Claims"),
    Section(id="likenesses", heading="Likeness to baselines"),
    Section(id="costs", heading="Costs"),
    Section(id="decisions", heading="Decisions"),
    Section(id="trades", heading="Trades"),
    Section(id="round_trips", heading="Round trips"),
    Section(id="not_traded", heading="Not traded"),
    Section(id="calendar", heading="Calendar"),
    Section(id="regimes", heading="Market regimes"),
    Section(id="risk", heading="Risk"),
    Section(id="training", heading="Training"),
    Section(id="panel", heading="What the model learned"),
    Section(id="data", heading="Data"),
    Section(id="repeat", heading="Repeat it"),
    Section(id="machine", heading="This machine"),
)


def page(report: Report, *, own: str | None = None) -> str:
    """The whole page as text; `own` is the report's digest where it is known. Equal records give equal pages."""
    charts = _charts(report)
    scripts = _scripts(report, charts)
    template = _environment().get_template("page.html.j2")
    return template.render(
        report=report,
        sections=[section for section in SECTIONS if _is_filled(report, section.id)],
        charts={chart.id: drawings.line_svg(chart, width=_width(chart)) for chart in charts},
        styles=_styles(charts),
        scripts=scripts,
        policy=_policy(scripts),
        figures=_figures(report, charts),
        rivals=_names(report.headline, "baselines"),
        differences=_names(report.headline, "differences")[:2],
        proof=_proof(report),
        digest=own or digest(report),
        most_rows=MOST_ROWS,
    )


def _is_filled(report: Report, name: str) -> bool:
    if name == "belief" and report.belief is not None:
        return report.belief.trials is not None or report.belief.certificate is not None
    return bool(getattr(report, name))


def _charts(report: Report) -> list[Chart]:
    charts = [*equity_charts(report.equity)] if report.equity else []
    charts += term_charts(report.training) if report.training else ()
    if isinstance(report.panel, SpecialistsPanel):
        charts += hierarchy_charts.hierarchy_charts(report.panel)
    return charts


def _width(chart: Chart) -> float:
    return 760 if chart.x_kind == "time" else 340


def _names(measures: tuple[Measure, ...], field: str) -> list[str]:
    """Names of all rivals in the order in which they first appear."""
    return list(dict.fromkeys(one.name for measure in measures for one in getattr(measure, field)))


def _proof(report: Report) -> tuple[Measure, tuple[glyphs.Whisker, ...]] | None:
    """The first measure that has differences, drawn beside the verdict: the sentence must be seen to follow."""
    measure = next((one for one in report.headline if one.differences), None)
    if measure is None:
        return None
    rows = [(one.name, one.estimate) for one in measure.differences]
    return measure, glyphs.whiskers(rows, style=measure.style, digits=measure.digits, unit=measure.unit)


def _figures(report: Report, charts: list[Chart]) -> Markup:
    """The figures for the scripts, in a block that no browser runs."""
    figures = {
        "charts": [payload(chart) for chart in charts],
        "orders": orders.payload(report.decisions) if report.decisions else None,
    }
    text = json.dumps(figures, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704  no tag can end the block early


# Quoted text, which stays as it is, or spaces that a style sheet does not need.
_SPACES = re.compile(r'("[^"]*")|\s*([{};])\s*|([:,])\s+')


def _lean(text: str) -> str:
    """Our own style or script without indentation and whole-line comments: the same, in fewer bytes."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//") and not line.startswith("/*"))


def _lean_style(text: str) -> str:
    """A style sheet without the spaces after its marks, too."""
    return _SPACES.sub(lambda found: "".join(filter(None, found.groups())), _lean(text)).replace(";}", "}")


def _styles(charts: list[Chart]) -> list[Markup]:
    names = (["vendor/uPlot.min.css"] if charts else []) + ["report.css"]
    return [Markup(_asset(name)) for name in names]  # noqa: S704  our own files


def _scripts(report: Report, charts: list[Chart]) -> list[Markup]:
    """Each library once, and only when something is drawn with it."""
    names = ["early.js", "page.js", "tables.js"]
    if charts:
        names += ["vendor/uPlot.iife.min.js", "lines.js"]
    if report.decisions:
        names += ["vendor/lightweight-charts.standalone.production.js", "candles.js"]
    return [Markup(_asset(name)) for name in names]  # noqa: S704  our own files


def _policy(scripts: list[Markup]) -> str:
    """A content security policy that lets these scripts run, by their hashes, and nothing be fetched."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@cache
def _asset(name: str) -> str:
    text = (ASSETS / name).read_text(encoding="utf-8")
    if name.startswith("vendor/"):
        return text
    return _lean_style(text) if name.endswith(".css") else _lean(text)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(wording=wording, glyphs=glyphs, drawings=drawings, imitation_drawings=imitation_drawings)
    environment.globals.update(hierarchy=hierarchy_charts, leaving_rows=leaving_rows, leaving_touched=TOUCHED)
    environment.globals.update(shown_marks=_shown_marks, by_name=_by_name, panel_template=_panel_template)
    return environment


def _shown_marks(decisions: Decisions) -> int:
    return len(orders.shown_marks(decisions))


def _panel_template(panel: RookPanel | TwinPanel | SpecialistsPanel) -> str:
    if isinstance(panel, SpecialistsPanel):
        return "panel_specialists.html.j2"
    return "panel_rook.html.j2" if isinstance(panel, RookPanel) else "panel_twin.html.j2"


def _by_name(rows: tuple[Named, ...]) -> dict[str, Estimate]:
    return {one.name: one.estimate for one in rows}
