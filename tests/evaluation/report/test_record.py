"""The record refuses what cannot be shown honestly."""

from dataclasses import FrozenInstanceError, replace

import pytest

from rookery.evaluation.report.record import (
    Candles,
    CostPart,
    Costs,
    Data,
    Dropped,
    Equity,
    Estimate,
    Report,
    Series,
    Term,
    Trades,
    Training,
)


def test_a_record_cannot_be_changed(report: Report):
    with pytest.raises(FrozenInstanceError):
        report.title = "better"  # type: ignore[misc]


def test_an_estimate_without_interval_must_say_exact_or_why():
    assert Estimate.exact(1.5) == Estimate(value=1.5, note="exact")
    assert Estimate.absent("no trades").value is None
    with pytest.raises(ValueError, match="exact"):
        Estimate(value=1.5)
    with pytest.raises(ValueError, match="exact"):
        Estimate(value=None, low=0.0, high=1.0)
    with pytest.raises(ValueError, match="backwards"):
        Estimate(value=1.5, low=2.0, high=1.0)


def test_costs_must_sum_to_net():
    parts = (CostPart(name="fees", amount=-3.0), CostPart(name="gas", amount=-1.0))
    assert Costs(unit="USDC", gross=10.0, parts=parts, net=6.0).net == 6.0
    with pytest.raises(ValueError, match=r"sum to 6\.0, net says 7\.0"):
        Costs(unit="USDC", gross=10.0, parts=parts, net=7.0)


def test_rows_kept_and_dropped_must_sum_to_rows_read():
    dropped = (Dropped(reason="repeated", count=2),)
    facts = {"source": "a", "licence": "b", "start_ms": 0, "end_ms": 1, "dropped": dropped}
    assert Data(rows_read=10, rows_kept=8, **facts).rows_kept == 8
    with pytest.raises(ValueError, match="sum to 11, rows read are 10"):
        Data(rows_read=10, rows_kept=9, **facts)


def test_columns_of_a_chart_must_have_one_value_per_time():
    line = Series(name="agent", role="agent", values=(1.0, 2.0), drawdown=(0.0, 0.0))
    assert Equity(unit="USDC", time_ms=(0, 1), series=(line,)).series == (line,)
    with pytest.raises(ValueError, match="must have 3 values"):
        Equity(unit="USDC", time_ms=(0, 1, 2), series=(line,))
    with pytest.raises(ValueError, match="leave it None"):
        Equity(unit="USDC", time_ms=(), series=(line,))
    with pytest.raises(ValueError, match="one open, high, low and close"):
        Candles(interval_s=60, time_ms=(0, 1), open=(1.0,), high=(1.0,), low=(1.0,), close=(1.0,))
    term = Term(name="loss", goal="lower", train=(1.0,), validation=())
    with pytest.raises(ValueError, match="'loss' must have 2 values"):
        Training(epochs=(1, 2), terms=(term,), best_epoch=1, stopped="end")


def test_orders_must_match_the_names_of_their_figures(report: Report):
    made = report.decisions
    assert made is not None
    short = replace(made.marks[0], features=(1.0,))
    with pytest.raises(ValueError, match="order 1 has 1 features, expected 6"):
        replace(made, marks=(short,))
    with pytest.raises(ValueError, match="order 1 has 2 probabilities"):
        replace(made, marks=(replace(made.marks[0], probabilities=(0.5, 0.5)),))
    with pytest.raises(ValueError, match="one per candle"):
        replace(made, tracks=(replace(made.tracks[0], values=(1.0,)),))


@pytest.mark.parametrize("name", ["../trades.csv", "javascript:alert(1)", "a b.csv", ""])
def test_the_ledger_beside_the_report_is_a_plain_file_name(name: str):
    with pytest.raises(ValueError, match="plain file name"):
        Trades(columns=(), rows=(), csv=name)
