"""A trained network as a bundle, and back."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from rookery.agents import bundle
from rookery.errors import UserError
from rookery.files import write_json, write_sealed
from rookery.models.lstm import LstmConfig, build
from rookery.pipelines.rook.saved import Schema, feature_units, load_brain
from rookery.types import Pair

Save = Callable[..., Path]


def _reseal(folder: Path) -> None:
    manifest = json.loads((folder / bundle.MANIFEST).read_text())
    manifest.pop("sha256_of_the_rest")
    manifest["files"] = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in bundle.FILES}
    write_sealed(folder / bundle.MANIFEST, manifest)


def _edit_config(folder: Path, section: str, **changes: object) -> None:
    config = yaml.safe_load((folder / bundle.CONFIG).read_text())
    config[section].update(changes)
    (folder / bundle.CONFIG).write_text(yaml.safe_dump(config, sort_keys=False))
    _reseal(folder)


def _edit_schema(folder: Path, *, honest: bool = True, **changes: Any) -> None:  # noqa: ANN401
    values = json.loads((folder / bundle.SCHEMA).read_text())
    stated = values.pop("fingerprint")
    values.update(changes)
    if honest:
        stated = Schema.model_validate(values).fingerprint()
    write_json(folder / bundle.SCHEMA, {**values, "fingerprint": stated})
    _reseal(folder)


def test_the_network_comes_back_and_answers_alike(save: Save):
    saved = load_brain(save(seed=4))
    model = build(LstmConfig(hidden_dim=16, condition_dim=8, fusion_dim=8), seed=4).eval()
    core, state = torch.randn(3, 30, 6), torch.randn(3, 23)
    with torch.no_grad():
        assert torch.equal(saved.model.encode(core), model.encode(core))
        assert torch.equal(saved.model(core, state).size_B, model(core, state).size_B)
    assert not saved.model.training
    assert saved.scalers.core.clip == 5.0
    assert saved.schema.target_units.size == 0.1


def test_config_yaml_has_the_section_of_the_specification(save: Save):
    config = yaml.safe_load((save(max_slippage_bps=40.0) / "config.yaml").read_text())
    assert config["rook_config"] == {
        "pair": "ETH/USDC",
        "max_position_size": 0.1,
        "min_position_size": 0.001,
        "max_slippage_bps": 40.0,
        "confidence_threshold": 0.6,
        "max_age_s": 600.0,
    }


def test_norm_json_has_the_published_keys(save: Save):
    norm = json.loads((save() / "norm.json").read_text())
    assert {"core_scaler_mean", "core_scaler_scale", "conditions_scaler_mean", "conditions_scaler_scale"} <= norm.keys()


def test_every_feature_has_a_unit():
    units = feature_units(Pair())
    assert len(units) == 29
    assert units["price"] == units["avg_price_50"] == units["price_volatility_10"] == "USDC per ETH"
    assert units["price_change"] == units["volatility"] == "relative"
    assert units["volume_ma"] == units["avg_volume_100"] == "ETH"
    assert units["avg_time_diff_10"] == "s"


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("architecture", {"hidden_dim": 32}, "has shape .*config.yaml asks for"),
        ("architecture", {"layers": 3}, "lacks the weights core.bias_hh_l2"),
        ("architecture", {"layers": 1}, "holds weights that the network has not"),
        ("architecture", {"hidden_dim": 10**9}, r"config.yaml:\d+: 'architecture.hidden_dim'"),
        ("architecture", {"hidden_dim": 4096, "layers": 8}, "has shape|lacks the weights"),
        ("architecture", {"core_features": 7}, "other numbers of features or classes"),
        ("architecture", {"kind": "transformer"}, r"unknown key 'architecture.kind'"),
        ("rook_config", {"max_position_size": 50.0}, r"config.yaml:\d+: 'rook_config.max_position_size'"),
        ("rook_config", {"confidence_threshold": "high"}, r"'rook_config.confidence_threshold'"),
        ("rook_config", {"pair": None}, r"'rook_config.pair'"),
    ],
)
def test_settings_that_do_not_fit_the_weights_are_refused_within_a_second(
    save: Save, section: str, changes: dict[str, object], message: str
):
    path = save()
    _edit_config(path, section, **changes)
    started = time.monotonic()
    with pytest.raises(UserError, match=message):
        load_brain(path)
    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["BUY", "SELL", "HOLD"]}, "'classes' are not those of this Rookery, in its order"),
        (
            {"core_features": ["volatility", "price", "volume", "volume_ma", "liquidity_impact", "price_change"]},
            "core_f",
        ),
        ({"condition_features": ["avg_price_10"]}, "'condition_features' are not those"),
    ],
)
def test_a_schema_of_another_order_is_refused(save: Save, changes: dict[str, object], message: str):
    path = save()
    _edit_schema(path, **changes)
    with pytest.raises(UserError, match=rf"schema\.json: .*{message}"):
        load_brain(path)


@pytest.mark.parametrize(
    "changes", [{"pipeline": "twin"}, {"seq_len": -1}, {"target_units": {"size": 0}}, {"seq_len": 31}]
)
def test_a_schema_that_is_wrong_in_itself_is_refused(save: Save, changes: dict[str, object]):
    path = save()
    _edit_schema(path, honest=False, **changes)
    with pytest.raises(UserError, match=r"schema\.json"):
        load_brain(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"core_scaler_scale": [1.0] * 5},
        {"core_scaler_scale": [0.0] * 6},
        {"core_scaler_mean": [1e400] * 6},
        {"core_scaler_mean": None},
        {"surprise": 1},
    ],
)
def test_scaling_that_does_not_fit_is_refused(save: Save, changes: dict[str, object]):
    path = save()
    norm = json.loads((path / "norm.json").read_text()) | changes
    (path / "norm.json").write_text(json.dumps(norm))
    _reseal(path)
    with pytest.raises(UserError, match=r"norm\.json"):
        load_brain(path)
