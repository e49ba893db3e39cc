"""A trained agent as a directory, and what is done with a hostile one."""

import hashlib
import json
import os
import pickle
import random
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from rookery.agents import bundle
from rookery.errors import UserError
from rookery.files import write_sealed

WEIGHTS = {"side.weight": torch.arange(6.0).reshape(2, 3) / 7, "side.bias": torch.tensor([0.5, -1e-9])}


def _save(path: Path) -> Path:
    bundle.save(
        path,
        config={"rook_config": {"pair": "ETH/USDC", "max_position_size": 0.1}},
        norm={"core_scaler_mean": [1 / 3]},
        schema={"classes": ["BUY", "HOLD", "SELL"]},
        weights=WEIGHTS,
        seed=7,
        data_fingerprint="ab" * 32,
        training={"epochs": 3},
    )
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return _save(tmp_path / "eth_usdc")


def _reseal(folder: Path) -> None:
    """Make the manifest agree with the files again, as an attacker would."""
    manifest = json.loads((folder / bundle.MANIFEST).read_text())
    manifest.pop("sha256_of_the_rest")
    manifest["files"] = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in bundle.FILES}
    write_sealed(folder / bundle.MANIFEST, manifest)


def _header(data: dict[str, object], body: bytes = b"") -> bytes:
    text = json.dumps(data).encode()
    return struct.pack("<Q", len(text)) + text + body


def _entry(shape: list[object], begin: object, end: object, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.trace),)


def test_a_bundle_comes_back_to_the_bit(saved: Path):
    back = bundle.load(saved)
    assert back.config == {"rook_config": {"pair": "ETH/USDC", "max_position_size": 0.1}}
    assert back.norm == {"core_scaler_mean": [1 / 3]}
    assert back.schema == {"classes": ["BUY", "HOLD", "SELL"]}
    assert back.facts["seed"] == 7
    assert back.facts["training"] == {"epochs": 3}
    assert back.facts["data_fingerprint"] == "ab" * 32
    assert all(torch.equal(back.weights[name], value) for name, value in WEIGHTS.items())


def test_it_has_the_files_that_the_specification_and_the_design_name(saved: Path):
    assert {path.name for path in saved.iterdir()} == {
        "config.yaml",
        "norm.json",
        "schema.json",
        "model.safetensors",
        "best_model.pt",
        "manifest.json",
    }


def test_equal_bundles_are_equal_bytes(saved: Path, tmp_path: Path):
    again = _save(tmp_path / "elsewhere")
    for file in saved.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


def test_saving_over_a_bundle_replaces_it(saved: Path):
    _save(saved)
    assert bundle.load(saved).facts["seed"] == 7


def test_best_model_pt_holds_tensors_alone(saved: Path):
    weights = torch.load(saved / "best_model.pt", weights_only=True)
    assert all(torch.equal(weights[name], value) for name, value in WEIGHTS.items())


