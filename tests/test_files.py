"""Whole or absent: the promise of write_atomic under kills, full disks and failing calls."""

import errno
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rookery.errors import UserError
from rookery.files import (
    is_temporary,
    read_json,
    read_sealed,
    sha256,
    write_atomic,
    write_bytes,
    write_json,
    write_sealed,
)

# Forked from a process without threads, so that two hundred kills take seconds.
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from rookery.files import write_bytes

path, moments = Path(sys.argv[1]), random.Random(7)
for kill in range(200):
    child = os.fork()
    if child == 0:
        turn = 0
        while True:
            turn += 1
            write_bytes(path, bytes([turn % 251]) * 300_000)
    time.sleep(moments.uniform(0.0, 0.008))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if path.exists():
        data = path.read_bytes()
        print(len(data), len(set(data)))
"""


def test_written_bytes_are_read_back_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def breaks(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomic(path, breaks)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_permissions_follow_the_users_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_bytes(tmp_path / "private", b"x")
    finally:
        os.umask(before)
    write_bytes(tmp_path / "usual", b"x")
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "usual").stat().st_mode & 0o777 == 0o666 & ~before


def test_a_name_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(UserError, match="not a regular file"):
            write_bytes(tmp_path / name, b"x")
    with pytest.raises(UserError, match="not a regular file"):
        write_bytes(Path("/dev/null"), b"x")


def test_a_missing_folder_is_an_oserror_that_names_the_file_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_bytes(tmp_path / "absent" / "a.bin", b"x")
    assert caught.value.filename == str(tmp_path / "absent" / "a.bin")


class Calls:
    """Lets the n-th of the operating system's calls fail, as SQLite's tests do."""

    NAMES = ("open", "fsync", "replace", "close")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
        self._code = code
        self.left = 0
        for name in self.NAMES:
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))
        monkeypatch.setattr(Path, "write_bytes", self._wrapped(Path.write_bytes))

    def _wrapped(self, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            self.left -= 1
            if self.left == 0:
                if real is REAL_CLOSE:
                    real(*args)
                raise OSError(self._code, os.strerror(self._code))
            return real(*args, **kwargs)

        return call


REAL_CLOSE = os.close


def failures(calls: Calls) -> Iterator[int]:
    n = 0
    while True:
        n += 1
        calls.left = n
        yield n


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EACCES, errno.EDQUOT])
def test_whichever_call_fails_the_file_is_the_old_one_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old" * 1_000)
    calls = Calls(monkeypatch, code)
    seen: list[bytes] = []
    for _ in failures(calls):
        try:
            write_bytes(path, b"new" * 1_000)
        except OSError as fault:
            calls.left = 0
            seen.append(path.read_bytes())
            assert fault.errno == code  # noqa: PT017  whether it raises is what is being counted
            assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
        else:
            break
    calls.left = 0
    assert path.read_bytes() == b"new" * 1_000
    assert len(seen) >= 6
    assert set(seen) <= {b"old" * 1_000, b"new" * 1_000}
    assert seen[0] == b"old" * 1_000


def test_a_short_write_is_never_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def short(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "write_bytes", short)
    with pytest.raises(OSError, match="No space left") as caught:
        write_bytes(path, b"new" * 10)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


class LibraryError(Exception):
    """What a library raises instead of an OSError."""


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (LibraryError("parquet: underlying IO error: File too large (os error 27)"), errno.EFBIG),
        (OSError("No space left on device (os error 28)"), errno.ENOSPC),
    ],
)
def test_a_full_disk_is_an_oserror_whichever_library_met_it(tmp_path: Path, raised: Exception, code: int) -> None:
    def breaks(temporary: Path) -> None:
        raise raised

    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        write_atomic(tmp_path / "a.parquet", breaks)
    assert (caught.value.errno, caught.value.filename) == (code, str(tmp_path / "a.parquet"))
    with pytest.raises(LibraryError):
        write_atomic(tmp_path / "a.parquet", lambda _: (_ for _ in ()).throw(LibraryError("its own fault")))


def test_killed_at_two_hundred_random_moments_the_file_is_always_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    done = subprocess.run([sys.executable, "-c", KILLER, str(path)], capture_output=True, text=True, check=True)
    found = done.stdout.splitlines()
    assert len(found) >= 150
    assert set(found) == {"300000 1"}
    assert all(is_temporary(p) for p in tmp_path.iterdir() if p != path)
    assert any(is_temporary(p) for p in tmp_path.iterdir())


def test_json_has_sorted_keys_so_that_equal_values_are_equal_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None, "ü"]})
    write_json(tmp_path / "b.json", {"a": [1.5, None, "ü"], "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_json(tmp_path / "a.json") == {"a": [1.5, None, "ü"], "b": 1}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_json_never_holds_a_number_that_is_none(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": value})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1', b"\xff\xfe", b"[" * 100_000])
def test_damaged_json_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(UserError, match=r"run\.json: is damaged"):
        read_json(tmp_path / "run.json")
    with pytest.raises(UserError, match=r"absent\.json: no such file"):
        read_json(tmp_path / "absent.json")


def test_a_sealed_file_is_refused_when_a_bit_of_it_flips(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_sealed(path, {"files": {"a.bin": "0123"}, "seed": 0, "name": "größe", "share": 0.25})
    good = path.read_bytes()
    assert read_sealed(path)["seed"] == 0
    bits = random.Random(7)
    for index in range(len(good)):
        for bit in bits.sample(range(8), 2):
            altered = bytearray(good)
            altered[index] ^= 1 << bit
            path.write_bytes(altered)
            with pytest.raises(UserError, match=r"manifest\.json: (was truncated or altered|is damaged)"):
                read_sealed(path)


def test_a_sealed_file_is_refused_when_it_is_cut_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_sealed(path, {"files": {"a.bin": "0123"}, "seed": 0})
    good = path.read_bytes()
    for size in range(len(good) - 1):
        path.write_bytes(good[:size])
        with pytest.raises(UserError, match=r"manifest\.json"):
            read_sealed(path)


def test_a_json_list_is_no_sealed_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([1, 2]))
    with pytest.raises(UserError, match="truncated or altered"):
        read_sealed(tmp_path / "a.json")


def test_sha256_is_the_published_one(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
