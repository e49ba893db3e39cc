"""Faults that a user can mend: one line that says where and what, one that says how."""

import difflib
from collections.abc import Iterable
from pathlib import Path

LONGEST_LIST = 12


class UserError(ValueError):
    """A mistake in what the user gave: shown as `error: place: what` and `help: remedy`, exit code 2.

    `place` is a file, an option or a key; `row` is the 1-based line of that file (the header is line 1).
    """

    def __init__(
        self, what: str, *, place: str | Path | None = None, row: int | None = None, remedy: str | None = None
    ) -> None:
        self.what = what
        self.place = None if place is None else str(place)
        self.row = row
        self.remedy = remedy
        super().__init__(self.headline)

    @property
    def headline(self) -> str:
        """`place:row: what`, with the parts that are known."""
        parts = [self.place, None if self.row is None else str(self.row)]
        prefix = ":".join(part for part in parts if part is not None)
        return f"{prefix}: {self.what}" if prefix else self.what


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most likely meant to be (case aside), or None when nothing is close."""
    by_folded = {candidate.casefold(): candidate for candidate in sorted(known, reverse=True)}
    matches = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def listed(names: Iterable[str]) -> str:
    """Names in order, the first dozen spelt out: `a, b, c` or `a, b, ... and 9,988 more`."""
    every = sorted(names)
    shown = ", ".join(every[:LONGEST_LIST])
    hidden = len(every) - LONGEST_LIST
    return f"{shown} and {hidden:,} more" if hidden > 0 else shown


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy for an unknown name: the nearest one, or the known names when none is near."""
    names = list(known)
    best = nearest(name, names)
    return f"did you mean '{best}'?" if best else f"known names: {listed(names)}"


def one_line(text: str, *, limit: int = 400) -> str:
    """`text` as it may be shown to a terminal: no line breaks, no control characters, at most `limit` characters."""
    flat = " ".join(text.split())
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in flat)
    return clean if len(clean) <= limit else clean[: limit - 4].rstrip() + " ..."
