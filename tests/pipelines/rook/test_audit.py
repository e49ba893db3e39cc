"""The certificate of ROOK runs: clean ones pass, and whatever is spoiled is named."""

import io
import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.evaluation.leakage.finding import REMEDIES, Certificate
from rookery.evaluation.leakage.record import read
from rookery.files import read_json, write_json
from rookery.learning.training import FitConfig
from rookery.models.lstm import LstmConfig
from rookery.pipelines.rook import audit, whole
from rookery.pipelines.rook.config import RookConfig, TradingConfig
from rookery.pipelines.rook.steps import SwapSource
from rookery.progress import Progress
from rookery.run import redraw
from rookery.runs import read_run
from rookery.sources.generated import write_csv

SMALL = RookConfig(
    model=LstmConfig(hidden_dim=12, condition_dim=12, fusion_dim=12),
    training=FitConfig(num_epochs=3, batch_size=64, learning_rate=5e-3, num_threads=1, tensorboard=False),
    trading=TradingConfig(confidence_threshold=0.4),
)


def quiet() -> Progress:
    return Progress(io.StringIO())


def make(folder: Path, config: RookConfig = SMALL) -> Path:
    whole.run(SwapSource(tape_rows=1_200), folder, config=config, device="cpu", progress=quiet())
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("runs") / "one")


def audited(folder: Path, cuts: int = 4) -> Certificate:
    return audit.audit_run(read_run(folder), cuts=cuts, progress=quiet())


def test_a_clean_run_passes_every_probe_and_keeps_its_certificate(made: Path, tmp_path: Path):
    folder = tmp_path / "one"
    shutil.copytree(made, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}

    certificate = audited(folder)

    assert certificate.passed, str(certificate)
    assert not certificate.possible
    assert {one.probe for one in certificate.findings} == set(REMEDIES)
    assert {one.probe for one in certificate.not_tested} <= {"fill price", "one-bar lag"}
    assert set(certificate.stages) == {"swaps", "features", "labels", "dataset", "models", "backtest"}
    assert read(folder) == certificate
    # Nothing but the certificate is new, and nothing was touched: the run is still loaded, not repeated.
    assert all(path.read_bytes() == content for path, content in before.items())
    said = io.StringIO()
    whole.run(SwapSource(tape_rows=1_200), folder, config=SMALL, device="cpu", progress=Progress(said))
    assert said.getvalue().count("finished before, loaded") == 8
    assert read(folder) == certificate


@pytest.mark.parametrize("seed", [1, 2])
def test_the_pipeline_itself_is_clean_on_other_tapes(seed: int):
    certificate = audit.audit_pipeline(cuts=4, seed=seed, rows=900, progress=quiet())

    assert certificate.passed, str(certificate)
    assert not certificate.failed + certificate.possible


def test_windows_that_overlap_are_named(tmp_path: Path):
    folder = make(tmp_path / "bare", SMALL.model_copy(update={"embargo": 0}))

    (found,) = audited(folder).failed
    assert (found.probe, found.column) == ("window overlap", "window")


def reseal(folder: Path, stage: str, name: str, change: dict[str, object]) -> None:
    """Alter a file of a finished stage as its own code would have written it."""

    def write(path: Path) -> None:
        write_json(path / name, {**read_json(path / name), **change})

    redraw(folder, stage, [name], write)


def test_a_description_of_other_scalers_than_the_brains_own_is_named(made: Path, tmp_path: Path):
    folder = tmp_path / "one"
    shutil.copytree(made, folder)
    stated = read_json(folder / "dataset" / "normalization.json")
    spoiled = [2.0 * stated["core_scaler_mean"][0], *stated["core_scaler_mean"][1:]]
    reseal(folder, "dataset", "normalization.json", {"core_scaler_mean": spoiled})

    (found,) = audited(folder).failed
    assert (found.name, found.column) == ("recomputation of scalers", "price mean")


def test_scalers_fitted_on_all_rows_are_named_at_the_first_row_beyond_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fit = whole.fit_scalers
    monkeypatch.setattr(
        whole, "fit_scalers", lambda windows, train, *, clip: fit(windows, range(len(windows)), clip=clip)
    )
    folder = make(tmp_path / "leaky")

    failed = audited(folder).failed
    assert [one.name for one in failed] == ["provenance of core scaler", "provenance of condition scaler"]
    train = json.loads((folder / "dataset" / "metadata.json").read_text())["splits"]["train_size"] + 29
    assert (failed[0].column, failed[0].row) == ("price mean", train)


def test_recorded_features_that_the_code_does_not_make_are_named(made: Path, tmp_path: Path):
    folder = tmp_path / "one"
    shutil.copytree(made, folder)
    name = "core_features.parquet"

    def peek(path: Path) -> None:
        table = pl.read_parquet(path / name)
        table.with_columns(volume_ma=pl.col("volume").mean()).write_parquet(path / name)

    redraw(folder, "features", [name], peek)

    found = {one.name: one for one in audited(folder).failed}
    assert found["recomputation of features"].columns == ("volume_ma",)


def test_a_backtest_is_audited_without_a_split_and_asks_what_training_has_seen(made: Path, tmp_path: Path):
    write_csv(tmp_path / "all.csv", rows=2_200, seed=0, edge=True)
    lines = (tmp_path / "all.csv").read_text().splitlines(keepends=True)
    for name, rows in (("later", lines[1_300:]), ("seen", lines[700:1_500])):
        path = tmp_path / f"{name}.csv"
        path.write_text("".join([lines[0], *rows]))
        bundle = made / "models" / "ETH_USDC"
        whole.backtest(bundle, SwapSource(path=path), tmp_path / name, config=SMALL, progress=quiet())

    later, seen = audited(tmp_path / "later"), audited(tmp_path / "seen")
    assert later.passed, str(later)
    assert "window overlap" in {one.probe for one in later.not_tested}
    (found,) = seen.failed
    assert found.name == "provenance of training"
    assert "swaps were seen in training" in found.detail


def test_a_run_that_has_not_finished_or_was_altered_is_refused(made: Path, tmp_path: Path):
    folder = tmp_path / "one"
    shutil.copytree(made, folder)
    path = folder / "features" / "core_features.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"core_features\.parquet: was truncated or altered"):
        audited(folder)
    (folder / "outcome.json").unlink()
    with pytest.raises(UserError, match="is stopped: only a finished run can be audited"):
        audited(folder)
