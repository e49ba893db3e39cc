"""Files come from a real S3 server on loopback, whole, once, and without a key in any message."""

import hashlib
import io
import json
import logging
import socket
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import pytest

from rookery.errors import UserError
from rookery.progress import Progress
from rookery.sources.storage import (
    MANIFEST,
    Downloaded,
    Store,
    _filesystem,
    download,
    list_files,
    plan,
    store_from_environment,
)

KEY, SECRET = "CANARYKEY1234567", "canary-secret-0123456789abcdef"
ENVIRONMENT = {"R2_ACCESS_KEY_ID": KEY, "R2_SECRET_ACCESS_KEY": SECRET, "R2_BUCKET": "trades"}
FOLDER = "merged_trades/0xabc"


def test_settings_come_from_the_environment_and_r2_counts_before_aws():
    store = store_from_environment(environ={**ENVIRONMENT, "R2_ACCOUNT_ID": "acc", "AWS_ACCESS_KEY_ID": "other"})

    assert (store.bucket, store.access_key, store.secret_key) == ("trades", KEY, SECRET)
    assert store.endpoint_url == "https://acc.r2.cloudflarestorage.com"
    assert store.region == "auto"
    assert store_from_environment("s3://mine/", environ=ENVIRONMENT).bucket == "mine"


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_a_setting_that_is_missing_is_named_and_no_other_is_shown(missing: str):
    rest = {name: value for name, value in ENVIRONMENT.items() if name != missing}

    with pytest.raises(UserError, match=rf"{missing} or .* is not set") as refused:
        store_from_environment(environ=rest)
    assert not leaks(str(refused.value) + str(refused.value.remedy))


def test_a_store_does_not_show_its_keys():
    store = store_from_environment(environ={**ENVIRONMENT, "AWS_SESSION_TOKEN": SECRET})

    assert not leaks(repr(store) + str(store) + f"{store}")


def test_all_settings_that_are_missing_are_named_at_once():
    with pytest.raises(UserError) as refused:
        store_from_environment(environ={})
    assert [name for name in ENVIRONMENT if name in refused.value.what] == list(ENVIRONMENT)


def test_a_bucket_with_a_folder_is_refused():
    with pytest.raises(UserError, match="no bucket's name"):
        store_from_environment("bucket/folder", environ=ENVIRONMENT)


def leaks(text: str) -> bool:
    return KEY in text or SECRET in text


