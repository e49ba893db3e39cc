"""A run's settings on other cuts of its data: nothing is judged by a network that has learned from it."""

import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.evaluation.trials import ledger_of
from rookery.learning.training import FitConfig
from rookery.models.lstm import LstmConfig
from rookery.pipelines.rook import whole
from rookery.pipelines.rook.config import RookConfig, TradingConfig
from rookery.pipelines.rook.crossval import CrossValidation, Cuts, _splits, cross_validate
from rookery.pipelines.rook.steps import SwapSource
from rookery.progress import Progress
from rookery.runs import read_run

ROWS, SEQ_LEN = 900, 30
SMALL = RookConfig(
    model=LstmConfig(hidden_dim=6, condition_dim=6, fusion_dim=6),
    training=FitConfig(num_epochs=3, batch_size=64, learning_rate=5e-3, num_threads=1, tensorboard=False),
    trading=TradingConfig(confidence_threshold=0.0),
)
Evaluate = Callable[..., CrossValidation]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "one"
    said = Progress(io.StringIO())
    whole.run(SwapSource(tape_rows=ROWS), folder, config=SMALL, device="cpu", progress=said)
    return folder


@pytest.fixture
def evaluate(run: Path) -> Evaluate:
    def call(name: str, said: io.StringIO | None = None, **changes: object) -> CrossValidation:
        progress = Progress(said or io.StringIO())
        return cross_validate(read_run(run), run.with_name(name), cuts=Cuts(**changes), progress=progress)

    return call


@pytest.mark.parametrize("scheme", ["walk-forward", "kfold", "cpcv"])
@pytest.mark.parametrize("embargo", [0, 5])
def test_no_window_that_is_judged_shares_a_row_with_one_that_was_learned(scheme: str, embargo: int):
    cuts = Cuts(scheme=scheme, groups=5, embargo=embargo)
    for train_N, test_N in _splits(cuts, 500, SEQ_LEN):
        seen = np.unique(train_N[:, np.newaxis] + np.arange(SEQ_LEN))
        judged = np.unique(test_N[:, np.newaxis] + np.arange(SEQ_LEN))
        assert not np.intersect1d(seen, judged).size


def test_combinatorial_paths_each_judge_every_window_once(evaluate: Evaluate):
    found = evaluate("cpcv", scheme="cpcv", groups=4, test_groups=2)
    assert (found.splits, len(found.paths)) == (6, 3)
    assert {(one.first_row, one.last_row) for one in found.paths} == {(29, 797)}
    # The first block is tested by three networks, each of which has learned from other blocks.
    said = [pl.read_parquet(found.folder / f"fold-0{split}" / "predictions.parquet") for split in range(3)]
    assert len({one["p_buy"][0] for one in said}) == 3
    assert found.sentence.startswith("Net return of 3 paths: median ")


def test_walking_forward_judges_each_block_and_then_all_together(evaluate: Evaluate):
    found = evaluate("forward", scheme="walk-forward", groups=4)
    folds = [one for one in found.outcomes if one.kind == "fold"]
    assert len(folds) == found.splits == 3
    assert [later.first_row - one.last_row for one, later in pairwise(folds)] == [1, 1]
    (path,) = found.paths
    assert (path.first_row, path.last_row) == (folds[0].first_row, folds[-1].last_row)


def test_the_test_split_stays_sealed_unless_it_is_asked_for_and_then_it_is_counted(run: Path, evaluate: Evaluate):
    data = ledger_of(run).trials()[0].trial.data
    before = ledger_of(run).readings(data=data, split="test")
    sealed = evaluate("sealed", scheme="kfold", groups=3)
    test_starts = pl.read_parquet(run / "backtest" / "equity.parquet")["time"][0]
    swaps = pl.read_parquet(run / "swaps" / "swaps.parquet")["time"]
    assert swaps[sealed.outcomes[-1].last_row] < test_starts
    assert ledger_of(run).readings(data=data, split="test") == before
    assert evaluate("open", scheme="kfold", groups=3, sealed=False).outcomes[-1].last_row == ROWS - 1
    assert ledger_of(run).readings(data=data, split="test") == before + 1


def test_folds_that_are_done_are_loaded_and_give_the_same(evaluate: Evaluate):
    first, said = evaluate("again", scheme="kfold", groups=3), io.StringIO()
    again = evaluate("again", said, scheme="kfold", groups=3)
    assert again == first
    assert said.getvalue().count("finished before, loaded") == 3


def test_a_fold_scales_by_the_rows_that_it_learned_from_alone(evaluate: Evaluate):
    from rookery.datasets.normalization import Normalization

    found = evaluate("scaled", scheme="kfold", groups=3)
    saved = Normalization.read(found.folder / "fold-01" / "bundle" / "norm.json")
    judged = next(one for one in found.outcomes if one.number == 1)
    ((gap_start, gap_stop),) = saved.core_gaps
    assert gap_start <= judged.first_row - SEQ_LEN + 1
    assert gap_stop > judged.last_row


def test_cuts_that_leave_too_little_are_refused(evaluate: Evaluate):
    with pytest.raises(UserError, match="nothing is left to train on"):
        evaluate("tiny", scheme="walk-forward", groups=50)
