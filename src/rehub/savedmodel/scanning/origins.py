"""Where a file name comes from: a node's input, followed back through the graph, functions and their callers.

Names are no evidence, as anybody can call a node "save/RestoreV2". What counts is which tensor the file's name is made
from, and whether the model runs the node by itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Iterator, NamedTuple

from rehub.savedmodel.nodes import Body, Node, node_of
from rehub.savedmodel.scanning.variants import Variant

_STRING_ATTR, _TENSOR_ATTR, _TYPE_STRING, _TENSOR_DTYPE, _STRING_VAL = 2, 8, 7, 1, 8

# Ops whose output names the same file as these of their inputs do, or files beside it.
_FOLLOWED = {
    "EnsureShape": (0,),
    "ExpandDims": (0,),
    "Identity": (0,),
    "Reshape": (0,),
    "Select": (1, 2),
    "SelectV2": (1, 2),
    "ShardedFilename": (0,),
    "ShardedFilespec": (0,),
    "Snapshot": (0,),
    "Squeeze": (0,),
    "StopGradient": (0,),
}
_CALLS = {"PartitionedCall": 0, "StatefulPartitionedCall": 0, "If": 1, "StatelessIf": 1}  # op -> its first argument
_USES_OF_VARIABLE = {"AssignVariableOp", "ReadVariableOp", "VarIsInitializedOp"}
_LEGACY_ASSET = "SAVEDMODEL-ASSET"
_MAX_STEPS = 50_000  # In all, of a graph variant: a name that is not followed to its end counts as unknown.


class Origin(NamedTuple):
    """One source of a file name.

    Attributes:
        kind: "asset" (a file of the model), "constant", "placeholder" (a tensor of the graph that is fed), "caller" (an
            argument of a function of the restored object) or "unknown".
        text: the asset's name, the constant, or the name of what it is.
        root: the node of the graph through which the function is called; "" where a restored object calls it.
    """

    kind: str
    text: str
    root: str


@dataclass(frozen=True)
class _Place:
    """A tensor on the way back."""

    body: Body
    tensor: str
    root: str
    is_suffix: bool = False


class Origins:
    """Follows file names of one graph variant back to where they come from."""

    def __init__(self, variant: Variant) -> None:
        self._variant = variant
        self._steps = 0
        self._sharing: Counter[str] | None = None
        self._users: dict[str, list[Node]] | None = None

    def of(self, node: Node, index: int) -> frozenset[Origin]:
        """Returns all sources of one of a node's inputs.

        Args:
            node: any node of the variant.
            index: which of its inputs, not counting those that only say what has to run before.
        """
        root = "" if node.body.function else node.name
        pending = list(_inputs(node, (index,), root, False))
        if not pending:
            return frozenset([Origin("unknown", f"{node.op} has no such input", root)])
        seen = set(pending)
        found: set[Origin] = set()
        while pending:
            for step in self._back(pending.pop()):
                self._steps += 1
                if self._steps > _MAX_STEPS:
                    return frozenset([*found, Origin("unknown", "what is made in too many steps", root)])
                if isinstance(step, Origin):
                    found.add(step)
                elif step not in seen:
                    seen.add(step)
                    pending.append(step)
        if not found:  # Functions that only call each other.
            return frozenset([Origin("unknown", "an argument of a function that nobody calls", root)])
        return frozenset(found)

    def _back(self, place: _Place) -> Iterator[_Place | Origin]:
        """Yields where a tensor comes from, one step back."""
        for step in self._sources(place):
            if isinstance(step, Origin) and place.is_suffix:
                if step.kind != "constant" or _leads_out(step.text):
                    yield Origin("unknown", f"joined to {step.text!r}", step.root)
            else:
                yield step

    def _sources(self, place: _Place) -> Iterator[_Place | Origin]:
        body, name = place.body, node_of(place.tensor)
        if body.function and name in self._variant.arguments(body):
            yield from self._from_callers(body, self._variant.arguments(body).index(name), place)
            return
        node = self._variant.node(body, name)
        if node is None:
            yield Origin("unknown", name, place.root)
        elif not body.function and name in self._variant.assets and self._is_fed(node, place.root):
            yield Origin("asset", self._variant.assets[name], place.root)
        elif node.op == "Const":
            texts = string_values(node)
            for text in texts:
                yield Origin("constant", text, place.root)
            if not texts:
                yield Origin("unknown", "a constant that is no text", place.root)
        elif node.op in ("Placeholder", "PlaceholderWithDefault") and not body.function:
            yield Origin("placeholder", name, place.root)
        elif node.op in _FOLLOWED:
            yield from _inputs(node, _FOLLOWED[node.op], place.root, place.is_suffix)
        elif node.op in ("Pack", "IdentityN", "ConcatV2"):
            count = len(_data(node)) - (node.op == "ConcatV2")
            yield from _inputs(node, range(count), place.root, place.is_suffix)
        elif node.op == "StringJoin":
            yield from _joined(node, place)
        elif node.op == "ReadVariableOp" and not body.function:
            yield from self._from_variable(node, place)
        else:
            yield Origin("unknown", f"what {node.op} makes", place.root)

    def _is_fed(self, node: Node, root: str) -> bool:
        """Whether the loader's path of the asset is what a reader gets.

        Assets are fed while a model is loaded. A constant that stands for one keeps its own value after that, but in a
        legacy module, into whose graph the path is written.
        """
        if node.op == "Placeholder" or (node.op == "Const" and string_values(node) == [_LEGACY_ASSET]):
            return True
        return not self._variant.runs(root, when="serving")

    def _from_callers(self, body: Body, index: int, place: _Place) -> Iterator[_Place | Origin]:
        variant, function = self._variant, body.function
        callers = variant.callers.get(function, ())
        bound = variant.bound_inputs(function)
        if variant.is_called_unseen(body):
            yield Origin("unknown", "what a function is given that no node needs to name", place.root)
        if bound is not None:
            first_bound = len(variant.arguments(body)) - len(bound)
            if index < first_bound:
                yield Origin("caller", variant.arguments(body)[index], "")
            else:
                yield from self._captured(bound[index - first_bound])
        elif not callers:
            yield Origin("unknown", "an argument of a function that nobody calls", place.root)
        for node, attribute in callers:
            root = place.root if node.body.function else node.name
            first = _CALLS.get(node.op) if attribute else 0
            if first is None:
                yield Origin("unknown", f"what {node.op} gives to a function", root)
            else:
                yield from _inputs(node, (first + index,), root, place.is_suffix) or (
                    Origin("unknown", f"{node.op} has no such input", root),
                )

    def _captured(self, number: int) -> Iterator[Origin]:
        variant = self._variant
        asset, constant = variant.captured_asset(number), variant.captured_constant(number)
        node = None if constant is None else variant.node(variant.bodies[0], constant)
        if asset is not None:
            yield Origin("asset", asset, "")
        elif node is not None and string_values(node):
            yield from (Origin("constant", text, "") for text in string_values(node))
        else:
            yield Origin("unknown", "an object that is captured", "")

    def _from_variable(self, read: Node, place: _Place) -> Iterator[_Place | Origin]:
        """Yields what a variable of the graph is set to, when nothing but the graph itself sets it.

        TensorFlow keeps the paths of assets in such variables, which are set when the model is loaded.
        """
        handle = node_of(next(iter(_data(read)), ""))
        variable = self._variant.node(place.body, handle)
        if variable is None or variable.op != "VarHandleOp" or self._shared_names()[_shared_name(variable)] > 1:
            yield Origin("unknown", "the value of a variable", place.root)
            return
        for node in self._uses().get(handle, ()):
            if node.op not in _USES_OF_VARIABLE:
                yield Origin("unknown", f"a variable that {node.op} has", place.root)
            elif node.op == "AssignVariableOp":
                # The assignment is what runs when the model is loaded, and what is fed there is what counts.
                yield from _inputs(node, (1,), node.name, place.is_suffix)

    def _shared_names(self) -> Counter[str]:
        """Counts the variables by the name under which a resource is shared: two with the same name can be one."""
        if self._sharing is None:
            nodes = (node for body in self._variant.bodies for node in body.nodes())
            self._sharing = Counter(_shared_name(node) for node in nodes if node.op == "VarHandleOp")
        return self._sharing

    def _uses(self) -> dict[str, list[Node]]:
        """Finds the nodes of the graph that have each node as an input."""
        if self._users is None:
            self._users = {}
            for node in self._variant.graph_nodes():
                for tensor in _data(node):
                    self._users.setdefault(node_of(tensor), []).append(node)
        return self._users


def string_values(node: Node) -> list[str]:
    """Returns the texts of a constant; none if it is of another type. Other bytes than UTF-8 are replaced."""
    tensor = node.attribute("value").message(_TENSOR_ATTR)
    if max(tensor.integers(_TENSOR_DTYPE), default=0) != _TYPE_STRING:
        return []
    return [value.decode("utf-8", "replace") for value in tensor.values(_STRING_VAL)]


def _joined(node: Node, place: _Place) -> Iterator[_Place | Origin]:
    """Yields what a StringJoin makes a file's name of: the name, and what is joined to it."""
    separator = _string_attribute(node, "separator")
    if _leads_out(separator):
        yield Origin("unknown", f"joined by {separator!r}", place.root)
    yield from _inputs(node, (0,), place.root, place.is_suffix)
    yield from _inputs(node, range(1, len(_data(node))), place.root, True)


def _string_attribute(node: Node, name: str) -> str:
    """Returns an attribute that is a text; "" where it is left at its default."""
    values = list(node.attribute(name).values(_STRING_ATTR))
    return values[-1].decode("utf-8", "replace") if values else ""


def _leads_out(part: str) -> bool:
    """Whether what is joined to a file's name could make it that of a file in another directory.

    Two parts that end and begin with a dot could. TensorFlow itself joins ".part" and "_temp/part".
    """
    return ".." in part or part.endswith(".")


def _shared_name(variable: Node) -> str:
    return _string_attribute(variable, "shared_name") or variable.name


def _data(node: Node) -> list[str]:
    return [tensor for tensor in node.inputs() if not tensor.startswith("^")]


def _inputs(node: Node, indices: Iterator[int] | range | tuple[int, ...], root: str, is_suffix: bool) -> list[_Place]:
    data = _data(node)
    return [_Place(node.body, data[index], root, is_suffix) for index in indices if index < len(data)]
