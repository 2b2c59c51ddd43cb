"""The oldest TensorFlow in which rehub loads a model, by the ops and attributes of its graphs.

What rehub rewrites for an older TensorFlow (`downgrade`) asks for none.
"""

from __future__ import annotations

import struct
from typing import Iterable, Sequence

from rehub.downgrade import can_do_without, find_rule
from rehub.formatting import list_names
from rehub.inspection.model_info import MinimumTensorFlow, MissingPackage
from rehub.inspection.rule_exceptions import find_rule_exceptions
from rehub.savedmodel.nodes import Node, iter_scopes
from rehub.savedmodel.ops import find_provider
from rehub.savedmodel.ops.newer_ops import Version, newer_attributes, version_of_op
from rehub.savedmodel.ops.op_classes import RUNS_PYTHON, classify_op
from rehub.savedmodel.protos import AttrValue
from rehub.savedmodel.wire import Buffer, Message

_OLDEST: Version = (1, 15)
_MAX_NAMES = 3


def find_minimum_tensorflow(
    content: Buffer, ops: Iterable[str], missing_packages: Sequence[MissingPackage]
) -> MinimumTensorFlow:
    """Return the oldest TensorFlow in which a model can be loaded, and what asks for it."""
    ops = sorted(set(ops))
    python = [op for op in ops if classify_op(op) is RUNS_PYTHON]
    note = f"{list_names(python)} calls Python functions that only the writer's program has" if python else ""
    unknown = [op for package in missing_packages for op in package.ops if find_provider(op) is None]
    if unknown:
        return MinimumTensorFlow("", f"neither TensorFlow nor a known package has {list_names(unknown, _MAX_NAMES)}")
    contrib = [op for package in missing_packages for op in package.ops if _is_of_contrib(op)]
    if contrib:
        return MinimumTensorFlow("1.15", f"{list_names(contrib, _MAX_NAMES)}, of tf.contrib", is_only=True, note=note)
    wanted = {op: version_of_op(op) for op in ops if find_rule(op) is None}
    wanted.update(_find_attributes(content, ops))
    wanted.update(find_rule_exceptions(content, ops))
    oldest = max(wanted.values(), default=_OLDEST)
    reasons = [name for name, version in sorted(wanted.items()) if version == oldest]
    text = f"{oldest[0]}.{oldest[1]}"
    return MinimumTensorFlow(text, list_names(reasons, _MAX_NAMES) if oldest > _OLDEST else "", note=note)


def _is_of_contrib(op: str) -> bool:
    provider = find_provider(op)
    return provider is not None and provider.module.startswith("tensorflow.contrib.")


def _find_attributes(content: Buffer, ops: Iterable[str]) -> dict[str, Version]:
    """Return the attributes that nodes set to another value than the default, with the oldest version that has them."""
    checked = {op: _checked_attributes(op) for op in ops}
    if not any(checked.values()):
        return {}
    found: dict[str, Version] = {}
    for scope in iter_scopes(content):
        for node in scope.nodes():
            if checked.get(node.op):
                for name in _differing_attributes(node, checked[node.op]):
                    found[f"{node.op}.{name}"] = checked[node.op][name][0]
    return found


def _checked_attributes(op: str) -> dict[str, tuple[Version, str]]:
    """Return the numbers among the attributes of an op that 1.15 lacks. Texts and lists are names and hints."""
    return {
        name: (version, default)
        for name, (version, default) in newer_attributes(op).items()
        if not can_do_without(op, name) and default.partition(":")[0] in ("b", "f", "i", "type")
    }


def _differing_attributes(node: Node, checked: dict[str, tuple[Version, str]]) -> Iterable[str]:
    for name, value in node.attributes():
        if name in checked:
            kind, _, default = checked[name][1].partition(":")
            if _read_number(value, kind) != float(default):
                yield name


def _read_number(value: Message, kind: str) -> float:
    if kind != "f":
        return float(value.integer({"b": AttrValue.b, "i": AttrValue.i, "type": AttrValue.type}[kind]))
    floats = [struct.unpack("<f", value.bytes_at(found))[0] for _, _, found in value.fields(AttrValue.f)]
    return float(floats[-1]) if floats else 0.0
