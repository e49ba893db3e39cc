"""The page is whole without a network and without script."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rookery.evaluation.report.html import MOST_ROWS, SECTIONS, page
from rookery.evaluation.report.record import Estimate, Report
from rookery.evaluation.report.wording import interval, number

MakeReport = Callable[..., Report]
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
FIGURES = re.compile(r'<script type="application/json" id="figures">(.*?)</script>', re.DOTALL)


class Page(HTMLParser):
    """The addresses a page would fetch, its text outside scripts, and the ids of its sections."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.words: list[str] = []
        self.sections: list[str] = []
        self.silent = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent = tag in ("script", "style")
        found = dict(attrs)
        if tag == "section":
            self.sections.append(found["id"] or "")
        named = found.get("src") or (found.get("href") if tag == "link" else None)
        self.fetched += [named] if named else []

    def handle_endtag(self, tag: str) -> None:
        self.silent = False

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text()


def policy_of(html: str) -> str:
    found = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert found is not None
    return unescape(found.group(1))


def test_nothing_is_fetched(html: str):
    assert Page(html).fetched == ["data:,"]
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "url(" not in style
    assert "@import" not in style
    assert "@font-face" not in style
    assert policy_of(html).startswith("default-src 'none'; script-src 'sha256-")


def test_the_policy_names_exactly_the_scripts_of_the_page(html: str):
    allowed = set(re.findall(r"'sha256-([^']+)'", policy_of(html)))
    wanted = {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in SCRIPT.findall(html)}
    assert allowed == wanted
    assert "unsafe" not in policy_of(html).split("style-src")[0]


def test_each_library_is_inside_once_and_only_when_something_is_drawn_with_it(report: Report, html: str):
    assert html.count("var uPlot=function") == 1
    assert html.count("window.LightweightCharts=") == 1
    assert html.count("Copyright (c) 2026 TradingView, Inc.") == 2
    without = page(replace(report, decisions=None))
    assert "window.LightweightCharts=" not in without
    assert "TradingView" not in without
    bare = page(replace(report, decisions=None, equity=None, training=None))
    assert "var uPlot=function" not in bare


def overhead(html: str) -> int:
    """Bytes of a page that do not grow with its record: without figures, drawings, table bodies and probes."""
    for grown in (
        FIGURES,
        re.compile(r'<svg class="plot".*?</svg>', re.DOTALL),
        re.compile(r"<tbody>.*?</tbody>", re.DOTALL),
        re.compile(r'<details class="probe .*?</details>', re.DOTALL),
    ):
        html = grown.sub("", html)
    return len(html.encode())


def test_the_page_keeps_its_size_budgets(report: Report, html: str):
    assert overhead(html) <= 330_000
    assert overhead(page(replace(report, decisions=None))) <= 130_000


def test_sections_stand_in_order_and_empty_ones_are_left_out(report: Report, html: str):
    assert Page(html).sections == ["verdict", *(section.id for section in SECTIONS)]
    some = replace(report, costs=None, panel=None, not_traded=None, machine=None)
    left = [section.id for section in SECTIONS if section.id not in ("costs", "panel", "not_traded", "machine")]
    assert Page(page(some)).sections == ["verdict", *left]
    tuples = ("headline", "claims", "likenesses", "regimes")
    bare = replace(report, **{section.id: () if section.id in tuples else None for section in SECTIONS})
    assert Page(page(bare)).sections == ["verdict"]


def test_every_headline_figure_is_on_the_page_without_script(report: Report, html: str):
    words = Page(html).text
    for measure in report.headline:
        assert measure.definition in words
        assert measure.formula in words
        for estimate, signed in [(measure.agent, False), *((one.estimate, True) for one in measure.differences)]:
            assert number(estimate.value, measure.style, measure.digits, signed=signed) in words
            assert interval(estimate, measure.style, measure.digits, signed=signed) in words


def test_a_row_without_interval_says_exact_or_why(report: Report):
    absent = replace(report.headline[0], agent=Estimate.absent("only 4 returns"), baselines=(), differences=())
    words = Page(page(replace(report, headline=(absent,)))).text
    assert "only 4 returns" in words


def test_generated_data_is_marked_wherever_the_data_is_named(report: Report, html: str):
    assert html.count('<span class="badge">generated data</span>') == 5
    assert "generated data" not in page(replace(report, generated=False))


def test_every_time_axis_says_utc(report: Report, html: str):
    assert html.count(">Time (UTC)</text>") == 3
    figures = json.loads(FIGURES.findall(html)[0])
    assert {chart["xTitle"] for chart in figures["charts"] if chart["kind"] == "time"} == {"Time (UTC)"}


def test_names_from_a_users_file_cannot_become_markup(report: Report):
    evil = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
    assert report.data is not None
    assert report.decisions is not None
    marks = (replace(report.decisions.marks[0], reason=evil),)
    made = replace(
        report,
        title=evil,
        data_name=evil,
        data=replace(report.data, source=evil),
        decisions=replace(report.decisions, marks=marks, base=evil),
    )
    html = page(made)
    assert "<img" not in html
    assert "alert(1)</script>" not in html
    assert len(SCRIPT.findall(html)) == len(SCRIPT.findall(page(report)))


def test_a_verdict_links_to_its_evidence_only_when_it_is_there(report: Report):
    assert 'class="onward" href="#headline"' in page(report)
    rests = replace(report, verdict=replace(report.verdict, evidence="belief"))
    assert 'class="onward" href="#belief"' in page(rests)
    assert 'class="onward"' not in page(replace(rests, belief=None))


@pytest.mark.parametrize("code", ["beats", "indistinguishable", "worse", "too_little_data", "refused"])
def test_every_verdict_has_its_own_shape(report: Report, code: str, html: str):
    assert f'class="verdict {code}"' in page(replace(report, verdict=replace(report.verdict, code=code)))  # type: ignore[arg-type]
    assert f".{code} .symbol" in html


def test_a_long_ledger_shows_its_last_rows_and_names_the_file(report: Report):
    assert report.trades is not None
    first = report.trades.rows[0]
    rows = tuple((index, *first[1:]) for index in range(MOST_ROWS + 500))
    words = Page(page(replace(report, trades=replace(report.trades, rows=rows)))).text
    assert f"1,500 rows in the ledger; the last {MOST_ROWS:,} are shown here." in words


def test_a_run_that_never_traded_still_has_a_page(make_report: MakeReport):
    made = make_report(points=2, most_candles=20, marks=1)
    assert made.decisions is not None
    assert made.trades is not None
    assert made.not_traded is not None
    quiet = replace(
        made,
        decisions=replace(made.decisions, marks=()),
        trades=replace(made.trades, rows=()),
        not_traded=replace(made.not_traded, refusals=(), summary="confidence never reached 1.01 (max .83)"),
    )
    words = Page(page(quiet)).text
    assert "confidence never reached 1.01 (max .83)" in words
    assert "0 rows in the ledger" in words
