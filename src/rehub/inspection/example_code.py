"""The lines of Python that load a model and call it, with inputs that fit.

They follow `import rehub as hub, tensorflow as tf`. Unknown sizes are filled in, so the lines run as they are.
"""

from __future__ import annotations

import keyword
from typing import Mapping, Sequence

from rehub.inspection.callables import Function, named_arguments
from rehub.inspection.entry_points import CALL, EntryPoint, has_tensors, shortest_trace
from rehub.sample_inputs import fill_shape
from rehub.savedmodel.shapes import Shape
from rehub.savedmodel.signatures import SignatureInfo, TensorInfo
from rehub.savedmodel.structures import NamedTuple, Repr, Spec, Structure

_TEXT = "'some text'"


class NoExample(Exception):
    """An input has no short literal."""


def write_example_code(
    handle: str, tags: frozenset[str] | None, entry: EntryPoint | None, is_object: bool
) -> tuple[str, ...]:
    """Return the lines that load a model and call it; only the first if there is no short call.

    Args:
        handle: the model.
        tags: the tags of the graph variant; None if `hub.load` needs none.
        entry: what a call runs; None if the model cannot be called.
        is_object: whether it is a TF2 object, whose signatures take keyword arguments.
    """
    with_tags = "" if tags is None else f", tags={sorted(tags)!r}"
    load = f"model = hub.load({handle!r}{with_tags})"
    try:
        call = None if entry is None else _write_call(entry, is_object)
    except NoExample:
        call = None
    return (load,) if call is None else (load, f"outputs = {call}")


def _write_call(entry: EntryPoint, is_object: bool) -> str:
    if entry.function is not None:
        return f"{_write_attribute(entry.function.info.path)}({_write_arguments(entry.function)})"
    if entry.signature is None:
        raise NoExample
    if is_object:
        return f"model.signatures[{entry.signature.name!r}]({_write_keywords(entry.signature.inputs)})"
    return f"model({', '.join(_write_module_arguments(entry.signature, entry.is_default))})"


def _write_attribute(path: str) -> str:
    if path == CALL:
        return "model"
    return f"model.{path}" if _is_identifier(path) else f"getattr(model, {path!r})"


def _write_arguments(function: Function) -> str:
    """Return the arguments of a function, with the structure of its trace."""
    trace = shortest_trace(function)
    written: list[str] = []
    by_position = True
    for index, (name, value) in enumerate(named_arguments(function.info.arguments, trace).items()):
        if not has_tensors(value) and name in function.defaults and function.defaults[name] == value:
            by_position = False
            continue
        by_position = by_position and index < len(trace.positional)
        if not by_position and not _is_identifier(name):
            raise NoExample
        literal = _write_structure(value)
        written.append(literal if by_position else f"{name}={literal}")
    return ", ".join(written)


def _write_keywords(inputs: Sequence[TensorInfo]) -> str:
    """Return the arguments of a signature of a TF2 object, which takes tensors by keyword."""
    values = {tensor.name: _write_tensor(tensor.kind, tensor.dtype, tensor.shape) for tensor in inputs}
    if all(_is_identifier(name) for name in values):
        return ", ".join(f"{name}={value}" for name, value in values.items())
    return f"**{_write_dict(values)}"


def _write_module_arguments(signature: SignatureInfo, is_default: bool) -> list[str]:
    """Return the arguments of a TF1 model, which is called as `model(inputs, signature=None, as_dict=False)`."""
    values = {tensor.name: _write_tensor(tensor.kind, tensor.dtype, tensor.shape) for tensor in signature.inputs}
    written = list(values.values()) if len(values) < 2 else [_write_dict(values)]
    if not is_default:
        written.append(f"signature={signature.name!r}")
    outputs = [tensor.name for tensor in signature.outputs]
    if len(outputs) != 1 and "default" not in outputs:
        written.append("as_dict=True")
    return written


def _write_structure(value: Structure) -> str:
    if isinstance(value, Spec):
        return _write_tensor(value.kind, value.dtype, value.shape)
    if isinstance(value, list):
        return f"[{', '.join(map(_write_structure, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_write_structure, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return _write_dict({key: _write_structure(member) for key, member in value.items()})
    if isinstance(value, (NamedTuple, Repr)):
        raise NoExample
    return repr(value)


def _write_dict(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key!r}: {value}" for key, value in values.items()) + "}"


def _write_tensor(kind: str, dtype: str, shape: Shape) -> str:
    if kind == "dense":
        return _write_dense(dtype, shape, rank=1)
    if kind == "sparse":
        return f"tf.sparse.from_dense({_write_dense(dtype, shape, rank=2)})"
    if kind == "ragged":
        return f"tf.RaggedTensor.from_tensor({_write_dense(dtype, shape, rank=2)})"
    raise NoExample


def _write_dense(dtype: str, shape: Shape, rank: int) -> str:
    """Return a tensor of a dtype and shape; of a given rank if the shape is unknown."""
    dtype = dtype[: -len("_ref")] if dtype.endswith("_ref") else dtype
    if dtype in ("", "resource", "variant") or dtype.startswith("type "):
        raise NoExample
    sizes = list(fill_shape((None,) * rank if shape is None else shape))
    if dtype == "string":
        if not sizes:
            return f"tf.constant({_TEXT})"
        return f"tf.constant([{_TEXT}])" if sizes == [1] else f"tf.fill({sizes}, {_TEXT})"
    return f"tf.zeros({sizes})" if dtype == "float32" else f"tf.zeros({sizes}, tf.{dtype})"


def _is_identifier(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)
