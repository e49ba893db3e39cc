"""A whole small run: phases, gates, evaluation, audit, report, and taking it up again."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.evaluation.report.codec import from_json
from rookery.evaluation.report.record import SpecialistsPanel
from rookery.files import read_json
from rookery.pipelines.closing import RunResult
from rookery.pipelines.specialists import whole
from rookery.pipelines.specialists.config import SpecialistsConfig, quick
from rookery.pipelines.specialists.engines import take_over, train_on_ray
from rookery.pipelines.specialists.inputs import BarSource
from rookery.pipelines.specialists.portfolio import PortfolioBars
from rookery.pipelines.specialists.training import spans_of
from rookery.progress import Progress
from rookery.run import MANIFEST, Run
from rookery.runs import read_run

SOURCE = BarSource(kind="generated", bars=1_200, seed=1)
OPEN = whole.Asked(gated=False)
STAGES = {
    "bars",
    "phase1_forex",
    "phase1_commodities",
    "phase1_equity",
    "phase1_gate",
    "phase2_meta_controller",
    "phase2_gate",
    "phase3_joint",
    "phase3_gate",
    "evaluation",
    "audit",
    "report",
}


def _run(folder: Path, asked: whole.Asked = OPEN, config: SpecialistsConfig | None = None) -> RunResult:
    return whole.run(SOURCE, folder, config=config or quick(), seed=2, asked=asked, progress=Progress(quiet=True))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return _run(tmp_path_factory.mktemp("runs") / "small")


def test_a_run_goes_through_every_stage_to_a_report(finished: RunResult):
    assert {path.parent.name for path in finished.folder.glob(f"*/{MANIFEST}")} == STAGES
    assert {path.name for path in finished.page.parent.iterdir()} >= {"report.html", "report.md", "report.json"}
    assert (finished.page.parent / "trades.csv").is_file()
    assert (finished.folder / "logs" / "phase1" / "training.log").is_file()


def test_its_panel_holds_gates_ablation_use_targets_and_curves_of_all_phases(finished: RunResult):
    panel = finished.report.panel
    assert isinstance(panel, SpecialistsPanel)
    assert [gate.phase for gate in panel.gates] == [1, 2, 3]
    assert panel.gates[1].rows[0].baseline == "specialists in equal parts"
    assert [row.name for row in panel.ablation] == [
        "the whole agent",
        "specialists in equal parts",
        "without forex",
        "without commodities",
        "without equity",
    ]
    assert [use.name for use in panel.uses] == ["forex", "commodities", "equity"]
    assert [targets.phase for targets in panel.targets] == [1, 2, 3]
    assert {curve.phase for curve in panel.curves} == {1, 2, 3}
    assert panel.allocations is not None
    shares = [share.values for share in panel.allocations.shares]
    assert all(sum(now) == pytest.approx(1.0) for now in zip(*shares, strict=True))


def test_the_profit_of_the_specialists_is_the_agents(finished: RunResult):
    panel, costs = finished.report.panel, finished.report.costs
    assert isinstance(panel, SpecialistsPanel)
    assert costs is not None
    assert sum(use.profit for use in panel.uses) == pytest.approx(costs.net)


def test_no_probe_finds_a_leak_and_each_could_have(finished: RunResult):
    assert finished.report.belief is not None
    certificate = finished.report.belief.certificate
    assert certificate is not None
    assert certificate.passed
    tested = {(probe.name, probe.subject) for probe in certificate.probes if probe.outcome == "passed"}
    assert {("future perturbation", "decisions"), ("truncation", "features"), ("recomputation", "books")} <= tested


def test_no_fill_meets_a_bar_that_its_decision_has_seen_or_that_is_no_bar(finished: RunResult):
    fills = pl.read_parquet(finished.folder / "evaluation" / "fills.parquet")
    assert fills.height > 0
    assert (fills["bar"] > 0).all()


def test_the_report_survives_a_round_trip(finished: RunResult):
    assert from_json(json.loads((finished.page.parent / "report.json").read_text())) == finished.report


def test_a_finished_run_is_loaded_and_says_the_same(finished: RunResult):
    before = {path: path.stat().st_mtime_ns for path in finished.folder.glob(f"*/{MANIFEST}")}
    again = whole.resume(read_run(finished.folder), progress=Progress(quiet=True))
    assert again.hashes == finished.hashes
    assert {path: path.stat().st_mtime_ns for path in finished.folder.glob(f"*/{MANIFEST}")} == before


def test_a_run_without_its_last_phase_goes_on_to_the_same_bytes(finished: RunResult, tmp_path: Path):
    made = whole.train(
        SOURCE,
        tmp_path / "run",
        config=quick(),
        seed=2,
        asked=whole.Asked(last=1, gated=False),
        progress=Progress(quiet=True),
    )
    assert list(made.learnt.phases) == [1]
    assert not (made.folder / "phase2_meta_controller").exists()
    for name in ("forex", "commodities", "equity"):
        weights = f"phase1_{name}/model.safetensors"
        assert (made.folder / weights).read_bytes() == (finished.folder / weights).read_bytes()


def test_a_closed_gate_ends_the_training_and_makes_the_verdict_a_refusal(tmp_path: Path):
    result = _run(tmp_path / "run", whole.Asked(gated=True))
    assert result.report.verdict.code == "refused"
    assert "gate of phase 1" in result.report.verdict.sentence
    assert "phase 2 was not started" in result.report.verdict.reason
    assert not (result.folder / "phase2_meta_controller").exists()


def test_a_run_that_a_gate_has_stopped_goes_on_when_it_is_told_to(tmp_path: Path):
    config = quick()
    stopped = whole.train(
        SOURCE, tmp_path / "run", config=config, asked=whole.Asked(last=2), progress=Progress(quiet=True)
    )
    assert stopped.learnt.stopped is not None
    went_on = whole.train(
        SOURCE, tmp_path / "run", config=config, asked=whole.Asked(last=2, gated=False), progress=Progress(quiet=True)
    )
    assert went_on.learnt.stopped is None
    assert list(went_on.learnt.phases) == [1, 2]


def test_another_setting_in_the_same_directory_is_refused(finished: RunResult):
    other = quick().model_copy(update={"training": quick().training.model_copy(update={"learning_rate": 1e-4})})
    with pytest.raises(UserError, match="was started with another config"):
        _run(finished.folder, config=other)


@pytest.mark.skipif(find_spec("ray") is not None, reason="ray is installed")
def test_ray_is_asked_for_by_its_extra_where_it_is_missing(
    tmp_path: Path, bars: PortfolioBars, small: SpecialistsConfig
):
    spans = spans_of(bars, small)
    with Run(tmp_path / "run", config=small, seed=0) as made, pytest.raises(UserError) as caught:
        train_on_ray(made, ["forex"], spans.train, spans.validation, small)
    assert "rookery[distributed]" in str(caught.value.remedy)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="ray (extra: distributed) is not installed")
def test_ray_workers_make_the_same_bytes_as_threads(finished: RunResult, tmp_path: Path):
    asked = whole.Asked(last=1, gated=False, engine="ray")
    made = whole.train(SOURCE, tmp_path / "run", config=quick(), seed=2, asked=asked, progress=Progress(quiet=True))
    for name in ("forex", "commodities", "equity"):
        weights = f"phase1_{name}/model.safetensors"
        assert (made.folder / weights).read_bytes() == (finished.folder / weights).read_bytes()


def test_a_stage_that_was_finished_elsewhere_is_taken_over_as_its_own(finished: RunResult, tmp_path: Path):
    stage = finished.folder / "phase1_forex"
    files = {one.relative_to(stage).as_posix(): one.read_bytes() for one in stage.rglob("*") if one.is_file()}
    take_over(tmp_path / "phase1_forex", files)
    assert read_json(tmp_path / "phase1_forex" / "evaluation.json") == read_json(stage / "evaluation.json")
    assert (tmp_path / "phase1_forex" / MANIFEST).is_file()


def test_a_finished_run_whose_file_was_altered_is_refused_by_its_name(finished: RunResult, tmp_path: Path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.folder, copy)
    weights = copy / "phase3_joint" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"model\.safetensors: was truncated or altered"):
        _run(copy)
