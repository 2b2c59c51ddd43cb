"""RH401, `--to compat`: a TF1 program goes on as it is, with `tensorflow.compat.v1` and TF2's behavior off."""

from __future__ import annotations

import ast
import re
from typing import Iterator

from rehub.migrate.code.findings import Finding
from rehub.migrate.code.imported_names import ImportedNames

_RULE = "RH401"
# Packages of TensorFlow that tensorflow.compat.v1 does not have.
_NOT_IN_COMPAT = frozenset(["compat", "contrib", "core", "examples", "flags", "python", "tools"])
_SETS_BEHAVIOR = frozenset(
    f"tensorflow.{name}"
    for name in ("disable_v2_behavior", "disable_eager_execution", "enable_eager_execution", "enable_v2_behavior")
)
_KERAS = "needs Keras 2: install tf-keras and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported"
_TF_KERAS = "Import tensorflow.compat.v1.keras, which needs tf-keras and TF_USE_LEGACY_KERAS=1."
# A program that uses none of these is of TF2 already.
_TF1 = tuple(
    f"tensorflow.{name}"
    for name in """
        ConfigProto GraphKeys InteractiveSession Session app assign contrib enable_eager_execution enable_v2_behavior
        estimator feature_column.input_layer flags get_collection get_default_graph get_variable gfile global_variables
        global_variables_initializer layers losses placeholder reset_default_graph saved_model.simple_save
        sparse_placeholder tables_initializer train.MonitoredSession train.MonitoredTrainingSession train.Saver
        variable_scope
    """.split()
) + tuple(
    f"tensorflow_hub.{name}"
    for name in """
        LatestModuleExporter Module add_signature create_module_spec image_embedding_column register_module_for_export
        sparse_text_embedding_column text_embedding_column
    """.split()
)
# What a name needs beside tensorflow.compat.v1; seen on TensorFlow 2.15 and 2.21.
_NEEDS = {
    "tensorflow.estimator": "is in TensorFlow up to 2.15: stay on that version, or write a Keras model",
    "tensorflow.keras": _KERAS,
    "tensorflow.layers": _KERAS,
    "tensorflow_hub.LatestModuleExporter": "is for Estimators, which are in TensorFlow up to 2.15",
    "tensorflow_hub.register_module_for_export": "is for Estimators, which are in TensorFlow up to 2.15",
}


