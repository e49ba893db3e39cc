"""The specification's steps, one file to the next, on generated and on the published swaps."""

import io
import json
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.swaps import CORE_FEATURES
from rookery.labels.rules import Rules
from rookery.learning.training import FitConfig
from rookery.models.lstm import LstmConfig
from rookery.pipelines.rook import steps
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.config import RookConfig
from rookery.pipelines.rook.steps import SwapSource
from rookery.progress import Progress
from rookery.sources.generated import write_csv
from rookery.types import Pair


@pytest.fixture
def progress() -> Progress:
    return Progress(io.StringIO())


@pytest.fixture
def swaps_csv(tmp_path: Path) -> Path:
    path = tmp_path / "swaps.csv"
    write_csv(path, rows=700, seed=1, edge=True)
    return path


SMALL = RookConfig(
    model=LstmConfig(hidden_dim=8, condition_dim=8, fusion_dim=8),
    training=FitConfig(num_epochs=1, batch_size=64, num_threads=1),
)


def _labelled(swaps: Path, folder: Path, progress: Progress, **options: object) -> steps.FeatureFiles:
    made = steps.features(SwapSource(path=swaps), folder, progress=progress, **options)  # type: ignore[arg-type]
    steps.labels(
        made.features,
        None,
        folder / f"labeled_dataset{made.features.suffix}",
        rules=Rules.data_driven(),
        progress=progress,
    )
    return made


def test_the_steps_of_the_specification_end_in_a_brain(swaps_csv: Path, tmp_path: Path, progress: Progress):
    folder = tmp_path / "processed"
    made = _labelled(swaps_csv, folder, progress)
    split = steps.dataset(folder / "labeled_dataset.csv", made.conditions, folder / "set", progress=progress)
    trained = steps.train(folder / "set", tmp_path / "models" / "eth_usdc", config=SMALL, progress=progress)

    assert (len(split.train), len(split.validation), len(split.test)) == (469, 72, 72)
    assert sorted(path.name for path in trained.bundle.iterdir()) == [
        "best_model.pt",
        "config.yaml",
        "manifest.json",
        "model.safetensors",
        "norm.json",
        "schema.json",
    ]
    assert TrainedROOKBrain(trained.bundle, "ETH_USDC").get_model_info()["architecture"]["hidden_dim"] == 8


def test_the_steps_and_either_format_give_the_same_brain(swaps_csv: Path, tmp_path: Path, progress: Progress):
    weights = []
    for kind in ("csv", "parquet"):
        folder = tmp_path / kind
        made = _labelled(swaps_csv, folder, progress, format=kind)
        steps.dataset(
            folder / f"labeled_dataset.{kind}", made.conditions, folder / "set", progress=progress, format=kind
        )
        trained = steps.train(folder / "set", folder / "model", config=SMALL, progress=progress)
        weights.append((trained.bundle / "model.safetensors").read_bytes())

    assert weights[0] == weights[1]


def test_the_one_row_conditions_are_refused_as_look_ahead(swaps_csv: Path, tmp_path: Path, progress: Progress):
    made = _labelled(swaps_csv, tmp_path, progress, legacy=True)

    with pytest.raises(UserError, match="it tells every earlier row the future"):
        steps.dataset(tmp_path / "labeled_dataset.csv", made.conditions, tmp_path / "set", progress=progress)


def test_conditions_of_another_file_are_refused(swaps_csv: Path, tmp_path: Path, progress: Progress):
    _labelled(swaps_csv, tmp_path / "a", progress)
    write_csv(tmp_path / "other.csv", rows=700, seed=2, edge=True)
    other = steps.features(SwapSource(path=tmp_path / "other.csv"), tmp_path / "b", progress=progress)

    with pytest.raises(UserError, match="is not of the same rows"):
        steps.dataset(tmp_path / "a" / "labeled_dataset.csv", other.conditions, tmp_path / "set", progress=progress)


def test_the_published_swaps_give_the_published_splits(shared_data: Path, tmp_path: Path, progress: Progress):
    raw = shared_data / "uniswap_v4_eth_usdc_rook" / "swaps_raw_rebuilt_rows_1_7000.csv.gz"
    made = _labelled(raw, tmp_path, progress)
    split = steps.dataset(
        tmp_path / "labeled_dataset.csv", made.conditions, tmp_path / "set", embargo=0, progress=progress
    )

    # int(6971 * 0.70), int(6971 * 0.85): the published arithmetic on the 7,000 rows that are here.
    assert (len(split.train), len(split.validation), len(split.test)) == (4879, 1046, 1046)
    metadata = json.loads((tmp_path / "set" / "metadata.json").read_text())
    assert metadata["side_classes"] == ["BUY", "HOLD", "SELL"]
    assert metadata["core_feature_names"] == list(CORE_FEATURES)
    assert pl.read_csv(tmp_path / "set" / "val.csv").height == 1046


def test_the_published_features_are_labelled_as_published(shared_data: Path, tmp_path: Path, progress: Progress):
    folder = shared_data / "uniswap_v4_eth_usdc_rook"
    published = tmp_path / "core_features.csv"
    pl.read_csv(folder / "core_features_rows_1_7000.csv.gz", schema_overrides={"liquidity": pl.String}).write_csv(
        published
    )

    labels = steps.labels(
        published,
        None,
        tmp_path / "labeled_dataset.csv",
        rules=Rules.read(folder / "data_driven_heuristics.json"),
        progress=progress,
    )

    golden = pl.read_csv(folder / "labeled_dataset_rows_1_7000.csv.gz")
    assert (labels["side"] == golden["side"]).sum() == 7000
    assert (labels["rule_triggered"] == golden["rule_triggered"]).sum() == 7000


def test_a_source_survives_its_request(tmp_path: Path):
    source = SwapSource(path=tmp_path / "s.csv", pair=Pair(quote="ETH"), sign="pool", fee_bps=30.0)

    assert SwapSource.from_request(json.loads(json.dumps(source.request()))) == source


def test_the_command_of_a_source_says_what_is_not_default():
    source = SwapSource(path=Path("data/s.csv"), sign="pool", fee_bps=30.0)

    assert source.command(seed=3) == (
        "rookery rook run --input data/s.csv --sign pool --fee-bps 30 --config config.yaml --seed 3"
    )
