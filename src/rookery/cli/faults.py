"""What went wrong, told in two lines and an exit code."""

import os
import re
import sys
import traceback
from typing import TextIO

import typer

from rookery.errors import UserError, did_you_mean, one_line

DONE = 0
FAILED = 1
USAGE = 2
REFUSED = 3
DIFFERENT = 4
INTERRUPTED = 130

_WEB_ADDRESS = re.compile(r"\S*\w+://\S*")


def tell(fault: BaseException, *, command: str, debug: bool) -> int:
    """Print `error:` and `help:` for `fault` on stderr and return the exit code; `command` is what was called."""
    if debug:
        traceback.print_exception(fault)
    what, remedy, code = _account(fault, command)
    stream = sys.stderr
    print(_painted("error:", "1;31", stream), one_line(what, limit=600), file=stream)
    print(
        _painted("help:", "1;36", stream),
        one_line(remedy or f"see: {command} --help", limit=600),
        file=stream,
        flush=True,
    )
    return code


def _account(fault: BaseException, command: str) -> tuple[str, str | None, int]:
    if isinstance(fault, UserError):
        return fault.headline, fault.remedy, USAGE
    if isinstance(fault, typer.TyperException):
        return *_usage(fault, command), USAGE
    if isinstance(fault, OSError):
        return _system(fault), "free space or choose another place, then run again; finished stages are kept", FAILED
    if isinstance(fault, MemoryError):
        return "out of memory", "use fewer rows or a smaller --batch-size, then run again", FAILED
    what = _WEB_ADDRESS.sub("", f"{type(fault).__name__}: {fault}")
    return f"internal fault: {one_line(what, limit=300)}", "run again with --debug and report what it prints", FAILED


def _system(fault: OSError) -> str:
    reason = (fault.strerror or str(fault)).strip()
    reason = reason[:1].lower() + reason[1:]
    return (
        f"{os.fsdecode(fault.filename)}: {reason}" if isinstance(fault.filename, str | bytes | os.PathLike) else reason
    )


def _usage(fault: typer.TyperException, command: str) -> tuple[str, str | None]:
    """The library's own wording, taken apart into place, fault and remedy."""
    message = fault.format_message()
    if found := re.match(r"No such option: (\S+)", message):
        return _no_such_option(found[1], fault)
    if found := re.match(r"No such command '(.*?)'\.", message):
        return f"{found[1]}: no such command", did_you_mean(found[1], _commands(fault))
    if found := re.match(r"Missing (?:option|argument|parameter) '(.*?)'", message):
        return f"{_place(fault, found[1])}: is required", None
    if message.startswith("Missing command"):
        return f"{command}: a command is missing", f"give one of: {', '.join(_commands(fault))}"
    if found := re.match(r"Option '(.*?)' requires an argument", message):
        return f"{found[1]}: needs a value", None
    if found := re.match(r"Option '(.*?)' does not take a value", message):
        return f"{found[1]}: takes no value", f"write it as {found[1]} alone"
    if found := re.match(r"Got unexpected extra arguments?\s*\(s?\)?\s*\(?(.*?)\)?$", message):
        return f"{found[1].removeprefix('(')}: unexpected argument", None
    if found := re.match(r"Invalid value for '?(.*?)'?: (.*)", message, re.DOTALL):
        return f"{_place(fault, found[1])}: {found[2].rstrip('.')}", None
    return message.rstrip("."), None


def _no_such_option(option: str, fault: typer.TyperException) -> tuple[str, str | None]:
    possible = getattr(fault, "possibilities", None)
    return f"{option}: no such option", f"did you mean '{possible[0]}'?" if possible else None


def _commands(fault: typer.TyperException) -> list[str]:
    command = getattr(getattr(fault, "ctx", None), "command", None)
    return [name for name, known in getattr(command, "commands", {}).items() if not known.hidden]


def _place(fault: typer.TyperException, fallback: str) -> str:
    options = [name for name in getattr(getattr(fault, "param", None), "opts", []) if name.startswith("--")]
    return options[0] if options else fallback.upper()


def _painted(text: str, colour: str, stream: TextIO) -> str:
    plain = not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else f"\x1b[{colour}m{text}\x1b[0m"


def stopped(what: str, remedy: str) -> None:
    """Say on stderr that Ctrl-C was heard, what is kept, and how to go on."""
    print(f"\n{one_line(what)}\n{one_line(remedy)}", file=sys.stderr, flush=True)
