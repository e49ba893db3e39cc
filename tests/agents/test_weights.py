"""Weights from a file that somebody else may have made; the hostile ones are in test_bundle."""

import tracemalloc
from pathlib import Path

import pytest
import safetensors.torch
import torch

from rookery.agents.weights import read_weights
from rookery.errors import UserError

PLACE = Path("model.safetensors")


def test_float32_weights_are_read_to_the_bit():
    weights = {"a": torch.randn(3, 4), "scalar": torch.tensor(0.1), "empty": torch.zeros(0, 5)}
    back = read_weights(safetensors.torch.save(weights), place=PLACE)
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], value) and back[name].shape == value.shape for name, value in weights.items())


def test_metadata_is_passed_over():
    data = safetensors.torch.save({"a": torch.ones(2)}, metadata={"format": "pt"})
    assert read_weights(data, place=PLACE).keys() == {"a"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_any_other_dtype_is_refused_by_name(dtype: torch.dtype):
    data = safetensors.torch.save({"core.weight": torch.ones(2).to(dtype)})
    with pytest.raises(UserError, match=r"model\.safetensors: 'core\.weight' is \w+, expected F32"):
        read_weights(data, place=PLACE)


def test_a_claim_of_a_terabyte_takes_no_memory():
    claim = b'{"a":{"dtype":"F32","shape":[262144,1048576],"data_offsets":[0,1099511627776]}}'
    data = len(claim).to_bytes(8, "little") + claim + b"\x00" * 64
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"cannot lie at bytes|not a list of counts"):
            read_weights(data, place=PLACE)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
