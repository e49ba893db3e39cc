"""A twin's panel comes back from its file, stands in both texts, and is drawn so that anybody can read it."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from rookery.evaluation import report as pages
from rookery.evaluation.believing import believed
from rookery.evaluation.report import leaving_rows
from rookery.evaluation.report import record as r
from rookery.evaluation.report.codec import from_json, to_json
from rookery.evaluation.report.html import page
from rookery.evaluation.report.imitation_drawings import MOST_LAGS, asked_svg, attention_svg
from rookery.evaluation.report.markdown import text

AXE = Path(__file__).parent / "axe.min.js"
ACTIONS = ("STRONG_BUY", "BUY", "HOLD", "SELL", "STRONG_SELL")


def near(value: float, half: float) -> r.Estimate:
    return r.Estimate(value=value, low=value - half, high=value + half)


def figure(name: str, style: r.Style, digits: int, value: float, half: float, unit: str = "") -> r.Figure:
    return r.Figure(
        name=name, style=style, digits=digits, unit=unit, estimate=near(value, half), text=f"What {name} is."
    )


def foreteller(name: str, knows: str, loss: float, apart: float | None) -> r.Foreteller:
    return r.Foreteller(
        name=name,
        knows=knows,
        log_loss=near(loss, 0.04),
        accuracy=near(0.46, 0.025),
        macro_f1=near(0.36, 0.015),
        calibration_error=r.Estimate(value=0.02, note="no interval: 8 markets, 10 are needed"),
        difference=None if apart is None else near(apart, 0.01),
    )


def leaving() -> r.Leaving:
    widths = (0.01, 0.06, 0.21)
    part = r.ExitPart(
        name="train",
        markets=234,
        positions=2_606,
        by_sale=6,
        held_to_end=230,
        sold=0.002,
        merged=0.987,
        settled=0.011,
        returns=(-0.04, 0.013, 0.07),
        bars=(1.0, 2.0, 5.0),
        error=0.0576,
        at_once=0.0829,
        agreement=0.689,
    )
    empty = {"positions": 0, "by_sale": 0, "returns": (), "bars": (), "error": None, "at_once": None, "agreement": None}
    return r.Leaving(
        style="money",
        digits=3,
        unit="USDC",
        interval_s=60,
        said="Profit-taking 0.06 and stop-loss 0.21 in price, horizon 2 bars: nearest to 2,606 exits of his.",
        note="A position runs while his inventory keeps its sign, by bars' closes.",
        levels=(0.25, 0.5, 0.75),
        parts=(part, replace(part, name="held out", **empty)),
        profit=0.06,
        stop=0.21,
        horizon_bars=2,
        tried=tuple(
            r.Tried(
                profit=profit,
                stop=stop,
                horizon_bars=bars,
                error=0.07 - 0.02 * stop + (profit - 0.06) ** 2 + bars / 1e3,
            )
            for profit in widths
            for stop in widths
            for bars in (1, 2, 12)
        ),
        mix=(
            r.Mix(name="train", counts=(1_120, 2_270, 10_347)),
            r.Mix(name="held out", counts=(351, 731, 2_917)),
        ),
        unknown=302,
        both=4,
        actions=tuple(
            r.AfterAction(
                name=name,
                decisions=995,
                trader=near(0.0041, 0.003),
                twin=near(0.0022, 0.002),
                difference=near(-0.0019, 0.0028),
            )
            for name in (*ACTIONS, "BUYS_LESS_SELLS")
        ),
        actions_note="Entered long at the close of the bar in which the action was carried out.",
    )


def panel() -> r.TwinPanel:
    confusion = (
        (52, 261, 27, 103, 2),
        (36, 448, 86, 420, 11),
        (5, 179, 718, 183, 6),
        (15, 308, 86, 574, 36),
        (0, 59, 17, 320, 47),
    )
    weights = 0.9 ** np.arange(60)
    mixes = ((0.05, 0.2, 0.5, 0.2, 0.05), (0.06, 0.22, 0.44, 0.22, 0.06), (0.07, 0.23, 0.39, 0.24, 0.07))
    return r.TwinPanel(
        classes=ACTIONS,
        markets=68,
        rows=3_999,
        asked="The twin is asked for a return-to-go of 0.59 % of capital at every bar, the median of training.",
        models=(
            foreteller("twin", "all bars so far; asked for the training median", 1.225, None),
            foreteller("class prior", "nothing", 1.544, -0.319),
            foreteller("Markov", "the last action", 1.377, -0.152),
            foreteller(
                "boosted trees, told the return", "this bar and the true return-to-go: the future", 1.195, 0.024
            ),
        ),
        rules=(
            r.Rule(name="beats Markov", passed=True, text="The whole interval of the difference is below 0."),
            r.Rule(
                name="no suspected leak",
                passed=False,
                text="−0.081 (−0.101 to −0.061) is a leak until proven otherwise.",
            ),
        ),
        confusion=confusion,
        per_class=tuple(
            r.ClassScore(name=name, precision=0.4, recall=0.3, f1=None, support=sum(row))
            for name, row in zip(ACTIONS, confusion, strict=True)
        ),
        reliability=tuple(
            r.Bin(low=low / 10, high=(low + 1) / 10, count=count, confidence=low / 10 + 0.05, accuracy=low / 10 + 0.02)
            for low, count in ((3, 1_144), (4, 1_965), (9, 387))
        ),
        label_mix=(
            r.Mix(name="train", counts=(1_227, 3_620, 3_972, 3_719, 1_199)),
            r.Mix(name="held out", counts=(445, 1_001, 1_091, 1_019, 443)),
        ),
        ceiling=(
            figure("accuracy reached", "percent", 1, 0.467, 0.02),
            figure("floor of the log loss", "number", 3, 0.576, 0.04),
        ),
        ceiling_note="The estimate bounds the least error by that of the nearest neighbour.",
        importance=tuple(
            r.Named(name=name, estimate=near(value, 0.02))
            for name, value in (("position", 0.225), ("extension", 0.351), ("past actions", 0.002))
        ),
        importance_note="Each group is dealt out among all rows.",
        attention=tuple((weights / weights.sum()).tolist()),
        attended=59,
        levels=tuple(
            r.AskedLevel(target=target, mix=mix, earned=near(earned, 4.2), orders=2_024, lapsed=232)
            for target, mix, earned in zip((-0.0103, 0.0217, 0.0679), mixes, (-2.45, -2.33, -1.77), strict=True)
        ),
        levels_note="The levels are quantiles of what training markets brought.",
        least=-0.079,
        most=0.126,
        unit="USDC",
        replay=(
            figure("the twin, a market", "money", 2, -2.33, 4.2, "USDC"),
            figure("the trader, a market", "money", 2, 25.51, 6.5, "USDC"),
        ),
        replay_note="An action is filled at the first price of the next bar, or lapses where there is none; no fee.",
        edge="His edge is spread and queue, which a twin cannot copy: matched pairs earn, his direction does not.",
        trader=(
            figure("markets with a profit", "percent", 1, 0.861, 0.037),
            figure("cost of a pair", "number", 4, 0.981, 0.0015),
        ),
        trader_note="All 302 complete markets, training ones too; 121,815 fills, none is a sale.",
        leaving=leaving(),
    )


def twin_report(rook: r.Report) -> r.Report:
    """What a twin's report shares with `rook`, and its own panel."""
    assert rook.equity is not None
    one = rook.headline[0]
    losses = replace(
        one,
        key="log_loss",
        name="Log loss",
        style="number",
        digits=3,
        unit="nats a decision",
        agent=near(1.225, 0.04),
        baselines=(r.Named(name="boosted trees", estimate=near(1.22, 0.04)),),
        differences=(
            r.Named(name="boosted trees", estimate=near(0.006, 0.011)),
            r.Named(name="Markov", estimate=near(-0.152, 0.02)),
        ),
    )
    money = replace(
        one,
        key="profit",
        name="Profit",
        style="money",
        unit="USDC a market",
        agent=near(-2.33, 4.2),
        baselines=(
            r.Named(name="the trader", estimate=near(25.51, 6.5)),
            r.Named(name="staying out", estimate=r.Estimate.exact(0.0)),
        ),
        differences=(r.Named(name="the trader", estimate=near(-27.84, 8.0)),),
    )
    return r.Report(
        title="Twin of a trader, bars of 60 s",
        pipeline="twin",
        data_name="the trader by rule in 40 markets",
        generated=True,
        seeds=(0,),
        verdict=r.Verdict(
            code="beats",
            sentence="The twin copies the trader's decisions: it beats Markov, and is no worse than boosted trees.",
            reason="Log loss, in nats a decision, minus that of Markov: −0.152 (−0.172 to −0.132).",
        ),
        basis=rook.basis,
        headline=(losses, money),
        equity=rook.equity,
        training=rook.training,
        panel=panel(),
        data=rook.data,
        repeat=rook.repeat,
        machine=rook.machine,
    )


