"""Keeps matrix products on the thread that asks for them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Loads the library that numba's np.dot calls: one that is not loaded yet would not be limited.
import scipy.linalg.cython_blas  # noqa: F401
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

_lock = threading.Lock()
_holders: list[threadpool_limits] = []
_inside = 0


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """One BLAS thread within the block, for the whole process: the last block to end puts the setting back.

    Products are then the same bits on any number of cores, and agents on several threads do not fight for them.
    """
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _holders.append(threadpool_limits(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _holders.pop().restore_original_limits()
