"""A saved model is whole, known by its hash, kept by the policy, and told by the metadata that the domain lists."""

import json
import pickle
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import nn

from rookery.errors import UserError
from rookery.files import write_sealed
from rookery.pipelines.specialists.checkpoints import About, CheckpointMetadata, ModelCheckpointingSystem

FIELDS = [
    *("checkpoint_id", "model_type", "model_name", "version", "phase", "episode", "step", "timestep"),
    *("performance_metrics", "training_metrics", "model_config", "model_size", "model_hash", "created_at"),
    *("training_duration", "tags", "description", "parent_checkpoint"),
]


def models(value: float) -> dict[str, nn.Module]:
    made = {"meta": nn.Linear(2, 3), "forex": nn.Linear(3, 1)}
    for one in made.values():
        nn.init.constant_(one.weight, value)
        nn.init.constant_(one.bias, -value)
    return dict(made)


def test_metadata_are_those_of_the_domain_in_order():
    assert [one.name for one in fields(CheckpointMetadata)] == FIELDS


def test_models_come_back_as_they_went_with_what_is_known_of_them(tmp_path: Path):
    system = ModelCheckpointingSystem(tmp_path)
    about = About(phase=2, tags=("first",), description="a try", created_at="2024-01-02T00:00:00+00:00")
    path = system.save_checkpoint(models(0.5), {"portfolio_sharpe": 1.5}, 100, about=about)
    found = system.load_checkpoint(path)
    fresh = models(0.0)
    found.fill(fresh)
    assert torch.equal(fresh["meta"].weight, torch.full((3, 2), 0.5))
    assert (found.metadata.step, found.metadata.timestep, found.metadata.phase) == (100, 100, 2)
    assert found.metadata.model_size == 2 * 3 + 3 + 3 + 1
    assert list(found.metadata.tags) == ["first"]


def test_dates_and_durations_kept_apart_leave_equal_bytes_and_come_back(tmp_path: Path):
    saved = {}
    for name, date, seconds in (("one", "2024-01-02T00:00:00+00:00", 1.5), ("other", "2025-06-07T08:09:10+00:00", 2.5)):
        system = ModelCheckpointingSystem(tmp_path / name, keep_last=1, moments=tmp_path / f"{name}.json")
        system.save_checkpoint(models(0.0), {"portfolio_sharpe": 0.0}, 1)
        about = About(created_at=date, training_duration=seconds, parent_checkpoint="before")
        path = system.save_checkpoint(models(1.0), {"portfolio_sharpe": 1.0}, 2, about=about)
        for found in (system.load_checkpoint(path).metadata, system.get_best_model().metadata, *system.checkpoints()):
            known = (found.created_at, found.training_duration, found.parent_checkpoint)
            assert known == (date, seconds, "before")
        assert ModelCheckpointingSystem(tmp_path / name).checkpoints()[0].created_at == ""
        saved[name] = [(one.name, one.read_bytes()) for one in sorted((tmp_path / name).iterdir())]
    assert saved["one"] == saved["other"]


def test_moments_of_checkpoints_that_are_gone_are_forgotten(tmp_path: Path):
    system = ModelCheckpointingSystem(tmp_path / "held", keep_last=1, best_by=(), moments=tmp_path / "moments.json")
    paths = [system.save_checkpoint(models(float(step)), {}, step) for step in range(4)]
    assert set(json.loads((tmp_path / "moments.json").read_text())) == {paths[-2].stem, paths[-1].stem}


def test_moments_of_a_wrong_form_are_refused_by_name(tmp_path: Path):
    (tmp_path / "moments.json").write_text('{"phase3-1": {"created_at": 5, "training_duration": 1.0}}')
    with pytest.raises(UserError, match="does not hold moments") as failure:
        ModelCheckpointingSystem(tmp_path / "held", moments=tmp_path / "moments.json").checkpoints()
    assert failure.value.place == str(tmp_path / "moments.json")


def test_the_last_ones_and_the_best_by_each_metric_are_kept(tmp_path: Path):
    system = ModelCheckpointingSystem(tmp_path, keep_last=2, best_by=("portfolio_sharpe", "-max_drawdown"))
    for step, (ratio, fall) in enumerate([(0.1, 0.5), (2.0, 0.4), (0.3, 0.1), (0.2, 0.3), (0.1, 0.2)]):
        system.save_checkpoint(models(float(step)), {"portfolio_sharpe": ratio, "max_drawdown": fall}, step)
    assert [one.step for one in system.checkpoints()] == [1, 2, 3, 4]
    assert system.get_best_model().metadata.step == 1
    assert system.get_best_model("-max_drawdown").metadata.step == 2
    assert len(list(tmp_path.iterdir())) == 8


