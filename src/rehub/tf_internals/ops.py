"""Ops and nodes: definitions, gradients, and the kernels that this TensorFlow has."""

from __future__ import annotations

import functools
import importlib
from typing import Any, Callable, Iterable

from rehub.tf_internals.tensorflow import import_tensorflow, tensorflow_version


def missing_ops(names: Iterable[str]) -> tuple[str, ...]:
    """Return the op names that are not registered in this process, sorted."""
    is_registered = _find_registry()
    return tuple(sorted(name for name in set(names) if not is_registered(name)))


def _find_registry() -> Callable[[str], bool]:
    if tensorflow_version() >= (2, 0):
        # op_def_registry.get asks the registry in C++. Seen in 2.15, 2.21.
        from tensorflow.python.framework import op_def_registry

        return lambda name: op_def_registry.get(name) is not None
    # In 1.15 that module knows only the ops of imported Python wrappers; the C API knows all of them. Seen in 1.15.
    return frozenset(op.name for op in op_definitions()).__contains__


def op_definitions() -> Any:
    """Return the definitions of all ops that are registered in this process."""
    if tensorflow_version() >= (2, 0):
        from tensorflow.python.client import pywrap_tf_session as c_api  # Seen in 2.15, 2.21.
    else:
        from tensorflow.python import pywrap_tensorflow as c_api  # Seen in 1.15.

    return parse_op_list(c_api.TF_GetBuffer(c_api.TF_GetAllOpList()))


def parse_op_list(serialized: bytes) -> Any:
    """Return the definitions of ops in a serialized OpList."""
    from tensorflow.core.framework import op_def_pb2

    ops = op_def_pb2.OpList()
    ops.ParseFromString(serialized)
    return ops.op


def op_definition(name: str) -> Any:
    """Return the OpDef of a registered op; None if there is none."""
    from tensorflow.python.framework import op_def_registry

    if hasattr(op_def_registry, "get"):  # Seen in 2.15, 2.21.
        return op_def_registry.get(name)
    return op_def_registry.get_registered_ops().get(name)  # Seen in 1.15.


def missing_attributes(op: str, names: Iterable[str]) -> list[str]:
    """Return the attributes that a registered op lacks; all of an op that is not registered."""
    definition = op_definition(op)
    known = set() if definition is None else {each.name for each in definition.attr}
    return [name for name in names if name not in known]


def make_ops_importable(names: Iterable[str]) -> None:
    """Let graphs with these ops be imported, even if TensorFlow knows their definitions in C++ only.

    1.15 imports a graph by the registry of its Python wrappers, which lacks ops of a library until its wrappers are
    imported. Newer versions use the registry in C++.
    """
    from tensorflow.python.framework import op_def_registry

    if hasattr(op_def_registry, "get"):
        return
    registry = op_def_registry.get_registered_ops()  # Seen in 1.15.
    if all(name in registry for name in names):
        return
    for definition in op_definitions():
        if definition.name not in registry:
            definition.ClearField("summary")
            definition.ClearField("description")
            for part in (*definition.input_arg, *definition.output_arg, *definition.attr):
                part.ClearField("description")
            registry[definition.name] = definition


def register_gradients_of_loops() -> None:
    """Register the gradients of functional loops, which 1.15 registers when it makes the first such loop."""
    # Seen in 1.15, 2.15, 2.21.
    importlib.import_module("tensorflow.python.ops.while_v2")


def has_gradient(name: str) -> bool:
    """Whether `tf.RegisterGradient` was called with this name."""
    try:
        lookup_gradient(name)
    except LookupError:
        return False
    return True


def lookup_gradient(name: str) -> Any:
    """Return the function that `tf.RegisterGradient` was given for an op, or for a custom name.

    Raises:
        LookupError: there is none.
    """
    from tensorflow.python.framework import ops

    # Public in its module since 2.0 or so. Seen in 2.15, 2.21; with an underscore in 1.15.
    registry = ops.gradient_registry if hasattr(ops, "gradient_registry") else ops._gradient_registry
    return registry.lookup(name)


class OpTraits:
    """Which attributes of an op are changed when it is loaded into a program.

    Attributes:
        functions: the attributes that name functions.
        shared_name: the default name of the resource that it shares; None for an op without such a name.
    """

    def __init__(self, op: str) -> None:
        from tensorflow.python.framework import op_def_registry  # Seen in 2.15, 2.21.

        definition = op_def_registry.get(op)
        attributes = [] if definition is None else definition.attr
        self.functions = tuple(each.name for each in attributes if each.type in ("func", "list(func)"))
        defaults = [each.default_value.s for each in attributes if each.name == "shared_name"]
        self.shared_name = defaults[0] if defaults else None


@functools.lru_cache(maxsize=None)
def op_traits(op: str) -> OpTraits:
    """Return which attributes of an op are changed when it is loaded into a program."""
    return OpTraits(op)


def ops_without_kernels(names: Iterable[str]) -> tuple[str, ...]:
    """Return the registered ops that nothing computes: TensorFlow keeps definitions of ops whose kernels it dropped."""
    from tensorflow.python.framework import kernels  # Seen in 1.15, 2.15, 2.21.

    return tuple(
        name
        for name in sorted(set(names))
        if op_definition(name) is not None and not kernels.get_registered_kernels_for_op(name).kernel
    )


def has_xla_kernel(op: str) -> bool:
    """Whether XLA can compile an op of this name."""
    _register_xla_kernels()
    # Seen in 2.15, 2.21.
    from tensorflow.python.framework import kernels

    registered = kernels.get_registered_kernels_for_op(op).kernel
    return any(kernel.device_type.startswith("XLA_") and kernel.device_type.endswith("_JIT") for kernel in registered)


@functools.lru_cache(maxsize=None)
def _register_xla_kernels() -> None:
    """Let XLA add its kernels to the registry, which it does when it first compiles something."""
    tf = import_tensorflow()
    with tf.init_scope():
        tf.function(lambda x: x + 1.0, jit_compile=True)(tf.constant(0.0))


def handles_strings(node: Any) -> bool:
    """Whether a node of a GraphDef takes or returns strings."""
    string = import_tensorflow().string.as_datatype_enum
    return any(attr.type == string or string in attr.list.type for attr in node.attr.values())
