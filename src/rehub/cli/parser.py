"""The arguments of the program and of each command."""

from __future__ import annotations

import argparse
import importlib
from typing import Any, Sequence

from rehub.cli.commands import COMMANDS, GROUPS, Command, command_at
from rehub.version import __version__


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviated options, prints its description as it is written, and knows its arguments.

    Attributes:
        arguments: what was added to it, in order; completion goes by them.
    """

    def __init__(self, **settings: Any) -> None:
        self.arguments: list[argparse.Action] = []
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Adds an argument, as argparse does."""
        argument: argparse.Action = super().add_argument(*names, **settings)
        self.arguments.append(argument)
        return argument

    def add_json(self, what: str) -> None:
        """Adds `--json`, which every command has that prints a table."""
        self.add_argument("--json", action="store_true", help=f"print {what} as JSON")


def parser_for(words: Sequence[str]) -> Parser:
    """The program's parser; of its commands, the one that the words begin with knows its arguments.

    What it parses has `run`, the command's function, or None where no command was named; `parser` then is whose help
    tells the names there are.
    """
    program = Parser(prog="rehub", description="Fetches, keeps and moves reusable TensorFlow models.")
    program.add_argument("--version", action="version", version=f"rehub {__version__}")
    program.set_defaults(run=None, parser=program)
    places: dict[tuple[str, ...], Any] = {(): program.add_subparsers(title="commands", metavar="COMMAND")}
    chosen = command_at(words)
    for command in COMMANDS:
        above = command.words[:-1]
        if above not in places:
            summary = GROUPS[above[0]]
            group = places[()].add_parser(above[0], help=summary, description=f"Commands to {summary}.")
            group.set_defaults(parser=group)
            places[above] = group.add_subparsers(title="commands", metavar="COMMAND")
        parser = places[above].add_parser(command.words[-1], help=command.summary)
        if command is chosen:
            configure(parser, command)
    return program


def configure(parser: Parser, command: Command) -> None:
    """Imports a command and gives its arguments to a parser."""
    module = importlib.import_module(command.module)
    module.configure(parser)
    parser.set_defaults(run=module.run)