def test_a_metric_that_no_checkpoint_knows_is_named_with_the_nearest(tmp_path: Path):
    system = ModelCheckpointingSystem(tmp_path)
    with pytest.raises(UserError, match="no checkpoint knows"):
        system.get_best_model()
    system.save_checkpoint(models(1.0), {"portfolio_sharpe": 1.0}, 1)
    with pytest.raises(UserError) as failure:
        system.get_best_model("portfolio_sharp")
    assert failure.value.remedy == "did you mean 'portfolio_sharpe'?"


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_an_altered_file_is_refused_by_name(tmp_path: Path, suffix: str):
    system = ModelCheckpointingSystem(tmp_path)
    path = system.save_checkpoint(models(1.0), {"portfolio_sharpe": 1.0}, 1)
    place = path.with_suffix(suffix)
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes(bytes(data))
    with pytest.raises(UserError) as failure:
        system.load_checkpoint(path)
    assert failure.value.place == str(place)


def test_lost_weights_are_named(tmp_path: Path):
    system = ModelCheckpointingSystem(tmp_path)
    path = system.save_checkpoint(models(1.0), {}, 1)
    path.with_suffix(".safetensors").unlink()
    with pytest.raises(UserError, match="lost its weights"):
        system.load_checkpoint(path)


def test_a_pickle_in_the_place_of_weights_is_never_opened(tmp_path: Path):
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    system = ModelCheckpointingSystem(tmp_path / "saved")
    path = system.save_checkpoint(models(1.0), {}, 1)
    path.with_suffix(".safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match="altered"):
        system.load_checkpoint(path)
    assert not (tmp_path / "exploded").exists()


def test_weights_of_another_network_change_nothing(tmp_path: Path):
    system = ModelCheckpointingSystem(tmp_path)
    found = system.load_checkpoint(system.save_checkpoint(models(1.0), {}, 1))
    other = {"meta": nn.Linear(2, 3), "forex": nn.Linear(4, 1)}
    before = other["meta"].weight.detach().clone()
    with pytest.raises(UserError, match="another network"):
        found.fill(other)
    assert torch.equal(other["meta"].weight, before)
    with pytest.raises(UserError, match="not meta"):
        found.fill({"meta": nn.Linear(2, 3)})


def test_what_was_left_half_written_is_swept_by_the_next_save(tmp_path: Path):
    system = ModelCheckpointingSystem(tmp_path)
    (tmp_path / "phase3-0000000009-aaaaaaaaaaaa.safetensors").write_bytes(b"torn")
    system.save_checkpoint(models(1.0), {}, 10)
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".json", ".safetensors"]


def test_what_cannot_be_saved_is_refused(tmp_path: Path):
    system = ModelCheckpointingSystem(tmp_path)
    with pytest.raises(ValueError, match="not finite"):
        system.save_checkpoint(models(float("nan")), {}, 1)
    with pytest.raises(ValueError, match="plain name"):
        system.save_checkpoint({"../meta": nn.Linear(1, 1)}, {}, 1)
    with pytest.raises(ValueError, match="no model"):
        system.save_checkpoint({}, {}, 1)
    with pytest.raises(ValueError, match="keep_last"):
        ModelCheckpointingSystem(tmp_path, keep_last=0)
    assert list(tmp_path.iterdir()) == []


def test_metadata_of_a_wrong_form_are_refused(tmp_path: Path):
    system = ModelCheckpointingSystem(tmp_path)
    path = system.save_checkpoint(models(1.0), {}, 1)
    values = json.loads(path.read_text())
    del values["sha256_of_the_rest"]
    write_sealed(path, {**values, "step": "one"})
    with pytest.raises(UserError, match="wrong type"):
        system.load_checkpoint(path)
    del values["tags"]
    write_sealed(path, values)
    with pytest.raises(UserError, match="tags"):
        system.load_checkpoint(path)


def test_of_equals_the_first_is_the_best(tmp_path: Path):
    system = ModelCheckpointingSystem(tmp_path)
    for step in (1, 2, 3):
        system.save_checkpoint(models(float(step)), {"portfolio_sharpe": 1.0}, step)
    assert system.get_best_model().metadata.step == 1
