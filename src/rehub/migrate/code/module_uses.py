"""How a program uses modules: the handles that it gives, and what it takes from the modules."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Iterator

from rehub.migrate.code.imported_names import ImportedNames

# Functions of tensorflow_hub that take a handle, and which argument it is.
_TAKES_HANDLE = {
    "Module": ("spec", 0),
    "KerasLayer": ("handle", 0),
    "load": ("handle", 0),
    "resolve": ("handle", 0),
    "load_module_spec": ("path", 0),
    "eval_function_for_module": ("spec", 0),
    "module_v2.load": ("handle", 0),
    "text_embedding_column": ("module_spec", 1),
    "sparse_text_embedding_column": ("module_spec", 1),
    "image_embedding_column": ("module_spec", 1),
}
_MODEL_URL = re.compile(r"https?://(www\.)?(tfhub\.dev|kaggle\.com/models)/[\w.-]+/[^\s'\"]+$")


@dataclass(frozen=True)
class HandleUse:
    """A place in a program that names a model.

    Attributes:
        handle: the handle.
        node: where it is written.
        is_called: whether a function of tensorflow_hub is given it there, or only a name or a dict has it.
    """

    handle: str
    node: ast.expr
    is_called: bool


def iter_handles(names: ImportedNames) -> Iterator[HandleUse]:
    """Yield the handles of a program: those that tensorflow_hub's functions are given, and URLs of models elsewhere."""
    given: set[ast.AST] = set()
    for node in names.nodes:
        argument = find_handle_argument(names, node) if isinstance(node, ast.Call) else None
        value = names.resolve_value(argument) if argument is not None else None
        text = get_string(value)
        if value is not None and text and value not in given:
            given.add(value)
            yield HandleUse(text, value, is_called=True)
    for node in names.nodes:
        text = get_string(node)
        is_part = isinstance(names.parents.get(node), (ast.BinOp, ast.JoinedStr))
        if text and node not in given and _MODEL_URL.match(text) and isinstance(node, ast.expr) and not is_part:
            yield HandleUse(text, node, is_called=False)


def find_handle_argument(names: ImportedNames, call: ast.Call) -> ast.expr | None:
    """Return the argument of a call that is a handle; None for a call that takes none."""
    package, _, function = names.resolve_name(call.func).partition(".")
    if package != "tensorflow_hub" or function not in _TAKES_HANDLE:
        return None
    keyword, position = _TAKES_HANDLE[function]
    by_name = [each.value for each in call.keywords if each.arg == keyword]
    by_position = call.args[position : position + 1]
    return next(iter([*by_name, *by_position]), None)


def is_module(names: ImportedNames, node: ast.expr) -> bool:
    """Return whether an expression is a `hub.Module`, or a name that is bound to one."""
    value = names.resolve_value(node)
    return isinstance(value, ast.Call) and names.resolve_name(value.func) == "tensorflow_hub.Module"


def get_string(node: ast.AST | None) -> str:
    """Return the text of a string literal; "" for any other node."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return getattr(node, "s", "") if type(node).__name__ == "Str" else ""  # Python 3.7


def get_keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument; None where it is not given."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def collect_facts(names: ImportedNames) -> dict[str, str]:
    """Return what the program says of its first module, as `write_advice` takes it."""
    facts: dict[str, str] = {}
    is_text = any(name in ("tensorflow.string", "tensorflow_hub.text_embedding_column") for name, _ in names.uses)
    if is_text:
        facts.update(dtype="string", values="texts", key="text", shape="()", tensor_shape="[None]")
    for node in names.nodes:
        if not isinstance(node, ast.Call):
            continue
        argument = find_handle_argument(names, node)
        if argument is not None and "handle" not in facts:
            text = get_string(argument) or get_string(names.resolve_value(argument))
            if text:
                facts["handle"] = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
            facts["scope"] = get_string(get_keyword(node, "name")) or "module"
        key = get_string(node.args[0]) if node.args else ""
        if names.resolve_name(node.func).endswith("embedding_column") and key.isidentifier():
            facts["key"] = key
        if is_module(names, node.func) and "signature" not in facts:
            facts.update(_collect_signature_facts(names, node))
    return facts


def _collect_signature_facts(names: ImportedNames, call: ast.Call) -> dict[str, str]:
    signature = get_string(get_keyword(call, "signature"))
    parent = names.parents.get(call)
    index = getattr(parent, "slice", None)
    key = get_string(getattr(index, "value", index) if not isinstance(index, ast.Constant) else index)
    text = f', signature="{signature}"' if signature else ""
    return {"signature": text + (f', output_key="{key}"' if signature and key else "")}
