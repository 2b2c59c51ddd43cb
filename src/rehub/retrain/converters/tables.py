"""Lookup tables. TF1 had two kinds of ops on them: on references to strings, and on resources as today."""

from __future__ import annotations

from typing import Any, Sequence

from rehub.retrain.context import Context, Converter, Scope
from rehub.retrain.converters.plain_ops import copy_op
from rehub.retrain.graph import Node

# Each op that makes a table, and the one that makes it as a resource.
TABLES = {
    op + version: op + "V2"
    for op in ("HashTable", "MutableDenseHashTable", "MutableHashTable", "MutableHashTableOfTensors")
    for version in ("", "V2")
}

_OPS_ON_REFERENCES = [
    "InitializeTable",
    "InitializeTableFromTextFile",
    "LookupTableExport",
    "LookupTableFind",
    "LookupTableImport",
    "LookupTableInsert",
    "LookupTableSize",
]


def _convert_table(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    return [context.state.get_table(node)]


def _convert_op_on_reference(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    return copy_op(context, node, scope, node.op + "V2")


CONVERTERS: dict[str, Converter] = {
    **dict.fromkeys(TABLES, _convert_table),
    **dict.fromkeys(_OPS_ON_REFERENCES, _convert_op_on_reference),
}
