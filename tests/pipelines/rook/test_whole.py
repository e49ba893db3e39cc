"""A whole run: what it leaves behind, that it repeats to the byte, and that it can be taken up again."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.evaluation import report as reports
from rookery.evaluation.trials import LEDGER, ledger_of
from rookery.learning.training import FitConfig
from rookery.models.lstm import LstmConfig
from rookery.pipelines.closing import RunResult
from rookery.pipelines.rook import whole
from rookery.pipelines.rook.config import RookConfig, TradingConfig
from rookery.pipelines.rook.steps import SwapSource
from rookery.progress import Progress
from rookery.runs import read_run
from rookery.sources.generated import swap_tape, write_csv
from rookery.tables import read_table

SMALL = RookConfig(
    model=LstmConfig(hidden_dim=12, condition_dim=12, fusion_dim=12),
    training=FitConfig(num_epochs=3, batch_size=64, learning_rate=5e-3, num_threads=1),
    trading=TradingConfig(confidence_threshold=0.4),
)
TAPE = SwapSource(tape_rows=1_500)


def _run(folder: Path, *, seed: int = 0, progress: Progress | None = None) -> RunResult:
    return whole.run(TAPE, folder, config=SMALL, seed=seed, device="cpu", progress=progress or Progress(io.StringIO()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return _run(tmp_path_factory.mktemp("runs") / "one")


def test_a_run_leaves_a_bundle_a_backtest_and_a_report(made: RunResult):
    folder = made.folder

    assert (folder / "models" / "ETH_USDC" / "model.safetensors").is_file()
    assert read_table(folder / "backtest" / "orders.parquet").height == made.report.not_traded.orders  # type: ignore[union-attr]
    assert made.page.is_file()
    assert reports.read(folder / "report" / "report.json") == made.report
    assert json.loads((folder / "outcome.json").read_text())["verdict"] == made.report.verdict.sentence


def test_generated_data_is_marked_in_every_form_of_the_report(made: RunResult):
    assert made.report.generated
    for name in ("report.html", "report.md"):
        assert "generated" in (made.folder / "report" / name).read_text()


def test_the_report_names_all_baselines_net_of_costs(made: RunResult):
    names = [one.name for one in made.report.headline[0].baselines]

    assert names == ["always HOLD", "buy and hold", "random", "teacher's rules"]
    assert made.report.costs.net == pytest.approx(  # type: ignore[union-attr]
        made.report.equity.series[0].values[-1] - 10_000.0  # type: ignore[union-attr]
    )


def test_scalers_are_fitted_inside_train(made: RunResult):
    assert made.report.data is not None
    assert all(fit.inside_train for fit in made.report.data.fits)
    train, validation, test = made.report.data.splits
    # Thirty rows end on a window: 29 sequences of embargo keep the splits' rows apart.
    assert validation.first_row - 29 > train.last_row
    assert test.first_row - 29 > validation.last_row


def test_a_run_without_embargo_says_that_its_windows_overlap(made: RunResult, tmp_path: Path):
    config = SMALL.model_copy(update={"embargo": 0})
    bare = whole.run(TAPE, tmp_path / "bare", config=config, device="cpu", progress=Progress(io.StringIO()))

    warning = "Windows of different splits share rows: the embargo is shorter than a window."
    assert warning in bare.report.basis.notes
    assert warning not in made.report.basis.notes


def test_the_same_seed_gives_the_same_bytes(made: RunResult, tmp_path: Path):
    again = _run(tmp_path / "two")

    assert again.hashes == made.hashes
    assert reports.digest(again.report) == reports.digest(made.report)


def test_what_else_was_tried_in_a_workspace_changes_the_report_but_no_byte_that_is_compared(
    made: RunResult, tmp_path: Path
):
    other = _run(tmp_path / "before", seed=1)
    again = _run(tmp_path / "two")

    assert again.hashes == made.hashes
    counted = [one.report.belief.trials.count for one in (made, other, again)]  # type: ignore[union-attr]
    assert counted == [1, 1, 2]
    assert again.report.belief.trials.readings == 2  # type: ignore[union-attr]


def test_the_ledger_keeps_a_fit_and_a_backtest_with_its_returns(made: RunResult):
    fit, books = (one.trial for one in ledger_of(made.folder).trials())

    assert (fit.kind, fit.splits, books.kind, books.splits) == ("fit", ("train", "validation"), "backtest", ("test",))
    assert books.returns is not None
    assert np.prod(1 + books.returns) - 1 == pytest.approx(made.report.headline[0].agent.value, abs=1e-12)
    assert fit.config_fingerprint == books.config_fingerprint == SMALL.fingerprint()


def test_a_ledger_that_cannot_be_used_stops_a_run_before_it_trains(tmp_path: Path):
    (tmp_path / LEDGER).write_text("no database, but something that somebody put here" * 30)
    with pytest.raises(UserError, match="cannot be used as a trial ledger"):
        _run(tmp_path / "one")
    assert not (tmp_path / "one" / "swaps").exists()


def test_every_run_carries_the_certificate_of_its_own_audit(made: RunResult):
    certificate = made.report.belief.certificate  # type: ignore[union-attr]

    assert certificate is not None
    assert certificate.passed
    assert len(certificate.probes) > 25
    assert made.hashes["audit/certificate.json"]


def test_another_seed_gives_other_weights(made: RunResult, tmp_path: Path):
    other = _run(tmp_path / "two", seed=1)

    name = "models/ETH_USDC/model.safetensors"
    assert other.hashes[name] != made.hashes[name]


def test_a_finished_run_is_loaded_not_repeated(made: RunResult, tmp_path: Path):
    shutil.copytree(made.folder, tmp_path / "one")
    said = io.StringIO()

    again = _run(tmp_path / "one", progress=Progress(said))

    assert again.hashes == made.hashes
    assert said.getvalue().count("finished before, loaded") == 8


def test_a_run_whose_last_stages_are_gone_makes_them_again(made: RunResult, tmp_path: Path):
    folder = tmp_path / "one"
    shutil.copytree(made.folder, folder)
    for name in ("models", "backtest", "report"):
        shutil.rmtree(folder / name)
    (folder / "outcome.json").unlink()

    again = whole.resume(read_run(folder), device="cpu", progress=Progress(io.StringIO()))

    assert again.hashes == made.hashes


def test_an_altered_file_of_a_finished_stage_is_refused_by_name(made: RunResult, tmp_path: Path):
    folder = tmp_path / "one"
    shutil.copytree(made.folder, folder)
    path = folder / "labels" / "labeled_dataset.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))

    with pytest.raises(UserError, match=r"labeled_dataset\.parquet: was truncated or altered"):
        _run(folder)


def test_other_settings_in_the_same_folder_are_refused(made: RunResult):
    with pytest.raises(UserError, match="was started with another config"):
        whole.run(TAPE, made.folder, config=RookConfig(), seed=0, device="cpu", progress=Progress(io.StringIO()))


def test_a_brain_is_judged_on_later_swaps(made: RunResult, tmp_path: Path):
    path = tmp_path / "later.csv"
    write_csv(path, rows=4_000, seed=0, edge=True)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], *lines[1_600:2_600]]))
    result = whole.backtest(
        made.folder / "models" / "ETH_USDC",
        SwapSource(path=path),
        tmp_path / "judged",
        config=SMALL,
        progress=Progress(io.StringIO()),
    )

    assert result.report.verdict.code != "refused"
    assert result.report.not_traded is not None
    assert result.report.not_traded.decisions == 1000 - 29


def test_a_brain_is_not_judged_on_swaps_that_it_has_seen(made: RunResult, tmp_path: Path):
    result = whole.backtest(
        made.folder / "models" / "ETH_USDC", TAPE, tmp_path / "judged", config=SMALL, progress=Progress(io.StringIO())
    )

    assert result.report.verdict.code == "refused"
    assert "unseen data" in result.report.verdict.sentence


def test_what_a_later_swap_says_changes_no_earlier_decision(made: RunResult, tmp_path: Path):
    from rookery.datasets.sequences import from_tables
    from rookery.features.conditions import conditions
    from rookery.features.swaps import core_features
    from rookery.labels.rules import label
    from rookery.pipelines.rook.brain import TrainedROOKBrain

    brain = TrainedROOKBrain(made.folder / "models" / "ETH_USDC")
    swaps = swap_tape(rows=600, seed=5, edge=True).table
    spoiled = pl.concat([swaps[:400], swaps[400:].with_columns(pl.col("price") * 7, pl.col("amount_base") * 100)])

    def decided(table: pl.DataFrame) -> pl.DataFrame:
        features = core_features(table)
        windows = from_tables(features, conditions(features), label(features, SMALL.rules), seq_len=30)
        return brain.decide_batch(windows.core_NLF, windows.conditions_NC)

    # Windows end on rows 29 to 599; those that end before row 400 know nothing of what follows.
    assert decided(swaps)[: 400 - 29].equals(decided(spoiled)[: 400 - 29])
    assert not decided(swaps).equals(decided(spoiled))
