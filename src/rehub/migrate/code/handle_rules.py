"""RH501 and RH503: legacy modules that have a newer version, and variables of tensorflow_hub's settings."""

from __future__ import annotations

import ast
from typing import Iterator

from rehub.migrate.code.findings import Finding
from rehub.migrate.code.handle_formats import LEGACY, look_up_format
from rehub.migrate.code.imported_names import ImportedNames
from rehub.migrate.code.module_uses import get_string, iter_handles

_VARIABLES = frozenset(
    ["TFHUB_CACHE_DIR", "TFHUB_DISABLE_CERT_VALIDATION", "TFHUB_DOWNLOAD_PROGRESS", "TFHUB_MODEL_LOAD_FORMAT"]
)


def find_handle_rules(names: ImportedNames) -> list[Finding]:
    """Return the notes on handles and on settings."""
    return list(_iter_notes(names))


def _iter_notes(names: ImportedNames) -> Iterator[Finding]:
    for use in iter_handles(names):
        known = look_up_format(use.handle)
        if known.format == LEGACY and known.newer:
            message = (
                f"{use.handle} is a legacy module, which rehub loads and retrains. A newer version, with other "
                f"weights, is a TF2 SavedModel: {known.newer}"
            )
            yield Finding("RH501", "note", use.node.lineno, use.node.col_offset + 1, message)
    for node in names.nodes:
        if get_string(node) in _VARIABLES:
            assert isinstance(node, ast.expr)
            message = f"rehub reads {get_string(node)}, too: it keeps its meaning."
            yield Finding("RH503", "note", node.lineno, node.col_offset + 1, message)
