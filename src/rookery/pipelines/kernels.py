"""The compiled kernels of a road, made ready before its first stage so that no later one waits."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import rookery
from rookery.features import windows
from rookery.labels import rules
from rookery.market import ledger
from rookery.progress import Progress


def compile_kernels(progress: Progress) -> None:
    """Compile every kernel of the ROOK road, or load it from numba's cache on disk."""

    def work() -> None:
        rules.compile_kernels()
        ledger.compile_kernels()

    show_compiling(progress, (windows, rules, ledger), work)


def show_compiling(progress: Progress, modules: Sequence[ModuleType], work: Callable[[], None]) -> None:
    """Let `work` use every kernel of `modules` once. Shown as a stage; seconds the first time only."""
    name = "kernels" if _are_cached(modules) else "compiling kernels (first time only)"
    with progress.stage(name):
        work()


def _are_cached(modules: Sequence[ModuleType]) -> bool:
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(rookery.__file__).parent)
    names = (f"{module.__name__.rpartition('.')[2]}.*.nbi" for module in modules)
    return all(any(folder.rglob(name)) for name in names)