def test_saving_into_a_folder_of_other_things_is_refused(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.tex: is no part of a bundle"):
        _save(tmp_path)


@pytest.mark.parametrize("weight", [torch.tensor([float("nan")]), torch.tensor([1.0], dtype=torch.float64)])
def test_weights_that_could_not_be_loaded_are_not_saved(tmp_path: Path, weight: torch.Tensor):
    with pytest.raises(ValueError, match="'w' is not finite float32"):
        bundle.save(
            tmp_path / "b",
            config={},
            norm={},
            schema={},
            weights={"w": weight},
            seed=0,
            data_fingerprint="",
            training={},
        )


def test_a_crash_while_saving_leaves_no_bundle_rather_than_a_wrong_one(saved: Path):
    (saved / bundle.MANIFEST).unlink()
    with pytest.raises(UserError, match=r"manifest.json: is missing from the bundle"):
        bundle.load(saved)


def test_shapes_are_held_against_those_of_the_network(saved: Path):
    back = bundle.load(saved)
    back.require_shapes({"side.weight": torch.Size((2, 3)), "side.bias": torch.Size((2,))})
    with pytest.raises(UserError, match=r"model.safetensors: 'side.weight' has shape \(2, 3\)"):
        back.require_shapes({"side.weight": torch.Size((3, 2)), "side.bias": torch.Size((2,))})
    with pytest.raises(UserError, match="lacks the weights more"):
        back.require_shapes({name: value.shape for name, value in WEIGHTS.items()} | {"more": torch.Size((1,))})
    with pytest.raises(UserError, match=r"holds weights that the network has not: side\.bias"):
        back.require_shapes({"side.weight": torch.Size((2, 3))})


@pytest.mark.parametrize("path", ["nowhere", "a\x00b", "f"])
def test_what_is_no_folder_is_no_bundle(tmp_path: Path, path: str):
    (tmp_path / "f").write_text("a file")
    with pytest.raises(UserError, match="is not a bundle"):
        bundle.load(str(tmp_path / path))


@pytest.mark.parametrize("name", [*bundle.FILES, bundle.MANIFEST])
def test_every_file_is_needed_and_may_be_no_link_folder_or_pipe(saved: Path, tmp_path: Path, name: str):
    file, kept = saved / name, tmp_path / "kept"
    file.rename(kept)
    with pytest.raises(UserError, match=f"{name}: is missing"):
        bundle.load(saved)
    file.symlink_to(kept)
    with pytest.raises(UserError, match=f"{name}: is a symbolic link"):
        bundle.load(saved)
    file.unlink()
    file.mkdir()
    with pytest.raises(UserError, match=f"{name}: is not a regular file"):
        bundle.load(saved)
    file.rmdir()
    os.mkfifo(file)
    with pytest.raises(UserError, match=f"{name}: is not a regular file"):
        bundle.load(saved)


@pytest.mark.parametrize("name", [*bundle.FILES, bundle.MANIFEST])
def test_each_truncation_and_flipped_bit_is_refused_by_name(saved: Path, name: str):
    file = saved / name
    whole, chance = file.read_bytes(), random.Random(name)
    damaged = [whole[: len(whole) * part // 16] for part in range(16)]
    for _ in range(40):
        place = chance.randrange(len(whole))
        damaged.append(whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :])
    for data in damaged:
        file.write_bytes(data)
        with pytest.raises(UserError, match=name):
            bundle.load(saved)
    file.write_bytes(whole)
    bundle.load(saved)


def test_a_pickle_bomb_in_best_model_pt_is_never_set_off(saved: Path, tmp_path: Path):
    trace = tmp_path / "exploded"
    (saved / "best_model.pt").write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(UserError, match=r"best_model.pt: was truncated or altered"):
        bundle.load(saved)
    _reseal(saved)
    bundle.load(saved)
    assert not trace.exists()
    pickle.loads((saved / "best_model.pt").read_bytes())  # noqa: S301  to show that it was live
    assert trace.exists(), "the bomb was none"


@pytest.mark.parametrize("name", ["evil.pkl", "model.pt", "__init__.py", "norm.json.bak"])
def test_a_file_that_does_not_belong_is_refused(saved: Path, name: str):
    (saved / name).write_bytes(b"\x80\x04.")
    with pytest.raises(UserError, match="is no part of a bundle"):
        bundle.load(saved)


LONG = "a" * 20
HOSTILE_WEIGHTS: dict[str, bytes] = {
    "empty": b"",
    "seven bytes": b"1234567",
    "header of 2^63": struct.pack("<Q", 2**63) + b"{}",
    "header of 2^64-1": b"\xff" * 8 + b"{}",
    "header longer than the file": struct.pack("<Q", 100) + b"{}",
    "header over the limit": struct.pack("<Q", 2**21) + b" " * 2**21,
    "no header": struct.pack("<Q", 0),
    "header of rubbish": struct.pack("<Q", 4) + b"\x80\x04\x95.",
    "header is a list": struct.pack("<Q", 2) + b"[]",
    "header nested deeply": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "no tensors": _header({}),
    "only metadata": _header({"__metadata__": {"a": "b"}}),
    "a name twice": struct.pack("<Q", 118)
    + (b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' * 2)[:-1]
    + b"}" * 10,
    "entry is a number": _header({"a": 3}, b"1234"),
    "entry lacks its shape": _header({"a": {"dtype": "F32", "data_offsets": [0, 4]}}, b"1234"),
    "entry has more": _header({"a": {**_entry([1], 0, 4), "code": "x"}}, b"1234"),
    "shape is a text": _header({"a": _entry("1", 0, 4)}, b"1234"),  # type: ignore[arg-type]
    "axis below zero": _header({"a": _entry([-1], 0, 4)}, b"1234"),
    "axis is a fraction": _header({"a": _entry([1.0], 0, 4)}, b"1234"),
    "axis is true": _header({"a": _entry([True], 0, 4)}, b"1234"),
    "axis is enormous": _header({"a": _entry([2**62], 0, 4)}, b"1234"),
    "axes multiply beyond 64 bits": _header({"a": _entry([2**30] * 8, 0, 4)}, b"1234"),
    "nine axes": _header({"a": _entry([1] * 9, 0, 4)}, b"1234"),
    "offsets run backwards": _header({"a": _entry([1], 4, 0)}, b"1234"),
    "offsets beyond the file": _header({"a": _entry([2], 0, 8)}, b"1234"),
    "offsets that do not fit the shape": _header({"a": _entry([1], 0, 8)}, b"12345678"),
    "offsets that overlap": _header({"a": _entry([1], 0, 4), "b": _entry([1], 0, 4)}, b"1234"),
    "bytes that belong to nobody": _header({"a": _entry([1], 0, 4)}, b"12345678"),
    "float64": _header({"a": _entry([1], 0, 8, "F64")}, b"12345678"),
    "a dtype of nowhere": _header({"a": _entry([1], 0, 4, "__import__('os')" + LONG)}, b"1234"),
    "not a number": safetensors.torch.save({"a": torch.tensor([1.0, float("nan")])}),
    "infinity": safetensors.torch.save({"a": torch.tensor([float("-inf")])}),
    "a pickle": pickle.dumps({"a": [1.0]}),
    "a zip": b"PK\x03\x04" + b"\x00" * 100,
}


@pytest.mark.parametrize("case", HOSTILE_WEIGHTS)
def test_hostile_weights_are_refused_by_name_within_a_second(saved: Path, case: str):
    (saved / bundle.WEIGHTS).write_bytes(HOSTILE_WEIGHTS[case])
    _reseal(saved)
    started = time.monotonic()
    with pytest.raises(UserError, match=r"model\.safetensors"):
        bundle.load(saved)
    assert time.monotonic() - started < 1.0


ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{c}: &{c} [{', '.join([f'*{p}'] * 9)}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)
)
HOSTILE_TEXTS: dict[str, tuple[str, bytes]] = {
    "yaml that makes an object": (bundle.CONFIG, b"rook_config: !!python/object/apply:os.system ['true']\n"),
    "yaml of a billion laughs": (bundle.CONFIG, ALIASES.encode()),
    "yaml nested deeply": (bundle.CONFIG, b"[" * 20_000),
    "yaml that is a list": (bundle.CONFIG, b"- 1\n"),
    "yaml with a key twice": (bundle.CONFIG, b"a: 1\na: 2\n"),
    "yaml of 300 KB": (bundle.CONFIG, b"a: " + b"x" * 300_000),
    "yaml that is not UTF-8": (bundle.CONFIG, b"a: \xff\n"),
    "json nested deeply": (bundle.NORM, b"[" * 60_000),
    "json that is a number": (bundle.NORM, b"3"),
    "json with NaN": (bundle.NORM, b'{"core_scaler_mean": [NaN]}'),
    "json with a key twice": (bundle.SCHEMA, b'{"a": 1, "a": 2}'),
    "json of nothing": (bundle.SCHEMA, b""),
}


@pytest.mark.parametrize("case", HOSTILE_TEXTS)
def test_hostile_texts_are_refused_by_name_within_five_seconds(saved: Path, case: str):
    name, data = HOSTILE_TEXTS[case]
    (saved / name).write_bytes(data)
    _reseal(saved)
    started = time.monotonic()
    with pytest.raises(UserError, match=name):
        bundle.load(saved)
    assert time.monotonic() - started < 5.0


HOSTILE_MANIFESTS: dict[str, object] = {
    "another format": {"format": 99},
    "files are a list": {"files": []},
    "a file less": {"files": {"config.yaml": "0" * 64}},
    "a file outside": {"files": dict.fromkeys([*bundle.FILES, "../../etc/passwd"], "0" * 64)},
    "hashes are numbers": {"files": dict.fromkeys(bundle.FILES, 0)},
    "the seed is a text": {"seed": "0"},
    "no training facts": {"training": None},
}


@pytest.mark.parametrize("case", HOSTILE_MANIFESTS)
def test_hostile_manifests_are_refused_though_their_seal_is_right(saved: Path, case: str):
    manifest = json.loads((saved / bundle.MANIFEST).read_text())
    manifest.pop("sha256_of_the_rest")
    write_sealed(saved / bundle.MANIFEST, {**manifest, **HOSTILE_MANIFESTS[case]})  # type: ignore[dict-item]
    with pytest.raises(UserError):
        bundle.load(saved)


@pytest.mark.parametrize("data", [b"[" * 50_000, b'{"seed": NaN}', b'{"a": "\\ud800"}', b"null", b""])
def test_a_manifest_that_is_no_json_is_refused(saved: Path, data: bytes):
    (saved / bundle.MANIFEST).write_bytes(data)
    with pytest.raises(UserError, match=r"manifest\.json"):
        bundle.load(saved)


def test_three_hundred_mutations_of_resealed_weights_load_or_are_refused_and_nothing_else(saved: Path, tmp_path: Path):
    whole, chance = (saved / bundle.WEIGHTS).read_bytes(), random.Random(8)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.choice((0, 0x7B, 0x22, 0xFF, chance.randrange(256)))
        (saved / bundle.WEIGHTS).write_bytes(bytes(data))
        _reseal(saved)
        try:
            bundle.load(saved)
        except UserError:
            refused += 1
    assert refused > 100
    shutil.rmtree(tmp_path / "eth_usdc")
