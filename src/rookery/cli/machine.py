"""Settings of the process that must stand before numpy, numba or torch are loaded."""

import os
import tempfile
from pathlib import Path

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")


def use_threads(count: int | None) -> None:
    """Let every library use `count` processor threads; None leaves the environment as it is."""
    if count is not None:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))


def yield_while_waiting() -> None:
    """Let idle threads sleep instead of spinning: beside another busy process a spinning pair is ten times slower."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def keep_kernels() -> None:
    """Give compiled kernels a folder that can be written to, unless the user has named one."""
    if "NUMBA_CACHE_DIR" in os.environ or os.access(Path(__file__).parents[1], os.W_OK):
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for folder in (home / "rookery" / "kernels", Path(tempfile.gettempdir()) / f"rookery-kernels-{os.getuid()}"):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        # numba unpickles what it finds there: a folder that others may write to would run their code.
        if folder.stat().st_uid == os.getuid() and folder.stat().st_mode & 0o022 == 0 and os.access(folder, os.W_OK):
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
            return
