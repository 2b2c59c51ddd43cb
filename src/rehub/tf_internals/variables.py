"""Variables and checkpoints."""

from __future__ import annotations

import contextlib
import weakref
from typing import Any, Iterator

from rehub.tf_internals.tensorflow import import_tensorflow


def partition_of(variable: Any) -> tuple[str, tuple[int, ...]] | None:
    """The full name and the offset in it of a part of a partitioned variable; None for a whole variable."""
    # Seen in 1.15, 2.15, 2.21.
    part = variable._save_slice_info
    return None if part is None else (part.full_name, tuple(part.var_offset))


@contextlib.contextmanager
def rename_temporarily(variable: Any, name: str) -> Iterator[None]:
    """Let a variable say another name in Python; its graph and its handle stay as they are.

    A variable over replicas keeps its own.
    """
    # Where BaseResourceVariable keeps what `name` returns. Seen in 1.15, 2.15, 2.21.
    own = vars(variable).get("_handle_name")
    if own is None:
        yield
        return
    variable._handle_name = name
    try:
        yield
    finally:
        variable._handle_name = own


def can_make_directly(options: Any) -> bool:
    """Whether the variables of a model are plain ones of this machine, whose making is nobody else's affair.

    Seen in 2.15, 2.21.
    """
    from tensorflow.python.eager import context
    from tensorflow.python.framework import ops

    return (
        context.executing_eagerly()
        and not ops.get_default_graph()._variable_creator_stack
        and not options.experimental_variable_policy._save_variable_devices()
        and not options.experimental_skip_checkpoint
        and not options.allow_partial_checkpoint
        and options.experimental_io_device is None
    )


def has_only_cpus() -> bool:
    """Whether all that is made without a device's name is made on the only kind of device there is."""
    from tensorflow.python.eager import context

    devices = import_tensorflow().config.list_logical_devices()
    return not context.context().device_name and all(device.device_type == "CPU" for device in devices)


class VariableFactory:
    """Make the variables of SavedVariable messages as TensorFlow's loader does, in less time. Seen in 2.15, 2.21.

    They have no values yet.

    A kernel is made for each set of an op's attributes. TensorFlow gives the op that makes a variable the variable's
    name, for messages about variables without values; these will have values.
    """

    def __init__(self) -> None:
        from tensorflow.python.eager import context
        from tensorflow.python.framework import ops
        from tensorflow.python.ops import gen_resource_variable_ops, handle_data_util, resource_variable_ops, variables

        self._tf = import_tensorflow()
        self._uid = ops.uid
        self._make_handle = gen_resource_variable_ops.var_handle_op
        self._resource_variable_ops = resource_variable_ops
        self._new_handle_data = handle_data_util.create_handle_data
        self._validate = variables.validate_synchronization_aggregation_trainable
        self._anonymous = context.anonymous_name()
        self._container = ops.get_default_graph()._container or ""
        self._scope = context.context().scope_name or ""
        self._kinds: dict[Any, Any] = {}

    def make(self, proto: Any) -> Any:
        """Make a variable that has no value yet."""
        synchronization, aggregation, trainable = self._validate(
            proto.synchronization, proto.aggregation, proto.trainable, name=proto.name
        )
        # What name_scope makes of a name in eager mode: one that ends with a slash is absolute.
        name = proto.name or "Variable"
        name = name[:-1] if name.endswith("/") else self._scope + name
        shape, dtype, handle_data = self._kind(proto)
        handle = self._make_handle(
            dtype=dtype,
            shape=shape,
            shared_name=self._anonymous,
            debug_name="rehub",
            container=self._container,
        )
        kind = self._resource_variable_ops.UninitializedVariable
        variable = kind.__new__(kind)
        handle._handle_data = handle_data
        handle._parent_trackable = weakref.ref(variable)
        handle._name = f"{name}:0"
        handle._unique_id = f"{name}_{self._uid()}"
        variable._in_graph_mode = False
        self._resource_variable_ops.BaseResourceVariable.__init__(
            variable,
            trainable=trainable,
            shape=shape,
            dtype=dtype,
            handle=handle,
            synchronization=synchronization,
            aggregation=aggregation,
            unique_id=handle._unique_id,
            handle_name=name,
            in_graph_mode=False,
        )
        return variable

    def _kind(self, proto: Any) -> Any:
        """The shape and type of a variable, and what its handle says of them in Python: one for all that are alike."""
        key = (proto.dtype, proto.shape.SerializeToString(deterministic=True))
        if key not in self._kinds:
            shape, dtype = self._tf.TensorShape(proto.shape), self._tf.as_dtype(proto.dtype)
            self._kinds[key] = shape, dtype, self._new_handle_data(shape, dtype)
        return self._kinds[key]