def need(what: str, found: object) -> None:
    if not found:
        pytest.fail(f"{what} is missing: pip install -e '.[dev,cloud]'", pytrace=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the server shows as the bucket `trades`."""
    folder = tmp_path_factory.mktemp("store") / "trades"
    (folder / FOLDER).mkdir(parents=True)
    for i in range(5):
        (folder / FOLDER / f"btc-{i}_prices.json").write_text(json.dumps({"slug": f"m{i}", "prices": list(range(i))}))
    (folder / FOLDER / "empty_prices.json").write_bytes(b"")
    (folder / FOLDER / "notes.txt").write_text("no")
    (folder / "large").mkdir()
    (folder / "large" / "big.bin").write_bytes(bytes(i * i % 251 for i in range(1 << 20)))
    return folder


@pytest.fixture(scope="module")
def port(serve_s3: Callable[[Path, str, str], int], bucket: Path) -> int:
    """A running server that checks signatures."""
    return serve_s3(bucket.parent, KEY, SECRET)


def store_at(port: int, **changed: str) -> Store:
    settings = {"bucket": "trades", "access_key": KEY, "secret_key": SECRET, **changed}
    return Store(endpoint_url=f"http://127.0.0.1:{port}", region="us-east-1", **settings)


@pytest.fixture
def store(port: int) -> Store:
    return store_at(port)


def prices(store: Store, into: Path) -> Downloaded:
    return download(store, into, prefix="merged_trades", pattern="*_prices.json")


def test_files_are_listed_with_size_and_checksum(store: Store, bucket: Path):
    found = list_files(store, FOLDER, pattern="btc-*_prices.json")

    assert [remote.key for remote in found] == [f"{FOLDER}/btc-{i}_prices.json" for i in range(5)]
    for remote in found:
        content = (bucket / remote.key).read_bytes()
        assert remote.size == len(content)
        assert remote.etag.strip('"') == hashlib.md5(content, usedforsecurity=False).hexdigest()


def test_a_folder_is_fetched_as_it_lies_and_a_second_time_nothing_is(store: Store, bucket: Path, tmp_path: Path):
    first = prices(store, tmp_path)
    names = [f"merged_trades/0xabc/btc-{i}_prices.json" for i in range(5)]
    assert first.fetched == sorted([*names, "merged_trades/0xabc/empty_prices.json"])
    assert first.skipped == first.unverified == []
    for name in first.fetched:
        assert (tmp_path / name.removeprefix("merged_trades/")).read_bytes() == (bucket / name).read_bytes()
    assert first.bytes_fetched == sum((bucket / name).stat().st_size for name in names)

    second = prices(store, tmp_path)
    assert second.fetched == []
    assert second.bytes_fetched == 0
    assert second.skipped == first.fetched


def test_a_plan_tells_what_is_missing_and_writes_nothing(store: Store, tmp_path: Path):
    names = ("btc-[01]_prices.json", "btc-4_*")
    before = plan(store, tmp_path / "out", prefix=FOLDER, pattern=names)
    assert [remote.key[-17:] for remote in before.missing] == [f"btc-{i}_prices.json" for i in (0, 1, 4)]
    assert before.bytes_missing == sum(remote.size for remote in before.missing) > 0
    assert not (tmp_path / "out").exists()

    assert download(store, tmp_path / "out", prefix=FOLDER, pattern=names[:1], jobs=1).fetched == [
        remote.key for remote in before.missing[:2]
    ]
    after = plan(store, tmp_path / "out", prefix=FOLDER, pattern=names)
    assert ([remote.key for remote in after.missing], len(after.present)) == ([before.missing[2].key], 2)


def test_a_damaged_file_is_fetched_again_even_when_its_size_is_right(store: Store, bucket: Path, tmp_path: Path):
    prices(store, tmp_path)
    victim = tmp_path / "0xabc" / "btc-3_prices.json"
    victim.write_bytes(victim.read_bytes()[::-1])

    assert prices(store, tmp_path).fetched == ["merged_trades/0xabc/btc-3_prices.json"]
    assert victim.read_bytes() == (bucket / FOLDER / victim.name).read_bytes()


def test_without_the_manifest_files_are_known_by_their_checksum(store: Store, tmp_path: Path):
    prices(store, tmp_path)
    for content in (None, b"torn"):
        (tmp_path / MANIFEST).unlink()
        if content:
            (tmp_path / MANIFEST).write_bytes(content)
        assert prices(store, tmp_path).fetched == []
    told = json.loads((tmp_path / MANIFEST).read_text())["files"]
    name = "merged_trades/0xabc/btc-4_prices.json"
    assert told[name]["sha256"] == hashlib.sha256((tmp_path / "0xabc" / "btc-4_prices.json").read_bytes()).hexdigest()


def test_a_file_that_changed_in_the_store_is_fetched_again(store: Store, bucket: Path, tmp_path: Path):
    download(store, tmp_path, prefix=FOLDER, pattern="notes.txt")
    (bucket / FOLDER / "notes.txt").write_text("on")
    try:
        assert download(store, tmp_path, prefix=FOLDER, pattern="notes.txt").fetched == [f"{FOLDER}/notes.txt"]
        assert (tmp_path / "notes.txt").read_text() == "on"
    finally:
        (bucket / FOLDER / "notes.txt").write_text("no")


def test_progress_counts_bytes(store: Store, bucket: Path, tmp_path: Path):
    told = io.StringIO()
    download(store, tmp_path, prefix="large", progress=Progress(told), block_bytes=100_000)

    assert "1,048,576/1,048,576 bytes" in told.getvalue()
    assert (tmp_path / "big.bin").read_bytes() == (bucket / "large" / "big.bin").read_bytes()


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"secret_key": SECRET[::-1]}, "the store refuses the key"),
        ({"access_key": "WRONGKEY12345678"}, "the store refuses the key"),
        ({"bucket": "no-such-bucket"}, "there is no such bucket"),
    ],
)
def test_a_wrong_key_or_bucket_is_one_line_without_a_key(port: int, tmp_path: Path, wrong: dict[str, str], what: str):
    with pytest.raises(UserError, match=what) as refused:
        download(store_at(port, **wrong), tmp_path / "out")
    assert "\n" not in refused.value.headline
    assert not leaks(refused.value.headline + str(refused.value.remedy))
    assert not (tmp_path / "out").exists()


def test_a_pattern_that_nothing_matches_is_named(store: Store, tmp_path: Path):
    with pytest.raises(UserError, match=r"holds no file named \*\.csv under 'merged_trades'"):
        download(store, tmp_path, prefix="merged_trades", pattern="*.csv")


class Wire(Protocol):
    """What the fixture `cut_wire` lays."""

    port: int
    limit: int | None
    passed: int


@pytest.fixture
def wire(cut_wire: Callable[[int], Wire], port: int) -> Wire:
    """A wire to the server that can be cut."""
    return cut_wire(port)


def test_a_lost_connection_is_one_line_and_the_next_run_goes_on_from_there(
    wire: Wire, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("rookery.sources.storage._FIRST_PAUSE_S", 0.01)
    store = store_at(wire.port)
    wire.limit = 400_000

    with pytest.raises(
        UserError, match=r"the connection failed \(.*\): 'large/big.bin' stopped after [0-9,]+ of"
    ) as cut:
        download(store, tmp_path, prefix="large", block_bytes=65_536)
    assert cut.value.remedy == "run again: what was fetched is kept"
    assert not leaks(cut.value.headline)
    assert not (tmp_path / "big.bin").exists()
    kept = next(tmp_path.glob(".big.bin.*.part")).stat().st_size
    assert 250_000 < kept < 400_000

    wire.limit, wire.passed = None, 0
    second = download(store, tmp_path, prefix="large", block_bytes=65_536)
    assert second.bytes_fetched == (1 << 20) - kept
    assert wire.passed < (1 << 20) - kept + 60_000
    assert (tmp_path / "big.bin").read_bytes() == (bucket / "large" / "big.bin").read_bytes()
    assert not list(tmp_path.glob(".big.bin.*"))


def test_a_connection_that_comes_back_is_used_without_a_word(
    wire: Wire, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = store_at(wire.port)
    wire.limit = 300_000

    def mended(_seconds: float) -> None:
        wire.limit = None

    monkeypatch.setattr("rookery.sources.storage.time.sleep", mended)
    download(store, tmp_path, prefix="large", block_bytes=65_536)
    assert (tmp_path / "big.bin").read_bytes() == (bucket / "large" / "big.bin").read_bytes()


def test_a_server_that_is_not_there_is_one_line():
    with pytest.raises(UserError, match="the connection failed") as refused:
        list_files(store_at(free_port()))
    assert not leaks(refused.value.headline + str(refused.value.remedy))


def test_a_part_that_does_not_fit_the_checksum_is_not_taken(store: Store, tmp_path: Path):
    remote = list_files(store, "large")[0]
    tag = hashlib.sha256(remote.etag.encode()).hexdigest()[:12]
    (tmp_path / f".big.bin.{tag}.part").write_bytes(b"x" * 500_000)

    with pytest.raises(UserError, match="does not have the checksum that the store states"):
        download(store, tmp_path, prefix="large")
    assert not (tmp_path / "big.bin").exists()
    assert download(store, tmp_path, prefix="large").bytes_fetched == 1 << 20


def test_a_part_longer_than_the_file_is_fetched_anew(store: Store, tmp_path: Path):
    remote = list_files(store, "large")[0]
    tag = hashlib.sha256(remote.etag.encode()).hexdigest()[:12]
    (tmp_path / f".big.bin.{tag}.part").write_bytes(b"x" * (remote.size + 1))

    assert download(store, tmp_path, prefix="large").bytes_fetched == remote.size
    assert (tmp_path / "big.bin").stat().st_size == remote.size


def test_keys_appear_in_no_file_log_or_message(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    with caplog.at_level(logging.INFO):
        download(store, tmp_path, prefix="merged_trades", progress=Progress())
    out, err = capfd.readouterr()

    assert not leaks(caplog.text + out + err)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or not leaks(path.read_text())


def test_a_dotenv_file_fills_what_the_environment_lacks(tmp_path: Path):
    path = tmp_path / ".env"
    path.write_text(f"# store\nR2_ACCESS_KEY_ID={KEY}\nexport R2_SECRET_ACCESS_KEY='{SECRET}'\nR2_BUCKET=trades\n")
    store = store_from_environment(env_file=path, environ={"R2_BUCKET": "other"})

    assert (store.bucket, store.access_key, store.secret_key) == ("other", KEY, SECRET)
    with pytest.raises(UserError, match="no such file"):
        store_from_environment(env_file=tmp_path / ".enw", environ={})


@pytest.mark.parametrize("key", ["a/../../b", "a//b", "../b", "a/./b", "a\\b", "x" * 201])
def test_a_key_that_leads_out_of_the_folder_is_refused(key: str, tmp_path: Path):
    from rookery.sources.storage import Remote, _target

    with pytest.raises(UserError, match="is no path inside a folder"):
        _target(tmp_path, Remote(key=f"p/{key}", size=1, etag=""), "p")


@pytest.fixture
def moto() -> Iterator[Store]:
    """A second server, which answers ranges as the standard says (206); it takes any key."""
    need("the S3 server moto (package moto[server])", find_spec("moto") and find_spec("flask"))
    need("the package s3fs", find_spec("s3fs"))
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", free_port())
    server.start()
    try:
        store = store_at(int(server._port))
        filesystem = _filesystem(store)
        filesystem.call_s3("create_bucket", Bucket="trades")
        filesystem.pipe_file("trades/one.bin", bytes(range(256)) * 1_000)
        # More than the least size of a part, so that the store's tag is no plain MD5.
        with filesystem.open("trades/parts.bin", "wb", block_size=5 << 20) as file:
            file.write(bytes(range(256)) * (24 << 10))
        yield store
    finally:
        server.stop()


def test_ranges_of_another_server_make_the_same_file(moto: Store, tmp_path: Path):
    done = download(moto, tmp_path, block_bytes=100_001)

    assert done.fetched == ["one.bin", "parts.bin"]
    assert (tmp_path / "one.bin").read_bytes() == bytes(range(256)) * 1_000
    assert (tmp_path / "parts.bin").read_bytes() == bytes(range(256)) * (24 << 10)


def test_a_file_that_was_stored_in_parts_is_told_as_unverified_but_known_again(moto: Store, tmp_path: Path):
    assert "-" in list_files(moto, pattern="parts.bin")[0].etag
    assert download(moto, tmp_path).unverified == ["parts.bin"]
    assert download(moto, tmp_path).fetched == []
