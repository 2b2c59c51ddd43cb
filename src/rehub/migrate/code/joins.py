"""What a value is after branches: one of two."""

from __future__ import annotations

from dataclasses import replace

import libcst as cst

from rehub.migrate.code.values import (
    Blocked,
    Entries,
    HubModule,
    Items,
    Mixed,
    Plain,
    Tensor,
    Value,
    iter_parts,
)


def join(one: Value, other: Value) -> Value:
    """Return what a value is that is one of two."""
    if one == other:
        return one
    if isinstance(one, Blocked) or isinstance(other, Blocked):
        return Blocked()
    if isinstance(one, Plain) and isinstance(other, Plain):
        return Plain()
    for plain, tracked in ((one, other), (other, one)):
        if isinstance(plain, Plain) and plain.constant is None:
            return tracked
    if isinstance(one, Tensor) and isinstance(other, Tensor) and one.form == other.form:
        same = one.definition is other.definition
        if not one.sources and not other.sources and one.is_static == other.is_static:
            return replace(one, definition=one.definition if same else None)
        if same and one.is_static == other.is_static:
            return replace(one, sources=one.sources | other.sources, others=one.others | other.others)
        if is_held(one) and is_held(other) and one.is_static == other.is_static:
            definitions = one.others | other.others | {one.definition, other.definition}
            return Tensor(one.sources | other.sources, one.definition, one.form, one.is_static, others=definitions)  # type: ignore[arg-type]
    joined = join_structures(one, other)
    if joined is not None:
        return joined
    if isinstance(one, HubModule) and isinstance(other, HubModule) and not (one.is_trainable or other.is_trainable):
        return one
    if is_unremarkable(one) and is_unremarkable(other):
        return Plain()
    return Mixed(_list_options(one) | _list_options(other))


def is_held(value: Tensor) -> bool:
    """Tell whether a deferred tensor is computed by a statement or brought by a parameter, and is no input itself."""
    is_parameter = isinstance(value.definition, cst.Param)
    return value.is_deferred and value.definition is not None and (is_parameter or not value.is_input)


def join_structures(one: Value, other: Value) -> Value | None:
    """Return what a list, tuple or dict is that is one of two; None if they have different items."""
    if isinstance(one, Items) and isinstance(other, Items) and len(one.items) == len(other.items):
        return Items(tuple(map(join, one.items, other.items)), one.is_tuple)
    for empty, tensors in ((one, other), (other, one)):
        if empty == Items(()) and isinstance(tensors, Tensor) and tensors.form == "list":
            return tensors
    if isinstance(one, Entries) and isinstance(other, Entries) and one.node is other.node:
        keys = [join(a, b) for (a, _), (b, _) in zip(one.entries, other.entries)]
        return Entries(tuple((k, join(a, b)) for k, (_, a), (_, b) in zip(keys, one.entries, other.entries)), one.node)
    return None


def is_unremarkable(value: Value) -> bool:
    """Tell whether nothing is known of a value that matters."""
    return all(isinstance(part, (Plain, Items, Entries)) for part in iter_parts(value))


def _list_options(value: Value) -> frozenset[Value]:
    return value.options if isinstance(value, Mixed) else frozenset([value])
