"""Colocation constraints: check them when a module is made, and rewrite them when it is applied.

An op can demand the device of another one: its attribute `_class` has `loc:@` and that op's name. When a module is
applied, its inputs and variables are replaced by other tensors. A constraint that names the op of a replaced tensor has
to name the op of the other tensor then.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.legacy.graph_defs import find_state_nodes
from rehub.savedmodel.nodes import node_name

_PREFIX = b"loc:@"


def check_state(graph: Any, tags: Iterable[str] | None) -> None:
    """Make sure that the variables and tables of a module's graph are colocated only with each other.

    Raises:
        InvalidModule: names the op, and what it is colocated with.
    """
    holding = find_state_nodes(graph.as_graph_def())
    for op in graph.get_operations():
        if op.name in holding and not all(_op_name_of(group) in holding for group in op.colocation_groups()):
            variant = "" if tags is None else f" (graph variant {sorted(tags)})"
            raise InvalidModule(
                f"A node that holds state must not be subject to tf.colocate_with(y), unless y holds state too: node "
                f"{op.name!r}, an op {op.type}{variant}, has the colocation groups {op.colocation_groups()}."
            )


def check_input(signature: str, name: str, tensors: Sequence[Any]) -> None:
    """Make sure that an input of a signature is not colocated with another op.

    Raises:
        InvalidModule: names the signature, the input, and what it is colocated with.
    """
    for tensor in tensors:
        groups = tensor.op.colocation_groups()
        if groups != [_make_group(tensor.op.name)]:
            raise InvalidModule(
                f"An input of a signature must not be subject to tf.colocate_with(y); the reverse is allowed. Tensor "
                f"{tensor.name!r} of input {name!r} of signature {signature!r} has the colocation groups {groups}."
            )


def find_signature_inputs_from_multivalued_ops(inputs: Mapping[str, Any]) -> str | None:
    """Return a warning about inputs that come from ops with several outputs; None if there are none.

    Args:
        inputs: tensors and composite tensors by name.
    """
    tf = tf_internals.import_tensorflow()
    parts: list[tuple[str, Any]] = []
    for name, value in sorted(inputs.items()):
        flat = tf.nest.flatten(value, expand_composites=True)
        if isinstance(value, tf.SparseTensor):
            parts.extend(zip((f"{name}.indices", f"{name}.values", f"{name}.dense_shape"), flat))
        elif len(flat) > 1:
            parts.extend((f"{name}.component_{number}", tensor) for number, tensor in enumerate(flat))
        else:
            parts.append((name, flat[0]))
    affected = [f"{name}={tensor.name!r}" for name, tensor in parts if len(tensor.op.outputs) > 1]
    if not affected:
        return None
    return (
        "Inputs in hub.add_signature() should come from ops with a single output. Where other ops are colocated with "
        "such an op, applying the module can fail, as the constraint can then not be rewritten.\n"
        f"Affected inputs: {', '.join(affected)}"
    )


def rewrite_constraints(ops: Sequence[Any], scope: str, replaced: Mapping[str, Any]) -> None:
    """Rewrite the constraints of imported ops that name the op of a replaced tensor.

    Args:
        replaced: the new tensor for each replaced one, by the name of that in the imported graph.

    Raises:
        InvalidModule: the outputs of an op that a constraint names were replaced by tensors of different places.
    """
    targets: dict[bytes, dict[int, list[bytes]]] = {}
    for name, tensor in replaced.items():
        op_name, _, index = name.partition(":")
        key = _make_group(f"{scope}/{op_name}")
        targets.setdefault(key, {})[int(index or 0)] = sorted(tensor.op.colocation_groups())
    by_name = {op.name: op for op in ops}
    for key, by_output in targets.items():
        for output in range(len(by_name[_op_name_of(key)].outputs)):
            by_output.setdefault(output, [key])
    for op in ops:
        groups = op.colocation_groups()
        if any(group in targets for group in groups) and groups != [_make_group(op.name)]:
            followed = {new for group in groups for new in _rewrite_group(op, group, targets)}
            tf_internals.v1_graphs.set_colocation(op, sorted(followed))


def _rewrite_group(op: Any, group: bytes, targets: Mapping[bytes, Mapping[int, list[bytes]]]) -> list[bytes]:
    if group not in targets:
        return [group]
    first, *others = [targets[group][index] for index in sorted(targets[group])]
    for other in others:
        if other != first:
            raise InvalidModule(
                f"Failed to rewrite a colocation constraint of the module: op {op.name!r} is colocated with "
                f"{group!r} but that op's outputs are replaced by tensors of different places: {first!r} vs {other!r}. "
                "The inputs of a module's signature should come from ops with a single output each."
            )
    return first


def _make_group(op_name: str) -> bytes:
    return _PREFIX + op_name.encode()


def _op_name_of(group: bytes) -> str:
    return node_name(group[len(_PREFIX) :].decode())
