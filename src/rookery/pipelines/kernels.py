"""The compiled kernels of a road, made ready before its first stage so that no later one waits."""

import os
from pathlib import Path

import rookery
from rookery.features import windows
from rookery.labels import rules
from rookery.market import ledger
from rookery.progress import Progress


def compile_kernels(progress: Progress) -> None:
    """Compile every kernel, or load it from numba's cache on disk. Shown as a stage; seconds the first time only."""
    name = "kernels" if _are_cached() else "compiling kernels (first time only)"
    with progress.stage(name):
        rules.compile_kernels()
        ledger.compile_kernels()


def _are_cached() -> bool:
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(rookery.__file__).parent)
    names = (f"{module.__name__.rpartition('.')[2]}.*.nbi" for module in (windows, rules, ledger))
    return all(any(folder.rglob(name)) for name in names)
