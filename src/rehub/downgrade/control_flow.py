"""Ops that call one of several functions."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import INT32, Body, TypeValue, encode_attribute, make_function, make_type
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule
from rehub.savedmodel.encodings.message_classes import message_class

BOOL = make_type("bool")
_INDEX = "branch_index"


# Case is in 1.15, but that loader does not rename functions in lists: saved_model/function_deserialization.py.
@rule("nested If", "StatelessCase", "Case", before=(2, 0))
def nest_branches(body: Body, node: Any, library: Library) -> None:
    """Choose a branch by nested ops of two branches; an index out of bounds means the last one."""
    branches = [each.name for each in node.attr["branches"].list.func]
    is_stateless = node.op == "StatelessCase"
    types = (_split_list(node.attr["Tin"]), _split_list(node.attr["Tout"]))
    index, *inputs = [each for each in node.input if not each.startswith("^")]
    chosen = _add_branch(library, branches[-1], types, is_stateless)
    for number in reversed(range(len(branches) - 1)):
        then_branch = _add_branch(library, branches[number], types, is_stateless)
        if number == 0:
            break
        chosen = _add_choice(library, number, then_branch, chosen, types, is_stateless)
    if len(branches) == 1:
        then_branch = chosen
    condition = body.add("Equal", [index, body.constant(INT32, 0)], T=INT32)
    outputs = body.add_node(
        "StatelessIf" if is_stateless else "If",
        [condition, index, *inputs],
        outputs=["output"] * len(types[1]),
        **_make_attributes(then_branch, chosen, types, node.attr.get("output_shapes", _no_shapes())),
    )
    body.replace_outputs([("output", outputs)])


def _make_attributes(
    then_branch: str, else_branch: str, types: tuple[list[Any], list[Any]], shapes: Any
) -> dict[str, Any]:
    return {
        "Tcond": BOOL,
        "Tin": [INT32, *types[0]],
        "Tout": types[1],
        "then_branch": make_function(then_branch),
        "else_branch": make_function(else_branch),
        "output_shapes": shapes,
    }


def _no_shapes() -> Any:
    attribute = message_class("AttrValue")()
    attribute.list.SetInParent()
    return attribute


def _split_list(types: Any) -> list[TypeValue]:
    """Return the dtypes of a list."""
    return [TypeValue(each) for each in types.list.type]


def _start_function(library: Library, name: str, types: tuple[list[Any], list[Any]], is_stateless: bool) -> Any:
    inputs = [(_INDEX, INT32), *((f"input_{number}", each) for number, each in enumerate(types[0]))]
    function = library.add_function(name, inputs, [(f"output_{number}", each) for number, each in enumerate(types[1])])
    function.signature.is_stateful = not is_stateless
    return function


def _return_outputs(function: Any, node: str, count: int) -> str:
    for number in range(count):
        function.ret[f"output_{number}"] = f"{node}:output:{number}"
    return str(function.signature.name)


def _add_branch(library: Library, branch: str, types: tuple[list[Any], list[Any]], is_stateless: bool) -> str:
    """Add a function that calls a branch without the index."""
    function = _start_function(library, f"{branch}_of_index", types, is_stateless)
    node = function.node_def.add(name="call", op="PartitionedCall" if is_stateless else "StatefulPartitionedCall")
    node.input.extend(arg.name for arg in list(function.signature.input_arg)[1:])
    for name, value in (("Tin", types[0]), ("Tout", types[1]), ("f", make_function(branch))):
        node.attr[name].CopyFrom(encode_attribute(value))
    for name in ("config", "config_proto", "executor_type"):
        node.attr[name].s = b""
    return _return_outputs(function, node.name, len(types[1]))


def _add_choice(
    library: Library,
    number: int,
    then_branch: str,
    else_branch: str,
    types: tuple[list[Any], list[Any]],
    is_stateless: bool,
) -> str:
    """Add a function that chooses a branch if the index is a number, and another one else."""
    function = _start_function(library, f"{then_branch}_or_else", types, is_stateless)
    constant = function.node_def.add(name="number", op="Const")
    constant.attr["dtype"].type = INT32.type
    constant.attr["value"].tensor.dtype = INT32.type
    constant.attr["value"].tensor.tensor_shape.SetInParent()
    constant.attr["value"].tensor.int_val.append(number)
    equal = function.node_def.add(name="equal", op="Equal", input=[_INDEX, "number:output:0"])
    equal.attr["T"].type = INT32.type
    node = function.node_def.add(name="choice", op="StatelessIf" if is_stateless else "If")
    node.input.extend(["equal:z:0", *(arg.name for arg in function.signature.input_arg)])
    for name, value in _make_attributes(then_branch, else_branch, types, _no_shapes()).items():
        node.attr[name].CopyFrom(encode_attribute(value))
    return _return_outputs(function, node.name, len(types[1]))


@rule("the position of the CPU, where TensorFlow 1.15 runs the op", "DeviceIndex")
def choose_cpu(body: Body, node: Any, _library: Library) -> None:
    """Say which of some devices runs the node: the CPU; the number of devices if it is not among them."""
    names = list(node.attr["device_names"].list.s)
    index = names.index(b"CPU") if b"CPU" in names else len(names)
    body.replace_outputs([("index", [body.constant(INT32, index)])])
