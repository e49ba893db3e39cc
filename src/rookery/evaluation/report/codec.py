"""Records to JSON and back: the dataclasses' own types say how, and NaN never passes."""

import hashlib
import json
import math
import types
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from rookery.evaluation.report.record import Report

SCHEMA_VERSION = 1

Json = Any
Kind = Any  # a type as dataclasses declare it: a class, a union or a generic alias


def to_json(report: Report) -> dict[str, Json]:
    """The report as JSON values with `schema_version`. Raises ValueError naming the place of a NaN or infinity."""
    return {"schema_version": SCHEMA_VERSION, **_encode(report, Report, "report")}


def from_json(data: dict[str, Json]) -> Report:
    """The report that `to_json` wrote. Raises ValueError for another schema version or a key that is not known."""
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ValueError(f"report has schema version {version}; this is version {SCHEMA_VERSION}")
    rest = {name: value for name, value in data.items() if name != "schema_version"}
    report = _decode(rest, Report, "report")
    assert isinstance(report, Report)  # noqa: S101  narrows what _decode returns
    return report


def digest(report: Report) -> str:
    """sha256 of what follows from data, settings, seed and code alone; see `digest_of`."""
    return digest_of(to_json(report))


def digest_of(document: dict[str, Json]) -> str:
    """The digest of a report that is JSON already: equal runs have equal digests, on any clock and in any workspace.

    Left out are `machine` and `belief`; the verdict is that of `belief.before`, where there is one.
    """
    data = {name: value for name, value in document.items() if name not in ("machine", "belief")}
    if document.get("belief"):
        data["verdict"] = document["belief"]["before"]
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _encode(value: Json, kind: Kind, place: str) -> Json:
    if value is None:
        return None
    kind = type(value) if is_dataclass(value) else _present(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return {
            one.name: _encode(getattr(value, one.name), hints[one.name], f"{place}.{one.name}") for one in fields(kind)
        }
    if _origin(kind) is tuple:
        item = get_args(kind)[0]
        if item in (float, int, str):
            return [_scalar(one, item, f"{place}[{index}]") for index, one in enumerate(value)]
        return [_encode(one, item, f"{place}[{index}]") for index, one in enumerate(value)]
    return _scalar(value, kind, place)


def _decode(value: Json, kind: Kind, place: str) -> Json:
    if value is None:
        return None
    kind = _fitting(_present(kind), value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        unknown = value.keys() - hints.keys()
        if unknown:
            raise ValueError(f"{place} has unknown key '{min(unknown)}'")
        return kind(**{name: _decode(one, hints[name], f"{place}.{name}") for name, one in value.items()})
    if _origin(kind) is tuple:
        item = get_args(kind)[0]
        return tuple(_decode(one, item, f"{place}[{index}]") for index, one in enumerate(value))
    return _scalar(value, kind, place)


def _scalar(value: Json, kind: Kind, place: str) -> Json:
    # numpy's numbers are accepted here and become Python's, so that equal figures are equal bytes.
    if kind is float or isinstance(value, float):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{place} is {number}; a report holds finite numbers, or None with a reason")
        return number
    if kind is bool:
        return bool(value)
    if kind is int:
        return int(value)
    if _origin(kind) is Literal and value not in get_args(kind):
        raise ValueError(f"{place} is '{value}'; expected one of {', '.join(map(str, get_args(kind)))}")
    if isinstance(value, str):
        return str(value)
    return int(value)


@cache
def _present(kind: Kind) -> Kind:
    """`X` of `X | None`; a union of scalars stays as it is."""
    if _origin(kind) in (Union, types.UnionType):
        options = [option for option in get_args(kind) if option is not type(None)]
        return options[0] if len(options) == 1 else kind
    return kind


def _fitting(kind: Kind, value: Json) -> Kind:
    """Of a union of records the one that shares most keys with the value: what was written has every field."""
    if _origin(kind) in (Union, types.UnionType) and isinstance(value, dict):
        records = [one for one in get_args(kind) if isinstance(one, type) and is_dataclass(one)]
        return max(records, key=lambda one: len(value.keys() & _hints(one).keys()))
    return kind


@cache
def _hints(kind: Kind) -> dict[str, Kind]:
    return get_type_hints(kind)


@cache
def _origin(kind: Kind) -> object:
    return get_origin(kind)
