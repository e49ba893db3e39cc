"""What went wrong, told in two lines and an exit code."""

import errno
import os
import re
import sys
import traceback
from typing import TextIO

import typer

from rookery.errors import UserError, did_you_mean, nearest, one_line

DONE = 0
FAILED = 1
USAGE = 2
REFUSED = 3
DIFFERENT = 4
INTERRUPTED = 130

_CURE = "free some space or choose another place, then run again"
_CURES = {
    errno.ENOENT: "make the folder or choose another place, then run again",
    errno.EACCES: "choose a place that you may write to, then run again",
    errno.EROFS: "choose a place that can be written to, then run again",
    errno.EMFILE: "raise the limit on open files (ulimit -n), then run again",
}
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
        return _system(fault), f"{_CURES.get(fault.errno or 0, _CURE)}; finished stages are kept", FAILED
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
        possible = getattr(fault, "possibilities", None)
        return f"{found[1]}: no such option", f"did you mean '{possible[0]}'?" if possible else None
    if found := re.match(r"No such command '(.*?)'\.", message, re.DOTALL):
        return f"{found[1]}: no such command", _nearest_command(found[1], fault)
    if re.match(r"Missing (?:option|argument|parameter)", message):
        return f"{_place(fault)}: is required", None
    if found := re.match(r"Option '(.*?)' requires an argument", message):
        return f"{found[1]}: needs a value", None
    if found := re.match(r"Option '(.*?)' does not take a value", message):
        return f"{found[1]}: takes no value", f"write it as {found[1]} alone"
    if found := re.match(r"Got unexpected extra argument(?:\(s\))? \((.*)\)$", message, re.DOTALL):
        return f"{command}: unexpected argument '{found[1]}'", None
    if found := re.match(r"Invalid value(?: for '.*?')?: (.*)", message, re.DOTALL):
        return f"{_place(fault)}: {_bad_value(fault, found[1])}", _nearest_choice(found[1])
    return message.rstrip("."), None


def _bad_value(fault: typer.TyperException, text: str) -> str:
    given: list[dict[str, object]] = getattr(fault.__cause__, "errors", list)()
    plain = text.removeprefix("Value error, ").removeprefix("Input ").rstrip(".")
    return f"'{given[0]['input']}' {plain}" if given and plain.startswith("should") else plain


def _nearest_choice(text: str) -> str | None:
    found = re.search(r"'(.*)' is not one of (.*)", text, re.DOTALL)
    return did_you_mean(found[1], re.findall(r"'(.*?)'", found[2])) if found else None


def _nearest_command(typo: str, fault: typer.TyperException) -> str:
    """Among the commands of the same level, and those one level below, written with their group."""
    known: dict[str, str] = {}
    for name, command in getattr(_context_command(fault), "commands", {}).items():
        known |= {inner: f"{name} {inner}" for inner in getattr(command, "commands", {}) if inner not in known}
        known[name] = name
    meant = nearest(typo, known)
    return f"did you mean '{known[meant]}'?" if meant else did_you_mean(typo, known.values())


def _context_command(fault: typer.TyperException) -> object:
    return getattr(getattr(fault, "ctx", None), "command", None)


def _place(fault: typer.TyperException) -> str:
    parameter = getattr(fault, "param", None)
    options = [name for name in getattr(parameter, "opts", []) if name.startswith("--")]
    return options[0] if options else str(getattr(parameter, "metavar", None) or "command line")


def _painted(text: str, colour: str, stream: TextIO) -> str:
    plain = not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else f"\x1b[{colour}m{text}\x1b[0m"


def stopped(again: str) -> None:
    """Say on stderr that Ctrl-C was heard, what is kept, and how to go on."""
    print(f"stopped: every finished stage is kept\ngo on with: {one_line(again)}", file=sys.stderr, flush=True)
