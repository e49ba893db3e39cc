"""A twin's bundle."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from rookery.errors import UserError
from rookery.features.fractional import FractionalOrder
from rookery.features.state import SPEC17, StateConfig
from rookery.files import SEAL, sha256, write_json, write_sealed
from rookery.models.decision_transformer import DecisionTransformerConfig, build
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.saved import load_twin, save_twin

STATE = StateConfig(fractional_order=1.0)


def save(taught: SimpleNamespace, path: Path, **changes: object) -> None:
    settings: dict[str, object] = {
        "state": STATE,
        "fractional": FractionalOrder(order=1.0, tau=STATE.fractional_tau),
        "thresholds": taught.lesson.thresholds,
        "seed": 0,
        "data_fingerprint": "planted",
        "training": {"best_epoch": 1},
    }
    save_twin(path, changes.pop("model", taught.model), taught.lesson.scaler, **{**settings, **changes})


def reseal(bundle: Path, name: str, **values: object) -> None:
    """Change a file and make the manifest agree, as one would who knows the format."""
    content = json.loads((bundle / name).read_text()) | values
    write_json(bundle / name, content)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"][name] = sha256(bundle / name)
    del manifest[SEAL]
    write_sealed(bundle / "manifest.json", manifest)


def test_a_loaded_twin_answers_with_the_bits_of_the_one_that_was_saved(rule_taught: SimpleNamespace, bundle_path: Path):
    saved, states = load_twin(bundle_path), torch.randn(1, 20, 17)
    one, other = (
        TraderInference(model, "cpu").predict_with_target_rtg(states, 0.001)
        for model in (rule_taught.model, saved.model)
    )
    assert torch.equal(one.actions_BLA, other.actions_BLA)
    assert torch.equal(one.rtg_BL, other.rtg_BL)


def test_it_tells_what_goes_in_and_comes_out_and_what_it_was_fitted_on(rule_taught: SimpleNamespace, bundle_path: Path):
    saved = load_twin(bundle_path)
    assert saved.schema.features == SPEC17
    assert saved.schema.rtg_range == pytest.approx(rule_taught.model.rtg_range.tolist())
    assert saved.scaler.fitted_rows == rule_taught.lesson.scaler.fitted_rows
    assert saved.schema.thresholds.fitted_rows == rule_taught.lesson.thresholds.fitted_rows
    assert saved.state == STATE


def test_equal_twins_make_equal_bytes(rule_taught: SimpleNamespace, bundle_path: Path, tmp_path: Path):
    save(rule_taught, tmp_path / "again")
    for file in bundle_path.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_the_scripts_weights_lie_under_their_key(bundle_path: Path):
    checkpoint = torch.load(bundle_path / "best_model.pt", weights_only=True)
    assert set(checkpoint) == {"model_state_dict"}
    assert "action_head.weight" in checkpoint["model_state_dict"]


def test_an_untrained_network_is_not_saved(rule_taught: SimpleNamespace, tmp_path: Path):
    fresh = build(DecisionTransformerConfig(width=8, layers=1, heads=2), seed=0)
    with pytest.raises(ValueError, match="has not been trained"):
        save(rule_taught, tmp_path / "fresh", model=fresh)


@pytest.mark.parametrize("name", ["model.safetensors", "norm.json", "schema.json", "config.yaml"])
def test_an_altered_file_is_refused_by_name(rule_taught: SimpleNamespace, tmp_path: Path, name: str):
    save(rule_taught, tmp_path / "twin")
    file = tmp_path / "twin" / name
    file.write_bytes(file.read_bytes()[:-2] + b" \n")
    with pytest.raises(UserError, match=f"{name}: was truncated or altered"):
        load_twin(tmp_path / "twin")


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("schema.json", {"rtg_scale": 1.0}, "fingerprint"),
        ("norm.json", {"names": [*SPEC17[1:], SPEC17[0]]}, "in another order"),
        ("norm.json", {"scale": [0.0] * 17}, "does not fit"),
    ],
)
def test_a_consistent_forgery_is_refused(
    rule_taught: SimpleNamespace, tmp_path: Path, name: str, values: dict[str, object], message: str
):
    save(rule_taught, tmp_path / "twin")
    reseal(tmp_path / "twin", name, **values)
    with pytest.raises(UserError, match=message):
        load_twin(tmp_path / "twin")
