"""A run: one directory of finished stages, each with a manifest, that can be killed anywhere and taken up again."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any, Self

import yaml

import rookery
from rookery.config import Config
from rookery.errors import UserError, one_line
from rookery.files import is_temporary, read_sealed, sha256, write_bytes, write_sealed
from rookery.progress import Progress

HEADER = "run.json"
OUTCOME = "outcome.json"
MANIFEST = "manifest.json"
FAILURES = "failures.jsonl"
FORMAT = 1

_LOCK = ".lock"
_MARKER = ".rookery-stage"
_TRASH = ".trash-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Names that Windows keeps for devices: a run may be copied there.
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


class Stage:
    """A sub-directory of a run. Every file in it enters its manifest when the stage finishes."""

    def __init__(self, path: Path, *, key: str, finished: bool) -> None:
        self.path = path
        self.key = key
        self.finished = finished

    def file(self, name: str) -> Path:
        """Path of a file of this stage; `name` may not leave the stage's folder."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' is not a plain file name")
        return self.path / name

    def verify(self) -> None:
        """Raise UserError naming the first file that is missing, truncated or altered since the stage finished."""
        remedy = f"restore it, or delete the folder {self.path.name} to make it again"
        for name, digest in self.hashes().items():
            file = self.path / name
            if file.is_symlink() or not file.is_file():
                raise UserError("file of a finished stage is missing", place=file, remedy=remedy)
            if sha256(file) != digest:
                raise UserError("was truncated or altered after it was written", place=file, remedy=remedy)

    def hashes(self) -> dict[str, str]:
        """File name -> sha256, as the manifest has it. Raises UserError when the stage has not finished."""
        files: dict[str, str] = read_sealed(self.path / MANIFEST)["files"]
        return files

    def _finish(self, facts: Mapping[str, object]) -> None:
        files = sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if _is_artefact(p, self.path))
        digests = {name: sha256(self.path / name) for name in files}
        write_sealed(self.path / MANIFEST, {"key": self.key, "files": digests, **facts})
        self.finished = True


