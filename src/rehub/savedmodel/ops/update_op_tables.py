"""Add the ops in the registry of the installed TensorFlow to the tables in this directory.

    python -m rehub.savedmodel.ops.update_op_tables                    # TensorFlow's own, to tensorflow_ops.txt
    python -m rehub.savedmodel.ops.update_op_tables tensorflow_text    # those of a package, to package_ops.txt

"calls functions" is set by the types of attributes. Other new ops of TensorFlow come below "unknown op", which makes
them dangers, until a person reads what they do and moves them.
"""

from __future__ import annotations

import importlib
import sys
import textwrap
from pathlib import Path
from typing import Iterable

from rehub import tf_internals
from rehub.savedmodel.ops.op_tables import CALLS_FUNCTIONS, PACKAGE_OPS, TENSORFLOW_OPS, UNKNOWN_OP, read_op_table


def _add_tensorflow_ops(table: dict[str, list[str]]) -> None:
    """Add the ops of this TensorFlow to its table."""
    known = {op for ops in table.values() for op in ops}
    definitions = tf_internals.ops.op_definitions()
    calling = [op.name for op in definitions if any(each.type in ("func", "list(func)") for each in op.attr)]
    table[CALLS_FUNCTIONS] += set(calling).difference(table[CALLS_FUNCTIONS])
    table.setdefault(UNKNOWN_OP, []).extend(op.name for op in definitions if op.name not in known)


def _add_package_ops(table: dict[str, list[str]], module: str) -> None:
    """Add the ops to the table that importing a module registers."""
    known = {op.name for op in tf_internals.ops.op_definitions()}
    importlib.import_module(module)
    ops = {op.name for op in tf_internals.ops.op_definitions()} - known
    table[module] = [*table.get(module, ()), *ops.difference(table.get(module, ()))]


def _write_op_table(file: Path, table: dict[str, list[str]]) -> None:
    comments = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    sections = [f"[{heading}]\n{_wrap_names(ops)}" for heading, ops in table.items() if ops]
    file.write_text("\n\n".join(["\n".join(comments), *sections]) + "\n", encoding="utf-8")


def _wrap_names(names: Iterable[str]) -> str:
    return textwrap.fill(" ".join(sorted(names)), 120, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    name = PACKAGE_OPS if sys.argv[1:] else TENSORFLOW_OPS
    op_table = read_op_table(name)
    if sys.argv[1:]:
        _add_package_ops(op_table, sys.argv[1])
    else:
        _add_tensorflow_ops(op_table)
    _write_op_table(Path(__file__).with_name(name), op_table)
