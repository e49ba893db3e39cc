"""The same bits from the same seed: derived seeds, fixed threads, deterministic kernels."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from rookery.errors import UserError


def derive_seed(seed: int, *path: str | int) -> int:
    """A 63-bit seed of its own for each path, say ("dropout", epoch, batch).

    Noise that hangs on its place rather than on what was drawn before needs no generator state in a checkpoint.
    """
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def choose_device(name: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The device to compute on. `auto` takes a GPU when torch sees one; `cuda` without one is a UserError."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError("torch sees no CUDA device", place="--device cuda", remedy="use --device cpu or --device auto")
    if name == "cpu" or not available:
        return torch.device("cpu")
    # cuBLAS repeats itself only with a fixed workspace, and reads this when its first handle is made.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device("cuda")


def seed_noise(seed: int, device: torch.device) -> None:
    """Seed the generator that dropout on `device` draws from; torch.manual_seed seeds all and takes 200 us for it."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


@contextmanager
def reproducible(num_threads: int) -> Iterator[None]:
    """Deterministic kernels on `num_threads` threads within the block; settings and generator are put back after it."""
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    unset = torch.utils.deterministic
    fill = unset.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.set_num_threads(num_threads)
    torch.use_deterministic_algorithms(True)
    # Its only purpose is to make a read of unset memory visible; it would cost a tenth of the time.
    unset.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        unset.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
