"""The names of the commands, by headings, each with the phrase that `rehub --help` prints.

They stand here so that `rehub --help` imports no command. All else about a command is in its own file.
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from typing import Sequence


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: what is typed after `rehub`, such as "cache ls"; also the path of its file.
        summary: what it does, in the list that `rehub --help` prints.
        other_names: what other programs call it. A user who types one of these gets a hint.
    """

    name: str
    summary: str
    other_names: tuple[str, ...] = ()

    @property
    def argv(self) -> tuple[str, ...]:
        """The words of its name."""
        return tuple(self.name.split(" "))

    @property
    def words(self) -> tuple[str, ...]:
        """Its group, if it is in one, and its own name: ("cache", "ls"), ("serve token create",)."""
        return self.argv if self.argv[0] in GROUPS else (self.name,)

    @property
    def module(self) -> str:
        """The module that describes its arguments and runs it."""
        *groups, name = (word.replace(" ", "_") for word in self.words)
        return ".".join(("rehub", "cli", *groups, f"{name}_" if keyword.iskeyword(name) else name))


# In the order in which `rehub --help` prints them, below these headings.
COMMANDS_BY_HEADING: dict[str, tuple[Command, ...]] = {
    "start": (Command("demo", "write a small model, load it and train it, in a few seconds"),),
    "get models": (
        Command(
            "pull",
            "fetch models into the cache, and print their directories",
            ("download", "fetch", "get", "install"),
        ),
        Command("lock", "print handles that are pinned to what their servers have now", ("freeze",)),
        Command("import", "put an archive or a directory into the cache, as the model of a handle"),
        Command("export", "pack a model as an archive, for a machine without a network"),
    ),
    "look at models": (
        Command("show", "show what a model contains, and how to use it", ("inspect", "info")),
        Command("diff", "show how the interfaces and weights of two models differ", ("compare",)),
        Command("scan", "find ops of a model that use files, the network, Python or the process"),
    ),
    "run models": (
        Command(
            "run",
            "call a signature of a model with inputs from the command line or from files",
            ("predict", "call"),
        ),
        Command("batch", "run a model over a large data set: Parquet, CSV, JSON lines, TFRecord, images, texts"),
        Command("prepare", "write the weights of models in a form that is mapped instead of read"),
        Command("optimize", "find the form of a model that is fastest for inference on this machine, and write it"),
        Command("index build", "build an index of the vectors that a model computed over a data set"),
        Command("index query", "find the rows of a data set that are most similar to a text or picture"),
    ),
    "train models": (Command("convert", "write a TF1 model as a TF2 SavedModel that can be trained"),),
    "migrate programs": (Command("migrate", "rewrite programs that use hub.Module for TF2", ("upgrade",)),),
    "serve models": (
        Command("serve", "serve the models of a directory to hub.load and tensorflow_hub, with pages for people"),
        Command("publish", "publish a model to a service, or into the directory of a service", ("upload", "push")),
        Command("unpublish", "withdraw a version, and give the reason"),
        Command(
            "serve token create",
            "create a token with which others can publish to a service, or read from it",
            ("token",),
        ),
    ),
    "manage the cache": (
        Command("cache ls", "list the models in the cache", ("list", "ls", "cache list")),
        Command("cache show", "show where a cached model came from, and its files"),
        Command("cache verify", "read every file again, and find changes", ("verify",)),
        Command("cache rm", "delete models", ("rm", "remove", "delete", "cache remove", "cache delete")),
        Command(
            "cache prune",
            "delete the least recently used models until the rest fits into a size",
            ("prune", "clean", "cache clean"),
        ),
        Command("cache path", "print the directories of the cache"),
    ),
    "help": (Command("env", "print versions, settings, caches and logins, for a bug report"),),
}

COMMANDS = tuple(command for commands in COMMANDS_BY_HEADING.values() for command in commands)

GROUPS = {"cache": "manage the models on this machine", "index": "search vectors that a model computed"}


def find_command(argv: Sequence[str]) -> Command | None:
    """Return the command that these words begin with.

    >>> find_command(["cache", "ls", "--json"]).module
    'rehub.cli.cache.ls'
    >>> [find_command(argv).name for argv in (["serve", "token"], ["serve", "token", "create"])]
    ['serve', 'serve token create']
    """
    named = (command for command in COMMANDS if tuple(argv[: len(command.argv)]) == command.argv)
    return max(named, key=lambda command: len(command.argv), default=None)
