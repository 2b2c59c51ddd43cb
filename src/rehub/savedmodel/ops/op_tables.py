"""The tables of ops in this directory: text files of headings in brackets, and the names of ops below each."""

from __future__ import annotations

import pkgutil

TENSORFLOW_OPS, PACKAGE_OPS, NEWER_OPS = "tensorflow_ops.txt", "package_ops.txt", "newer_ops.txt"
CALLS_FUNCTIONS, UNKNOWN_OP = "calls functions", "unknown op"


def read_op_table(file: str) -> dict[str, list[str]]:
    """Return the names of ops in a table, by their headings."""
    content = pkgutil.get_data(__package__, file)
    assert content is not None, file
    table: dict[str, list[str]] = {}
    names: list[str] = []
    for line in content.decode("utf-8").splitlines():
        if line.startswith("["):
            names = table.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            names.extend(line.split())
    return table
