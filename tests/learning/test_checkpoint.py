"""Where a training run stands, on disk."""

import random
from pathlib import Path

import pytest
import torch

from rookery.errors import UserError
from rookery.learning.checkpoint import Checkpoint, load, read, save


def _checkpoint(epoch: int, batch: int = 0) -> Checkpoint:
    tensors = {"model.weight": torch.full((3, 2), epoch + 0.1), "sums": torch.tensor([1 / 3], dtype=torch.float64)}
    state = {"best_score": -0.1 - epoch, "history": [{"epoch": epoch, "loss": 1 / 3}], "stopped": ""}
    return Checkpoint(epoch=epoch, batch=batch, state=state, tensors=tensors)


def _spoken(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    lines: list[str] = []
    return load(folder, say=lines.append), lines


def test_a_checkpoint_comes_back_to_the_bit(tmp_path: Path):
    save(tmp_path / "c", _checkpoint(3, 7))
    back, lines = _spoken(tmp_path / "c")
    assert back is not None
    assert (back.epoch, back.batch, back.state) == (3, 7, _checkpoint(3).state)
    assert torch.equal(back.tensors["model.weight"], torch.full((3, 2), 3.1))
    assert back.tensors["sums"].dtype == torch.float64
    assert lines == []


def test_the_newest_is_taken_and_two_are_kept(tmp_path: Path):
    for epoch, batch in ((1, 0), (2, 0), (2, 40), (10, 0)):
        save(tmp_path, _checkpoint(epoch, batch))
    back, _ = _spoken(tmp_path)
    assert back is not None
    assert back.epoch == 10
    assert sorted({path.stem for path in tmp_path.iterdir()}) == ["000002-00000040", "000010-00000000"]


def test_no_checkpoint_is_no_checkpoint(tmp_path: Path):
    assert _spoken(tmp_path / "none") == (None, [])


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_each_truncation_and_flipped_bit_is_refused_by_name_and_the_one_before_is_used(tmp_path: Path, suffix: str):
    save(tmp_path, _checkpoint(1))
    save(tmp_path, _checkpoint(2))
    path = tmp_path / f"000002-00000000{suffix}"
    whole = path.read_bytes()
    chance = random.Random(0)
    damaged = [whole[: len(whole) * part // 64] for part in range(64)]
    for _ in range(100):
        place, bit = chance.randrange(len(whole)), chance.randrange(8)
        damaged.append(whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :])
    for data in damaged:
        path.write_bytes(data)
        back, lines = _spoken(tmp_path)
        assert back is not None
        assert back.epoch == 1
        assert len(lines) == 1
        assert str(path) in lines[0]
        assert "before it" in lines[0]


def test_lost_tensors_are_refused_by_name(tmp_path: Path):
    save(tmp_path, _checkpoint(1))
    (tmp_path / "000001-00000000.safetensors").unlink()
    with pytest.raises(UserError, match=r"000001-00000000.safetensors: checkpoint has lost its tensors"):
        read(tmp_path / "000001-00000000.json")


def test_tensors_without_their_json_count_for_nothing_and_are_swept(tmp_path: Path):
    save(tmp_path, _checkpoint(1))
    (tmp_path / "000009-00000000.safetensors").write_bytes(b"half")
    back, _ = _spoken(tmp_path)
    assert back is not None
    assert back.epoch == 1
    save(tmp_path, _checkpoint(2))
    assert {path.stem for path in tmp_path.iterdir()} == {"000001-00000000", "000002-00000000"}


def test_nothing_in_a_checkpoint_is_pickled(tmp_path: Path):
    save(tmp_path, _checkpoint(1))
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    assert next(tmp_path.glob("*.safetensors")).read_bytes()[8:9] == b"{"
