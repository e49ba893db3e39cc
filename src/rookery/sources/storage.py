"""Files from any S3-compatible store (Cloudflare R2, AWS, MinIO, ...): resumed, checked, and skipped when there."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from threading import Event, Lock
from typing import Any

from rookery.errors import UserError
from rookery.files import read_sealed, sha256, write_sealed
from rookery.progress import Advance, Progress
from rookery.sources._records import shown
from rookery.sources._store import INSTALL, VARIABLES, Store, store_from_environment

MANIFEST = ".rookery-download.json"
BLOCK = 8 << 20
JOBS = 4
_ATTEMPTS = 4
_FIRST_PAUSE_S = 0.2

__all__ = [
    "JOBS",
    "MANIFEST",
    "Downloaded",
    "Planned",
    "Remote",
    "Store",
    "download",
    "list_files",
    "plan",
    "store_from_environment",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A file in the store. `etag` changes whenever its content does; it is the MD5 of a file that came in one part."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """What a download did. `unverified` names files whose store states no checksum that can be reckoned."""

    folder: Path
    fetched: Sequence[str]
    skipped: Sequence[str]
    bytes_fetched: int
    unverified: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a download would do: the files to fetch, and the keys of those that are there already."""

    missing: Sequence[Remote]
    present: Sequence[str]

    @property
    def bytes_missing(self) -> int:
        """How much that is; parts that are there count as if they were not."""
        return sum(remote.size for remote in self.missing)


def list_files(store: Store, prefix: str = "", *, pattern: str | Sequence[str] = "*") -> list[Remote]:
    """Files under a folder of the bucket whose name matches, by key. Raises UserError: wrong key, no such bucket."""
    with _told(store, f"listing {prefix or 'the bucket'}"):
        return _listed(_filesystem(store), store, prefix, pattern)


def plan(store: Store, into: str | Path, *, prefix: str = "", pattern: str | Sequence[str] = "*") -> Planned:
    """What `download` with these arguments would fetch; nothing is written. Raises UserError as `download` does."""
    remotes = _wanted(store, list_files(store, prefix, pattern=pattern), prefix, pattern)
    return _planned(
        remotes, {remote.key: _target(Path(into), remote, prefix) for remote in remotes}, _manifest(Path(into))
    )


