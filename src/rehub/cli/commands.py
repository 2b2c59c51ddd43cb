"""Every command's name, what it does in a phrase, and examples of it."""

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
        examples: command lines without the `rehub`, for its own help.
    """

    words: tuple[str, ...]
    summary: str
    examples: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The module that describes its arguments and runs it."""
        *groups, name = self.words
        return ".".join(("rehub", "cli", *groups, f"{name}_" if keyword.iskeyword(name) else name))


_URL = "https://tfhub.dev/google/nnlm-en-dim50/2"

# In the order in which `rehub --help` prints them, below these headings.
COMMANDS_BY_HEADING: dict[str, tuple[Command, ...]] = {
    "start": (
        Command(
            ("demo",),
            "write a small model, load it and train it, in a few seconds",
            ("demo", "demo my_first_model"),
        ),
    ),
    "get models": (
        Command(
            ("pull",),
            "fetch models into the cache, and print where they are",
            (f"pull {_URL}", "pull hf://owner/repo kaggle://google/nnlm/tensorFlow2/en-dim128/1", "pull -r models.txt"),
        ),
        Command(
            ("lock",),
            "write the handles of models with the sha256 that each archive must have",
            (f"lock {_URL} > models.txt", "lock -r models.txt"),
        ),
        Command(
            ("import",),
            "put an archive or a directory into the cache, as the model of a handle",
            (f"import {_URL} nnlm.tar.gz",),
        ),
        Command(
            ("export",),
            "pack a model as an archive, for a machine without network",
            (f"export {_URL} nnlm.tar.gz", "export ./my_model my_model.tar.gz --force"),
        ),
    ),
    "look at models": (
        Command(
            ("show",),
            "show what a model holds, and how it is used",
            (f"show {_URL}", "show ./my_model --signature serving_default", "show ./my_model --variables"),
        ),
        Command(
            ("diff",),
            "tell what differs between two models, in their interfaces and weights",
            ("diff ./model/1 ./model/2", "diff ./model/1 ./model/2 --stat", "diff ./model/1 ./model/2 --json"),
        ),
        Command(
            ("scan",),
            "find what in a model touches files, the network, Python or the process",
            (f"scan {_URL}", "scan ./downloaded --json"),
        ),
    ),
    "run models": (
        Command(
            ("run",),
            "call a signature of a model with inputs from the command line or from files",
            (
                """run ./sentences --input 'default=["a fine film"]'""",
                "run ./photos --input images=@cat.png --resize 224x224",
                "run ./rows --input x=@rows.npy --output outputs.npz",
            ),
        ),
        Command(
            ("prepare",),
            "have the weights of models mapped instead of read",
            (f"prepare {_URL}",),
        ),
        Command(
            ("optimize",),
            "have a model's functions in the form that is fastest here, for inference",
            ("optimize ./photos", "optimize ./photos ./photos_fast --input images=8,224,224,3"),
        ),
    ),
    "train models": (
        Command(
            ("convert",),
            "write a model of TF1 as a TF2 SavedModel that can be trained",
            ("convert ./old_module ./new_model", "convert ./old_module ./new_model --signature images --overwrite"),
        ),
    ),
    "serve models": (
        Command(
            ("serve",),
            "serve the models of a directory to hub.load and tensorflow_hub, and to people",
            ("serve ./models", "serve ./hub --host 0.0.0.0 --port 80 --public-url https://hub.example.com"),
        ),
        Command(
            ("publish",),
            "publish a model to a service, or into a directory that one serves",
            ("publish ./my_model https://hub.example.com/acme/text", "publish ./my_model acme/text --into ./hub"),
        ),
        Command(
            ("unpublish",),
            "withdraw a version, with the reason",
            ("unpublish https://hub.example.com/acme/text/1 --reason 'wrong vocabulary'",),
        ),
        Command(
            ("token",),
            "make a token by which others may publish to a service, or read from it",
            ("token ./hub --name ci --publisher acme --scope publish --days 90",),
        ),
    ),
    "keep the cache": (
        Command(("cache", "ls"), "list the models in the cache", ("cache ls", "cache ls --json")),
        Command(("cache", "show"), "show one of them: where it came from, and its files", (f"cache show {_URL}",)),
        Command(
            ("cache", "verify"),
            "read every file again, and find what has changed",
            ("cache verify", f"cache verify {_URL} --quick"),
        ),
        Command(("cache", "rm"), "delete models", (f"cache rm {_URL}", f"cache rm {_URL} --yes")),
        Command(
            ("cache", "prune"),
            "delete the models that were not used for longest, down to a size",
            ("cache prune --keep-size 20GB --dry-run", "cache prune --keep-size 20GB"),
        ),
        Command(("cache", "path"), "print the cache's directory", ("cache path",)),
    ),
    "help": (
        Command(("env",), "print versions, settings, caches and logins, to report a fault", ("env", "env --json")),
        Command(
            ("completion",),
            "print what makes a shell complete rehub's commands",
            ("completion bash",),
        ),
    ),
}

COMMANDS = tuple(command for commands in COMMANDS_BY_HEADING.values() for command in commands)

GROUPS = {"cache": "see and clean what is kept on this machine"}


def command_at(words: Sequence[str]) -> Command | None:
    """The command that these words begin with.

    >>> command_at(["cache", "ls", "--json"]).module
    'rehub.cli.cache.ls'
    """
    return next((command for command in COMMANDS if tuple(words[: len(command.words)]) == command.words), None)