def move_to_compat(source: str) -> tuple[str, list[Finding]]:
    """Return a program with its imports of TensorFlow changed, and what there is to say.

    Args:
        source: a program that parses.
    """
    names = ImportedNames(ast.parse(source))
    uses = list(names.uses)
    if not any(_is_in(name, _TF1) for name, _ in uses):
        return source, []
    text = _Text(source)
    imports = [node for node in names.nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    findings = [
        Finding(_RULE, "a", node.lineno, node.col_offset + 1, "Import tensorflow.compat.v1", is_applied=True)
        for node in imports
        if _change_import(node, text)
    ]
    if any("tensorflow" in _list_packages(node) for node in imports) and not any(
        name in _SETS_BEHAVIOR for name, _ in uses
    ):
        findings.append(_disable_v2_behavior(names.tree, text))
    findings += _iter_needs(uses)
    keras = next((node for node in imports if "keras" in _list_packages(node)), None)
    if keras is not None:
        findings.append(
            Finding(_RULE, "note", keras.lineno, keras.col_offset + 1, f"keras is Keras 3 today. {_TF_KERAS}")
        )
    return text.apply_edits(), findings


class _Text:
    """A program's text, with the edits that are to be made in it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._starts = [0]
        for line in source.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._edits: list[tuple[int, int, str]] = []

    def replace_after(self, node: ast.stmt, pattern: str, replacement: str) -> None:
        """Replace the first match of a pattern in a statement."""
        start = self._starts[node.lineno - 1]
        line = self._source[start : self._starts[node.lineno] - 1]
        start += len(line.encode()[: node.col_offset].decode())  # ast counts bytes
        match = re.compile(pattern).search(self._source, start)
        assert match is not None
        self._edits.append((match.start(), match.end(), match.expand(replacement)))

    def insert_after_line(self, line: int, text: str) -> None:
        """Insert lines after a line, with an empty line before and after them."""
        position = min(self._starts[line], len(self._source))
        needs_end = "" if self._source[:position].endswith("\n") else "\n"
        following = self._source[position:].split("\n", 1)[0]
        self._edits.append((position, position, f"{needs_end}\n{text}\n" + ("\n" if following.strip() else "")))

    def apply_edits(self) -> str:
        """Return the text with all edits made."""
        text = self._source
        for start, end, replacement in sorted(self._edits, reverse=True):
            text = text[:start] + replacement + text[end:]
        return text


def _change_import(node: ast.Import | ast.ImportFrom, text: _Text) -> bool:
    if isinstance(node, ast.Import):
        found = [alias for alias in node.names if _is_moved_import(alias)]
        for alias in found:
            module = re.escape(alias.name)
            alias_follows = rf"(?=\s+as\s+{alias.asname}\b)" if alias.asname else r"(?!\s+as\b)"
            replacement = f"tensorflow.compat.v1{alias.name[len('tensorflow') :]}"
            replacement += "" if alias.asname else " as tensorflow"
            text.replace_after(node, rf"(?<![\w.]){module}(?![\w.]){alias_follows}", replacement)
        return bool(found)
    if node.level or not node.module:
        return False
    package, _, inner = node.module.partition(".")
    imported = {inner.partition(".")[0]} if inner else {alias.name for alias in node.names}
    if package != "tensorflow" or imported & _NOT_IN_COMPAT:
        return False
    text.replace_after(node, r"(from\s+)tensorflow(?!\w)", r"\1tensorflow.compat.v1")
    return True


def _is_moved_import(alias: ast.alias) -> bool:
    """Whether a module of an import statement is TensorFlow, or with a name for it a module in TensorFlow."""
    package, _, inner = alias.name.partition(".")
    is_whole = not inner or (alias.asname is not None and inner.partition(".")[0] not in _NOT_IN_COMPAT)
    return package == "tensorflow" and is_whole


def _list_packages(node: ast.Import | ast.ImportFrom) -> set[str]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return {module.partition(".")[0] for module in modules}


def _disable_v2_behavior(tree: ast.Module, text: _Text) -> Finding:
    """Insert the call after the first imports of the program; ask for it where the program's start is not here."""
    position = next((i for i, node in enumerate(tree.body) if _find_tensorflow_alias(node)), None)
    if position is None:
        return Finding(_RULE, "c", 1, 1, "Call tf.compat.v1.disable_v2_behavior() where the program starts.")
    alias = _find_tensorflow_alias(tree.body[position])
    while position + 1 < len(tree.body) and isinstance(tree.body[position + 1], (ast.Import, ast.ImportFrom)):
        position += 1
    last = tree.body[position]
    line = getattr(last, "end_lineno", None) or last.lineno
    text.insert_after_line(line, f"{alias}.disable_v2_behavior()")
    return Finding(_RULE, "a", last.lineno, 1, f"Add {alias}.disable_v2_behavior()", is_applied=True)


def _find_tensorflow_alias(node: ast.stmt) -> str:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name == "tensorflow" or (alias.name == "tensorflow.compat.v1" and alias.asname):
                return alias.asname or alias.name
    if isinstance(node, ast.ImportFrom) and node.module == "tensorflow.compat" and not node.level:
        return next((alias.asname or alias.name for alias in node.names if alias.name == "v1"), "")
    return ""


def _iter_needs(uses: list[tuple[str, ast.expr]]) -> Iterator[Finding]:
    """Say once for each name what it needs, where it is first used."""
    said = set()
    for name, node in sorted(uses, key=lambda use: (use[1].lineno, use[1].col_offset)):
        for prefix, needs in _NEEDS.items():
            if _is_in(name, (prefix,)) and prefix not in said:
                said.add(prefix)
                shown = prefix.replace("tensorflow_hub", "hub").replace("tensorflow", "tf")
                yield Finding(_RULE, "note", node.lineno, node.col_offset + 1, f"{shown} {needs}.")


def _is_in(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
