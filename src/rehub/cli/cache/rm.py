"""`rehub cache rm HANDLE...`: deletes models from the cache."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rehub.cache import remove
from rehub.cli import output
from rehub.cli.cache.entries import HELP, entries_of, name_of, record_of
from rehub.cli.exit_codes import DONE, FAILED
from rehub.errors import NotInCache
from rehub.formatting import format_size
from rehub.restore import prepared

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from rehub.cache import Entry
    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Deletes models from the cache, and their prepared forms. When one of them is not there, none is deleted.\n"
        "Of a model that is not in the cache, given as the path of its directory, the prepared form is deleted.\n"
        "On a terminal it asks before it deletes, unless --yes is given; in a script it does not ask."
    )
    parser.add_argument("handles", metavar="HANDLE", nargs="+", help=HELP)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_json("a list of the deleted models")


def run(arguments: Namespace) -> int:
    """Finds all, and deletes one after the other."""
    entries, forms = _find(arguments.handles)
    if not (arguments.yes or _is_confirmed(entries, forms)):
        output.complain("nothing is deleted")
        return FAILED
    for entry in entries:
        form = prepared.find_form_directory(str(entry.directory))
        remove(entry)
        if not arguments.json:
            output.line(f"deleted {name_of(entry)} ({format_size(entry.size)})")
        forms += [] if form is None else [form]
    for form in forms:
        if prepared.remove_form(form) and not arguments.json:
            output.line(f"deleted the prepared form {form}")
    if arguments.json:
        output.as_json([record_of(entry) for entry in entries])
    return DONE


def _find(handles: list[str]) -> tuple[list[Entry], list[Path]]:
    """The models of these handles, and the prepared forms of those that are not in the cache themselves.

    Raises:
        NotInCache: there is neither for one of them.
    """
    entries: dict[Entry, None] = {}
    forms = []
    for handle in handles:
        try:
            entries.update(dict.fromkeys(entries_of([handle])))
        except NotInCache:
            form = prepared.find_form_directory(handle)
            if form is None:
                raise
            forms.append(form)
    return list(entries), forms


def _is_confirmed(entries: list[Entry], forms: list[Path]) -> bool:
    """Asks a person; where nobody sits at a terminal, the command line is the answer."""
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    for entry in entries:
        output.note(f"{name_of(entry)} ({format_size(entry.size)})")
    for form in forms:
        output.note(f"the prepared form {form}")
    count = len(entries) + len(forms)
    output.ask(f"Delete {'it' if count == 1 else f'these {count}'}? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
