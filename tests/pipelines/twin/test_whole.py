"""The whole road of a twin in one directory, on a made-up trader: stages, bytes, ledger, certificate."""

import io
import json
import shutil
from pathlib import Path

import pytest

from rookery.errors import UserError
from rookery.evaluation import report as reports
from rookery.evaluation.report.belief import Tally
from rookery.evaluation.trials.ledger import SEALED, ledger_of
from rookery.evaluation.trials.recording import Recorder
from rookery.files import sha256
from rookery.models.decision_transformer import DecisionTransformerConfig
from rookery.pipelines.closing import RunResult
from rookery.pipelines.twin import whole
from rookery.pipelines.twin.audit import audit_run
from rookery.pipelines.twin.audited import STAGES, read_finished
from rookery.pipelines.twin.config import TwinConfig, demo_config
from rookery.pipelines.twin.source import TwinSource
from rookery.pipelines.twin.teaching import learnt_of, teach
from rookery.progress import Progress
from rookery.run import Run
from rookery.runs import read_run

TRADER = TwinSource(markets=16)


def small() -> TwinConfig:
    """So small a network that its run takes seconds; a given order, so that no test of stationarity is waited for."""
    demo = demo_config()
    fit = demo.training.model_copy(update={"num_epochs": 3, "tensorboard": False})
    network = DecisionTransformerConfig(width=16, layers=1, heads=2, context=demo.window, dropout=0.1)
    state = demo.state.model_copy(update={"fractional_order": 0.5})
    return demo.model_copy(update={"training": fit, "architecture": network, "state": state})


def _run(path: Path, *, seed: int = 0, progress: Progress | None = None) -> RunResult:
    said = progress or Progress(io.StringIO())
    return whole.run(TRADER, path, config=small(), seed=seed, device="cpu", progress=said)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return _run(tmp_path_factory.mktemp("runs") / "one")


def test_every_stage_leaves_its_files(made: RunResult):
    for name in (
        *("history/trades.parquet", "history/markets.parquet", "history/source.json"),
        *("data/processed_trader_data.parquet", "data/description.json"),
        *("selection/choice.json", "models/metrics.jsonl", "models/twin/best_model.pt", "models/twin/manifest.json"),
        *("judgement/record.json", "audit/certificate.json", "report/report.html", "report/report.json"),
    ):
        assert (made.folder / name).is_file(), name


def test_the_report_is_of_the_run(made: RunResult):
    report = reports.read(made.folder / "report" / "report.json")
    assert report.pipeline == "twin"
    assert report.generated
    assert report.verdict.sentence == read_run(made.folder).outcome["verdict"]
    assert report.headline[0].key == "log_loss"
    assert report.machine is not None
    assert {"history", "data", "choice of epochs", "training", "judgement", "audit"} == {
        one.name for one in report.machine.stages
    }


def test_the_epochs_are_chosen_by_training_markets_and_then_learnt_on_all_of_them(made: RunResult):
    audited = read_finished(read_run(made.folder))
    learnt, choice = learnt_of(audited.twin), json.loads((made.folder / "selection" / "choice.json").read_text())
    first, stop = learnt.chosen_by
    train = audited.tables.train
    assert train.start < first < stop == train.stop
    assert learnt.epochs == learnt.best_epoch == choice["epochs"]
    seen = audited.tables.trajectories.part(train).time_ns_R.max()
    assert learnt.last_time_ns == seen < audited.tables.trajectories.part(audited.tables.validation).time_ns_R.min()


def test_what_a_finished_run_left_is_read_back(made: RunResult):
    audited = read_finished(read_run(made.folder))
    assert audited.stages == STAGES
    assert audited.source == TRADER
    assert audited.twin.schema.features == audited.tables.scaler.names
    assert audited.twin.bundle.facts["data_fingerprint"] == audited.tables.fingerprint()


