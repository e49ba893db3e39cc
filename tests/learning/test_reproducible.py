"""The same bits from the same seed."""

import pytest
import torch

from rookery.errors import UserError
from rookery.learning.reproducible import choose_device, derive_seed, reproducible


def test_a_seed_hangs_on_every_part_of_its_path():
    paths = [("noise", 1, 2), ("noise", 2, 1), ("order", 1, 2), ("noise", 12), ("noise", 1, 2, 0)]
    seeds = {derive_seed(0, *path) for path in paths} | {derive_seed(1, "noise", 1, 2)}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_is_the_same_tomorrow():
    assert derive_seed(0, "order", 1) == 4489457307835839548


def _fail_inside() -> None:
    with reproducible(1):
        torch.manual_seed(3)
        torch.rand(5)
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        raise RuntimeError("inside")


def test_settings_and_generator_are_as_before_afterwards():
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    with pytest.raises(RuntimeError, match="inside"):
        _fail_inside()
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.random.get_rng_state(), state)


def test_cpu_is_cpu():
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused_and_auto_does_without():
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(UserError, match="torch sees no CUDA device"):
        choose_device("cuda")
