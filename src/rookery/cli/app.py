"""The tree of commands, and how a command line becomes an exit code."""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from rookery import __version__
from rookery.cli import (
    audit,
    bars,
    compare,
    demo,
    doctor,
    evaluate,
    faults,
    machine,
    rook,
    runs,
    show,
    specialists,
    trials,
    twin,
    verify,
)
from rookery.cli.roads import PIPELINES

app = typer.Typer(
    name="rookery",
    help="Trading agents that can be believed: from raw market records to a trained and tested agent.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a fault.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        show.lines(overview())


app.command("demo")(demo.demo)
app.add_typer(rook.app, name="rook")
app.add_typer(twin.app, name="twin")
app.add_typer(specialists.app, name="specialists")
app.add_typer(bars.app, name="bars")
app.command("runs")(runs.runs)
app.command("resume")(runs.resume)
app.command("report")(runs.report)
app.command("audit")(audit.audit)
app.command("compare")(compare.compare)
app.command("evaluate")(evaluate.evaluate)
app.command("trials")(trials.trials)
app.command("doctor")(doctor.doctor)
app.command("verify")(verify.verify)


@app.command("version")
def _version() -> None:
    """Print the version."""
    show.lines([f"rookery {__version__}"])


def overview() -> list[str]:
    """What `rookery` alone prints: what there is, and what to type first."""
    rows = [f"  {name:<12}{state:<9}{what}" for name, (state, what) in PIPELINES.items()]
    return [
        "Rookery raises trading agents that can be believed.",
        "",
        "pipelines, and how far each is built:",
        *rows,
        "",
        "start here:",
        "  rookery demo                          train, backtest and report on generated swaps; nothing is downloaded",
        "  rookery rook run --input swaps.csv    the same on your own file",
        "  rookery twin run --data-dir DIR       a trader's files: how much of what he does can be learnt",
        "  rookery specialists run --input DIR   bars of several markets: specialists under a meta-controller",
        "  rookery bars check bars.csv           what a file of bars holds: any exporter's, from MetaTrader to Binance",
        "",
        "then: runs, report, audit, evaluate, compare, trials, resume, doctor, verify; all commands: rookery --help",
    ]


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; every fault becomes two lines on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        _settle_process()
    debug, words = _without_debug(words)
    try:
        _refuse_undecodable(words)
        code = app(words, prog_name="rookery", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _pipe_closed()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else faults.FAILED
    except KeyboardInterrupt:
        return faults.INTERRUPTED
    except Exception as fault:
        return faults.tell(fault, command=_command(words), debug=debug)
    return code if isinstance(code, int) else faults.DONE


def _settle_process() -> None:
    machine.keep_kernels()
    machine.yield_while_waiting()
    # A library's warning is for its developers; faults that a user can mend are raised as such.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _without_debug(words: list[str]) -> tuple[bool, list[str]]:
    """`--debug` counts wherever it stands, so that it can be added to the end of a line that failed."""
    end = words.index("--") if "--" in words else len(words)
    debug = "--debug" in words[:end]
    return debug, [word for word in words[:end] if word != "--debug"] + words[end:]


def _refuse_undecodable(words: Sequence[str]) -> None:
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise typer.BadParameter(f"'{word}' is not UTF-8") from None


def _command(words: Sequence[str]) -> str:
    """The part of a command line that names a command: `rookery rook train`."""
    groups = {
        name: {command.name for command in group.registered_commands}
        for name, group in (
            ("rook", rook.app),
            ("twin", twin.app),
            ("specialists", specialists.app),
            ("bars", bars.app),
        )
    }
    known = {command.name for command in app.registered_commands} | groups.keys()
    path = [word for word in words[:1] if word in known]
    path += [word for word in words[1:2] if path and word in groups.get(path[0], ())]
    return " ".join(["rookery", *path])


def _pipe_closed() -> int:
    # The reader has gone; Python would complain about that once more at exit if stdout still held text.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return faults.FAILED
