"""From a command line to an exit code."""

from __future__ import annotations

import os
import sys
from typing import Sequence

from rehub.cli import output
from rehub.cli.completion import complete_command_line
from rehub.cli.exit_codes import FAILED, INTERRUPTED, WRONG_USAGE
from rehub.cli.parser import build_parser, parse_argv
from rehub.errors import HubError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the command and its arguments; those of this process when not given.

    Returns:
        The exit code: 0 for success, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C.

    Raises:
        SystemExit: with 2, for arguments that the command does not take; with 0, after `--help` and `--version`.
    """
    argv = sys.argv[1:] if argv is None else argv
    try:
        arguments = parse_argv(argv)
        if arguments.run is None:
            arguments.parser.print_help(sys.stderr)
            return WRONG_USAGE
        with output.use_verbosity(int("verbose" in arguments) - int("quiet" in arguments)):
            code: int = arguments.run(arguments)
        sys.stdout.flush()  # Here, so that `console` gets the error of a closed pipe.
    except HubError as error:
        output.print_error(error)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def console() -> None:
    """Run the `rehub` program."""
    complete_command_line(build_parser)
    try:
        code = main()
    except BrokenPipeError:
        # The reader of `rehub cache ls | head` has exited. What is left to flush at exit goes to the null device.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    sys.exit(code)
