"""Names: what a statement or a function binds, and the paths of modules."""

from __future__ import annotations

import functools

import libcst as cst

from rehub.migrate.code.expressions import names_in
from rehub.migrate.code.trees import children_of

_PACKAGES = ("tensorflow", "tensorflow_hub", "keras", "tensorflow_core")


def dotted_name(node: cst.BaseExpression) -> str:
    """Return `a.b.c` of a name in an import."""
    return (
        f"{dotted_name(node.value)}.{node.attr.value}"
        if isinstance(node, cst.Attribute)
        else getattr(node, "value", "")
    )


def known_package(path: str) -> bool:
    """Tell whether a module belongs to TensorFlow, Keras or TensorFlow Hub."""
    return path.split(".", maxsplit=1)[0] in (*_PACKAGES, "rehub")


def api_path(path: str) -> str:
    """Return the path of a public name: rehub has those of TensorFlow Hub."""
    first, dot, rest = path.partition(".")
    return ("tensorflow_hub" if first == "rehub" else first) + dot + rest


def bound_names(node: cst.CSTNode, *, into_functions: bool) -> set[str]:
    """Return the names that a statement and its parts bind in their scope."""
    found: set[str] = set()
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        found.add(node.name.value)
        return found
    if isinstance(node, cst.Lambda) or type(node).__name__.endswith("Comp"):
        return found
    if isinstance(node, (cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.For, cst.CompFor)):
        found.update(names_in(node.target))
    elif isinstance(node, cst.AsName):
        found.update(names_in(node.name))
    elif isinstance(node, cst.ImportAlias) and node.asname is None:
        found.add(dotted_name(node.name).split(".")[0])
    for child in children_of(node):
        found |= bound_names(child, into_functions=into_functions)
    return found


@functools.lru_cache(maxsize=10_000)  # A function is interpreted at each of its calls.
def local_names(node: cst.FunctionDef | cst.Lambda) -> frozenset[str]:
    """Return the local variables of a function."""
    names = {p.name.value for p in [*node.params.posonly_params, *node.params.params, *node.params.kwonly_params]}
    for parameter in (node.params.star_arg, node.params.star_kwarg):
        if isinstance(parameter, cst.Param):
            names.add(parameter.name.value)
    if isinstance(node, cst.Lambda):
        return frozenset(names)
    return frozenset((names | bound_names(node.body, into_functions=False)) - declared_names(node.body))


def declared_names(node: cst.CSTNode) -> set[str]:
    """Return the names that a function declares global or nonlocal."""
    if isinstance(node, (cst.Global, cst.Nonlocal)):
        return {item.name.value for item in node.names}
    if isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
        return set()
    return {name for child in children_of(node) for name in declared_names(child)}


@functools.lru_cache(maxsize=10_000)
def is_generator(node: cst.CSTNode) -> bool:
    """Tell whether a function has a `yield`."""
    if isinstance(node, cst.Yield):
        return True
    return any(
        is_generator(child)
        for child in children_of(node)
        if not isinstance(child, (cst.FunctionDef, cst.ClassDef, cst.Lambda))
    )
