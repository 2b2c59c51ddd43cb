"""Variables and checkpoints."""

from __future__ import annotations

import contextlib
import weakref
from typing import Any, Iterator

from rehub.tf_internals.tensorflow import import_tensorflow


def partition_of(variable: Any) -> tuple[str, tuple[int, ...]] | None:
    """Return the full name and the offset of a part of a partitioned variable; None for a whole variable."""
    # Seen in 1.15, 2.15, 2.21.
    part = variable._save_slice_info
    return None if part is None else (part.full_name, tuple(part.var_offset))


@contextlib.contextmanager
def rename_temporarily(variable: Any, name: str) -> Iterator[None]:
    """Give a variable another name in Python, but not in its graph and its handle.

    A variable over replicas keeps its name.
    """
    # BaseResourceVariable's attribute behind `name`. Seen in 1.15, 2.15, 2.21.
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
    """Whether a model's variables are plain ones of this machine, which no creator or option changes.

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
    """Whether CPUs are the only devices, and none is chosen by name."""
    from tensorflow.python.eager import context

    devices = import_tensorflow().config.list_logical_devices()
    return not context.context().device_name and all(device.device_type == "CPU" for device in devices)


class VariableFactory:
    """Makes the variables of SavedVariable messages as TensorFlow's loader does, but faster. Seen in 2.15, 2.21.

    TensorFlow makes a kernel for each set of an op's attributes. In its loader these include the variable's name, for
    messages about variables without values. Here all variables share attributes: they will get values.
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
        self._types: dict[Any, Any] = {}

    def make(self, proto: Any) -> Any:
        """Make a variable that has no value yet."""
        synchronization, aggregation, trainable = self._validate(
            proto.synchronization, proto.aggregation, proto.trainable, name=proto.name
        )
        # As name_scope does in eager mode: a name that ends with a slash is absolute.
        name = proto.name or "Variable"
        name = name[:-1] if name.endswith("/") else self._scope + name
        shape, dtype, handle_data = self._describe_type(proto)
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

    def _describe_type(self, proto: Any) -> Any:
        """Return the shape and dtype of a variable and its handle data, shared by all variables with the same."""
        key = (proto.dtype, proto.shape.SerializeToString(deterministic=True))
        if key not in self._types:
            shape, dtype = self._tf.TensorShape(proto.shape), self._tf.as_dtype(proto.dtype)
            self._types[key] = shape, dtype, self._new_handle_data(shape, dtype)
        return self._types[key]


def variable_nbytes(proto: Any) -> int:
    """Return about how many bytes the value of a SavedVariable message takes."""
    size: int = import_tensorflow().as_dtype(proto.dtype).size
    for dimension in proto.shape.dim:
        size *= max(1, dimension.size)
    return size


def assign_sharing_memory(variable: Any, value: Any) -> None:
    """Assign a value to a variable, which then shares its memory. Seen in 2.15, 2.21."""
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
    """Return the prefix of the files with a SavedModel's variables. Seen in 2.15, 2.21."""
    from tensorflow.python.saved_model import path_helpers

    return str(path_helpers.get_variables_path(path))


class ObjectCheckpoint:
    """The index of an object-based checkpoint. Seen in 2.15, 2.21."""

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
        """Return the attributes of nodes of a SavedObjectGraph in the checkpoint, matched by the names of children.

        Nodes without attributes are left out.
        """
        found: dict[int, Any] = {}
        seen = {0}
        to_visit = [(0, 0)] if self._objects.nodes else []
        while to_visit:
            node_id, saved_id = to_visit.pop()
            saved = self._objects.nodes[saved_id]
            if saved.attributes:
                found[node_id] = saved.attributes
            saved_children = {child.local_name: child.node_id for child in saved.children}
            if not saved_children:
                continue
            for child in nodes[node_id].children:
                child_id = child.node_id
                if child_id not in seen and child.local_name in saved_children:
                    seen.add(child_id)
                    to_visit.append((child_id, saved_children[child.local_name]))
        return found

    def has_value_for(self, key: str, proto: Any) -> bool:
        """Whether the checkpoint has a value for the variable of a SavedVariable message under a key."""
        tf = import_tensorflow()
        if key not in self._shapes or tf.as_dtype(proto.dtype) != self._dtypes[key]:
            return False
        return bool(tf.TensorShape(proto.shape).is_compatible_with(self._shapes[key]))
