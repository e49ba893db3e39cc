"""Typed settings: read from YAML or JSON, refused by name when wrong, known by fingerprint."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from rookery.errors import UserError, did_you_mean, listed, nearest, one_line

LARGEST_FILE = 256 * 1024


class Config(BaseModel):
    """Base of every configuration: immutable, finite, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        # pydantic would read `num_epochs: true` as 1.
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation in (int, float, int | None, float | None):
            raise ValueError("should be a number")
        return value

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a .json, .yaml or .yml file. Raises UserError with file, line, key and the nearest known key."""
        text = read_text(path)
        data = parse_mapping(text, place=path)
        return cls.parse(data, place=path, text=text)

    @classmethod
    def parse(cls, data: dict[str, Any], *, place: str | Path, text: str = "") -> Self:
        """Validate a mapping that came from `place`; `text` is its source, used to find line numbers."""
        try:
            return cls.model_validate(data)
        except ValidationError as failure:
            raise _explain(failure, cls, place=place, text=text) from None

    def deciding(self, stage: str) -> Self:
        """The settings that a stage of a run hangs on: a change of others leaves it finished."""
        return self

    def fingerprint(self) -> str:
        """sha256 of the canonical JSON form: equal settings have equal fingerprints."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def read_text(path: str | Path) -> str:
    """A user's settings file as text. Raises UserError when it is missing, a folder, too large, or not UTF-8."""
    file = Path(path)
    if not file.exists():
        siblings = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        raise UserError("no such file", place=path, remedy=did_you_mean(file.name, siblings) if siblings else None)
    if not file.is_file():
        raise UserError("is not a file", place=path, remedy="give the path of a YAML or JSON file")
    if file.stat().st_size > LARGEST_FILE:
        raise UserError(
            f"is {file.stat().st_size:,} bytes; settings are at most {LARGEST_FILE:,}",
            place=path,
            remedy="is it a data file?",
        )
    data = file.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError("is UTF-16, not UTF-8", place=path, remedy="save the file as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        row = data[: failure.start].count(b"\n") + 1
        raise UserError(
            "holds bytes that are not UTF-8", place=path, row=row, remedy="save the file as UTF-8"
        ) from None


def parse_mapping(text: str, *, place: str | Path) -> dict[str, Any]:
    """Text as a mapping: JSON when `place` ends in .json, else YAML. Raises UserError with the line of a fault."""
    if not text.strip():
        raise UserError("is empty", place=place, remedy="write lines of the form key: value")
    try:
        data = _json(text) if str(place).lower().endswith(".json") else _yaml(text)
    except json.JSONDecodeError as failure:
        raise UserError(_json_fault(failure), place=place, row=failure.lineno, remedy="write valid JSON") from None
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        row = mark.line + 1 if mark else None
        what = one_line(failure.problem or "cannot be read as YAML", limit=120)
        raise UserError(what, place=place, row=row, remedy=failure.note or "write valid YAML, key: value") from None
    except RecursionError:
        raise UserError("is nested too deeply", place=place, remedy="write lines of the form key: value") from None
    except (yaml.YAMLError, ValueError) as failure:
        what = f"cannot be read: {one_line(str(failure), limit=120)}"
        raise UserError(what, place=place, remedy="write the settings as plain text, key: value") from None
    if not isinstance(data, dict):
        raise UserError("is not a mapping of keys to values", place=place, remedy="write lines of the form key: value")
    return data


class _Plain(yaml.SafeLoader):
    """YAML 1.2 core schema: `5e-4` is a number, `no` is a word; no aliases, no key twice (1.2, 3.2.1.3)."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  yaml's own attribute

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            # A few aliases of aliases stand for billions of values.
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are not read", problem_mark=mark, note="write the value out"
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is not a plain word", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key '{key.value}' is given twice", problem_mark=key.start_mark, note="keep one of them"
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):
    _Plain.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _whole_number(loader: _Plain, node: yaml.ScalarNode) -> int:
    # YAML 1.1, which the library follows, would read 010 as eight.
    return int(loader.construct_scalar(node))


_Plain.add_constructor("tag:yaml.org,2002:int", _whole_number)


def _yaml(text: str) -> object:
    return yaml.load(text, Loader=_Plain)  # noqa: S506  a subclass of SafeLoader


def _json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Read again as YAML, of which JSON is a part, because that knows the line of a key given twice.
        _yaml(_without_tabs(text))
        raise


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is given twice")
    return result


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _without_tabs(text: str) -> str:
    # A JSON file may be indented with tabs, which YAML forbids; inside JSON strings tabs cannot occur.
    return text.replace("\t", " ")


def _json_fault(failure: json.JSONDecodeError) -> str:
    before = failure.doc[: failure.pos].rstrip()
    if before.endswith(",") and failure.doc[failure.pos : failure.pos + 1] in ("}", "]"):
        return "a comma stands before the closing bracket"
    return f"is not JSON: {failure.msg[:1].lower()}{failure.msg[1:]}"


def _explain(failure: ValidationError, model: type[BaseModel], *, place: str | Path, text: str) -> UserError:
    faults = failure.errors(include_url=False)
    # A key that is missing may be there, misspelt.
    unknown = [one for one in faults if one["type"] == "extra_forbidden"]
    first = unknown[0] if unknown and faults[0]["type"] == "missing" else faults[0]
    path = [str(part) for part in first["loc"]]
    row = _line_of(first["loc"], text)
    if first["type"] == "extra_forbidden":
        remedy = _nearest_key(path, model)
        return UserError(f"unknown key '{one_line('.'.join(path), limit=80)}'", place=place, row=row, remedy=remedy)
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if first["type"] == "model_type":
        message = "should be a mapping of keys to values"
    given = first.get("input")
    shown = "" if first["type"] == "missing" or isinstance(given, dict) else f", got {_shown(given)}"
    what = f"{message[:1].lower()}{message[1:]}{shown}"
    return UserError(f"'{'.'.join(path)}' {what}" if path else what, place=place, row=row, remedy=_cure(path, model))


def _cure(path: list[str], model: type[BaseModel]) -> str | None:
    field = _model_at(model, path).model_fields.get(path[-1]) if path else None
    if field is None:
        return None
    if field.is_required():
        return f"give '{path[-1]}' a value"
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, BaseModel):
        return f"write its keys under it: {listed(type(default).model_fields)}"
    return f"the default is {_shown(default)}; leave the key out to use it"


def _nearest_key(path: list[str], model: type[BaseModel]) -> str:
    """The key that was meant: of the same level if one is near, else of any level, written with its sections."""
    level = _model_at(model, path).model_fields
    inner = {key.rpartition(".")[2]: key for key in _all_keys(model, prefix="")}
    if nearest(path[-1], level) is None and (meant := nearest(path[-1], inner)) is not None:
        return f"did you mean '{inner[meant]}'?"
    return did_you_mean(path[-1], level)


def _all_keys(model: type[BaseModel], *, prefix: str) -> list[str]:
    keys: list[str] = []
    for name, field in model.model_fields.items():
        keys.append(f"{prefix}{name}")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += _all_keys(field.annotation, prefix=f"{prefix}{name}.")
    return keys


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    plain = isinstance(value, str | int | float | tuple | list) and len(repr(value)) <= 60
    return one_line(repr(value)) if plain else f"a {type(value).__name__}"


def _model_at(model: type[BaseModel], path: list[str]) -> type[BaseModel]:
    for part in path[:-1]:
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    return model


def _line_of(location: tuple[int | str, ...], text: str) -> int | None:
    """The line on which the key at `location` stands (of its nearest parent that is written, when it is missing)."""
    try:
        root = yaml.compose(_without_tabs(text), Loader=_Plain)
    except (yaml.YAMLError, RecursionError):
        return None
    # A key may have been written above the section that it belongs to: then it is looked for at the top.
    return _row_at(root, location) or _row_at(root, location[-1:])


def _row_at(node: yaml.Node | None, location: tuple[int | str, ...]) -> int | None:
    row: int | None = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                break
            row, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            row = node.start_mark.line + 1
        else:
            break
    return row
