"""How results reach stdout: text for people, or one JSON document for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence


def lines(text: Iterable[str]) -> None:
    """Print lines on stdout."""
    for line in text:
        print(line, file=sys.stdout)
    sys.stdout.flush()


def document(value: Mapping[str, object]) -> None:
    """Print one JSON document on stdout; NaN and infinities are refused."""
    print(json.dumps(value, indent=2, sort_keys=True, allow_nan=False), file=sys.stdout, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None) -> list[str]:
    """Rows as aligned columns; the last column is cut so that no line is longer than `width`."""
    every = [header, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(header))]
    text = ["  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in every]
    if width is None:
        return text
    return [line if len(line) <= width else line[: width - 3].rstrip() + "..." for line in text]


def terminal_width() -> int | None:
    """Columns of the terminal on stdout, or None when stdout is a pipe or a file (then nothing is cut)."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def age(seconds: float) -> str:
    """A time span in its largest sensible unit: `90 s`, `5 min`."""
    for limit, size, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def times(count: int) -> str:
    """How often: `once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def flat(values: Mapping[str, object], prefix: str) -> dict[str, object]:
    """Nested settings as `prefix.training.seed`."""
    plain: dict[str, object] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}"
        plain |= flat(value, name) if isinstance(value, dict) else {name: value}
    return plain