@pytest.fixture(scope="module")
def twin(report: r.Report) -> r.Report:
    return twin_report(report)


def test_either_panel_comes_back_equal(report: r.Report, twin: r.Report):
    for one, kind in ((report, r.RookPanel), (twin, r.TwinPanel)):
        back = from_json(json.loads(json.dumps(to_json(one))))
        assert back == one
        assert type(back.panel) is kind


def test_a_panel_with_a_key_of_neither_is_refused(twin: r.Report):
    document = to_json(twin)
    document["panel"]["colour"] = "red"
    with pytest.raises(ValueError, match="unknown key 'colour'"):
        from_json(document)


def test_a_mix_of_another_number_of_actions_is_refused():
    with pytest.raises(ValueError, match="5 actions"):
        replace(panel(), confusion=((1, 2), (3, 4)))


def test_page_and_markdown_tell_the_same_figures(twin: r.Report):
    html = re.sub(r"<[^>]+>", " ", page(twin).split("<body>")[1])
    told = text(twin)
    for words in (
        "−0.152",
        "1.337 to 1.417",
        "class prior",
        "The whole interval of the difference is below 0.",
        "−0.081 (−0.101 to −0.061) is a leak until proven otherwise.",
        "3,999 decisions in 68 held-out markets.",
        "His edge is spread and queue, which a twin cannot copy",
        "−6.53 to +1.87",
        "−7.9 % to 12.6 % of capital",
        "Profit-taking 0.06 and stop-loss 0.21 in price, horizon 2 bars",
        "At the chosen widths the error by horizon is 0.067 at 1 bar, 0.068 at 2 bars, 0.078 at 12 bars.",
        "302 bars have no label",
        "98.7 %",
        "+0.013",
        "buys less sells",
        "−0.0047 to +0.0009",
        "1,965",
    ):
        assert words in told, words
        if words != "1,965":  # drawn as a dot
            assert words in html, words