class Run:
    """A locked run directory. Use as a context manager: `with Run(path, config=config, seed=0) as run:`.

    `request` says what was asked for (pipeline, input, options), in JSON values, so that `resume` can ask again.
    A run that was begun with other settings is refused, unless `may_change` of these, in JSON values, is true.
    Layout: `run.json`, `config.yaml`, one folder per stage, `outcome.json` once it is through, and `logs/` for
    whatever carries wall time.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        config: Config,
        seed: int,
        request: Mapping[str, object] | None = None,
        progress: Progress | None = None,
        may_change: Callable[[dict[str, Any]], bool] | None = None,
    ) -> None:
        self.path = checked_directory(path)
        self.config = config
        self.seed = seed
        self.request = dict(request or {})
        self.progress = Progress() if progress is None else progress
        self._may_change = may_change
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(self.path)
        self._lock = _take_lock(self.path)
        try:
            self._open()
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None and isinstance(error, Exception):
                self.log(Path(FAILURES).stem, {"error": one_line(str(error) or type(error).__name__)})
        finally:
            self._unlock()

    @property
    def is_through(self) -> bool:
        """Whether the run came to its end before and nothing of it has been made again since."""
        return (self.path / OUTCOME).is_file()

    @property
    def logs(self) -> Path:
        """Folder for what carries wall time (event files, timings); never part of a manifest."""
        return self.path / "logs"

    @contextmanager
    def stage(self, name: str, *, inputs: Mapping[str, str] | None = None) -> Iterator[Stage]:
        """Enter a stage. If it finished under the same key it is verified and `finished` is true: load, do not repeat.

        The key is the sha256 of code version, settings (`Config.deciding`), seed and `inputs` (name -> fingerprint). A
        stage whose key changed, or that did not finish, starts again; a resumable stage keeps its own checkpoints in
        the folder.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' is not a plain stage name")
        folder = self.path / name
        key = self._key(name, inputs or {})
        manifest = folder / MANIFEST
        finished = manifest.exists() and read_sealed(manifest).get("key") == key
        if not finished:
            self._prepare(folder, key)
        stage = Stage(folder, key=key, finished=finished)
        if finished:
            stage.verify()
            self.progress.say(f"{name:<11} finished before, loaded")
            yield stage
            return
        yield stage
        stage._finish({"inputs": dict(inputs or {}), "seed": self.seed, "code": code_version()})

    def hashes(self, name: str) -> dict[str, str]:
        """File name -> sha256 of the finished stage `name`."""
        return Stage(self.path / name, key="", finished=True).hashes()

    def finish(self, outcome: Mapping[str, object]) -> None:
        """Record how the run ended (`verdict`, `report`, `hashes`, ...; JSON values): from now on it is `finished`."""
        write_sealed(self.path / OUTCOME, outcome)

    def log(self, stream: str, record: Mapping[str, object]) -> None:
        """Append one JSON line to `logs/<stream>.jsonl`."""
        with (self.logs / f"{stream}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, sort_keys=True) + "\n")

    def _open(self) -> None:
        facts = {"seed": self.seed, "config": self.config.model_dump(mode="json"), "request": self.request}
        header = self.path / HEADER
        if header.exists():
            _refuse_another(header, facts, self._may_change)
        _sweep(self.path)
        # Of the request it is no part: files of the same relative names elsewhere are told apart by what is in them.
        folder = os.path.relpath(Path.cwd(), self.path.resolve())
        write_sealed(header, {**facts, "code": code_version(), "format": FORMAT, "folder": folder})
        settings = yaml.safe_dump(facts["config"], sort_keys=False, allow_unicode=True)
        write_bytes(self.path / "config.yaml", settings.encode())
        self.logs.mkdir(exist_ok=True)
        (self.logs / FAILURES).unlink(missing_ok=True)

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _key(self, name: str, inputs: Mapping[str, str]) -> str:
        settings = self.config.deciding(name).fingerprint()
        parts = [name, code_version(), settings, str(self.seed), json.dumps(inputs, sort_keys=True)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _prepare(self, folder: Path, key: str) -> None:
        """An unfinished stage's folder: kept with its checkpoints when the key is the same, else emptied."""
        marker = folder / _MARKER
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise UserError("stands where a stage's folder belongs", place=folder, remedy="use another run directory")
        if folder.exists() and not marker.exists() and not all(is_temporary(p) for p in folder.iterdir()):
            raise UserError("holds files that are not a run's", place=folder, remedy="use another run directory")
        (self.path / OUTCOME).unlink(missing_ok=True)
        if marker.exists() and marker.read_text() != key:
            self.progress.say(f"{folder.name:<11} made before under other settings, input or code: made again")
            trash = self.path / f"{_TRASH}{token_hex(6)}"
            # Renamed first: a kill while deleting must not leave a folder that has lost its marker.
            folder.rename(trash)
            shutil.rmtree(trash)
        folder.mkdir(exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        _sweep(folder)
        write_bytes(marker, key.encode())


def redraw(path: Path, stage: str, names: Sequence[str], write: Callable[[Path], object]) -> None:
    """Let `write` make the files `names` of a finished stage anew, from its other files, and seal the stage again.

    Raises UserError when the run is in use, the stage has not finished or was altered, or `write` alters another file.
    """
    folder = path / stage
    lock = _take_lock(path)
    try:
        made = Stage(folder, key="", finished=True)
        made.verify()
        write(folder)
        facts = read_sealed(folder / MANIFEST)
        for name in names:
            facts["files"][name] = sha256(folder / name)
        write_sealed(folder / MANIFEST, facts)
        made.verify()
    finally:
        os.close(lock)


def attach(path: Path, name: str, record: Mapping[str, object]) -> Path:
    """Write the JSON object `record` as the sealed file `name` beside a run's own records; its stages stay untouched.

    Raises UserError when the run is in use.
    """
    lock = _take_lock(path)
    try:
        write_sealed(path / name, record)
    finally:
        os.close(lock)
    return path / name


def is_run(path: Path) -> bool:
    """Whether `path` is a run directory."""
    return (path / HEADER).is_file()


def checked_directory(path: str | Path) -> Path:
    """A user's path for a run directory, refused when its last part is not a plain name or is a link."""
    if "\x00" in str(path):
        raise UserError("path holds a NUL byte", place="run directory", remedy="give a plain path")
    directory = Path(path)
    if ".." in directory.parts:
        raise UserError("path may not contain '..'", place=directory, remedy="give the directory itself")
    name = directory.resolve().name if directory.name == "" else directory.name
    if (
        not _NAME.fullmatch(name)
        or name.lower().split(".")[0] in _RESERVED
        or any(len(p) > 255 for p in directory.parts)
    ):
        raise UserError(
            "is not a name for a run", place=directory, remedy="use letters, digits, dot, dash, underscore; at most 100"
        )
    if directory.is_symlink():
        raise UserError("is a symbolic link", place=directory, remedy="give the directory itself")
    if directory.exists() and not directory.is_dir():
        raise UserError("is a file, not a run directory", place=directory, remedy="use another directory")
    return directory


@cache
def code_version() -> str:
    """Package version and sha256 over its Python sources: what produced a result."""
    root = Path(rookery.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return f"{rookery.__version__}+{digest.hexdigest()[:16]}"


def is_locked(path: Path) -> bool:
    """Whether a living process holds the run directory."""
    try:
        handle = os.open(path / _LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _take_lock(path: Path) -> int:
    # flock is released by the kernel when its holder dies, so a stale lock cannot exist.
    handle = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    for attempt in range(4):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # `is_locked` holds a shared lock for some microseconds; that is no reason to refuse.
            time.sleep(0.02 * attempt)
        else:
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
            return handle
    holder = os.read(handle, 32).decode(errors="replace").strip()
    os.close(handle)
    raise UserError(
        f"is in use by process {holder or 'unknown'}", place=path, remedy="wait for it, or use another directory"
    )


def _refuse_foreign(path: Path) -> None:
    """A folder that held anything before it became a run is somebody's, and stays untouched."""
    # Asked again after looking: another process may have made it a run meanwhile.
    if is_run(path):
        return
    foreign = next((p for p in path.iterdir() if p.name != _LOCK and not is_temporary(p)), None)
    if foreign is not None and not is_run(path):
        raise UserError(
            f"is not empty and not a run (it holds '{one_line(foreign.name, limit=60)}')",
            place=path,
            remedy="name a new directory",
        )


def _refuse_another(
    header: Path, facts: Mapping[str, object], may_change: Callable[[dict[str, Any]], bool] | None
) -> None:
    before = read_sealed(header)
    # Settings come last: only those of a run that is the same otherwise are asked about.
    for name in ("seed", "request", "config"):
        if before.get(name) == facts[name]:
            continue
        if name == "config" and may_change is not None and may_change(before["config"]):
            # What came of the other settings is not the outcome of these.
            (header.parent / OUTCOME).unlink(missing_ok=True)
            continue
        raise UserError(
            f"was started with another {name}{_first_difference(before.get(name), facts[name])}",
            place=header.parent,
            remedy="use another directory, or delete this one",
        )


def _first_difference(before: object, now: object) -> str:
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return f": {before} there, {now} now"
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            return f": {key} is {before.get(key)!r} there, {now.get(key)!r} now"
    return ""


def _sweep(folder: Path) -> None:
    """Remove what a killed process left half-written: nothing but this package's own temporary names."""
    for entry in folder.iterdir():
        if entry.name.startswith(_TRASH) and entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif is_temporary(entry):
            entry.unlink(missing_ok=True)


def _is_artefact(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.is_file() and not hidden and path.name != MANIFEST
