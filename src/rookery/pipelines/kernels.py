"""The compiled kernels of a road, made ready before its first stage so that no later one waits."""

from collections.abc import Callable

from rookery.features import windows
from rookery.market import ledger
from rookery.progress import Progress

_MODULES: tuple[tuple[str, Callable[[], None]], ...] = (
    ("features", windows.compile_kernels),
    ("ledger", ledger.compile_kernels),
)


def compile_kernels(progress: Progress) -> None:
    """Compile every kernel, or load it from numba's cache on disk. Shown as a stage; seconds the first time only."""
    with progress.stage("kernels", len(_MODULES), unit="compiled or loaded") as advance:
        for _, compile_module in _MODULES:
            compile_module()
            advance(1)
