"""A bucket and the keys to it, as the environment or a `.env` file state them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rookery.errors import UserError, did_you_mean
from rookery.sources._records import shown

INSTALL = "pip install 'rookery[cloud]'"
# The variable that counts is the first that is set.
VARIABLES = {
    "access_key": ("R2_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
    "secret_key": ("R2_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    "session_token": ("AWS_SESSION_TOKEN",),
    "endpoint_url": ("R2_ENDPOINT_URL", "R2_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "region": ("R2_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"),
    "account": ("R2_ACCOUNT_ID", "CLOUDFLARE_ACCOUNT_ID"),
    "bucket": ("R2_BUCKET", "R2_BUCKET_NAME", "S3_BUCKET"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A bucket and how to get into it. Keys never show: not in `repr`, not in an error, not in a log of ours."""

    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    endpoint_url: str | None = None
    region: str = "auto"


def store_from_environment(
    bucket: str | None = None, *, env_file: str | Path | None = None, environ: Mapping[str, str] | None = None
) -> Store:
    """A store by the environment (`R2_...`, else `AWS_...`), or by a `.env` file for what the environment lacks.

    R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY; R2_ENDPOINT_URL or R2_ACCOUNT_ID; R2_BUCKET unless `bucket` is given.
    Raises UserError naming every variable that is missing, never the value of another.
    """
    settings = dict(_from_file(env_file)) | dict(os.environ if environ is None else environ)
    found = {name: next((settings[v] for v in names if settings.get(v)), None) for name, names in VARIABLES.items()}
    account = found.pop("account")
    if found["endpoint_url"] is None and account:
        found["endpoint_url"] = f"https://{account}.r2.cloudflarestorage.com"
    found["bucket"] = bucket or found["bucket"]
    if missing := [name for name in ("access_key", "secret_key", "bucket") if not found[name]]:
        what = ", ".join(f"{' or '.join(VARIABLES[name])} is not set" for name in missing)
        raise UserError(what, place=env_file or "environment", remedy="set it, or write it into a .env file")
    return Store(
        bucket=_bucket_name(str(found["bucket"])),
        access_key=str(found["access_key"]),
        secret_key=str(found["secret_key"]),
        session_token=found["session_token"],
        endpoint_url=found["endpoint_url"],
        region=found["region"] or "auto",
    )


def _bucket_name(name: str) -> str:
    plain = name.removeprefix("s3://").strip("/")
    if not plain or "/" in plain:
        raise UserError(f"'{shown(plain)}' is no bucket's name", place="bucket", remedy="give the folder as prefix=")
    return plain


def _from_file(path: str | Path | None) -> Mapping[str, str]:
    if path is None:
        return {}
    file = Path(path)
    if not file.is_file():
        siblings = [other.name for other in file.parent.iterdir()] if file.parent.is_dir() else []
        raise UserError("no such file", place=path, remedy=did_you_mean(file.name, siblings) if siblings else None)
    try:
        from dotenv import dotenv_values  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise UserError("reading it needs python-dotenv, which is not installed", place=path, remedy=INSTALL) from None
    return {name: value for name, value in dotenv_values(file, interpolate=False).items() if value}
