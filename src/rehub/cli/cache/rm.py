"""`rehub cache rm HANDLE...`: deletes models from the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub.cache import remove
from rehub.cli import output
from rehub.cli.cache.entries import HELP, entries_of, name_of
from rehub.cli.exit_codes import DONE
from rehub.errors import NotInCache
from rehub.restore import prepared
from rehub.transfer.sizes import readable

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from rehub.cache import Entry
    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Deletes models from the cache, and their prepared forms. When one of them is not there, none is deleted.\n"
        "Of a model that lies elsewhere, given as the path of its directory, the prepared form is deleted."
    )
    parser.add_argument("handles", metavar="HANDLE", nargs="+", help=HELP)


def run(arguments: Namespace) -> int:
    """Finds all, and deletes one after the other."""
    entries, forms = _find(arguments.handles)
    for entry in entries:
        form = prepared.form_of(str(entry.directory))
        remove(entry)
        output.line(f"deleted {name_of(entry)} ({readable(entry.size)})")
        forms += [] if form is None else [form]
    for form in forms:
        if prepared.remove(form):
            output.line(f"deleted the prepared form {form}")
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
            form = prepared.form_of(handle)
            if form is None:
                raise
            forms.append(form)
    return list(entries), forms
