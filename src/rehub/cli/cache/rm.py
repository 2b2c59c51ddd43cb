"""`rehub cache rm HANDLE...`: delete models from the cache."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from rehub.cache import Entry, open_cache
from rehub.cli import output
from rehub.cli.cache.entries import HELP, display_name, entry_to_json, find_entries
from rehub.cli.exit_codes import FAILED, OK
from rehub.cli.parser import EXAMPLE_URL, Parser
from rehub.errors import NotInCache
from rehub.formatting import format_size
from rehub.restore import prepared


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Deletes models from the cache, with their prepared forms. If one of the models is not in the cache,\n"
        "nothing is deleted. For the path of your own model, only the prepared form is deleted. On a terminal it\n"
        "asks before it deletes, unless --yes is given; in a script it does not ask."
    )
    parser.add_handle_argument("handles", nargs="+", help=HELP)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_json_option("a list of the deleted models")
    parser.add_examples(f"cache rm {EXAMPLE_URL}", f"cache rm {EXAMPLE_URL} --yes")


def run_command(arguments: Namespace) -> int:
    entries, forms = _find_all(arguments.handles)
    if not (arguments.yes or _is_confirmed(entries, forms)):
        output.print_error("nothing was deleted")
        return FAILED
    for entry in entries:
        form = prepared.find_form_directory(str(entry.directory))
        open_cache(entry.root).remove_entry(entry)
        if not arguments.json:
            output.print_line(f"deleted {display_name(entry)} ({format_size(entry.size)})")
        forms += [] if form is None else [form]
    for form in forms:
        if prepared.remove_form(form) and not arguments.json:
            output.print_line(f"deleted the prepared form {form}")
    if arguments.json:
        output.print_json([entry_to_json(entry) for entry in entries])
    return OK


def _find_all(handles: list[str]) -> tuple[list[Entry], list[Path]]:
    """Return the models of these handles, and the prepared forms of models outside the cache.

    Raises:
        NotInCache: a handle has neither.
    """
    entries: dict[Entry, None] = {}
    forms = []
    for handle in handles:
        try:
            entries.update(dict.fromkeys(find_entries([handle])))
        except NotInCache:
            form = prepared.find_form_directory(handle)
            if form is None:
                raise
            forms.append(form)
    return list(entries), forms


def _is_confirmed(entries: list[Entry], forms: list[Path]) -> bool:
    """Return the user's answer; True without a terminal."""
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    for entry in entries:
        output.print_note(f"{display_name(entry)} ({format_size(entry.size)})")
    for form in forms:
        output.print_note(f"the prepared form {form}")
    count = len(entries) + len(forms)
    output.print_question(f"Delete {'it' if count == 1 else f'these {count}'}? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
