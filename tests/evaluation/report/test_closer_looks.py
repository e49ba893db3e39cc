"""Calendar, regimes, risk, round trips and delay on the page and in the Markdown: the record's own figures."""

import re
from dataclasses import replace
from html import unescape

from rookery.evaluation.report import markdown
from rookery.evaluation.report.glyphs import heat
from rookery.evaluation.report.html import page
from rookery.evaluation.report.record import Report
from rookery.evaluation.report.wording import moment, number


def section(report: Report, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page(report), re.DOTALL)
    assert found is not None, name
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found.group())).split())


def test_a_calendar_shows_every_cell_signed_and_leaves_unknown_ones_empty(report: Report):
    assert report.calendar is not None
    words, text = section(report, "calendar"), markdown.text(report)
    assert "2025-01-23 +0.80 +1.20 −0.40" in words
    assert re.search(r"\| 2025-01-23 \| +\+0\.80 \| +\+1\.20 \| +\| +−0\.40 \|", text)
    rows = heat(report.calendar)
    assert [cell.kind for cell in rows[0].cells] == ["gain", "none", "loss"]
    # The strongest colour belongs to the largest move, and a standstill has none.
    assert rows[1].cells[0].share == 0.0
    assert rows[1].cells[1].share == max(cell.share for row in rows for cell in row.cells)
    assert rows[1].cells[1].title == "2025-01-24 10: +2.3100 %"


def test_regimes_show_agent_and_market_with_the_definition(report: Report):
    words, text = section(report, "regimes"), markdown.text(report)
    for part in report.regimes:
        assert part.definition in words
        assert part.definition in text
        for row in part.rows:
            agent, market = (number(one, "percent", signed=True) for one in (row.agent, row.market))
            assert f"{row.name} {row.periods} {agent} {market}" in words
            assert re.search(rf"\| {row.name} +\| +{row.periods} \|", text)


def test_risk_shows_tails_tests_exposure_and_falls(report: Report):
    assert report.risk is not None
    words, text = section(report, "risk"), markdown.text(report)
    for one in (*report.risk.tails, *report.risk.exposure):
        shown = number(one.estimate.value, one.style, one.digits, one.unit)
        assert f"{one.name} {shown}" in words
        assert shown in text
    assert "Value at risk 95 % 1,249 62.5 71 0.267 under 0.001 no exceedance has a period after it" in words
    for fall in report.risk.falls:
        assert moment(fall.trough_ms, seconds=False) in words
        assert moment(fall.trough_ms) in text
    assert words.count("not yet") == text.count("not yet") == 1


def test_round_trips_are_a_table_beside_the_orders(report: Report):
    assert report.round_trips is not None
    html, words = page(report), section(report, "round_trips")
    assert '<table id="trip-table" class="ledger" data-filtered="trip" data-orders="2">' in html
    assert report.round_trips.note in words
    assert "Closed profit 211.40 USDC exact" in words
    assert f"The first 20 of {len(report.round_trips.table.rows)}:" in markdown.text(report)
    none = replace(report.round_trips, table=replace(report.round_trips.table, rows=()))
    bare = replace(report, round_trips=none)
    assert "trip-table" not in page(bare)
    assert "The first 0" not in markdown.text(bare)


def test_the_price_of_delay_is_drawn_and_listed(report: Report):
    assert report.costs is not None
    words, text = section(report, "costs"), markdown.text(report)
    for level in report.costs.lags:
        net = number(level.net.value)
        assert f"{level.swaps} 200 {level.fills} {net}" in words
        assert re.search(rf"\| {level.swaps} +\| +200 \| +{level.fills} \| +{net} \|", text)
    assert 'aria-label="Net result when every decision comes later"' in page(report)
    assert "Had it acted later" not in page(replace(report, costs=replace(report.costs, lags=())))


def test_the_agents_trades_are_told_by_the_teachers_rule(report: Report):
    heading = "The agent's trades by the teacher's rule on that row"
    assert heading in section(report, "panel")
    assert heading in markdown.text(report)
