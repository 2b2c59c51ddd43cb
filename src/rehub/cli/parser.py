"""The arguments of the program and of each command."""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path
from typing import Any, Callable, Mapping, NoReturn, Sequence

from rehub.cli.commands import COMMANDS, COMMANDS_BY_HEADING, GROUPS, Command, find_command
from rehub.cli.completion import complete_handle
from rehub.formatting import did_you_mean, parse_size
from rehub.version import __version__

EXAMPLE_URL = "https://tfhub.dev/google/nnlm-en-dim50/2"

_SETTINGS = """environment variables:
    REHUB_CACHE_DIR   where models are kept; else TFHUB_CACHE_DIR, else the user's cache directory
    REHUB_OFFLINE     1 forbids the network
    REHUB_TRUST       what to do about a model that could do harm: allow, warn or refuse
    REHUB_TIMEOUT     how many seconds to wait for a server
    HTTPS_PROXY       the proxy; NO_COLOR=1 turns bold and dim text off
    `rehub env` prints all settings with their values; docs/settings.md describes them.

Help for a command: rehub COMMAND --help. Documentation: docs/cli.md in rehub's source; `make docs` builds the site."""


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviated options, and prints its description as it is written."""

    def __init__(self, **settings: Any) -> None:
        self._option_names: list[str] = []
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Add an argument, as argparse does."""
        argument: argparse.Action = super().add_argument(*names, **settings)
        self._option_names += argument.option_strings
        return argument

    def add_handle_argument(self, name: str = "handle", **settings: Any) -> None:
        """Add a HANDLE, which shells complete with the handles in the cache."""
        defaults = {"metavar": "HANDLE", "help": "a URL or any other handle that rehub takes"}
        argument = self.add_argument(name, **{**defaults, **settings})
        argument.completer = complete_handle  # type: ignore[attr-defined]  # argcomplete looks for it.

    def add_tags_option(self, purpose: str) -> None:
        """Add `--tags`, whose value is a list of tags, or None."""
        self.add_argument(
            "--tags",
            metavar="TAGS",
            type=lambda text: [tag for tag in text.split(",") if tag],
            help=f"the tags of the graph variant to {purpose}, separated by commas; '' for no tags",
        )

    def add_json_option(self, what: str) -> None:
        """Add `--json`. Every command that prints facts has it."""
        self.add_argument("--json", action="store_true", help=f"print {what} as JSON")

    def add_verbosity_options(self) -> None:
        """Add `-v` and `-q`, which a user can type before a command and after it."""
        for names, text in (
            (("-v", "--verbose"), "also print what rehub and TensorFlow log"),
            (("-q", "--quiet"), "print no progress and no warnings"),
        ):
            # Without a default, so that a command does not overwrite an option before it.
            self.add_argument(*names, action="store_true", default=argparse.SUPPRESS, help=text)

    def add_examples(self, *examples: str) -> None:
        """Show command lines, given without the `rehub`, below the help."""
        self.epilog = "\n".join(["examples:", *(f"    rehub {example}" for example in examples)])

    def exit_for_unknown(self, unknown: Sequence[str]) -> NoReturn:
        """Exit with the usage of this command, for arguments that it does not take."""
        option = next((argument for argument in unknown if argument.startswith("-")), "")
        hint = did_you_mean(option.partition("=")[0], self._option_names, "{}") if option else ""
        self.error(f"unrecognized arguments: {' '.join(unknown)}.{hint}")


def parse_size_argument(text: str) -> int:
    """Return the bytes of a size that a user typed, such as 20GB; a `type=` of argparse."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parse_new_path(*endings: str) -> Callable[[str], Path]:
    """Return a `type=` of argparse for the path of a file to write, whose name must have one of these endings."""

    def parse(text: str) -> Path:
        if not text.endswith(endings):
            raise argparse.ArgumentTypeError(f"{text!r} does not end in {' or '.join(endings)}")
        return Path(text)

    return parse


def parse_count(text: str) -> int:
    """Return a number of at least 1 that a user typed; a `type=` of argparse."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def parse_image_size(text: str) -> tuple[int, int]:
    """Return the height and width of a size that a user typed, such as 224x224; a `type=` of argparse."""
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a height and width, such as 224x224")
    return int(found.group(1)), int(found.group(2))


def parse_argv(argv: Sequence[str]) -> argparse.Namespace:
    """Read a command line.

    Returns:
        The arguments. Their `run` is the command's function, or None where no command was named; `parser` is the one
        whose help lists the names.

    Raises:
        SystemExit: with 2, for arguments that the command does not take, after its usage and the problem.
    """
    program = build_parser(argv)
    _exit_for_unknown_command(program, argv)
    arguments, unknown = program.parse_known_args(_join_negative_values(_join_name(argv)))
    if unknown:
        arguments.parser.exit_for_unknown(unknown)
    return arguments


