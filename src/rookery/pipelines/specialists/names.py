"""Which instrument a file of bars is of, by what its name says."""

import re
from pathlib import Path

from rookery.errors import UserError, did_you_mean
from rookery.pipelines.specialists.groups import BY_NAME, resolve

_SUFFIXES = re.compile(r"(\.(csv|txt|tsv|parquet|gz))+$", flags=re.IGNORECASE)
BAR_SUFFIXES = (".csv", ".txt", ".tsv", ".parquet", ".gz")


def stem_of(path: Path) -> str:
    """A file's name without its endings: `EURUSD_H4.csv.gz` gives `EURUSD_H4`."""
    return _SUFFIXES.sub("", path.name)


def named(text: str) -> tuple[str | None, Path]:
    """The two parts of `NAME=FILE`; no name where there is none."""
    name, equals, rest = text.partition("=")
    # A path may hold the sign too, after a folder or an ending that no instrument's name has.
    if not equals or not rest or "/" in name or "." in name:
        return None, Path(text)
    return name, Path(rest)


def instrument_of(path: Path, name: str | None = None) -> tuple[str, str | None] | None:
    """The specification's name of what `path` holds, and a sentence where it stands in; None when nobody can tell.

    Without `name`, the first words of the file's name are tried, joined one by one: `XAU_USD daily` is XAUUSD. Raises
    UserError when `name` is not known.
    """
    if name is not None:
        found = resolve(name)
        if found is None:
            raise UserError(f"'{name}' is no instrument of the specialists", place=path,
                            remedy=did_you_mean(name, BY_NAME))  # fmt: skip
        return found
    words = re.split(r"[_\-\s.@#]+", stem_of(path))
    joined = ["".join(words[:count]) for count in range(1, len(words) + 1)]
    return next((found for one in joined if one and (found := resolve(one))), None)
