"""The chart's orders are the record's orders, with their figures in words."""

from collections.abc import Callable
from dataclasses import replace

from rookery.evaluation.report import orders
from rookery.evaluation.report.record import Mark, Report

MakeReport = Callable[..., Report]


def test_each_order_stands_on_the_candle_that_holds_its_fill(report: Report):
    made = report.decisions
    assert made is not None
    sent = orders.payload(made)["marks"]
    assert isinstance(sent, list)
    assert [one[0] for one in sent] == [mark.id for mark in made.marks]
    for one, mark in zip(sent, made.marks, strict=True):
        start = made.candles.time_ms[one[1]]
        assert start <= mark.time_ms < start + made.candles.interval_s * 1000 or one[1] == len(made.candles.time_ms) - 1


def test_an_order_says_what_was_known_and_what_it_met(report: Report):
    made = report.decisions
    assert made is not None
    mark = next(one for one in made.marks if one.price is not None)
    sent = orders.payload(replace(made, marks=(mark,)))
    (_, _, side, outcome, facts, costs, chances, confidence, gates, features), *_ = sent["marks"]  # type: ignore[misc]
    assert (side, outcome) == (mark.side, "filled")
    assert facts[3:5] == [f"{mark.decision_price:,.2f}", f"{mark.price:,.2f}"]
    assert costs == [f"{mark.fee:.4f}", f"{mark.impact:.4f}", f"{mark.gas:.4f}"]
    assert chances == [f"{100 * one:.1f}" for one in mark.probabilities]
    assert confidence == [f"{mark.confidence:.3f}", "0.600"]
    assert gates[0] == [0, f"{mark.gates[0].value:.4g}", "0.6", 1]
    assert len(features) == len(made.features)


def test_a_refused_order_has_no_price_and_no_cost(report: Report):
    made = report.decisions
    assert made is not None
    refused: Mark = next(one for one in made.marks if one.price is None)
    (sent,) = orders.payload(replace(made, marks=(refused,)))["marks"]  # type: ignore[misc]
    assert sent[3] == "refused"
    assert sent[4][4] == "–"
    assert sent[5] == []


def test_a_long_record_shows_its_last_orders_on_merged_candles(make_report: MakeReport):
    made = make_report(points=40, most_candles=400, marks=30).decisions
    assert made is not None
    many = replace(made, marks=tuple(replace(made.marks[index % 30], id=index) for index in range(2_500)))
    shown = orders.shown_marks(many)
    assert len(shown) == orders.MOST_MARKS
    assert shown[-1].id == 2_499


def test_tracks_follow_merged_candles(make_report: MakeReport):
    made = make_report(points=40, most_candles=6_000, marks=3).decisions
    assert made is not None
    twice = replace(
        made.candles,
        **{name: getattr(made.candles, name) * 4 for name in ("open", "high", "low", "close")},
        time_ms=tuple(made.candles.interval_s * 1000 * index for index in range(4 * len(made.candles.time_ms))),
    )
    long = replace(made, candles=twice, tracks=tuple(replace(one, values=one.values * 4) for one in made.tracks))
    sent = orders.payload(long)
    assert len(twice.time_ms) > orders.MOST_CANDLES
    assert len(sent["at"]) <= orders.MOST_CANDLES  # type: ignore[arg-type]
    assert all(len(track["values"]) == len(sent["at"]) for track in sent["tracks"])  # type: ignore[arg-type,index,attr-defined]
    assert sent["tracks"][0]["values"][-1] == round(made.tracks[0].values[-1] or 0, 4)  # type: ignore[index]