def test_the_ledger_has_fit_judgement_and_reading_once_however_often_it_is_run(made: RunResult, tmp_path: Path):
    folder = tmp_path / "runs" / "one"
    shutil.copytree(made.folder.parent, folder.parent)
    _run(folder)
    ledger = ledger_of(folder)
    trials = [one.trial for one in ledger.trials()]
    assert [(trial.kind, trial.pipeline) for trial in trials] == [("fit", "twin"), ("backtest", "twin")]
    assert trials[1].splits == (SEALED,)
    assert trials[1].result["log_loss"] == made.report.headline[0].agent.value
    assert ledger.readings(data=trials[0].data, split=SEALED) == 1


def test_the_report_counts_what_was_tried_on_the_same_history_and_deflates_nothing(made: RunResult, tmp_path: Path):
    belief = made.report.belief
    assert belief is not None
    assert belief.trials is None
    assert belief.tally == Tally(count=1, fits=1, judgements=1, readings=1)

    # Bars of another length are another try at the same markets.
    copied = tmp_path / "runs"
    shutil.copytree(made.folder.parent, copied)
    coarse = small().model_copy(update={"interval_s": 120})
    again = whole.run(TRADER, copied / "two", config=coarse, device="cpu", progress=Progress(io.StringIO())).report
    assert again.belief is not None
    assert again.belief.tally == Tally(count=2, fits=2, judgements=2, readings=2)
    text = (copied / "two" / "report" / "report.md").read_text()
    assert "2 on these data (2 models trained, 2 judgements); held-out data read 2 times" in text
    assert "others were not counted" not in text


def test_a_finished_run_is_loaded_not_repeated(made: RunResult, tmp_path: Path):
    shutil.copytree(made.folder, tmp_path / "one")
    said = io.StringIO()
    again = _run(tmp_path / "one", progress=Progress(said))
    assert again.hashes == made.hashes
    assert said.getvalue().count("finished before, loaded") == len(STAGES) + 2


def test_a_run_whose_last_stages_are_gone_makes_the_same_again(made: RunResult, tmp_path: Path):
    folder = tmp_path / "one"
    shutil.copytree(made.folder, folder)
    for name in ("models", "judgement", "audit", "report"):
        shutil.rmtree(folder / name)
    (folder / "outcome.json").unlink()

    again = whole.resume(read_run(folder), device="cpu", progress=Progress(io.StringIO()))

    assert again.hashes == made.hashes


def test_another_seed_gives_another_network(made: RunResult, tmp_path: Path):
    taught = read_finished(read_run(made.folder)).tables
    with Run(tmp_path / "two", config=small(), seed=1, progress=Progress(quiet=True)) as run:
        pen = Recorder(ledger=ledger_of(run.path), run=run, data="other", data_name="other")
        bundle = teach(run, taught, small(), "cpu", pen)
    assert sha256(bundle / "model.safetensors") != made.hashes["models/twin/model.safetensors"]


def test_an_altered_table_is_refused_by_name(made: RunResult, tmp_path: Path):
    folder = tmp_path / "one"
    shutil.copytree(made.folder, folder)
    path = folder / "data" / "processed_trader_data.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"processed_trader_data\.parquet: was truncated or altered"):
        _run(folder)


def test_it_carries_the_certificate_of_its_own_audit_and_can_be_audited_again(made: RunResult, tmp_path: Path):
    shutil.copytree(made.folder, tmp_path / "one")
    own = made.report.belief
    assert own is not None
    assert own.certificate is not None
    assert own.certificate.passed

    again = audit_run(read_run(tmp_path / "one"), cuts=3, progress=Progress(io.StringIO()))

    assert again.passed
    assert (tmp_path / "one" / "certificate.json").is_file()


def test_only_a_finished_run_is_audited(made: RunResult, tmp_path: Path):
    shutil.copytree(made.folder, tmp_path / "one")
    (tmp_path / "one" / "outcome.json").unlink()
    with pytest.raises(UserError, match="only a finished run can be audited"):
        read_finished(read_run(tmp_path / "one"))
