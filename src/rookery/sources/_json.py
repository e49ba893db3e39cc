"""JSON documents and JSON lines as records, numbers kept as the text that was written."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import polars as pl

from rookery.errors import UserError
from rookery.sources._content import Content
from rookery.sources._records import Broken, Records, check_width, lay_out, shown

_REPEATED = "\x00repeated"
_LIST_NAMES = ("swaps", "result", "rows", "logs", "events", "data", "items")
_MAX_DEPTH = 8
# Libraries that drop parameter names leave the event's arguments in the order of its signature.
_ARGUMENTS = {
    7: ("sender", "recipient", "amount0", "amount1", "sqrtPriceX96", "liquidity", "tick"),
    8: ("id", "sender", "amount0", "amount1", "sqrtPriceX96", "liquidity", "tick", "fee"),
}


def read_document(content: Content, *, strict: bool) -> Records:
    """The rows of a JSON document: a list, or the list that an object wraps ({"data": {"swaps": [...]}}).

    Raises UserError with the line of a syntax error, or the item of a fault.
    """
    try:
        document = _DECODER.decode(content.data.decode())
    except json.JSONDecodeError as failure:
        row = failure.lineno
        raise UserError(f"is not valid JSON: {failure.msg}", place=content.path, row=row) from None
    except RecursionError:
        raise UserError("is nested too deeply", place=content.path) from None
    items = _rows_of(document, content.path)
    return _records(enumerate(items, start=1), path=content.path, layout="json", counted_in="item", strict=strict)


def read_lines(content: Content, *, strict: bool) -> Records:
    """The rows of a file with one JSON object a line."""
    lines = ((number, line) for number, line in _numbered_lines(content.data) if line.strip())
    rows = ((number, _decode_line(line.decode())) for number, line in lines)
    return _records(rows, path=content.path, layout="json lines", counted_in="line", strict=strict)


def parse_object(text: str) -> dict[str, str | None] | None:
    """One JSON object as flat text fields, or None when the text is not one."""
    item = _decode_line(text)
    if not isinstance(item, dict):
        return None
    row = _flat(item)
    return None if _repeated_key(row) else row


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    item = dict(pairs)
    if len(item) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        item[_REPEATED] = next(name for name, count in counts.items() if count > 1)
    return item


# Numbers stay text: a float would lose the digits that the checks look for.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=str, parse_int=str, parse_constant=str)


def _decode_line(line: str) -> object:
    try:
        item: object = _DECODER.decode(line)
    except json.JSONDecodeError as failure:
        what = f"is not valid JSON: {failure.msg}"
    except RecursionError:
        what = "is nested too deeply"
    else:
        return item
    return Broken(kind="not JSON", what=what, text=line, remedy="write one object on each line")


def _rows_of(document: object, path: Path) -> list[object]:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        raise UserError("is not a list of swaps", place=path, remedy="expected [{...}, ...]")
    lists = list(_lists_in(document, ()))
    for wanted in _LIST_NAMES:
        for keys, rows in lists:
            if keys[-1] == wanted:
                return rows
    if len(lists) > 1:
        names = ", ".join(f"'{shown('.'.join(keys))}'" for keys, _ in lists[:5])
        raise UserError(f"holds several lists ({names})", place=path, remedy="keep the list of swaps only")
    return lists[0][1] if lists else [document]


def _lists_in(document: dict[str, object], keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[object]]]:
    for key, value in document.items():
        rows = isinstance(value, list) and all(isinstance(item, dict) for item in value)
        if isinstance(value, list) and rows and (value or key in _LIST_NAMES):
            yield (*keys, key), value
        elif isinstance(value, dict) and len(keys) < 2:
            yield from _lists_in(value, (*keys, key))


def _records(
    items: Iterable[tuple[int, object]], *, path: Path, layout: str, counted_in: Literal["line", "item"], strict: bool
) -> Records:
    """Column by column at once: a million nested rows side by side would take gigabytes.

    When `strict`, no further than the first broken row.
    """
    numbers: list[int] = []
    columns: dict[str, list[str | None]] = {}
    broken: dict[int, Broken] = {}
    for position, (number, item) in enumerate(items):
        numbers.append(number)
        row = _flat(item) if isinstance(item, dict) else {}
        if fault := _fault(item, row):
            broken[position], row = fault, {}
        for name, value in row.items():
            if name not in columns:
                columns[name] = [None] * position
                check_width(len(columns), path)
            columns[name].append(value)
        if len(row) < len(columns):
            for values in columns.values():
                values += [None] * (position + 1 - len(values))
        if broken and strict:
            break
    return lay_out(
        columns,
        path=path,
        layout=layout,
        numbers=pl.Series("number", numbers, dtype=pl.Int64),
        counted_in=counted_in,
        broken=broken,
    )


def _numbered_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    start, number = 0, 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        number += 1
        yield number, data[start:end]
        start = end + 1


def _fault(item: object, row: dict[str, str | None]) -> Broken | None:
    if isinstance(item, Broken):
        return item
    if not isinstance(item, dict):
        text = _spelled(item)
        return Broken(kind="not an object", what=f"'{shown(text)}' is not an object with named fields", text=text)
    repeated = _repeated_key(row)
    if repeated is None:
        return None
    text = json.dumps({name: value for name, value in row.items() if not name.endswith(_REPEATED)})
    return Broken(kind="repeated key", what=f"key '{shown(repeated)}' is given twice", text=text)


def _spelled(item: object) -> str:
    try:
        return json.dumps(item)
    except RecursionError:
        return "[...]"


def _repeated_key(row: dict[str, str | None]) -> str | None:
    return next((value for name, value in row.items() if name.endswith(_REPEATED)), None)


def _flat(item: dict[str, object]) -> dict[str, str | None]:
    """Nested fields under dotted names: {"transaction": {"id": 1}} -> {"transaction.id": "1"}."""
    flat: dict[str, str | None] = {}
    stack: list[tuple[str, object, int]] = [("", item, 0)]
    while stack:
        name, value, depth = stack.pop()
        if isinstance(value, dict) and depth < _MAX_DEPTH:
            if "hex" in value and "type" in value:  # ethers v5: {"type": "BigNumber", "hex": "0x.."}
                flat[name] = _scalar(value["hex"])
            else:
                prefix = f"{name}." if name else ""
                stack += [(prefix + key.strip(), inner, depth + 1) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            names = _ARGUMENTS.get(len(value)) if name in ("args", "returnValues") else None
            if names:
                stack += [(f"{name}.{key}", inner, depth + 1) for key, inner in zip(names, value, strict=True)]
            elif all(inner is None or isinstance(inner, str) for inner in value):
                flat[name] = " ".join(inner for inner in value if inner)
        else:
            flat[name] = _scalar(value)
    return flat


def _scalar(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None
