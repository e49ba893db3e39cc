"""What this machine offers to Rookery: versions, processor, memory, places to write, optional parts."""

import os
import platform
import re
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from rookery import __version__
from rookery.cli import faults, show
from rookery.cli.machine import THREAD_VARIABLES
from rookery.cli.options import JsonOption

_ENABLES = {
    "cloud": "download of a trader's files from S3-compatible stores",
    "distributed": "specialists trained on several machines with Ray",
    "onchain": "decoding of raw event logs (topics and data) in swap files",
    "oracles": "the checks of features and measures against independent libraries (tests)",
    "dev": "make check and make test",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """An optional part: what it enables, and which of its packages are missing."""

    name: str
    enables: str
    missing: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder that Rookery writes to."""

    purpose: str
    path: str
    writable: bool
    free_gb: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """All that `rookery doctor` found; `problems` is empty on a machine that is fit."""

    rookery: str
    python: str
    platform: str
    packages: dict[str, str | None]
    device: str
    cores: int
    cores_usable: int
    threads: dict[str, str]
    memory_gb: float | None
    memory_free_gb: float | None
    places: list[Place]
    extras: list[Extra]
    kernels: str
    problems: list[str]


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Also ask torch which devices it can use (slower).")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at this machine: versions, device, threads, places to write, optional parts."""
    found = examine(deep=deep)
    if as_json:
        show.document(asdict(found))
    else:
        show.lines(_lines(found))
    if found.problems:
        raise typer.Exit(faults.FAILED)


def examine(*, deep: bool) -> Examination:
    """Look at the machine without importing anything heavy; `deep` also asks torch what devices it can use."""
    needed, optional = _requirements()
    packages = {name: _version(name) for name in needed}
    places = _places()
    problems = [f"package {name} is missing" for name, version in packages.items() if version is None]
    problems += [f"{place.purpose}: {place.path} is not writable" for place in places if not place.writable]
    memory, free = _memory_gb()
    return Examination(
        rookery=__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        packages=packages,
        device=_device_by_torch() if deep else _device_by_files(),
        cores=os.cpu_count() or 1,
        cores_usable=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads={name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        memory_gb=memory,
        memory_free_gb=free,
        places=places,
        extras=[_extra(name, wanted) for name, wanted in optional.items()],
        kernels=_kernels(),
        problems=problems,
    )


def _lines(found: Examination) -> list[str]:
    usable = f"{found.cores_usable} of {found.cores}" if found.cores_usable != found.cores else f"{found.cores}"
    threads = ", ".join(f"{name}={value}" for name, value in found.threads.items())
    packages = ", ".join(f"{name} {version or 'MISSING'}" for name, version in found.packages.items())
    lines = [
        f"rookery     {found.rookery}, Python {found.python}, {found.platform}",
        f"packages    {packages}",
        f"device      {found.device}",
        f"cores       {usable}; threads: {threads or 'one per core (set --threads to change)'}",
    ]
    if found.memory_gb is not None:
        lines.append(f"memory      {found.memory_gb:.1f} GB, {found.memory_free_gb or 0:.1f} GB free")
    lines.append(f"kernels     {found.kernels}")
    for place in found.places:
        free = "" if place.free_gb is None else f", {place.free_gb:.1f} GB free"
        lines.append(f"writes to   {place.path} ({place.purpose}): {'yes' if place.writable else 'NO'}{free}")
    for extra in found.extras:
        state = f"missing {', '.join(extra.missing)}" if extra.missing else "present"
        lines.append(f"extra       {extra.name}: {state}; enables {extra.enables}")
    problems = [f"problem     {problem}" for problem in found.problems]
    return lines + (problems or ["all is well; try: rookery demo"])


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """Names of the needed packages, and of those of each extra, from the installed metadata."""
    from importlib import metadata

    needed: list[str] = []
    optional: dict[str, list[str]] = {}
    try:
        lines = metadata.requires("rookery") or []
    except metadata.PackageNotFoundError:
        lines = []
    for line in lines:
        name = re.match(r"[A-Za-z0-9._-]+", line)
        extra = re.search(r"extra == ['\"]([^'\"]+)['\"]", line)
        if name is not None:
            (optional.setdefault(extra[1], []) if extra else needed).append(name[0])
    return needed, optional


def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _extra(name: str, wanted: list[str]) -> Extra:
    missing = [package for package in wanted if _version(package) is None]
    return Extra(name=name, enables=_ENABLES.get(name, "see pyproject.toml"), missing=missing)


def _places() -> list[Place]:
    kernels = os.environ.get("NUMBA_CACHE_DIR") or str(Path(__file__).parents[1])
    return [
        _place("runs", Path.cwd()),
        _place("compiled kernels", Path(kernels)),
        _place("temporary files", Path(tempfile.gettempdir())),
    ]


def _place(purpose: str, path: Path) -> Place:
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    try:
        free = round(shutil.disk_usage(existing).free / 1e9, 1)
    except OSError:
        free = None
    return Place(purpose=purpose, path=str(path), writable=_can_write(existing), free_gb=free)


def _can_write(folder: Path) -> bool:
    # Permissions alone do not tell: quotas, read-only mounts and the superuser go round them.
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _device_by_files() -> str:
    # Asking torch costs a second or more; the driver's own files tell whether there is a GPU at all.
    cards = Path("/proc/driver/nvidia/gpus")
    count = len(list(cards.iterdir())) if cards.is_dir() else 0
    if count or shutil.which("nvidia-smi"):
        return f"GPU: {count or 'at least 1'} NVIDIA (--deep asks torch whether it can be used)"
    return "CPU"


def _device_by_torch() -> str:
    import torch

    if not torch.cuda.is_available():
        return f"CPU ({torch.get_num_threads()} threads; torch {torch.__version__} sees no GPU)"
    names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return f"GPU: {names} (torch {torch.__version__}, CUDA {torch.version.cuda})"


def _memory_gb() -> tuple[float | None, float | None]:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None, None
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines() if line.endswith("kB")}
    total, free = kilobytes.get("MemTotal"), kilobytes.get("MemAvailable")
    limit = _container_limit_gb()
    total_gb = None if total is None else min(total * 1024 / 1e9, limit)
    return total_gb, None if free is None else min(free * 1024 / 1e9, limit)


def _container_limit_gb() -> float:
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return float("inf")
    return int(text) / 1e9 if text.isdigit() else float("inf")


def _kernels() -> str:
    root = Path(__file__).parents[1]
    folder = os.environ.get("NUMBA_CACHE_DIR")
    compiled = list((Path(folder) if folder else root).rglob("*.nbi"))
    tag = f"py{sys.version_info.major}{sys.version_info.minor}"
    count = sum(tag in path.name for path in compiled)
    return f"{count} compiled and cached" if count else "not compiled yet: the first run does it, once"
