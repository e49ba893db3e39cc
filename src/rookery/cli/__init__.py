"""The command line `rookery`; nothing heavy is imported before a command needs it."""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (`arguments` default to the process's own) and return its exit code.

    0 done, 1 the run failed, 2 a mistake in what was given, 3 a gate refused, 4 compared and different, 130 Ctrl-C.
    """
    from rookery.cli.app import run

    return run(arguments)
