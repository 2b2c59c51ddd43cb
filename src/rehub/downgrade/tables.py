"""Saved values of mutable tables, which the loader of TensorFlow 1.15 does not restore.

Their initializers fill the tables instead, which that loader runs. Sessions restore tables by the graph's own op.
"""

from __future__ import annotations

from typing import Any, Callable

from rehub.downgrade.bodies import make_type
from rehub.downgrade.library import Library
from rehub.downgrade.rules import Inexpressible
from rehub.savedmodel.checkpoint import OBJECT_GRAPH
from rehub.savedmodel.encodings.message_classes import message_class
from rehub.savedmodel.protos import ObjectReference, SerializedTensor, TrackableObject, TrackableObjectGraph
from rehub.savedmodel.wire import Message

ReadTensor = Callable[[str], Any]

_RESOURCE, _STRING = make_type("resource"), make_type("string")
_IMPORT = "LookupTableImportV2"
_MAX_BYTES = (1 << 31) - (1 << 20)  # protobuf refuses larger messages.


def find_saved_tables(metagraph: Any) -> list[int]:
    """Return the numbers of the objects that are resources with values in the checkpoint: mutable tables."""
    nodes = metagraph.object_graph_def.nodes
    return [
        number for number, node in enumerate(nodes) if node.WhichOneof("kind") == "resource" and node.saveable_objects
    ]


def fill_saved_tables(metagraph: Any, library: Library, read_tensor: ReadTensor) -> int:
    """Let the initializers of mutable tables fill them with the values of the checkpoint.

    Args:
        metagraph: a MetaGraphDef.
        library: its functions.
        read_tensor: reads a tensor of the checkpoint by its key, as a NumPy array.

    Returns:
        The number of tables.

    Raises:
        Inexpressible: a resource is not a table, or the values are too large for the file of a model.
    """
    tables = find_saved_tables(metagraph)
    if not tables:
        return 0
    objects = metagraph.object_graph_def
    imports = {number: _find_import(objects.nodes, number, library) for number in tables}
    keys = _find_checkpoint_keys(objects.nodes, read_tensor(OBJECT_GRAPH).item())
    bytes_left = _MAX_BYTES - metagraph.ByteSize()
    for number, imported in imports.items():
        if number not in keys:
            raise Inexpressible("its checkpoint lacks the values of a mutable table")
        constants = []
        for part, attribute in (("keys", "Tin"), ("values", "Tout")):
            constants.append(_encode_array(read_tensor(f"{keys[number]}-{part}"), imported.attr[attribute]))
            bytes_left -= constants[-1].ByteSize()
            if bytes_left < 0:
                raise Inexpressible("its mutable tables are too large for the file of a model, which has at most 2 GB")
        _replace_initializer(objects, number, library, constants)
    return len(tables)


def _find_checkpoint_keys(nodes: Any, recorded: bytes) -> dict[int, str]:
    """Return the keys of what a checkpoint has of resources, by the numbers of their objects in the model.

    Objects have other numbers in the checkpoint, and the same attributes.
    """
    saved = list(Message(recorded).messages(TrackableObjectGraph.nodes))
    keys: dict[int, str] = {}
    numbers, waiting = {0: 0}, [0]
    while waiting:
        number = waiting.pop()
        message = saved[numbers[number]]
        for attribute in message.messages(TrackableObject.attributes):
            keys[number] = attribute.text(SerializedTensor.checkpoint_key)
        children = {
            child.text(ObjectReference.local_name): child.integer(ObjectReference.node_id)
            for child in message.messages(TrackableObject.children)
        }
        for child in nodes[number].children:
            if child.local_name in children and child.node_id not in numbers:
                numbers[child.node_id] = children[child.local_name]
                waiting.append(child.node_id)
    return keys


def _find_import(nodes: Any, number: int, library: Library) -> Any:
    """Return the node that restores a table from keys and values.

    Raises:
        Inexpressible: there is none, as the resource is not a table.
    """
    found: list[Any] = []
    for saveable in nodes[number].saveable_objects.values():
        name = nodes[saveable.restore_function].bare_concrete_function.concrete_function_name
        found.extend(node for node in library.function(name).node_def if node.op == _IMPORT)
    if len(found) != 1:
        raise Inexpressible("it has a resource with saved values that is not a table")
    return found[0]


def _encode_array(array: Any, dtype: Any) -> Any:
    """Return an AttrValue with a tensor."""
    attribute = message_class("AttrValue")()
    tensor = attribute.tensor
    tensor.dtype = dtype.type
    tensor.tensor_shape.SetInParent()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if dtype.type == _STRING.type:
        tensor.string_val.extend(array.ravel().tolist())
    else:
        tensor.tensor_content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return attribute


def _replace_initializer(objects: Any, number: int, library: Library, constants: list[Any]) -> None:
    """Let a table have an initializer that also fills it with constants: its keys and values."""
    nodes = objects.nodes
    child = next(each.node_id for each in nodes[number].children if each.local_name == "_initialize")
    old = nodes[child].function.concrete_functions[0]
    function = library.copy_function(old, f"{old}_of_saved_values")
    new = function.signature.name
    _add_import(function, constants)
    objects.concrete_functions[new].CopyFrom(objects.concrete_functions[old])
    objects.concrete_functions[new].bound_inputs.append(number)
    nodes[child].function.concrete_functions[0] = new
    for trace in nodes[child].children:
        bare = nodes[trace.node_id].bare_concrete_function
        if bare.concrete_function_name == old:
            bare.concrete_function_name = new


def _add_import(function: Any, constants: list[Any]) -> None:
    """Add the table as the last argument of a function, and the op that fills it."""
    table, name = "saved_table", "fill_saved_table"
    function.signature.input_arg.add(name=table, type=_RESOURCE.type)
    function.signature.is_stateful = True
    if "_input_shapes" in function.attr:
        function.attr["_input_shapes"].list.shape.add()
    filling = function.node_def.add(name=name, op=_IMPORT, input=[table])
    for part, attribute, value in zip(("keys", "values"), ("Tin", "Tout"), constants):
        constant = function.node_def.add(name=f"{name}/{part}", op="Const")
        constant.attr["value"].CopyFrom(value)
        # The keys of a dense table are a matrix. 1.15 takes it where it does not know the shape: lookup_ops.cc.
        shapeless = function.node_def.add(name=f"{name}/{part}_of_any_shape", op="PlaceholderWithDefault")
        shapeless.attr["shape"].shape.unknown_rank = True
        shapeless.input.append(f"{constant.name}:output:0")
        for typed, key in ((constant, "dtype"), (shapeless, "dtype"), (filling, attribute)):
            typed.attr[key].type = value.tensor.dtype
        filling.input.append(f"{shapeless.name}:output:0")
    returned = {tensor.partition(":")[0] for tensor in function.ret.values()}
    for node in function.node_def:
        if node.name in returned:
            node.input.append(f"^{name}")
    function.signature.control_output.append(name)
    function.control_ret[name] = name
