"""The lines of Python that load a model and call it, with inputs that fit.

They are written with `import rehub as hub, tensorflow as tf` in mind. Sizes that a model leaves open are filled in:
the lines show the form of a call, and run.
"""

from __future__ import annotations

import keyword
from typing import Mapping, Sequence

from rehub.inspection.callables import Function, named_arguments
from rehub.inspection.entry_points import CALL, EntryPoint, best_trace, has_tensors
from rehub.inspection.model_info import SignatureInfo, TensorInfo
from rehub.savedmodel.shapes import Shape
from rehub.savedmodel.structures import NamedTuple, Spec, Structure, Written

_TEXT = "'some text'"


class NoExample(Exception):
    """An input can be written in no short way."""


def usage(handle: str, tags: frozenset[str] | None, entry: EntryPoint | None, is_object: bool) -> tuple[str, ...]:
    """Returns the lines that load a model and call it; the first alone where no short call can be told.

    Args:
        handle: what is loaded.
        tags: those that have to be given; None where they need not be.
        entry: how it is called; None for what cannot be.
        is_object: whether it is a TF2 object, whose signatures are functions of keywords.
    """
    chosen = "" if tags is None else f", tags={sorted(tags)!r}"
    load = f"model = hub.load({handle!r}{chosen})"
    try:
        call = None if entry is None else _call(entry, is_object)
    except NoExample:
        call = None
    return (load,) if call is None else (load, f"outputs = {call}")


def _call(entry: EntryPoint, is_object: bool) -> str:
    if entry.function is not None:
        return f"{_attribute(entry.function.info.path)}({_arguments(entry.function)})"
    if entry.signature is None:
        raise NoExample
    if is_object:
        return f"model.signatures[{entry.signature.name!r}]({_keywords(entry.signature.inputs)})"
    return f"model({', '.join(_arguments_of_module(entry.signature, entry.is_only_way))})"


def _attribute(path: str) -> str:
    if path == CALL:
        return "model"
    return f"model.{path}" if _is_identifier(path) else f"getattr(model, {path!r})"


def _arguments(function: Function) -> str:
    """The arguments of a function, in the form in which it was traced."""
    trace = best_trace(function)
    written: list[str] = []
    by_position = True
    positional = len(trace.positional)
    for number, (name, value) in enumerate(named_arguments(function.info.arguments, trace).items()):
        if not has_tensors(value) and name in function.defaults and function.defaults[name] == value:
            by_position = False
            continue
        by_position = by_position and number < positional
        if not by_position and not _is_identifier(name):
            raise NoExample
        written.append(_written(value) if by_position else f"{name}={_written(value)}")
    return ", ".join(written)


def _keywords(inputs: Sequence[TensorInfo]) -> str:
    """The arguments of a signature of a TF2 object, which takes tensors by keyword."""
    values = {tensor.name: _value(tensor.kind, tensor.dtype, tensor.shape) for tensor in inputs}
    if all(_is_identifier(name) for name in values):
        return ", ".join(f"{name}={value}" for name, value in values.items())
    return f"**{_dict(values)}"


def _arguments_of_module(signature: SignatureInfo, is_only_way: bool) -> list[str]:
    """The arguments of a model of TF1, which is called as `model(inputs, signature=None, as_dict=False)`."""
    values = {tensor.name: _value(tensor.kind, tensor.dtype, tensor.shape) for tensor in signature.inputs}
    written = [] if not values else list(values.values()) if len(values) == 1 else [_dict(values)]
    if not is_only_way:
        written.append(f"signature={signature.name!r}")
    outputs = [tensor.name for tensor in signature.outputs]
    if len(outputs) != 1 and "default" not in outputs:
        written.append("as_dict=True")
    return written


def _written(value: Structure) -> str:
    if isinstance(value, Spec):
        return _value(value.kind, value.dtype, value.shape)
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_written, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return _dict({key: _written(member) for key, member in value.items()})
    if isinstance(value, (NamedTuple, Written)):
        raise NoExample
    return repr(value)


def _dict(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key!r}: {value}" for key, value in values.items()) + "}"


def _value(kind: str, dtype: str, shape: Shape) -> str:
    if kind == "sparse":
        return f"tf.sparse.from_dense({_dense(dtype, shape, rank=2)})"
    if kind == "ragged":
        return f"tf.RaggedTensor.from_tensor({_dense(dtype, shape, rank=2)})"
    if kind != "dense":
        raise NoExample
    return _dense(dtype, shape, rank=1)


def _dense(dtype: str, shape: Shape, rank: int) -> str:
    """A tensor of a type and shape; of a rank that is usual where none is told."""
    dtype = dtype[: -len("_ref")] if dtype.endswith("_ref") else dtype
    if dtype in ("", "resource", "variant") or dtype.startswith("type "):
        raise NoExample
    sizes = _sizes((None,) * rank if shape is None else shape)
    if dtype == "string":
        if not sizes:
            return f"tf.constant({_TEXT})"
        return f"tf.constant([{_TEXT}])" if sizes == [1] else f"tf.fill({sizes}, {_TEXT})"
    return f"tf.zeros({sizes})" if dtype == "float32" else f"tf.zeros({sizes}, tf.{dtype})"


def _sizes(shape: tuple[int | None, ...]) -> list[int]:
    # The first dimension is the batch. What has channels at its end is an image, which small ones are none to many
    # networks.
    is_image = len(shape) == 4 and shape[3] in (1, 3, 4)
    usual = 224 if is_image else 8
    return [(1 if place == 0 else usual) if size is None else size for place, size in enumerate(shape)]


def _is_identifier(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)
