"""The arguments of the program and of each command."""

from __future__ import annotations

import argparse
import importlib
from typing import Any, NoReturn, Sequence

from rehub.cli.commands import COMMANDS, COMMANDS_BY_HEADING, GROUPS, Command, command_at
from rehub.formatting import did_you_mean
from rehub.version import __version__

_SETTINGS = """environment variables:
    REHUB_CACHE_DIR   where models are kept; else TFHUB_CACHE_DIR, else the user's cache directory
    REHUB_OFFLINE     1 forbids the network
    REHUB_TRUST       what is done about a model that could do harm: allow, warn or refuse
    REHUB_TIMEOUT     seconds that a server may be silent
    HTTPS_PROXY       the proxy; NO_COLOR=1 keeps bold and faint text away
    `rehub env` prints all of them with their values; docs/settings.md says what each means.

Help on a command: rehub COMMAND --help. Documentation: docs/cli.md in rehub's source; `make docs` builds the site."""


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
        """Adds `--json`, which every command has that prints facts."""
        self.add_argument("--json", action="store_true", help=f"print {what} as JSON")

    def add_verbosity(self) -> None:
        """Adds `-v` and `-q`, which can stand before a command and after it."""
        for names, text in (
            (("-v", "--verbose"), "also print what rehub and TensorFlow log"),
            (("-q", "--quiet"), "print no progress and no warnings"),
        ):
            # Without a default, so that a command does not overwrite what stood before it.
            self.add_argument(*names, action="store_true", default=argparse.SUPPRESS, help=text)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Ends with the usage of this command, for words that it does not take."""
        known = [name for argument in self.arguments for name in argument.option_strings]
        option = next((word for word in unknown if word.startswith("-")), "")
        hint = did_you_mean(option.partition("=")[0], known, "{}") if option else ""
        self.error(f"unrecognized arguments: {' '.join(unknown)}.{hint}")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Reads a command line.

    Returns:
        The arguments. Their `run` is the command's function, or None where no command was named; `parser` then is whose
        help tells the names there are.

    Raises:
        SystemExit: with 2, for words that the command does not take, after its usage and what is wrong with them.
    """
    program = parser_for(words)
    _refuse_unknown_command(program, words)
    arguments, unknown = program.parse_known_args(words)
    if unknown:
        arguments.parser.refuse(unknown)
    return arguments


def parser_for(words: Sequence[str]) -> Parser:
    """The program's parser; of its commands, the one that the words begin with knows its arguments."""
    program = Parser(
        prog="rehub",
        usage="rehub [-h] [--version] [-v] [-q] COMMAND ...",
        description="Fetches, shows, runs, trains and keeps reusable TensorFlow models.",
    )
    program.add_argument("--version", action="version", version=f"rehub {__version__}")
    program.add_verbosity()
    program.epilog = f"{_listed(COMMANDS_BY_HEADING)}\n\n{_SETTINGS}"
    program.set_defaults(run=None, parser=program)
    places: dict[tuple[str, ...], Any] = {(): _add_commands(program)}
    chosen = command_at(_without_options(words))
    for command in COMMANDS:
        above = command.words[:-1]
        if above not in places:
            usage, summary = f"rehub {above[0]} [-h] COMMAND ...", f"Commands to {GROUPS[above[0]]}."
            group = places[()].add_parser(above[0], usage=usage, description=summary)
            group.set_defaults(parser=group)
            group.epilog = _listed({"commands": [each for each in COMMANDS if each.words[:-1] == above]}, len(above))
            places[above] = _add_commands(group)
        parser = places[above].add_parser(command.words[-1])
        if command is chosen:
            configure(parser, command)
    return program


def configure(parser: Parser, command: Command) -> None:
    """Imports a command and gives its arguments to a parser."""
    module = importlib.import_module(command.module)
    module.configure(parser)
    parser.add_verbosity()
    parser.epilog = "\n".join(["examples:", *(f"    rehub {example}" for example in command.examples)])
    parser.set_defaults(run=module.run, parser=parser)


def _add_commands(parser: Parser) -> Any:
    # The list that argparse makes has no headings, so the epilog has one.
    return parser.add_subparsers(metavar="COMMAND", help=argparse.SUPPRESS, prog=parser.prog)


def _listed(by_heading: Any, skipped: int = 0) -> str:
    names = {each: " ".join(each.words[skipped:]) for commands in by_heading.values() for each in commands}
    width = max(map(len, names.values()))
    return "\n\n".join(
        "\n".join([f"{heading}:", *(f"    {names[each].ljust(width)}  {each.summary}" for each in commands)])
        for heading, commands in by_heading.items()
    )


def _without_options(words: Sequence[str]) -> Sequence[str]:
    """The words from the first that is no option on: `-v` and `-q` can stand before a command."""
    first = next((i for i, word in enumerate(words) if not word.startswith("-")), len(words))
    return words[first:]


def _refuse_unknown_command(program: Parser, words: Sequence[str]) -> None:
    """Says what was meant by a mistyped command, before argparse lists all that could have been."""
    typed: list[str] = []
    for word in _without_options(words):
        if word.startswith("-"):
            return
        known = {command.words[len(typed)] for command in COMMANDS if list(command.words[: len(typed)]) == typed}
        if word not in known:
            whole = " ".join([*typed, word])
            spelled = " ".join(["rehub", *typed, "{}"])
            every = f"The commands are: {', '.join(sorted(known))}."
            hint = did_you_mean(word, known, f"`{spelled}`") or _moved(typed, word)
            program.error(f"there is no command `rehub {whole}`.{hint or ' ' + every}")
        typed.append(word)
        if command_at(typed) is not None:
            return


# What other programs call it.
_ELSEWHERE = {
    "download": "pull", "fetch": "pull", "get": "pull", "install": "pull", "freeze": "lock", "inspect": "show",
    "info": "show", "compare": "diff", "predict": "run", "call": "run", "list": "cache ls", "ls": "cache ls",
    "rm": "cache rm", "remove": "cache rm", "delete": "cache rm", "prune": "cache prune", "clean": "cache prune",
    "verify": "cache verify", "version": "--version",
}  # fmt: skip


def _moved(typed: Sequence[str], word: str) -> str:
    name = _ELSEWHERE.get(word, "")
    if typed:
        name = name if name.startswith(" ".join(typed) + " ") else ""
    return f" Did you mean `rehub {name}`?" if name else ""
