"""From the words of a command line to an exit code."""

from __future__ import annotations

import os
import sys
from typing import Sequence

from rehub.cli import output
from rehub.cli.exit_codes import FAILED, INTERRUPTED, WRONG_USAGE
from rehub.cli.parser import parse
from rehub.errors import HubError


def main(words: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        words: the command and its arguments; those of this process when not given.

    Returns:
        The exit code: 0 when it is done, 1 when what was asked failed, 2 for wrong usage, 130 after Ctrl-C.

    Raises:
        SystemExit: with 2, for arguments that the command does not take; with 0, after `--help` and `--version`.
    """
    words = sys.argv[1:] if words is None else words
    try:
        arguments = parse(words)
        if arguments.run is None:
            arguments.parser.print_help(sys.stderr)
            return WRONG_USAGE
        with output.at_verbosity(int("verbose" in arguments) - int("quiet" in arguments)):
            code: int = arguments.run(arguments)
        sys.stdout.flush()  # Here, so that `console` hears of a reader who has gone.
    except HubError as error:
        output.complain(error)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def console() -> None:
    """The `rehub` program."""
    try:
        code = main()
    except BrokenPipeError:
        # `rehub cache ls | head` has read enough. What is left to flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    sys.exit(code)