def test_the_barriers_that_were_chosen_stand_out_among_those_that_were_tried(twin: r.Report):
    assert text(twin).count("**0.068**") == 1
    assert page(twin).count('<td class="num strong" style="--share:34.0%">0.068</td>') == 1
    assert leaving_rows.shade(leaving(), max(one.error for one in leaving().tried if one.horizon_bars == 2)) == 0.0


def test_barriers_that_were_not_chosen_among_any_are_told_without_a_table_of_them(twin: r.Report):
    assert isinstance(twin.panel, r.TwinPanel)
    plain = replace(twin, panel=replace(twin.panel, leaving=replace(leaving(), tried=(), actions=())))
    for told in (text(plain), page(plain)):
        assert "shares merged in pairs" in told
        assert "rror by profit-taking" not in told
        assert "buys less sells" not in told
    without = replace(twin, panel=replace(twin.panel, leaving=None))
    assert "How does he leave?" not in text(without) + page(without)


def test_where_he_bought_nothing_no_share_of_it_is_told():
    without = tuple(replace(part, sold=None, merged=None, settled=None) for part in leaving().parts)
    names = [row[0] for row in leaving_rows.exit_rows(replace(leaving(), parts=without))]
    assert "open at the market's end" in names
    assert not {"shares sold again", "shares merged in pairs", "shares settled"} & {*names}


def test_a_mix_of_another_number_of_outcomes_is_refused():
    with pytest.raises(ValueError, match="profit first, loss first, neither"):
        replace(leaving(), mix=(r.Mix(name="train", counts=(1, 2)),))


def test_a_failed_rule_is_seen_to_have_failed(twin: r.Report):
    assert "- FAILED: no suspected leak." in text(twin)
    assert page(twin).count('class="outcome failed"') == 1


def test_a_sharpe_ratio_of_many_trials_says_nothing_of_a_twin(twin: r.Report, report: r.Report):
    assert report.belief is not None
    assert report.belief.trials is not None
    assert believed(twin, trials=report.belief.trials, certificate=None).verdict == twin.verdict


def test_what_was_asked_and_what_it_brought_are_drawn_with_their_intervals():
    drawn = asked_svg(panel().levels, "USDC")
    assert drawn.count('class="whisker"') == 3
    assert "asked for −1.0 %: −2.45 USDC (−6.65 to +1.75)" in drawn
    sure = tuple(replace(one, earned=r.Estimate(value=one.target, note="no interval")) for one in panel().levels)
    assert 'class="whisker"' not in asked_svg(sure, "USDC")


def test_attention_is_drawn_up_to_the_lag_that_can_be_seen():
    assert attention_svg(panel().attention).count("<rect") == MOST_LAGS
    assert "0 bars back: 60.0 %" in attention_svg((0.6, 0.4))


@pytest.fixture(scope="module")
def opened(twin: r.Report, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    chromium = shutil.which("chromium")
    assert chromium, "these tests draw the report: install the Debian package 'chromium'"
    path = pages.write(twin, tmp_path_factory.mktemp("twin"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser, path.as_uri()
        browser.close()


def visit(browser: Browser, address: str, **options: object) -> Page:
    shown = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    shown.goto(address)
    shown.wait_for_function("() => Rookery.lineCharts?.size === 2")
    return shown


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_twin_passes_axe_and_asks_for_nothing(opened: tuple[Browser, str], scheme: str):
    asked: list[str] = []
    shown = visit(*opened, color_scheme=scheme, bypass_csp=True)
    shown.on("request", lambda one: asked.append(one.url))
    shown.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    shown.add_script_tag(path=AXE)
    found = shown.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found["violations"]] == []
    assert asked == []
    shown.context.close()


@pytest.mark.browser
def test_the_page_of_a_twin_fits_a_phone(opened: tuple[Browser, str]):
    shown = visit(*opened, viewport={"width": 390, "height": 844}, is_mobile=True)
    shown.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert shown.evaluate("() => document.documentElement.scrollWidth") == 390
    shown.context.close()
