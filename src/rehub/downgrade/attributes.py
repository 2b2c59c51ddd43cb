"""Attributes that an older TensorFlow does not know: dropped if they mean nothing there, else said by ops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping

from rehub.downgrade.bodies import INT32, INT64
from rehub.downgrade.rules import Inexpressible
from rehub.downgrade.text_files import number_from_offset

if TYPE_CHECKING:
    from rehub.downgrade.bodies import Body

# Hints and checks: an op computes the same with any value of them, and without them.
_IGNORED = frozenset(
    """
AssignVariableOp.validate_shape BatchFunction.* MatMul.* BatchMatMul.* BatchMatMulV2.* BatchMatMulV3.* VarHandleOp.*
ScanDataset.use_default_device TopKV2.Tk
""".split()
)


def drop_attributes(body: Body, node: Any, unknown: Mapping[str, str]) -> list[str]:
    """Drop the attributes of a node that an older TensorFlow does not know; return their names.

    Args:
        body: the graph or function of the node, which gets other nodes if a value is not the default.
        node: a NodeDef.
        unknown: the attributes, each with its default as `newer_ops` writes it.

    Raises:
        Inexpressible: one has a value that no rule can say otherwise.
    """
    dropped = [name for name in unknown if name in node.attr]
    for name in dropped:
        key = f"{node.op}.{name}"
        if not _is_default(node.attr[name], unknown[name]) and not _IGNORED & {key, f"{node.op}.*"}:
            say_otherwise = _SAID_OTHERWISE.get(key) or _SAID_OTHERWISE.get(f"*.{name}")
            if say_otherwise is None:
                raise Inexpressible(f"attribute {name!r} has a value that cannot be said without it")
            say_otherwise(body, node)
        del node.attr[name]
    return dropped


def can_do_without(op: str, attribute: str) -> bool:
    """Whether an attribute of an op means nothing, or can be said by ops, in a TensorFlow that does not know it."""
    keys = {f"{op}.{attribute}", f"{op}.*", f"*.{attribute}"}
    return bool(keys & _IGNORED or keys & _SAID_OTHERWISE.keys())


def _is_default(value: Any, default: str) -> bool:
    kind, _, text = default.partition(":")
    if kind == "list":
        return value.WhichOneof("value") in ("list", None) and not value.list.ByteSize()
    if value.WhichOneof("value") != kind:
        return False
    found = getattr(value, kind)
    if kind == "s":
        return bool(found == text.encode())
    return bool(float(found) == float(text))


def _cast_segment_ids(body: Body, node: Any) -> None:
    """Give segment ids as int32."""
    node.input[2] = body.convert(node.input[2], INT64, INT32)


def _resize_list(body: Body, node: Any) -> None:
    """Make a list long enough for an index before it is set: `resize_if_index_out_of_bounds`."""
    handle, index = node.input[:2]
    length = body.add("TensorListLength", [handle])
    needed = body.add("AddV2", [index, body.constant(INT32, 1)], T=INT32)
    size = body.add("Maximum", [length, needed], T=INT32)
    node.input[0] = body.add("TensorListResize", [handle, size])


def _average_statistics(body: Body, node: Any) -> None:
    """Compute the moving averages beside the op, which returns those of the batch: `exponential_avg_factor`."""
    if "is_training" in node.attr and not node.attr["is_training"].b:
        return  # The factor is not used.
    dtype, factor = node.attr["U"], node.attr["exponential_avg_factor"].f
    old = list(node.input[3:5])
    empty = body.constant(dtype, [])
    node.input[3], node.input[4] = empty, empty
    kept, new = body.constant(dtype, 1.0 - factor), body.constant(dtype, factor)
    for index, (name, before) in enumerate(zip(("batch_mean", "batch_variance"), old), 1):
        of_batch = body.add("Mul", [body.output(name, index), new], T=dtype)
        average = body.add("AddV2", [body.add("Mul", [before, kept], T=dtype), of_batch], T=dtype)
        body.redirect((name, index), average)


_SAID_OTHERWISE: dict[str, Callable[[Body, Any], None]] = {
    "InitializeTableFromTextFile.offset": number_from_offset,
    "InitializeTableFromTextFileV2.offset": number_from_offset,
    "*.Tsegmentids": _cast_segment_ids,
    "*.exponential_avg_factor": _average_statistics,
    "TensorListSetItem.resize_if_index_out_of_bounds": _resize_list,
}
