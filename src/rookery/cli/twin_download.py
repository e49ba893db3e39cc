"""`rookery twin download`: the trader's files from a bucket to this machine, once and whole."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rookery.cli import outcome, show
from rookery.cli.options import JsonOption, QuietOption
from rookery.errors import UserError
from rookery.progress import Progress

if TYPE_CHECKING:
    from rookery.sources.storage import Downloaded, Planned, Store

DATA_DIR = Path("downloads/merged_trades")
# Where the specification's bucket keeps the traders, a folder each.
TRADERS = "merged_trades"
PATTERN = "btc-*_prices.json"
_ENV_FILE = Path(".env")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_SHOWN = 20


def download(
    source: Annotated[
        str,
        typer.Argument(metavar="PREFIX|ADDRESS", help="A folder of the bucket, or the wallet of one trader in it."),
    ] = TRADERS,
    data_dir: Annotated[
        Path, typer.Option("--data-dir", "--data_dir", metavar="DIR", help="Where the traders' folders are put.")
    ] = DATA_DIR,
    bucket: Annotated[str | None, typer.Option("--bucket", help="The bucket; by default that of R2_BUCKET.")] = None,
    endpoint_url: Annotated[
        str | None,
        typer.Option("--endpoint-url", metavar="URL", help="The store's address; by default that of R2_ENDPOINT_URL."),
    ] = None,
    pattern: Annotated[
        list[str] | None, typer.Option("--pattern", help=f"Names of files; may be repeated. [default: {PATTERN}]")
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option("--env-file", metavar="FILE", help="Keys that the environment lacks; .env, if there is one."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Files that are fetched at a time.")] = 4,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be fetched, and fetch nothing.")] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch a trader's files from Cloudflare R2 or any S3-compatible store; run again, it goes on where it stopped.

    Keys come from the environment or a .env file: R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY, R2_BUCKET, and
    R2_ENDPOINT_URL or R2_ACCOUNT_ID (AWS_... as well). Files that are there and whole are skipped; all are checked.
    """
    from rookery.sources import storage

    store = _store(bucket, endpoint_url, env_file)
    prefix, folder = _place(source, data_dir)
    patterns = pattern or [PATTERN]
    with outcome.stoppable():
        if dry_run:
            _show_plan(storage.plan(store, folder, prefix=prefix, pattern=patterns), folder, as_json=as_json)
            return
        done = storage.download(
            store, folder, prefix=prefix, pattern=patterns, jobs=jobs, progress=Progress(quiet=quiet)
        )
    _show_done(done, as_json=as_json)


def _store(bucket: str | None, endpoint_url: str | None, env_file: Path | None) -> "Store":
    from rookery.sources.storage import store_from_environment

    named = env_file or (_ENV_FILE if _ENV_FILE.is_file() else None)
    store = store_from_environment(bucket, env_file=named)
    store = store if endpoint_url is None else replace(store, endpoint_url=endpoint_url)
    if store.endpoint_url is None and store.region == "auto":
        what = "R2_ENDPOINT_URL or R2_ACCOUNT_ID is not set (for AWS: AWS_REGION)"
        raise UserError(what, place=named or "environment", remedy="set it, or give --endpoint-url")
    if store.endpoint_url is not None and not re.match(r"https?://[^/\s@]+", store.endpoint_url):
        raise UserError(
            "the store's address is no web address",
            place="R2_ENDPOINT_URL" if endpoint_url is None else "--endpoint-url",
            remedy="copy it from the store's own page, scheme and host",
        )
    return store


def _place(source: str, data_dir: Path) -> tuple[str, Path]:
    """The bucket's folder and the one on this machine: a trader has the same name in both."""
    prefix = source.strip("/")
    trader = prefix.removeprefix(f"{TRADERS}/")
    if _ADDRESS.fullmatch(trader):
        return f"{TRADERS}/{trader}", data_dir / trader
    return prefix, data_dir


def _show_plan(planned: "Planned", folder: Path, *, as_json: bool) -> None:
    if as_json:
        missing = [{"key": remote.key, "bytes": remote.size} for remote in planned.missing]
        told = {"folder": str(folder), "missing": missing, "present": list(planned.present)}
        show.document({**told, "bytes_missing": planned.bytes_missing})
        return
    rows = [[remote.key, f"{remote.size:,}"] for remote in planned.missing[:_SHOWN]]
    more = len(planned.missing) - len(rows)
    show.lines(
        [
            *(show.table(("to fetch", "bytes"), rows) if rows else []),
            *([f"and {more:,} more"] if more > 0 else []),
            f"{len(planned.missing):,} files ({planned.bytes_missing:,} bytes) to fetch into {folder}, "
            f"{len(planned.present):,} there already; nothing was fetched",
        ]
    )


def _show_done(done: "Downloaded", *, as_json: bool) -> None:
    if as_json:
        show.document(
            {
                "folder": str(done.folder),
                "fetched": list(done.fetched),
                "skipped": list(done.skipped),
                "bytes_fetched": done.bytes_fetched,
                "unverified": list(done.unverified),
            }
        )
        return
    doubt = f"{len(done.unverified):,} came in parts, so that the store states no checksum of the whole"
    show.lines(
        [
            f"{len(done.fetched):,} files fetched ({done.bytes_fetched:,} bytes), {len(done.skipped):,} there already",
            *([doubt] if done.unverified else []),
            str(done.folder),
            f"next: rookery twin prepare --data-dir {done.folder}",
        ]
    )
