"""Calendar and regimes refuse parts that do not make up the whole."""

from dataclasses import replace

import pytest

from rookery.evaluation.report.record import Calendar, CalendarRow, Estimate, RegimeRow, Regimes

NONE = Estimate.absent("one period")


def test_cells_of_a_calendar_compound_to_their_row_and_rows_to_the_total():
    row = CalendarRow(name="2025", cells=(0.1, None, -0.1), total=-0.01)
    made = Calendar(kind="months", columns=("Jan", "Feb", "Mar"), rows=(row,), total=-0.01)
    assert made.rows == (row,)
    with pytest.raises(ValueError, match="cells of 2025 compound to"):
        replace(made, rows=(replace(row, total=0.0),))
    with pytest.raises(ValueError, match="rows of the calendar compound to"):
        replace(made, total=-0.01 + 2e-9)
    with pytest.raises(ValueError, match="must have 2 cells"):
        replace(made, columns=("Jan", "Feb"))


def test_rows_of_a_regime_compound_to_agent_and_market():
    rows = tuple(
        RegimeRow(name=name, periods=1, agent=agent, market=0.0, each_bps=NONE)
        for name, agent in (("calm", 0.1), ("wild", 0.2))
    )
    made = Regimes(name="By volatility", definition="", rows=rows, total=0.32, market=0.0)
    with pytest.raises(ValueError, match="agent's rows by volatility compound to"):
        replace(made, total=0.3)
    with pytest.raises(ValueError, match="market's rows by volatility compound to"):
        replace(made, market=0.1)
