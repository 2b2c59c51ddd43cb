"""Walks over libcst's trees."""

from __future__ import annotations

import functools
from typing import Iterator, Sequence

import libcst as cst


@functools.lru_cache(maxsize=100_000)
def children_of(node: cst.CSTNode) -> tuple[cst.CSTNode, ...]:
    """Return the nodes in a node. libcst finds them by a visitor, so asking it at each of many walks is slow."""
    return tuple(node.children)


def code_of(node: cst.CSTNode) -> str:
    """Return the text of a node."""
    return cst.Module([]).code_for_node(node)


def flatten(target: cst.BaseExpression) -> list[cst.BaseExpression]:
    """Return the names and attributes that a target binds."""
    if isinstance(target, (cst.Tuple, cst.List)):
        return [name for element in target.elements for name in flatten(element.value)]
    return [target]


def is_self_attribute(node: cst.BaseExpression) -> bool:
    """Tell whether an expression is an attribute of a name, like `self.x`."""
    return isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name)


def iter_nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a node and all in it."""
    yield node
    for child in children_of(node):
        yield from iter_nodes(child)


def argument_words(call: cst.Call, names: Sequence[str] = ()) -> list[str]:
    """Return which parameter each argument of a call is for; "" where it is given by position beyond `names`."""
    positional = [*names, *[""] * len(call.args)]
    return [a.keyword.value if a.keyword else word for a, word in zip(call.args, positional)]


def arguments_by_name(call: cst.Call, names: Sequence[str] = ()) -> dict[str, cst.BaseExpression]:
    """Return the arguments of a call by parameter."""
    return {word: argument.value for word, argument in zip(argument_words(call, names), call.args)}
