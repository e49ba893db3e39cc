"""`rookery twin download` against a real S3 server on loopback: whole files, one-line refusals, no key shown."""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

KEY, SECRET = "CANARYKEY7654321", "canary-secret-fedcba9876543210"
TRADER = "0x" + "Ab" * 20
OTHER = "0x" + "12" * 20
DOWNLOAD = ("twin", "download")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the server shows as the bucket `trades`: two traders, other files beside their prices."""
    folder = tmp_path_factory.mktemp("store") / "trades"
    for trader, markets in ((TRADER, 3), (OTHER, 2)):
        home = folder / "merged_trades" / trader
        home.mkdir(parents=True)
        for i in range(markets):
            text = json.dumps({"slug": f"btc-updown-15m-{1768904100 + 900 * i}", "prices": [i] * 1_000})
            (home / f"btc-{i}_prices.json").write_text(text)
        (home / "eth-0_prices.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def port(serve_s3: Callable[[Path, str, str], int], bucket: Path) -> int:
    return serve_s3(bucket.parent, KEY, SECRET)


@pytest.fixture
def store(port: int, monkeypatch: pytest.MonkeyPatch, rookery: Call) -> Call:
    """The command line with all credentials in the environment; no answer may hold a key."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "R2_", "CLOUDFLARE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("R2_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("R2_BUCKET", "trades")
    monkeypatch.setenv("R2_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("R2_REGION", "us-east-1")

    def call(*words: str | Path) -> Any:  # noqa: ANN401  what `rookery` answers
        said = rookery(*DOWNLOAD, *words)
        assert KEY not in said.out + said.err
        assert SECRET not in said.out + said.err
        return said

    return call


def refused(said: Any) -> list[str]:  # noqa: ANN401  what `rookery` answers
    """The two lines of a refusal."""
    lines: list[str] = said.err.splitlines()
    assert (said.code, said.out, len(lines)) == (2, "", 2)
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("help: ")
    return lines


def test_all_traders_are_fetched_to_where_the_specification_has_them(store: Call, bucket: Path, tmp_path: Path):
    first = store("--quiet", "--json")
    assert (first.code, first.err) == (0, "")
    assert first.json["folder"] == "downloads/merged_trades"
    assert len(first.json["fetched"]) == 5
    for key in first.json["fetched"]:
        assert (tmp_path / "downloads" / key).read_bytes() == (bucket / key).read_bytes()
    assert not list(tmp_path.rglob("eth-*"))

    second = store("--quiet", "--json").json
    assert (second["fetched"], second["bytes_fetched"], second["skipped"]) == ([], 0, first.json["fetched"])


def test_one_trader_is_named_by_his_wallet_and_progress_is_told(store: Call, tmp_path: Path):
    said = store(TRADER, "--data_dir", "here", "--jobs", "2")
    assert said.code == 0
    assert said.out.splitlines()[0].startswith("3 files fetched (")
    assert "bytes" in said.err
    assert sorted(path.name for path in (tmp_path / "here" / TRADER).glob("*.json")) == [
        ".rookery-download.json",
        *(f"btc-{i}_prices.json" for i in range(3)),
    ]
    assert not (tmp_path / "here" / OTHER).exists()


def test_patterns_may_be_repeated_and_a_folder_may_be_named(store: Call, tmp_path: Path):
    said = store(f"merged_trades/{OTHER}/", "--pattern", "btc-1_*", "--pattern", "eth-*", "--quiet", "--json").json
    assert [Path(key).name for key in said["fetched"]] == ["btc-1_prices.json", "eth-0_prices.json"]
    assert said["folder"] == f"downloads/merged_trades/{OTHER}"


def test_a_dry_run_tells_what_is_missing_and_writes_nothing(store: Call, tmp_path: Path):
    plain = store(TRADER, "--dry-run")
    assert plain.code == 0
    assert plain.out.splitlines()[-1].endswith("0 there already; nothing was fetched")
    assert list(tmp_path.iterdir()) == []

    store(TRADER, "--pattern", "btc-0*", "--quiet")
    told = store(TRADER, "--dry-run", "--json").json
    assert ([Path(one["key"]).name for one in told["missing"]], len(told["present"])) == (
        ["btc-1_prices.json", "btc-2_prices.json"],
        1,
    )
    assert told["bytes_missing"] == sum(one["bytes"] for one in told["missing"]) > 0


def test_keys_may_stand_in_a_dotenv_file_that_is_found_or_named(
    store: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name in ("R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    settings = f"R2_ACCESS_KEY_ID={KEY}\nR2_SECRET_ACCESS_KEY={SECRET}\n"
    (tmp_path / "keys").write_text(settings)
    assert store(OTHER, "--env-file", "keys", "--dry-run").code == 0
    assert "is not set" in refused(store(OTHER))[0]
    (tmp_path / ".env").write_text(settings)
    assert store(OTHER, "--dry-run").code == 0
    assert "kez: no such file" in refused(store(OTHER, "--env-file", "kez"))[0]


def test_missing_credentials_are_all_named(store: Call, monkeypatch: pytest.MonkeyPatch):
    for name in ("R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "R2_BUCKET"):
        monkeypatch.delenv(name)
    what, remedy = refused(store())
    assert all(name in what for name in ("R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "R2_BUCKET"))
    assert ".env" in remedy


def test_a_missing_address_of_the_store_is_named(store: Call, monkeypatch: pytest.MonkeyPatch, port: int):
    monkeypatch.delenv("R2_ENDPOINT_URL")
    monkeypatch.delenv("R2_REGION")
    what, remedy = refused(store())
    assert "R2_ENDPOINT_URL or R2_ACCOUNT_ID is not set" in what
    assert "--endpoint-url" in remedy
    assert "--endpoint-url: the store's address is no web address" in refused(store("--endpoint-url", "r2"))[0]
    assert store("--endpoint-url", f"http://127.0.0.1:{port}", "--dry-run").code == 0


def test_a_wrong_key_is_one_line(store: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", SECRET[::-1])
    what, remedy = refused(store())
    assert "the store refuses the key" in what
    assert "R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY" in remedy
    assert SECRET[::-1] not in what + remedy
    assert list(tmp_path.iterdir()) == []


def test_no_such_bucket_folder_or_file_is_one_line(store: Call):
    assert "there is no such bucket" in refused(store("--bucket", "no-such-bucket"))[0]
    assert "holds no file named btc-*_prices.json under 'nothing'" in refused(store("nothing"))[0]
    assert "holds no file named *.csv or *.txt under" in refused(store("--pattern", "*.csv", "--pattern", "*.txt"))[0]


def test_a_server_that_is_not_there_is_one_line(store: Call):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = int(probe.getsockname()[1])
    what, remedy = refused(store("--endpoint-url", f"http://127.0.0.1:{nowhere}"))
    assert "the connection failed" in what
    assert remedy == "help: check the endpoint's address"


def test_a_lost_connection_keeps_what_came_and_the_same_command_goes_on(
    store: Call,
    bucket: Path,
    port: int,
    cut_wire: Callable[[int], Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    monkeypatch.setattr("rookery.sources.storage._FIRST_PAUSE_S", 0.01)
    large = [bucket / "large" / f"btc-{i}_prices.json" for i in range(2)]
    large[0].parent.mkdir(exist_ok=True)
    for path in large:
        path.write_bytes(bytes(i * i % 251 for i in range(600_000)))
    wire = cut_wire(port)
    wire.limit = 1_000_000
    command = ("large", "--jobs", "1", "--quiet", "--endpoint-url", f"http://127.0.0.1:{wire.port}")

    what, remedy = refused(store(*command))
    assert "the connection failed" in what
    assert "'large/btc-1_prices.json' stopped after" in what
    assert remedy == "help: run again: what was fetched is kept"

    wire.limit = None
    said = store(*command, "--json").json
    assert (said["skipped"], said["fetched"]) == (["large/btc-0_prices.json"], ["large/btc-1_prices.json"])
    for path in large:
        assert (tmp_path / "downloads" / "merged_trades" / path.name).read_bytes() == path.read_bytes()


def test_without_the_extra_it_tells_what_to_install(store: Call, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    what, remedy = refused(store())
    assert "s3fs, which is not installed" in what
    assert remedy == "help: pip install 'rookery[cloud]'"
