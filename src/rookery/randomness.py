"""Random numbers inside kernels: one word of state per copy, so that arrays are all there is to restore."""

# N copies

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Words = npt.NDArray[np.uint64]


def random_words(count: int, seed: int) -> Words:
    """One unrelated generator state per copy."""
    words: Words = np.random.SeedSequence(seed).generate_state(count, np.uint64).astype(np.uint64)
    return words


@njit(cache=True, nogil=True, forceinline=True)
def uniform(words_N: Words, n: int) -> float:
    """The next number in [0, 1) of copy `n`: SplitMix64 (Steele, Lea and Flood 2014), 53 bits."""
    words_N[n] += np.uint64(0x9E3779B97F4A7C15)
    z = words_N[n]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


@njit(cache=True, nogil=True, forceinline=True)
def normal(words_N: Words, n: int) -> float:
    """The next standard normal number of copy `n` (Box and Muller 1958, the cosine of each pair)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(words_N, n)))
    return radius * math.cos(2.0 * math.pi * uniform(words_N, n))