def build_parser(argv: Sequence[str]) -> Parser:
    """Return the program's parser. Of its commands, only the one that is named in `argv` has its arguments."""
    program = Parser(
        prog="rehub",
        usage="rehub [-h] [--version] [-v] [-q] COMMAND ...",
        description="Fetches, shows, runs, trains and keeps reusable TensorFlow models.",
    )
    program.add_argument("--version", action="version", version=f"rehub {__version__}")
    program.add_verbosity_options()
    program.epilog = f"{_list_commands(COMMANDS_BY_HEADING)}\n\n{_SETTINGS}"
    program.set_defaults(run=None, parser=program)
    subparsers: dict[tuple[str, ...], Any] = {(): _add_subparsers(program)}
    chosen = find_command(_skip_options(argv))
    for command in COMMANDS:
        *group, name = command.words
        key = tuple(group)
        if " " in name and command is not chosen:
            continue  # For argparse `serve token create` is one word, and `serve` takes a directory.
        if key not in subparsers:
            usage, description = f"rehub {group[0]} [-h] COMMAND ...", f"Commands to {GROUPS[group[0]]}."
            parser = subparsers[()].add_parser(group[0], usage=usage, description=description)
            parser.set_defaults(parser=parser)
            members = [each for each in COMMANDS if each.argv[:-1] == key]
            parser.epilog = _list_commands({"commands": members}, skipped=len(group))
            subparsers[key] = _add_subparsers(parser)
        parser = subparsers[key].add_parser(name)
        if command is chosen:
            _add_command(parser, command)
    return program


def _add_command(parser: Parser, command: Command) -> None:
    module = importlib.import_module(command.module)
    module.add_arguments(parser)
    parser.add_verbosity_options()
    parser.set_defaults(run=module.run_command, parser=parser)


def _add_subparsers(parser: Parser) -> Any:
    # argparse's own list of commands has no headings, so the epilog has one.
    return parser.add_subparsers(metavar="COMMAND", help=argparse.SUPPRESS, prog=parser.prog)


def _list_commands(by_heading: Mapping[str, Sequence[Command]], skipped: int = 0) -> str:
    names = {each: " ".join(each.argv[skipped:]) for commands in by_heading.values() for each in commands}
    width = max(map(len, names.values()))
    return "\n\n".join(
        "\n".join([f"{heading}:", *(f"    {names[each].ljust(width)}  {each.summary}" for each in commands)])
        for heading, commands in by_heading.items()
    )


def _skip_options(argv: Sequence[str]) -> Sequence[str]:
    """Return the arguments from the first non-option on: `-v` and `-q` may come before a command."""
    first = next((i for i, argument in enumerate(argv) if not argument.startswith("-")), len(argv))
    return argv[first:]


def _join_name(argv: Sequence[str]) -> Sequence[str]:
    """Return the arguments with the command's name in the words that argparse knows it by."""
    rest = _skip_options(argv)
    command = find_command(rest)
    if command is None:
        return argv
    return [*argv[: len(argv) - len(rest)], *command.words, *rest[len(command.argv) :]]


def _join_negative_values(argv: Sequence[str]) -> Sequence[str]:
    """Return `--option -1,1` as `--option=-1,1`: argparse takes only single negative numbers for values.

    >>> _join_negative_values(["batch", "--pixel-range", "-1,1", "--pad", "0"])
    ['batch', '--pixel-range=-1,1', '--pad', '0']
    """
    joined: list[str] = []
    for argument in argv:
        if re.match(r"-\.?\d", argument) and joined and re.fullmatch(r"--[a-z-]+", joined[-1]):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _exit_for_unknown_command(program: Parser, argv: Sequence[str]) -> None:
    """Suggest the command that was meant by a mistyped one, before argparse lists all of them."""
    typed: list[str] = []
    for argument in _skip_options(argv):
        if argument.startswith("-"):
            return
        known = {command.argv[len(typed)] for command in COMMANDS if list(command.argv[: len(typed)]) == typed}
        if argument not in known:
            name = " ".join([*typed, argument])
            pattern = " ".join(["rehub", *typed, "{}"])
            hint = did_you_mean(argument, known, f"`{pattern}`") or _suggest_by_other_name(name)
            every = f" The commands are: {', '.join(sorted(known))}."
            program.error(f"unknown command `rehub {name}`.{hint or every}")
        typed.append(argument)
        if find_command(typed) is not None:
            return


def _suggest_by_other_name(name: str) -> str:
    meant = next((command.name for command in COMMANDS if name in command.other_names), "")
    meant = "--version" if name == "version" else meant
    return f" Did you mean `rehub {meant}`?" if meant else ""
