"""The page in a real browser: quiet, readable in both themes, usable by mouse, keyboard, finger and printer.

axe.min.js beside this file is axe-core 4.14.1 (MPL-2.0, axe.LICENSE), used by these tests only.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from rookery.evaluation import report as pages
from rookery.evaluation.report.record import Belief, Mark, Report
from rookery.evaluation.report.wording import moment, number, significant

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent / "axe.min.js"
DRAWN = (
    "() => Rookery.lineCharts?.size === 2 && Rookery.candleChart && document.getElementById('trade-count').textContent"
)
Open = Callable[..., Page]

# The best contrast between any pixel of an axis and the page: its text is the only thing drawn there.
CONTRAST = """() => {
  const linear = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const paper = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
  const best = (canvas, x, y, width, height) => {
    const { data } = canvas.getContext("2d").getImageData(x, y, width, height);
    let top = 1;
    for (let i = 0; i < data.length; i += 4) {
      const alpha = data[i + 3] / 255;
      const [a, b] = [light(paper), light([0, 1, 2].map((c) => data[i + c] * alpha + paper[c] * (1 - alpha)))];
      top = Math.max(top, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
    }
    return top;
  };
  const lines = [...Rookery.lineCharts.values()].flat().flatMap(({ spec, chart }) => {
    const { canvas } = chart.ctx;
    const { left, top, width, height } = chart.bbox;
    return [[`${spec.id} y`, best(canvas, 0, top, left - 2, height)],
            [`${spec.id} x`, best(canvas, left, top + height + 2, width, canvas.height - top - height - 2)]];
  });
  const rows = [...document.querySelectorAll("#candle-chart tr")];
  const axes = [rows[0].cells[2], rows[2].cells[2], rows.at(-1).cells[1]].map((cell) => cell.querySelector("canvas"));
  const candles = axes.map((one, index) => [`candles ${index}`, best(one, 0, 2, one.width, one.height - 2)]);
  return Object.fromEntries([...lines, ...candles]);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "these tests draw the report: install the Debian package 'chromium'"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def quiet(context: BrowserContext, file: Path) -> Iterator[Page]:
    """The file, opened; afterwards no fault may be on the console and nothing may have been asked for."""
    faults: list[str] = []
    asked: list[str] = []

    def answer(route: Route) -> None:
        if route.request.url == file.as_uri():
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    context.route("**/*", answer)
    page = context.new_page()
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.goto(file.as_uri())
    try:
        yield page
        assert faults == []
        assert asked == []
    finally:
        context.close()


@pytest.fixture
def opened(browser: Browser, folder: Path) -> Iterator[Open]:
    """Open the report in a context of its own, with all charts drawn; nothing glides, so that places hold."""
    contexts: list[Any] = []

    def open_page(**options: Any) -> Page:  # noqa: ANN401
        manager = quiet(browser.new_context(reduced_motion="reduce", **options), folder / "report.html")
        page = manager.__enter__()
        contexts.append(manager)
        if options.get("java_script_enabled", True):
            page.wait_for_function(DRAWN)
        return page

    yield open_page
    for manager in contexts:
        manager.__exit__(None, None, None)


def first(report: Report, outcome: str) -> Mark:
    assert report.decisions is not None
    return next(one for one in report.decisions.marks if one.outcome == outcome)


def shown_span(page: Page) -> list[float]:
    script = "() => Rookery.lineCharts.get('equity').map(({ chart }) => chart.scales.x.max - chart.scales.x.min)"
    return [float(one) for one in page.evaluate(script)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_pass_axe_and_their_canvas_text_has_contrast(opened: Open, scheme: str):
    page = opened(color_scheme=scheme, bypass_csp=True)
    page.locator("#candle-chart").press("ArrowRight")
    page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.add_script_tag(path=AXE)
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found["violations"]] == []
    contrasts = page.evaluate(CONTRAST)
    assert len(contrasts) == 2 * 8 + 3
    assert {name: round(one, 1) for name, one in contrasts.items() if one < 4.5} == {}


def test_a_phone_needs_no_sideways_scrolling(opened: Open):
    page = opened(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, device_scale_factor=2)
    page.locator("#candle-chart").press("ArrowRight")
    page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390


def test_a_long_name_is_broken_on_a_phone(browser: Browser, report: Report, tmp_path: Path):
    assert report.data is not None
    name = "a_file_whose_name_has_no_space_and_goes_on_for_longer_than_a_phone_is_wide_rows_1_7000.csv.gz"
    long = replace(report, data_name=name, title=name, data=replace(report.data, source=name))
    with quiet(browser.new_context(viewport={"width": 390, "height": 844}), pages.write(long, tmp_path)) as page:
        assert page.evaluate("() => document.documentElement.scrollWidth") == 390


def test_the_theme_follows_the_key_and_the_button_but_not_typing(opened: Open):
    page = opened(color_scheme="light")
    paper = "() => getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.keyboard.press("t")
    assert page.evaluate(paper) == "rgb(19, 22, 26)"
    assert page.evaluate(CONTRAST)["equity-chart y"] >= 4.5
    page.locator("#trade-filter").press_sequentially("t")
    assert page.evaluate(paper) == "rgb(19, 22, 26)"
    page.locator("#theme").click()
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


def test_dragging_zooms_both_charts_and_a_double_click_goes_back(opened: Open):
    page = opened()
    whole = shown_span(page)
    page.locator("#equity-chart").scroll_into_view_if_needed()
    box = page.locator("#equity-chart .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 80, steps=4)
    page.mouse.up()
    assert [one / all_ for one, all_ in zip(shown_span(page), whole, strict=True)] == pytest.approx(
        [0.25, 0.25], abs=0.01
    )
    page.mouse.dblclick(box["x"] + 200, box["y"] + 80)
    assert shown_span(page) == whole
    page.locator("#equity-chart").press("+")
    assert all(one < all_ for one, all_ in zip(shown_span(page), whole, strict=True))
    page.locator("#equity-chart").press("Escape")
    assert shown_span(page) == whole


def test_arrow_keys_read_the_records_own_values(opened: Open, report: Report):
    page = opened()
    chart = page.locator("#equity-chart")
    chart.press("Home")
    chart.press("ArrowRight")
    assert report.equity is not None
    spoken = page.locator("#spoken").inner_text()
    assert spoken.startswith(f"{moment(report.equity.time_ms[1], seconds=False)} UTC: ")
    for one in report.equity.series:
        assert f"{one.name} {number(one.values[1])}, {number(one.drawdown[1], 'percent')}" in spoken


def test_all_lines_share_one_scale(opened: Open, report: Report):
    page = opened()
    assert report.equity is not None
    series = {one.role: one for one in report.equity.series}
    probe = """([time, value]) => {
      const { chart } = Rookery.lineCharts.get("equity")[0];
      const [x, y] = [Math.round(chart.valToPos(time, "x", true)), Math.round(chart.valToPos(value, "y", true))];
      const { data } = chart.ctx.getImageData(x - 3, y - 2, 7, 5);
      return [...Array(35).keys()].map((i) => [...data.slice(4 * i, 4 * i + 3)]);
    }"""
    for role, is_right in (("agent", lambda r, g, b: b > r + 60), ("buy_and_hold", lambda r, g, b: r > b + 60)):
        line = series[role]
        for place in (line.values.index(max(line.values)), line.values.index(min(line.values))):
            pixels = page.evaluate(probe, [report.equity.time_ms[place], line.values[place]])
            assert any(is_right(*pixel) for pixel in pixels), (role, place)


def test_a_line_can_be_hidden_and_the_scale_made_logarithmic(opened: Open):
    page = opened()
    page.get_by_role("button", name="buy and hold").first.click()
    hidden = """() => Rookery.lineCharts.get("equity").map(
      ({ chart }) => chart.series.filter((one) => one.show === false).map((one) => one.label))"""
    assert page.evaluate(hidden) == [["buy and hold"], ["buy and hold"]]
    page.get_by_role("button", name="Log scale").click()
    assert page.evaluate("() => Rookery.lineCharts.get('equity')[0].chart.scales.y.distr") == 3


def test_a_clicked_fill_shows_its_row_of_the_ledger(opened: Open, report: Report):
    page = opened(viewport={"width": 1280, "height": 1000})
    assert report.decisions is not None
    made = report.decisions.candles
    for _ in range(4):
        page.locator("#candle-chart").press("+")
    page.locator("#decisions").evaluate("(one) => one.scrollIntoView({ behavior: 'instant' })")
    middle = made.time_ms[len(made.time_ms) // 2]
    mark = next(one for one in report.decisions.marks if one.side == "BUY" and one.price and one.time_ms > middle)
    candle = sum(start <= mark.time_ms for start in made.time_ms) - 1
    # The place of the arrow, once two frames agree on it: the chart takes a zoom at its next frame.
    arrow = """async ([candle, low]) => {
      const chart = Rookery.candleChart;
      const measured = () => {
        const box = document.getElementById("candle-chart").getBoundingClientRect();
        const y = chart.panes()[0].getSeries()[0].priceToCoordinate(low);
        return [box.x + chart.timeScale().logicalToCoordinate(candle), box.y + y + 12];
      };
      for (let before = [0, 0]; ; ) {
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        const now = measured();
        if (now.every((value, axis) => value === before[axis])) return now;
        before = now;
      }
    }"""
    page.mouse.click(*page.evaluate(arrow, [candle, made.low[candle]]))
    detail = page.locator("#order-detail").inner_text()
    assert detail.startswith(f"Order {mark.id}: {mark.side}, filled")
    assert mark.price is not None
    wanted = [number(mark.decision_price), number(mark.price), number(mark.fee, digits=4), moment(mark.decided_ms)]
    wanted += [number(100 * one, digits=1) for one in mark.probabilities]
    wanted += [significant(one) for one in mark.features]
    assert [one for one in wanted if one not in detail] == []


def test_orders_are_reached_by_keyboard_by_number_and_from_the_table(opened: Open, report: Report):
    page = opened()
    assert report.decisions is not None
    title = page.locator("#order-detail h3")
    page.locator("#candle-chart").press("ArrowRight")
    assert title.inner_text().startswith("Order 1:")
    page.get_by_role("button", name="Order after").press("Enter")
    assert title.inner_text().startswith("Order 2:")
    assert page.locator("#spoken").inner_text().startswith("Order 2:")
    refused = first(report, "refused")
    page.locator("#order-number").fill(str(refused.id))
    page.locator("#order-number").press("Enter")
    assert title.inner_text() == f"Order {refused.id}: {refused.side}, refused"
    assert "stopped it" in page.locator("#order-detail").inner_text()
    page.locator("#trade-table").get_by_role("button", name="Order 25 on the chart").press("Enter")
    assert title.inner_text().startswith("Order 25:")


def test_the_ledger_is_sorted_and_filtered_by_keyboard(opened: Open, report: Report):
    page = opened()
    assert report.trades is not None
    results = [float(row[6] or 0) for row in report.trades.rows]
    heading = page.locator("#trade-table th", has_text="Result")
    heading.locator("button").press("Enter")
    shown = page.locator("#trade-table tbody tr td:nth-child(7)").all_inner_texts()
    assert shown == [number(one) for one in sorted(results)]
    heading.locator("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    page.locator("#trade-filter").fill("buy")
    bought = sum(row[2] == "BUY" for row in report.trades.rows)
    assert page.locator("#trade-table tbody tr:visible").count() == bought
    assert page.locator("#trade-count").inner_text() == f"{bought} of {len(results)} rows"


def test_a_measure_opens_to_its_definition(opened: Open, report: Report):
    page = opened()
    definition = page.get_by_text(report.headline[1].definition)
    assert not definition.is_visible()
    page.locator("#headline summary").nth(1).press("Enter")
    assert definition.is_visible()


def test_paper_is_white_with_drawings_instead_of_canvases(opened: Open):
    page = opened(color_scheme="dark")
    pdf = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2
    page.set_viewport_size({"width": 680, "height": 900})
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("canvas:visible").count() == 0
    assert page.locator("svg.plot:visible").count() == page.locator("svg.plot").count() > 8
    edges = "[...document.querySelectorAll('svg.plot, table')].map((one) => one.getBoundingClientRect().right)"
    widest = f"() => Math.max(...{edges})"
    assert page.evaluate(widest) <= 680


def test_without_script_tables_and_drawings_remain(opened: Open, report: Report):
    page = opened(java_script_enabled=False)
    assert report.trades is not None
    assert page.locator("#trade-table tbody tr").count() == len(report.trades.rows)
    assert page.locator("svg.plot:visible").count() == page.locator("svg.plot").count() > 8
    assert page.locator("#headline tbody:visible").count() == len(report.headline)
    assert report.round_trips is not None
    assert page.locator("#trip-table tbody tr").count() == len(report.round_trips.table.rows)
    assert page.locator("#calendar td:visible").count() == 8
    assert page.locator(".script-only:visible").count() == 0


def test_a_page_without_charts_is_quiet_too(browser: Browser, report: Report, tmp_path: Path):
    bare = replace(report, equity=None, decisions=None, training=None, trades=None)
    file = pages.write(bare, tmp_path)
    with quiet(browser.new_context(), file) as page:
        page.keyboard.press("t")
        assert page.locator("canvas").count() == 0


def test_a_round_trip_is_sorted_filtered_and_leads_to_its_orders(opened: Open, report: Report):
    page = opened()
    assert report.round_trips is not None
    rows = report.round_trips.table.rows
    heading = page.locator("#trip-table th", has_text="profit")
    heading.locator("button").press("Enter")
    shown = page.locator("#trip-table tbody tr td:nth-child(3)").all_inner_texts()
    assert shown == [number(one, digits=4) for one in sorted(float(row[2] or 0) for row in rows)]
    last = page.locator("#trip-table tbody tr").first.locator("td").nth(1)
    bought = last.inner_text()
    last.locator("button").press("Enter")
    assert page.locator("#order-detail h3").inner_text().startswith(f"Order {bought}: BUY")
    page.locator("#trip-filter").fill("no such row")
    assert page.locator("#trip-count").inner_text() == f"0 of {len(rows)} rows"
    assert page.locator("#trade-table tbody tr:visible").count() > 0


def test_reasons_not_to_trade_are_filtered(opened: Open, report: Report):
    page = opened()
    assert report.not_traded is not None
    page.locator("#refusal-filter").fill("LIKELIEST")
    assert page.locator("#not_traded tbody tr:visible").count() == 1
    assert page.locator("#refusal-count").inner_text() == f"1 of {len(report.not_traded.refusals)} rows"


def test_a_probe_opens_by_keyboard_and_paper_opens_all(opened: Open, report: Report):
    page = opened()
    assert report.belief is not None
    assert report.belief.certificate is not None
    probe = report.belief.certificate.probes[0]
    told = page.get_by_text(probe.tested)
    assert not told.is_visible()
    page.locator("#belief summary").first.press("Enter")
    assert told.is_visible()
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#belief details:not([open])").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_planted_leak_turns_the_section_red_and_the_verdict_leads_there(
    browser: Browser, report: Report, make_belief: Callable[..., Belief], tmp_path: Path, scheme: str
):
    leaky = replace(
        report,
        belief=make_belief(passed=False),
        verdict=replace(report.verdict, code="refused", sentence="Refused: gate leakage.", evidence="belief"),
    )
    file = pages.write(leaky, tmp_path)
    with quiet(browser.new_context(color_scheme=scheme, bypass_csp=True), file) as page:  # type: ignore[arg-type]
        assert page.locator("#belief details[open]").count() == 1
        colour = "(one) => getComputedStyle(one).color.match(/\\d+/g).map(Number)"
        for place in (".seal .outcome.failed", ".probe .outcome.failed", ".verdict .symbol"):
            red, green, blue = page.locator(place).first.evaluate(colour)
            assert red > max(green, blue) + 80
        passed = page.locator(".probe .outcome.passed").first.evaluate(colour)
        assert passed[2] > passed[0]
        shape = "(one) => getComputedStyle(one, '::before').clipPath"
        shapes = {
            page.locator(f".probe .{one} .symbol").first.evaluate(shape) for one in ("passed", "failed", "possible")
        }
        assert len(shapes) == 3
        page.get_by_role("link", name="See the evidence").click()
        assert page.url.endswith("#belief")
        page.add_script_tag(path=AXE)
        found = page.evaluate("() => axe.run('#belief, #verdict', { resultTypes: ['violations'] })")
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found["violations"]] == []
