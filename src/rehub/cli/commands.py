"""Every command's name and what it does in a phrase."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from typing import Sequence


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        words: what is typed to run it; also where its file lies.
        summary: what it does, in the list that `rehub --help` prints.
    """

    words: tuple[str, ...]
    summary: str

    @property
    def module(self) -> str:
        """The module that describes its arguments and runs it."""
        *groups, name = self.words
        return ".".join(("rehub", "cli", *groups, f"{name}_" if keyword.iskeyword(name) else name))


COMMANDS = (
    Command(("pull",), "fetch models into the cache, and print where they are"),
    Command(("import",), "put an archive or a directory into the cache, as the model of a handle"),
    Command(("export",), "pack a model as an archive, for a machine without network"),
    Command(("diff",), "tell what differs between two models, in their interfaces and weights"),
    Command(("run",), "call a signature of a model with inputs from the command line or from files"),
    Command(("show",), "show what a model holds, and how it is used"),
    Command(("convert",), "write a model of TF1 as a TF2 SavedModel that can be trained"),
    Command(("scan",), "find what in a model touches files, the network, Python or the process"),
    Command(("prepare",), "have the weights of models mapped instead of read"),
    Command(("optimize",), "have a model's functions in the form that is fastest here, for inference"),
    Command(("cache", "ls"), "list the models in the cache"),
    Command(("cache", "show"), "show one of them: where it came from, and its files"),
    Command(("cache", "verify"), "read every file again, and find what has changed"),
    Command(("cache", "rm"), "delete models"),
    Command(("cache", "prune"), "delete the models that were not used for longest, down to a size"),
    Command(("cache", "path"), "print the cache's directory"),
    Command(("completion",), "print what makes a shell complete rehub's commands"),
)

GROUPS = {"cache": "see and clean what is kept on this machine"}


def command_at(words: Sequence[str]) -> Command | None:
    """The command that these words begin with.

    >>> command_at(["cache", "ls", "--json"]).module
    'rehub.cli.cache.ls'
    """
    return next((command for command in COMMANDS if tuple(words[: len(command.words)]) == command.words), None)