def variable_nbytes(proto: Any) -> int:
    """How many bytes the value of a SavedVariable message takes, about."""
    size: int = import_tensorflow().as_dtype(proto.dtype).size
    for dimension in proto.shape.dim:
        size *= max(1, dimension.size)
    return size


def assign_sharing_memory(variable: Any, value: Any) -> None:
    """Give a variable a value, whose memory it shares from then on. Seen in 2.15, 2.21."""
    from tensorflow.python.ops import gen_resource_variable_ops

    gen_resource_variable_ops.assign_variable_op(variable.handle, value)


def read_values(prefix: str, keys: list[str], dtypes: list[int]) -> list[Any]:
    """Read tensors of a checkpoint by their keys, on the CPU; in any thread. Seen in 2.15, 2.21."""
    from tensorflow.python.eager import context

    tf = import_tensorflow()
    with context.eager_mode(), tf.device("CPU"):
        return list(
            tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=keys, shape_and_slices=[""] * len(keys), dtypes=dtypes)
        )


def variables_prefix(path: str) -> str:
    """The prefix of the files with a SavedModel's variables. Seen in 2.15, 2.21."""
    from tensorflow.python.saved_model import path_helpers

    return str(path_helpers.get_variables_path(path))


class ObjectCheckpoint:
    """A checkpoint of objects, before anything of it is restored. Seen in 2.15, 2.21."""

    def __init__(self, prefix: str) -> None:
        from tensorflow.core.protobuf import trackable_object_graph_pb2
        from tensorflow.python.training import py_checkpoint_reader

        reader = py_checkpoint_reader.NewCheckpointReader(prefix)
        self._objects = trackable_object_graph_pb2.TrackableObjectGraph()
        if reader.has_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"):
            self._objects.ParseFromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
        self._shapes = reader.get_variable_to_shape_map()
        self._dtypes = reader.get_variable_to_dtype_map()

    def match_nodes(self, nodes: Any) -> dict[int, Any]:
        """Return the attributes that are kept here of nodes of a SavedObjectGraph, which are found by their names.

        Of nodes without attributes there is nothing.
        """
        found: dict[int, Any] = {}
        seen = {0}
        to_visit = [(0, 0)] if self._objects.nodes else []
        while to_visit:
            node_id, kept_id = to_visit.pop()
            kept = self._objects.nodes[kept_id]
            if kept.attributes:
                found[node_id] = kept.attributes
            kept_children = {child.local_name: child.node_id for child in kept.children}
            if not kept_children:
                continue
            for child in nodes[node_id].children:
                child_id = child.node_id
                if child_id not in seen and child.local_name in kept_children:
                    seen.add(child_id)
                    to_visit.append((child_id, kept_children[child.local_name]))
        return found

    def has_value_for(self, key: str, proto: Any) -> bool:
        """Whether the value under a key is one for the variable of a SavedVariable message."""
        tf = import_tensorflow()
        if key not in self._shapes or tf.as_dtype(proto.dtype) != self._dtypes[key]:
            return False
        return bool(tf.TensorShape(proto.shape).is_compatible_with(self._shapes[key]))
