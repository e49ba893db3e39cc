"""The specification's files hold what was published, under the published names, and come back unchanged."""

from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.conditions import CONDITION_FEATURES, conditions
from rookery.features.swaps import core_features
from rookery.labels.rules import Rules, label
from rookery.pipelines.rook import files
from rookery.sources.generated import swap_tape
from rookery.types import Pair

PUBLISHED_FEATURES = [
    "timestamp",
    "price",
    "amount0_eth",
    "amount1_usdc",
    "volume",
    "volatility",
    "volume_ma",
    "tick_change",
    "time_diff",
    "liquidity_impact",
    "price_change",
    "tick",
    "liquidity",
]


@pytest.fixture(scope="module")
def features() -> pl.DataFrame:
    return core_features(swap_tape(rows=300, seed=0, edge=True).table)


@pytest.mark.parametrize("name", ["core_features.csv", "core_features.parquet"])
def test_features_have_the_published_columns_first_and_come_back_unchanged(
    features: pl.DataFrame, tmp_path: Path, name: str
):
    files.write_features(features, tmp_path / name, pair=Pair())

    table = (
        pl.read_csv(tmp_path / name, schema_overrides={"liquidity": pl.String})
        if name.endswith("csv")
        else pl.read_parquet(tmp_path / name)
    )
    assert table.columns == [*PUBLISHED_FEATURES, "price_human"]
    assert table["price"][0] * 1e12 == pytest.approx(table["price_human"][0], rel=1e-12)
    back, pair = files.read_features(tmp_path / name)
    assert back.equals(features)
    assert pair == Pair()


def test_a_pool_whose_quote_is_token0_keeps_its_amounts_apart(features: pl.DataFrame, tmp_path: Path):
    pair = Pair(token0="USDC", decimals0=6, token1="WETH", decimals1=18, quote="USDC")
    path = tmp_path / "core_features.csv"
    files.write_features(features, path, pair=pair)

    table = pl.read_csv(path)
    assert table["amount1_weth"].to_list() == features["amount_base"].to_list()
    assert files.read_features(path)[1] == pair


def test_a_published_file_without_human_prices_gets_them_from_the_decimals(features: pl.DataFrame, tmp_path: Path):
    path = tmp_path / "core_features.parquet"
    files.write_features(features, path, pair=Pair())
    pl.read_parquet(path).drop("price_human").write_parquet(path)

    back, _ = files.read_features(path)

    assert (back["price"] / features["price"] - 1).abs().max() < 1e-12


def test_conditions_have_the_published_columns_and_a_row_per_swap(features: pl.DataFrame, tmp_path: Path):
    state = conditions(features)
    files.write_conditions(state, tmp_path / "core_conditions.csv")

    assert pl.read_csv(tmp_path / "core_conditions.csv").columns == [*CONDITION_FEATURES, "timestamp"]
    assert files.read_conditions(tmp_path / "core_conditions.csv").equals(state)


def test_labels_come_back_unchanged(features: pl.DataFrame, tmp_path: Path):
    labels = label(features, Rules.data_driven())
    files.write_labelled(features, labels, tmp_path / "labeled_dataset.csv")

    core, back = files.read_labelled(tmp_path / "labeled_dataset.csv")

    assert back.equals(labels)
    assert core["price"].equals(features["price"])


def test_a_side_that_is_none_is_refused_by_line(features: pl.DataFrame, tmp_path: Path):
    path = tmp_path / "labeled_dataset.csv"
    files.write_labelled(features, label(features, Rules.data_driven()), path)
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace("HOLD", "WAIT").replace("BUY", "WAIT").replace("SELL", "WAIT")
    path.write_text("\n".join(lines) + "\n")

    with pytest.raises(UserError, match=r"labeled_dataset\.csv:5: side 'WAIT' is none of BUY, HOLD, SELL"):
        files.read_labelled(path)


def test_a_pair_that_is_none_is_refused(tmp_path: Path):
    (tmp_path / "pair.json").write_text('{"token0": "ETH", "token1": "ETH"}')

    with pytest.raises(UserError, match=r"pair\.json: is not a pair: both tokens are called 'ETH'"):
        files.read_pair(tmp_path)