def download(
    store: Store,
    into: str | Path,
    *,
    prefix: str = "",
    pattern: str | Sequence[str] = "*",
    progress: Progress | None = None,
    block_bytes: int = BLOCK,
    jobs: int = JOBS,
) -> Downloaded:
    """Fetch files into a folder, laid out as under `prefix`; run again, it goes on where it stopped.

    `pattern` is of the name alone; of several, one must match. `jobs` files come at a time.

    A file that is there and has the content that the store states is skipped. A part of a file is kept and continued as
    long as the store's file is the same. Each file is compared with the store's checksum before it takes its place, and
    a manifest (MANIFEST) keeps the sha256 of every one. A lost connection is tried again a few times, then UserError.
    """
    folder = Path(into)
    shower = progress or Progress(quiet=True)
    with _told(store, f"listing {prefix or 'the bucket'}"):
        filesystem = _filesystem(store)
        remotes = _listed(filesystem, store, prefix, pattern)
    targets = {remote.key: _target(folder, remote, prefix) for remote in _wanted(store, remotes, prefix, pattern)}
    folder.mkdir(parents=True, exist_ok=True)
    known = _manifest(folder)
    planned = _planned(remotes, targets, known)
    unverified: list[str] = []
    transferred = 0
    with shower.stage("download", planned.bytes_missing or None, unit="bytes") as advance:
        fetch = _Fetch(filesystem=filesystem, store=store, block_bytes=block_bytes, advance=_locked(advance))
        try:
            for remote, got in _in_parallel(fetch, planned.missing, targets, jobs):
                known[remote.key] = {"etag": remote.etag, "size": remote.size, "sha256": got.sha256}
                transferred += got.transferred
                if not got.verified:
                    unverified.append(remote.key)
        finally:
            write_sealed(folder / MANIFEST, {"files": known})
    return Downloaded(
        folder=folder,
        fetched=[remote.key for remote in planned.missing],
        skipped=planned.present,
        bytes_fetched=transferred,
        unverified=sorted(unverified),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetch:
    filesystem: Any
    store: Store
    block_bytes: int
    advance: Advance
    stopped: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Got:
    """A file in its place: its digest, whether the store's checksum could be compared, the bytes that came just now."""

    sha256: str
    verified: bool
    transferred: int


def _in_parallel(
    fetch: _Fetch, remotes: Sequence[Remote], targets: Mapping[str, Path], jobs: int
) -> Iterator[tuple[Remote, _Got]]:
    with ThreadPoolExecutor(jobs) as pool:
        pending = {pool.submit(_fetched, fetch, remote, targets[remote.key]): remote for remote in remotes}
        try:
            while pending:
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pending.pop(future), future.result()
        finally:
            fetch.stopped.set()
            for future in pending:
                future.cancel()


def _fetched(fetch: _Fetch, remote: Remote, target: Path) -> _Got:
    """Bring one file to its place, going on from what is there of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # The tag is in the name, so that a part of an older version is never continued.
    part = target.with_name(f".{target.name[:80]}.{hashlib.sha256(remote.etag.encode()).hexdigest()[:12]}.part")
    with part.open("ab") as file:
        if file.tell() > remote.size:
            # Appending, the place does not move back by itself.
            file.truncate(0)
            file.seek(0)
        kept = file.tell()
        fetch.advance(kept)
        while file.tell() < remote.size and not fetch.stopped.is_set():
            end = min(file.tell() + fetch.block_bytes, remote.size)
            block = _block(fetch, remote, file.tell(), end)
            file.write(block)
            file.flush()
            fetch.advance(len(block))
        os.fsync(file.fileno())
    if fetch.stopped.is_set() and part.stat().st_size < remote.size:
        raise UserError("another file failed", place=_place(fetch.store))
    verified = _agrees(part, remote.etag)
    is_whole = part.stat().st_size == remote.size
    if verified is False or not is_whole:
        part.unlink()
        stated = "checksum" if is_whole else "size"
        what = f"'{shown(remote.key)}' does not have the {stated} that the store states"
        raise UserError(what, place=_place(fetch.store), remedy="run again: the file will be fetched anew")
    digest = sha256(part)
    part.replace(target)
    return _Got(sha256=digest, verified=verified is not None, transferred=remote.size - kept)


def _block(fetch: _Fetch, remote: Remote, start: int, end: int) -> bytes:
    path = f"{fetch.store.bucket}/{remote.key}"
    with _told(fetch.store, f"'{shown(remote.key)}' stopped after {start:,} of {remote.size:,} bytes"):
        for attempt in range(_ATTEMPTS):
            try:
                block: bytes = fetch.filesystem.cat_file(path, start=start, end=end)
            except Exception as failure:
                if isinstance(failure, PermissionError | FileNotFoundError) or attempt + 1 == _ATTEMPTS:
                    raise
                time.sleep(_FIRST_PAUSE_S * 2**attempt)
                continue
            if len(block) == end - start:
                return block
        raise ConnectionError("short read")


def _agrees(path: Path, etag: str) -> bool | None:
    """Whether a file has the MD5 that its tag states; None when the tag is no MD5 (it came in several parts)."""
    tag = etag.strip('"').lower()
    if len(tag) != 32 or any(letter not in "0123456789abcdef" for letter in tag):
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == tag


def _is_there(target: Path, remote: Remote, known: dict[str, Any]) -> bool:
    if not target.is_file() or target.stat().st_size != remote.size:
        return False
    told = known.get(remote.key)
    if told is not None and told["etag"] == remote.etag and told["sha256"] == sha256(target):
        return True
    if not _agrees(target, remote.etag):
        return False
    known[remote.key] = {"etag": remote.etag, "size": remote.size, "sha256": sha256(target)}
    return True


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    # A torn manifest costs no more than reckoning checksums again.
    try:
        return dict(read_sealed(path)["files"]) if path.is_file() else {}
    except UserError:
        return {}


def _wanted(store: Store, remotes: list[Remote], prefix: str, pattern: str | Sequence[str]) -> list[Remote]:
    if not remotes:
        raise UserError(
            f"holds no file named {' or '.join(_patterns(pattern))} under '{shown(prefix)}'",
            place=_place(store),
            remedy="name another prefix or pattern",
        )
    return remotes


def _planned(remotes: Sequence[Remote], targets: Mapping[str, Path], known: dict[str, Any]) -> Planned:
    missing = [remote for remote in remotes if not _is_there(targets[remote.key], remote, known)]
    wanted = {remote.key for remote in missing}
    return Planned(missing=missing, present=[remote.key for remote in remotes if remote.key not in wanted])


def _patterns(pattern: str | Sequence[str]) -> Sequence[str]:
    return (pattern,) if isinstance(pattern, str) else pattern


def _listed(filesystem: Any, store: Store, prefix: str, pattern: str | Sequence[str]) -> list[Remote]:  # noqa: ANN401  fsspec is untyped
    root = f"{store.bucket}/{prefix.strip('/')}".rstrip("/")
    found: dict[str, dict[str, Any]] = filesystem.find(root, detail=True)
    if not found:
        filesystem.ls(store.bucket)  # `find` takes a bucket that is not there for an empty one
    remotes = [
        Remote(key=name.removeprefix(f"{store.bucket}/"), size=int(told["size"]), etag=str(told.get("ETag", "")))
        for name, told in found.items()
        if told["type"] == "file" and any(fnmatch(PurePosixPath(name).name, one) for one in _patterns(pattern))
    ]
    return sorted(remotes, key=lambda remote: remote.key)


def _target(folder: Path, remote: Remote, prefix: str) -> Path:
    """Where a file goes. Raises UserError for a key that leads out of the folder."""
    relative = remote.key.removeprefix(prefix.strip("/")).lstrip("/") or PurePosixPath(remote.key).name
    parts = relative.split("/")
    unsafe = any(part in ("", ".", "..") or "\\" in part or "\0" in part or len(part) > 200 for part in parts)
    target = folder.joinpath(*parts) if not unsafe else folder
    if unsafe or not target.resolve().is_relative_to(folder.resolve()):
        what = f"key '{shown(remote.key)}' is no path inside a folder"
        raise UserError(what, place=folder, remedy="rename it in the store, or leave it out with a pattern")
    return target


def _filesystem(store: Store) -> Any:  # noqa: ANN401  fsspec is untyped
    try:
        import fsspec  # type: ignore[import-untyped,import-not-found,unused-ignore]
        import s3fs  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: F401  fsspec's "s3"
    except ImportError:
        raise UserError("downloading needs s3fs, which is not installed", remedy=INSTALL) from None
    # R2 and others do not send checksums of ranges; the whole file is compared at the end.
    config = {
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "connect_timeout": 10,
        "read_timeout": 20,
        "retries": {"max_attempts": 0},
    }
    filesystem = fsspec.filesystem(
        "s3",
        key=store.access_key,
        secret=store.secret_key,
        token=store.session_token,
        endpoint_url=store.endpoint_url,
        client_kwargs={"region_name": store.region},
        config_kwargs=config,
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    # Its own retries are nested three deep: with ours they would go on for minutes after a cut.
    filesystem.retries = 1
    return filesystem


@contextmanager
def _told(store: Store, doing: str) -> Iterator[None]:
    """Faults of the store as one line of ours: theirs may quote the request, key and signature included."""
    try:
        yield
    except UserError:
        raise
    except PermissionError:
        names = f"{VARIABLES['access_key'][0]} and {VARIABLES['secret_key'][0]}"
        raise UserError(
            f"the store refuses the key ({doing})",
            place=_place(store),
            remedy=f"check {names}, and what the key may do",
        ) from None
    except FileNotFoundError:
        raise UserError(
            f"there is no such bucket or file ({doing})", place=_place(store), remedy="check the bucket's name"
        ) from None
    except Exception as failure:
        kind = type(failure).__name__
        raise UserError(
            f"the connection failed ({kind}): {doing}",
            place=_place(store),
            remedy="run again: what was fetched is kept"
            if "stopped after" in doing
            else "check the endpoint's address",
        ) from None


def _place(store: Store) -> str:
    return f"s3://{store.bucket}"


def _locked(advance: Advance) -> Callable[[int], None]:
    lock = Lock()

    def one_at_a_time(count: int) -> None:
        with lock:
            advance(count)

    return one_at_a_time
