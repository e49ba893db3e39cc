"""The files that the specification names."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.datasets.flat import flat_table, read_dataset, write_dataset
from rookery.datasets.scaling import Scalers, fit_scalers
from rookery.datasets.sequences import Sequences, from_tables
from rookery.datasets.splits import Split, chronological
from rookery.errors import UserError

Tables = Callable[[int], tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]]
Written = Callable[..., tuple[Path, Sequences, Split, Scalers]]


@pytest.fixture
def written(tmp_path: Path, tables: Tables):
    def write(file_format: str = "csv"):
        features, conditions, labels = tables(400)
        digits = np.random.default_rng(1).lognormal(size=400) * 1e-7
        features = features.with_columns(volume=pl.Series(digits))
        sequences = from_tables(features, conditions, labels, seq_len=30)
        split = chronological(len(sequences), embargo=29)
        scalers = fit_scalers(sequences, split.train, clip=5.0)
        write_dataset(
            tmp_path,
            sequences,
            split,
            scalers,
            file_format=file_format,
            price_unit="USDC per ETH",
            data_fingerprint="ab" * 32,
        )
        return tmp_path, sequences, split, scalers

    return write


def test_columns_stand_as_published_feature_by_feature(sequences: Sequences):
    names = flat_table(sequences).columns
    assert names[:2] == ["price_0", "price_1"]
    assert names[29:31] == ["price_29", "volatility_0"]
    assert names[180] == "avg_price_10"
    assert names[203:] == ["side", "side_raw", "size", "slippage_bps", "deadline_s", "timestamp"]
    assert len(names) == 6 * 30 + 23 + 6


def test_values_are_unscaled_and_of_the_right_row(sequences: Sequences):
    row = flat_table(sequences).row(7, named=True)
    assert row["price_0"] == 7.0
    assert row["price_change_29"] == 5036.0
    assert row["current_price"] == 36.0 + 0.21
    assert (row["side"], row["side_raw"]) == (0, "BUY")


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_what_is_written_is_read_back_to_the_bit(written: Written, file_format: str):
    folder, sequences, split, scalers = written(file_format)
    dataset = read_dataset(folder)
    parts = ((dataset.train, split.train), (dataset.validation, split.validation), (dataset.test, split.test))
    for read, numbers in parts:
        part = sequences.part(numbers)
        assert np.array_equal(read.core_NLF, part.core_NLF)
        for name in ("conditions_NC", "side_N", "size_N", "slippage_bps_N", "deadline_s_N", "row_N", "time_ns_N"):
            assert np.array_equal(getattr(read, name), getattr(part, name)), name
        assert read.classes == ("BUY", "HOLD", "SELL")
    assert dataset.scalers.core.mean.tolist() == scalers.core.mean.tolist()
    assert dataset.scalers.conditions.scale.tolist() == scalers.conditions.scale.tolist()
    assert dataset.scalers.core.fitted_rows == scalers.core.fitted_rows
    assert dataset.scalers.core.clip == 5.0


def test_metadata_has_the_published_keys_and_values(written: Written, shared_data: Path):
    folder, *_ = written()
    published = json.loads((shared_data / "uniswap_v4_eth_usdc_rook" / "metadata.json").read_text())
    ours = json.loads((folder / "metadata.json").read_text())
    assert published.keys() <= ours.keys()
    same = ("seq_len", "n_core_features", "n_condition_features", "core_feature_names", "condition_feature_names")
    assert {name: ours[name] for name in same} == {name: published[name] for name in same}
    assert ours["side_classes"] == published["side_classes"]
    assert ours["splits"].keys() == published["splits"].keys()


def test_normalization_has_the_published_keys(written: Written, shared_data: Path):
    folder, *_ = written()
    published = json.loads((shared_data / "uniswap_v4_eth_usdc_rook" / "normalization.json").read_text())
    ours = json.loads((folder / "normalization.json").read_text())
    assert published.keys() <= ours.keys()
    assert {name: len(ours[name]) for name in published} == {name: len(published[name]) for name in published}


def test_writing_twice_gives_the_same_bytes(written: Written):
    folder, *_ = written()
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    written()
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_missing_column_is_named_with_its_nearest(written: Written):
    folder, *_ = written()
    path = folder / "val.csv"
    path.write_text(path.read_text().replace("volume_ma_3,", "volume_mean_3,", 1))
    with pytest.raises(UserError, match=r"val.csv: column 'volume_ma_3' is missing") as failure:
        read_dataset(folder)
    assert failure.value.remedy is not None


def test_a_cut_file_is_refused(written: Written):
    folder, *_ = written()
    path = folder / "train.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-5]))
    with pytest.raises(UserError, match=r"train.csv: has 254 rows, metadata.json says 259"):
        read_dataset(folder)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("price_4", "nan", "test.csv:3: 'price_4' is .*nan.*, not a finite number"),
        ("price_4", "cheap", "test.csv:3: 'price_4' is 'cheap', not a finite number"),
        ("side", "2", "test.csv:3: side 2 is not"),
        ("side_raw", "LONG", "test.csv:3: side 'LONG' is none of BUY, HOLD, SELL"),
        ("timestamp", "yesterday", "test.csv:3: timestamp 'yesterday' is not a time"),
    ],
)
def test_a_wrong_value_is_refused_by_file_line_and_column(written: Written, column: str, value: str, message: str):
    folder, *_ = written()
    path = folder / "test.csv"
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    cells[lines[0].split(",").index(column)] = value
    if column == "side":
        cells[lines[0].split(",").index("side_raw")] = "BUY"
    lines[2] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=message):
        read_dataset(folder)


def test_a_missing_file_says_how_to_make_it(written: Written):
    folder, *_ = written()
    (folder / "test.csv").unlink()
    with pytest.raises(UserError, match="no such file") as failure:
        read_dataset(folder)
    assert "rookery rook dataset" in (failure.value.remedy or "")


def test_scaler_figures_that_do_not_fit_the_features_are_refused(written: Written):
    folder, *_ = written()
    path = folder / "normalization.json"
    norm = json.loads(path.read_text())
    norm["core_scaler_mean"] = norm["core_scaler_mean"][:5]
    path.write_text(json.dumps(norm))
    with pytest.raises(UserError, match=r"normalization.json: does not fit its feature names"):
        read_dataset(folder)
