"""Shell completion of commands, options and the handles in the cache, by argcomplete (`rehub[completion]`).

argcomplete completes in bash, zsh and fish, on each Python that rehub supports, and asks the program for candidates, so
that these can be handles. shtab writes static scripts.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Callable


def complete_command_line(build_parser: Callable[[list[str]], ArgumentParser]) -> None:
    """Answer a shell that asks for completions, and exit; return at once in any other process.

    Args:
        build_parser: returns the parser for the arguments of a command line.
    """
    if "_ARGCOMPLETE" not in os.environ:  # argcomplete's shell function sets it.
        return
    import argcomplete

    argcomplete.autocomplete(build_parser(os.environ.get("COMP_LINE", "").split()[1:]), print_suppressed=True)


def complete_handle(prefix: str, **_: Any) -> list[str]:
    """Return the handles in the cache that start with a prefix; the names of files if there are none."""
    from rehub import config
    from rehub.cache import list_entries

    # Only caches on this machine: completion does not wait for a network.
    roots = [root for root in config.cache_dirs() if isinstance(root, Path)]
    handles = {entry.handle for root in roots for entry in list_entries(root) if entry.handle is not None}
    found = sorted(handle for handle in handles if handle.startswith(prefix))
    if found:
        return found
    from argcomplete.completers import FilesCompleter

    return list(FilesCompleter()(prefix))
