"""`rookery compare A B`: what two runs have in common, and where they differ."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from rookery.cli import completion, faults, outcome, show
from rookery.cli.options import JsonOption, RunArgument
from rookery.errors import UserError

if TYPE_CHECKING:
    from rookery.runs import RunFacts


def compare(first: RunArgument, second: RunArgument, as_json: JsonOption = False) -> None:
    """Show two runs side by side; exit code 4 when they differ, 0 when they are equal."""
    from rookery.runs import find_run, read_run

    a, b = (read_run(find_run(name, completion.RUNS)) for name in (first, second))
    found = compared(a, b)
    if as_json:
        show.document(found)
    else:
        show.lines(_lines(found))
    if not found["equal"]:
        raise typer.Exit(faults.DIFFERENT)


def compared(a: "RunFacts", b: "RunFacts") -> dict[str, object]:
    """Both runs' headline figures side by side, and every setting and file that is not the same in both."""
    settings = _differences(
        {"seed": a.seed, "code": a.code, **show.flat(a.request, "request"), **show.flat(a.config, "config")},
        {"seed": b.seed, "code": b.code, **show.flat(b.request, "request"), **show.flat(b.config, "config")},
    )
    measures = _paired(headline(a), headline(b))
    artefacts = _differences(_hashes(a), _hashes(b))
    equal = not settings and not artefacts and all(row["a"] == row["b"] for row in measures)
    return {
        "a": str(a.path),
        "b": str(b.path),
        "equal": equal,
        "verdicts": {"a": a.outcome.get("verdict"), "b": b.outcome.get("verdict")},
        "measures": measures,
        "settings": settings,
        "files": artefacts,
    }


def headline(run: "RunFacts") -> dict[str, dict[str, object]]:
    """The headline measures of a run's report, by key: name, value, low, high. Raises UserError without one."""
    path = outcome.report_file(run)
    try:
        rows = json.loads(path.read_bytes())["headline"]
        return {row["key"]: {"name": row["name"], **_estimate(row["agent"])} for row in rows}
    except (ValueError, KeyError, TypeError):
        remedy = f"make it again with: rookery resume {run.path}"
        raise UserError("is not a report of this version", place=path, remedy=remedy) from None


def _estimate(agent: Mapping[str, object]) -> dict[str, object]:
    return {name: agent.get(name) for name in ("value", "low", "high")}


def _paired(a: dict[str, dict[str, object]], b: dict[str, dict[str, object]]) -> list[dict[str, object]]:
    keys = list(dict.fromkeys([*a, *b]))
    return [
        {
            "key": key,
            "name": (a.get(key) or b[key])["name"],
            "a": {name: value for name, value in a.get(key, {}).items() if name != "name"} or None,
            "b": {name: value for name, value in b.get(key, {}).items() if name != "name"} or None,
        }
        for key in keys
    ]


def _hashes(run: "RunFacts") -> dict[str, object]:
    hashes = run.outcome.get("hashes")
    return dict(hashes) if isinstance(hashes, dict) else {}


def _differences(a: Mapping[str, object], b: Mapping[str, object]) -> dict[str, dict[str, object]]:
    names = sorted(a.keys() | b.keys())
    return {name: {"a": a.get(name), "b": b.get(name)} for name in names if a.get(name) != b.get(name)}


def _lines(found: Mapping[str, object]) -> list[str]:
    lines = [f"A  {found['a']}", f"B  {found['b']}", ""]
    verdicts, measures = found["verdicts"], found["measures"]
    assert isinstance(verdicts, dict) and isinstance(measures, list)  # noqa: S101, PT018  as `compared` made them
    lines += [f"{side.upper()}: {verdict}" for side, verdict in verdicts.items() if verdict]
    rows = [
        [row["name"], shown(row["a"]), shown(row["b"]), "" if row["a"] == row["b"] else "differs"] for row in measures
    ]
    lines += ["", *show.table(("measure", "A", "B", ""), rows)]
    for part in ("settings", "files"):
        lines += _different(part, found[part])
    return [*lines, "", "equal" if found["equal"] else "different"]


def shown(estimate: Mapping[str, object] | None) -> str:
    """`0.0123 [-0.004, 0.021]`, as far as it is known."""
    if estimate is None or estimate.get("value") is None:
        return "-"
    low, high = estimate.get("low"), estimate.get("high")
    interval = f" [{low:.6g}, {high:.6g}]" if isinstance(low, float) and isinstance(high, float) else ""
    return f"{estimate['value']:.6g}{interval}"


def _different(part: str, values: object) -> list[str]:
    if not isinstance(values, dict) or not values:
        return []
    rows = [[name, str(both["a"]), str(both["b"])] for name, both in values.items()]
    return ["", *show.table((part, "A", "B"), rows, width=show.terminal_width())]
