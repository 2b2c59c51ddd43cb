"""Global names that a program reads and never binds: a rewriting that adds one has lost a definition."""

from __future__ import annotations

import builtins
import symtable
from typing import Iterator

_ALWAYS_THERE = {*dir(builtins), "__file__", "__name__", "__doc__", "__spec__", "__loader__", "__package__"}


def find_undefined_names(source: str) -> frozenset[str]:
    r"""Return the names that a program reads from its module and that nothing in it binds.

    >>> sorted(find_undefined_names("import os\ndef f(x):\n    return os.path.join(x, y)"))
    ['y']

    Args:
        source: a program. One with `from x import *` may bind anything, and one that this Python cannot parse tells
            nothing: no names are returned.
    """
    try:
        top = symtable.symtable(source, "program", "exec")
    except (SyntaxError, ValueError):
        return frozenset()
    if "import *" in source:
        return frozenset()
    bound, read = set(_ALWAYS_THERE), set()
    for table in _iter_tables(top):
        for symbol in table.get_symbols():
            is_bound = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
            # symtable takes any table that is named "top" for that of the module, and its local names for globals.
            is_global = (
                symbol.is_global() and not symbol.is_parameter() and (symbol.is_declared_global() or not is_bound)
            )
            if (table is top or is_global) and is_bound:
                bound.add(symbol.get_name())
            elif (table is top or is_global) and symbol.is_referenced():
                read.add(symbol.get_name())
    return frozenset(read - bound)


def _iter_tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _iter_tables(child)
