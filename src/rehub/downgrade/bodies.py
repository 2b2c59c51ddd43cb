"""The nodes of a graph or a function, and how a rule changes them.

A tensor is named as the graph or function itself names it: "node:1" in a graph, "node:output:0" in a function, whose
arguments are names without a colon. Rules get such names and hand them on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Sequence

from rehub.savedmodel.encodings.message_classes import message_class
from rehub.savedmodel.nodes import node_name
from rehub.savedmodel.protos import ENUMS

# Those that are not named "output".
_NAMES_OF_OUTPUTS = {
    **dict.fromkeys(
        ("AddV2", "Equal", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "Maximum", "Minimum", "Mul", "MulNoNan"),
        ("z",),
    ),
    **dict.fromkeys(("NotEqual", "RealDiv", "Sub"), ("z",)),
    **dict.fromkeys(
        ("Abs", "Cast", "Erfc", "Exp", "Floor", "Log", "Log1p", "Neg", "OnesLike", "Sign", "Sqrt", "Transpose"), ("y",)
    ),
    "ZerosLike": ("y",),
    "Cumprod": ("out",),
    "DecodePng": ("image",),
    "ReadFile": ("contents",),
    "ReadVariableOp": ("value",),
    "TensorListLength": ("length",),
    "TensorListResize": ("output_handle",),
}


def encode_attribute(value: Any) -> Any:
    """Return an AttrValue: of a bool, int, float, text or bytes, of a dtype or a list of them, or of itself."""
    attribute = message_class("AttrValue")()
    if isinstance(value, bool):
        attribute.b = value
    elif isinstance(value, int):
        attribute.i = value
    elif isinstance(value, float):
        attribute.f = value
    elif isinstance(value, (str, bytes)):
        attribute.s = value.encode() if isinstance(value, str) else value
    elif isinstance(value, TypeValue):
        attribute.type = value.type
    elif isinstance(value, (list, tuple)):
        attribute.list.type.extend(each.type for each in value)
        attribute.list.SetInParent()
    else:
        attribute.CopyFrom(value)
    return attribute


@dataclass(frozen=True)
class TypeValue:
    """A dtype as the value of an attribute, in the place of an AttrValue, whose class needs protobuf.

    Attributes:
        type: its number in TensorFlow's DataType.
    """

    type: int


def make_type(name: str) -> TypeValue:
    """Return the value of an attribute that is a dtype, by its name such as "int64"."""
    return TypeValue(ENUMS["DataType"][f"DT_{name.upper()}"])


def make_function(name: str) -> Any:
    """Return an AttrValue that names a function."""
    attribute = message_class("AttrValue")()
    attribute.func.name = name
    return attribute


INT32, INT64, FLOAT, STRING = map(make_type, ("int32", "int64", "float", "string"))


class Body:
    """A graph or a function whose nodes are being replaced.

    Args:
        message: its GraphDef or FunctionDef.
    """

    def __init__(self, message: Any) -> None:
        self.message = message
        self.is_function = message.DESCRIPTOR.name == "FunctionDef"
        self.name = message.signature.name if self.is_function else ""
        self._nodes = message.node_def if self.is_function else message.node
        self._by_name = {node.name: node for node in self._nodes}
        self._names = set(self._by_name)
        if self.is_function:
            self._names.update(arg.name for arg in message.signature.input_arg)
        self._renamed: dict[str, str] = {}
        self._removed: set[str] = set()
        self._current: Any = None
        self._added: list[str] = []

    def nodes(self) -> Iterator[Any]:
        """Yield the nodes that it had at first; the one that is being replaced is the last that was yielded."""
        for node in list(self._nodes):
            self._current = node
            self._added = []
            yield node

    def producer(self, tensor: str) -> Any | None:
        """Return the node that makes a tensor, behind any Identity, even if it is replaced; None for an argument."""
        node = self._by_name.get(node_name(tensor))
        while node is not None and node.op == "Identity":
            node = self._by_name.get(node_name(node.input[0]))
        return node

    def static_shape(self, tensor: str) -> Any | None:
        """Return the TensorShapeProto of an argument, or of what a node makes; None if it is not known."""
        name = node_name(tensor)
        node = self._by_name.get(name)
        if node is not None:
            if node.op == "Placeholder":
                return node.attr["shape"].shape if "shape" in node.attr else None
            found: Any = node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else ()
            return found[0] if len(found) == 1 else None
        arguments = [arg.name for arg in self.message.signature.input_arg] if self.is_function else []
        if name not in arguments:
            return None
        index = arguments.index(name)
        # A lookup of what is not in a map would add it.
        if index in self.message.arg_attr and "_output_shapes" in self.message.arg_attr[index].attr:
            return self.message.arg_attr[index].attr["_output_shapes"].list.shape[0]
        shapes = self.message.attr["_input_shapes"].list.shape if "_input_shapes" in self.message.attr else ()
        return shapes[index] if index < len(shapes) else None

    def add(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node with one output; see `add_node`. Return its output."""
        return self.add_node(op, inputs, _NAMES_OF_OUTPUTS.get(op, ("output",)), **attributes)[0]

    def add_node(self, op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> list[str]:
        """Add a node that takes the device and control inputs of the node that is being replaced.

        Args:
            op: an op.
            inputs: tensors.
            outputs: the names of its outputs, each once, or as often as it has tensors.
            **attributes: by name, each as `encode_attribute` takes it.

        Returns:
            The tensors that it makes.
        """
        current = self._current
        node = self._nodes.add(name=self._make_name(op), op=op, device=current.device)
        node.input.extend(inputs)
        node.input.extend(each for each in current.input if each.startswith("^"))
        for name, value in attributes.items():
            node.attr[name].CopyFrom(encode_attribute(value))
        self._by_name[node.name] = node
        self._added.append(node.name)
        names = list(outputs)
        return [
            self._name_tensor(node.name, name, names[:index].count(name), index) for index, name in enumerate(names)
        ]

    def constant(self, dtype: Any, value: float | bytes | Sequence[int]) -> str:
        """Add a constant: a number or a text, or a vector of integers."""
        attribute = message_class("AttrValue")()
        tensor = attribute.tensor
        tensor.dtype = dtype.type
        tensor.tensor_shape.SetInParent()
        is_scalar = isinstance(value, (int, float, bytes))
        values = [value] if is_scalar else list(value)  # type: ignore[arg-type]
        if not is_scalar:
            tensor.tensor_shape.dim.add(size=len(values))
        number = ENUMS["DataType"]
        fields = {number["DT_INT32"]: "int_val", number["DT_INT64"]: "int64_val", number["DT_FLOAT"]: "float_val",
                  number["DT_DOUBLE"]: "double_val", number["DT_STRING"]: "string_val"}  # fmt: skip
        getattr(tensor, fields[dtype.type]).extend(values)
        return self.add("Const", [], dtype=dtype, value=attribute)

    def convert(self, tensor: str, source: Any, target: Any) -> str:
        """Return a tensor as another dtype."""
        if source.type == target.type:
            return tensor
        return self.add("Cast", [tensor], SrcT=source, DstT=target)

    def wait_for_last(self, tensor: str) -> None:
        """Let the node that was added last wait for a tensor."""
        self._by_name[self._added[-1]].input.append(f"^{node_name(tensor)}")

    def replace_outputs(self, outputs: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Remove the node that is being replaced.

        Args:
            outputs: for each of its outputs, in the order of its op, its name and the tensors to take instead.
        """
        index = 0
        for name, tensors in outputs:
            for number, tensor in enumerate(tensors):
                self._renamed[self._name_tensor(self._current.name, name, number, index)] = tensor
                index += 1
        self.remove_node()

    def remove_node(self) -> None:
        """Remove the node that is being replaced; what waits for it waits for the nodes that were added."""
        self._removed.add(self._current.name)
        control = f"^{self._current.name}"
        self._renamed[control] = f"^{self._added[-1]}" if self._added else ""

    def rename_output(self, old: str, new: str) -> None:
        """Rename the only output of the node that is being replaced, whose op was changed."""
        if self.is_function and old != new:
            name = self._current.name
            self._renamed[f"{name}:{old}:0"] = f"{name}:{new}:0"

    def redirect(self, tensor_index: tuple[str, int], tensor: str) -> None:
        """Let what takes an output of the node that is being replaced take another tensor; the node remains.

        Args:
            tensor_index: the output's name, and its index among the outputs.
            tensor: taken instead.
        """
        self._renamed[self._name_tensor(self._current.name, tensor_index[0], 0, tensor_index[1])] = tensor

    def output(self, name: str, index: int) -> str:
        """Return an output of the node that is being replaced under a name that is not redirected."""
        return self._name_tensor(self._current.name, name, 0, index) + _KEPT

    def finish(self) -> dict[str, str]:
        """Write the changes into the message; return the tensors that have other names now."""
        for index in reversed(range(len(self._nodes))):
            if self._nodes[index].name in self._removed:
                del self._nodes[index]
        removed = {f"loc:@{name}".encode() for name in self._removed}
        for node in self._nodes:
            if "_class" in node.attr and removed.intersection(node.attr["_class"].list.s):
                del node.attr["_class"]  # Where a node runs; it is an error to name a missing node.
            inputs = [self._resolve_input(each) for each in node.input]
            if inputs != list(node.input):
                data = [each for each in inputs if each and not each.startswith("^")]
                control = sorted({each for each in inputs if each.startswith("^")})
                del node.input[:]
                node.input.extend(data + control)
        if self.is_function:
            for name, tensor in list(self.message.ret.items()):
                self.message.ret[name] = self._resolve_input(tensor)
            for name, node in list(self.message.control_ret.items()):
                self._set_control_output(name, self._resolve_input(f"^{node}")[1:])
        return {old: self._resolve_input(old) for old in self._renamed}

    def _set_control_output(self, name: str, node: str) -> None:
        """Let an output of control be that of a node, or remove it if there is none."""
        if node:
            self.message.control_ret[name] = node
            return
        del self.message.control_ret[name]
        self.message.signature.control_output.remove(name)

    def _make_name(self, op: str) -> str:
        name, number = f"{self._current.name}/{op}", 0
        while name in self._names:
            number += 1
            name = f"{self._current.name}/{op}_{number}"
        self._names.add(name)
        return name

    def _name_tensor(self, node: str, output: str, number: int, index: int) -> str:
        return f"{node}:{output}:{number}" if self.is_function else f"{node}:{index}"

    def _resolve_input(self, tensor: str) -> str:
        if tensor.endswith(_KEPT):
            return tensor[: -len(_KEPT)]
        name = tensor if self.is_function or ":" in tensor or tensor.startswith("^") else f"{tensor}:0"
        seen = 0
        while name in self._renamed and seen < len(self._renamed):
            name = self._renamed[name]
            seen += 1
            if name.endswith(_KEPT):
                return name[: -len(_KEPT)]
        return name if name != f"{tensor}:0" else tensor


_KEPT = "\0kept"
