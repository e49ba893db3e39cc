"""A twin of a trader of instruments: judged without payoffs, and a report that says what is left out."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch

from rookery.evaluation.report import markdown
from rookery.evaluation.report.codec import from_json, to_json
from rookery.evaluation.report.html import page
from rookery.evaluation.report.record import Report, TwinPanel
from rookery.models.decision_transformer import DecisionTransformerConfig, build
from rookery.pipelines.twin.config import TwinConfig, demo_config
from rookery.pipelines.twin.fills_source import FillsSource
from rookery.pipelines.twin.foretelling import TWIN
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.judging_fills import Foretold, judge_fills
from rookery.pipelines.twin.panel_fills import LEFT_OUT
from rookery.pipelines.twin.planted import planted_history
from rookery.pipelines.twin.reporting import build_report
from rookery.pipelines.twin.tables import TwinTables
from rookery.pipelines.twin.tables import build as build_tables
from rookery.progress import Progress
from rookery.sources.fills import FillColumns

QUIET = Progress(quiet=True)
CONFIG: TwinConfig = demo_config().model_copy(
    update={
        "interval_s": 600,
        "validation_share": 0.5,
        "architecture": DecisionTransformerConfig(width=16, layers=1, heads=2, context=64, dropout=0.0),
    }
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, write_fills: Callable[..., Path]) -> TwinTables:
    """Eleven days of two instruments, ten sessions of them held out."""
    path = write_fills(tmp_path_factory.mktemp("fills"), days=11)
    source = FillsSource(path=path, columns=FillColumns.read(path.with_name("columns.yaml")), trader="me")
    return build_tables(source.load(QUIET), CONFIG)


@pytest.fixture(scope="module")
def judged(tables: TwinTables, tmp_path_factory: pytest.TempPathFactory) -> Foretold:
    model = build(CONFIG.network, seed=0)
    model.rtg_range.copy_(torch.tensor(tables.trajectories.part(tables.train).rtg_range))
    inference = TraderInference(model, "cpu", scaler=tables.scaler)
    folder = tmp_path_factory.mktemp("books")
    found = judge_fills(tables, inference, config=CONFIG, seed=0, progress=QUIET, folder=folder)
    written = pl.read_parquet(folder / "chances.parquet")
    assert written.height == found.foretelling.rows.actions_R.size
    assert set(written["market"]) == set(found.markets)
    return found


@pytest.fixture(scope="module")
def report(judged: Foretold, tables: TwinTables) -> Report:
    return build_report(
        judged, tables, config=CONFIG, seed=0, training=None, command="rookery twin run", fingerprints={"history": "ab"}
    )


def test_it_foretells_and_claims_no_profit(report: Report, judged: Foretold):
    assert [row.key for row in report.headline] == ["log_loss", "accuracy", "macro_f1"]
    assert report.headline[0].agent == judged.foretelling.scores[TWIN].log_loss
    assert report.headline[0].agent.low is not None
    assert report.equity is None
    assert "earns" not in report.verdict.reason


def test_the_report_says_in_one_line_what_is_left_out(report: Report):
    panel = report.panel
    assert isinstance(panel, TwinPanel)
    assert (panel.levels, panel.replay, panel.edge) == ((), (), "")
    forms = markdown.text(report), page(report)
    for shown in forms:
        assert shown.count(LEFT_OUT) == 1
        assert "Does asking for more bring more?" not in shown
        assert "profit a round trip" in shown
        assert "matched pairs below" not in shown
    assert "A market is a session of one instrument here" in forms[0]


def test_the_report_tells_how_the_file_was_read_and_whose_rows_were_left_out(report: Report):
    shown = markdown.text(report)
    assert "time = when, side = way, size = units, price = px, trader = who" in shown
    assert [(one.reason, one.count) for one in report.data.dropped] == [("of another trader, instrument or kind", 1)]


def test_the_trader_is_told_by_his_round_trips(judged: Foretold, report: Report):
    assert judged.trader.trips > 1
    assert judged.trader.instruments == 2
    panel = report.panel
    assert isinstance(panel, TwinPanel)
    names = {one.name: one.estimate for one in panel.trader}
    assert names["profit a round trip"] == judged.trader.profit
    assert names["realised, as the file says"].note == "the file states no realised profit"


def test_the_report_comes_back_from_json(report: Report):
    assert from_json(to_json(report)) == report


def test_no_size_and_no_asked_return_is_said_to_be_fitted(report: Report):
    names = [one.name for one in report.data.fits]
    assert names == ["state scaler", "action thresholds", "fractional order", "barriers", "rivals"]


def test_a_history_without_fills_is_not_judged_so(tmp_path: Path):
    tables = build_tables(planted_history(4, seed=0), demo_config())
    inference = TraderInference(build(demo_config().network, seed=0), "cpu", scaler=tables.scaler)
    with pytest.raises(ValueError, match="holds no fills"):
        judge_fills(tables, inference, config=demo_config(), seed=0, progress=QUIET, folder=tmp_path)
