"""Where a file name comes from: a node's input, followed back through the graph, functions and their callers.

Names prove nothing: any node can be called "save/RestoreV2". What counts is which tensor the file's name is made
from, and whether the model runs the node by itself. Only those ops are followed by which TensorFlow's writers pass a
path on; what comes from other ops, or from names that can be read in two ways, is unknown.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, NamedTuple

from rehub.savedmodel.nodes import GraphScope, Node, node_name
from rehub.savedmodel.wire import Span
from rehub.scanning.graph_program import GraphProgram
from rehub.scanning.path_variables import PathVariables
from rehub.scanning.runs import normalize_tensor_name
from rehub.scanning.string_constants import read_strings, read_text_attribute

# Ops whose only output names the same file as these of their inputs do, or files beside it.
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
# Op -> the attributes by which it calls functions with its own inputs, and the first of these.
_CALLS = {
    "PartitionedCall": (("f",), 0),
    "StatefulPartitionedCall": (("f",), 0),
    "If": (("then_branch", "else_branch"), 1),
    "StatelessIf": (("then_branch", "else_branch"), 1),
}
_LEGACY_ASSET = "SAVEDMODEL-ASSET"
# What savers of TensorFlow 1.15 to 2.21 join to a path: where a shard is written before all are merged.
_PART_OF_CHECKPOINT = re.compile(r"\.part|_temp(_[0-9a-f]{32})?/part")
_MOST_STEPS = 100_000  # In all, of a graph variant: a name that is not followed to its end counts as unknown.
_MOST_ORIGINS = 100  # Of one name.


class Source(NamedTuple):
    """One source of a file name.

    Attributes:
        kind: "asset" (a file of the model), "fed asset" (a constant that is one only while it is fed), "constant",
            "placeholder" (a tensor of the graph that is fed), "caller" (an argument of a function of the restored
            object) or "unknown".
        text: the asset's name, the constant, or the name of what it is.
        root: the node of the graph through which the function is called; "" where a restored object calls it.
    """

    kind: str
    text: str
    root: str


class _Place(NamedTuple):
    """A tensor on the path back. Its root is None where that is the node at which the search begins."""

    scope: GraphScope
    tensor: str
    root: str | None
    is_suffix: bool = False


class _Found(NamedTuple):
    """A source, whose root is None where that is the node at which the search begins."""

    kind: str
    text: str
    root: str | None


class SourceFinder:
    """Follow file names of one graph variant back to where they come from."""

    def __init__(self, program: GraphProgram) -> None:
        self._program = program
        self._steps = 0
        self._data: dict[Span, list[str]] = {}
        self._names: dict[Span, str] = {}
        self._texts: dict[Span, list[str]] = {}
        self._of_tensors: dict[_Place, frozenset[_Found]] = {}
        self._path_variables = PathVariables(program)

    def find_sources(self, node: Node, index: int) -> frozenset[Source]:
        """Return all sources of one of a node's inputs.

        Args:
            node: any node of the program.
            index: which of its inputs, not counting those that only say what has to run before.
        """
        root = "" if node.scope.function else node.name
        start = next(iter(self._follow_inputs(node, (index,), "" if node.scope.function else None, False)), None)
        if start is None:
            return frozenset([Source("unknown", f"{node.op} has no such input", root)])
        if start not in self._of_tensors:
            self._of_tensors[start] = self._follow_back(start)
        found = self._of_tensors[start]
        return frozenset(Source(kind, text, root if at is None else at) for kind, text, at in found)

    def _follow_back(self, start: _Place) -> frozenset[_Found]:
        pending = [start]
        seen = {start}
        found: set[_Found] = set()
        while pending:
            if self._steps > _MOST_STEPS or len(found) > _MOST_ORIGINS:
                return frozenset([_Found("unknown", "what is made in too many steps", start.root)])
            for step in self._step_back(pending.pop()):
                self._steps += 1
                if isinstance(step, _Found):
                    found.add(step)
                elif step not in seen:
                    seen.add(step)
                    pending.append(step)
        if not found:  # Functions that only call each other.
            return frozenset([_Found("unknown", "an argument of a function that is never called", start.root)])
        return frozenset(found)

    def _step_back(self, place: _Place) -> Iterator[_Place | _Found]:
        """Yield where a tensor comes from, one step back."""
        for step in self._find_steps(place):
            if isinstance(step, _Found) and place.is_suffix:
                if step.kind != "constant" or not _PART_OF_CHECKPOINT.fullmatch(step.text):
                    yield _Found("unknown", f"joined to {step.text!r}", step.root)
            else:
                yield step

    def _find_steps(self, place: _Place) -> Iterable[_Place | _Found]:
        scope, name = place.scope, node_name(place.tensor)
        if not self._program.has_clear_names(scope):
            return [_Found("unknown", f"{name!r}, which can be read in two ways", place.root)]
        if scope.function and name in self._program.arguments(scope):
            return self._resolve_argument(scope, self._program.arguments(scope)[name], place)
        node = self._program.node(scope, name)
        if node is None:
            return [_Found("unknown", f"{name!r}, which is not there", place.root)]
        if not scope.function and self._program.is_fed_by_callers(name):
            return [_Found("placeholder", normalize_tensor_name(place.tensor), "")]
        if node.op == "Const":
            return self._resolve_constant(node, place)
        if node.op in ("Placeholder", "PlaceholderWithDefault") and not scope.function:
            return [self._resolve_placeholder(node, place)]
        if node.op in _FOLLOWED:
            return self._follow_inputs(node, _FOLLOWED[node.op], place.root, place.is_suffix)
        if node.op in ("Pack", "IdentityN", "ConcatV2"):
            count = len(self._get_data_inputs(node)) - (node.op == "ConcatV2")
            return self._follow_inputs(node, range(count), place.root, place.is_suffix)
        if node.op == "StringJoin":
            return self._resolve_join(node, place)
        if node.op == "ReadVariableOp" and not scope.function:
            return self._resolve_variable(node, place)
        return [_Found("unknown", f"what {node.op} makes", place.root)]

    def _resolve_placeholder(self, node: Node, place: _Place) -> _Found:
        """Return the asset of a placeholder without a value of its own, if the loader feeds it one."""
        tensor = normalize_tensor_name(place.tensor)
        if node.op == "Placeholder" and tensor in self._program.assets:
            return _Found("asset", self._program.assets[tensor], place.root)
        return _Found("placeholder", tensor, place.root)

    def _resolve_constant(self, node: Node, place: _Place) -> Iterator[_Found]:
        if node.span not in self._texts:
            self._texts[node.span] = read_strings(node)
        texts = self._texts[node.span]
        tensor = normalize_tensor_name(place.tensor)
        if not place.scope.function and tensor in self._program.assets:
            # Of a legacy module, the path is written into the graph; the constant itself names no file.
            kind = "asset" if texts == [_LEGACY_ASSET] else "fed asset"
            yield _Found(kind, self._program.assets[tensor], place.root)
            return
        for text in texts[: _MOST_ORIGINS + 1]:
            yield _Found("constant", text, place.root)
        if not texts:
            yield _Found("unknown", "a constant that is not text", place.root)

    def _resolve_argument(self, scope: GraphScope, index: int, place: _Place) -> Iterator[_Place | _Found]:
        program, function = self._program, scope.function
        calls = program.calls.get(function, ())
        bound = program.bound_inputs(function)
        if program.is_called_unseen(scope):
            yield _Found("unknown", "what a function is given that no node needs to name", place.root)
        if bound is not None:
            first_bound = len(program.arguments(scope)) - len(bound)
            if first_bound < 0:
                yield _Found("unknown", "a function that captures more than it takes", "")
            elif index < first_bound:
                yield _Found("caller", list(program.arguments(scope))[index], "")
            else:
                yield self._resolve_capture(bound[index - first_bound])
        elif not calls:
            yield _Found("unknown", "an argument of a function that is never called", place.root)
        for node, attribute, is_direct in calls:
            root = place.root if node.scope.function else self._get_name(node)
            attributes, first = (("",), 0) if not attribute else _CALLS.get(node.op, ((), 0))
            given = self._follow_inputs(node, (first + index,), root, place.is_suffix)
            if is_direct and attribute in attributes and given:
                yield from given
            else:
                yield _Found("unknown", f"what {node.op} gives to a function", root)

    def _resolve_capture(self, number: int) -> _Found:
        program = self._program
        asset, constant = program.captured_asset(number), program.captured_constant(number)
        if asset is not None:
            return _Found("asset", asset, "")
        if constant is not None:
            node = program.node(program.scopes[0], constant)
            texts = [] if node is None else read_strings(node)
            if len(texts) == 1:
                return _Found("constant", texts[0], "")
        return _Found("unknown", "an object that is captured", "")

    def _resolve_variable(self, read: Node, place: _Place) -> Iterator[_Place | _Found]:
        """Yield what a variable of the graph is set to, when nothing but the graph itself sets it.

        TensorFlow keeps the paths of assets in such variables, which are set when the model is loaded.
        """
        data = self._get_data_inputs(read)
        assignments = self._path_variables.assignments(data[0]) if len(data) == 1 else None
        if not assignments:
            yield _Found("unknown", "the value of a variable", place.root)
            return
        for node in assignments:
            # The assignment is what runs when the model is loaded, and what is fed there is what counts.
            yield from self._follow_inputs(node, (1,), node.name, place.is_suffix) or (
                _Found("unknown", "an assignment of nothing", node.name),
            )

    def _resolve_join(self, node: Node, place: _Place) -> Iterator[_Place | _Found]:
        """Yield what a StringJoin makes a file's name of: the name, and what is joined to it."""
        separator = read_text_attribute(node, "separator")
        if separator != "":
            yield _Found("unknown", f"joined by {separator!r}", place.root)
        yield from self._follow_inputs(node, (0,), place.root, place.is_suffix)
        yield from self._follow_inputs(node, range(1, len(self._get_data_inputs(node))), place.root, True)

    def _get_name(self, node: Node) -> str:
        """Return a node's name, read once."""
        name = self._names.get(node.span)
        if name is None:
            name = self._names[node.span] = node.name
        return name

    def _get_data_inputs(self, node: Node) -> list[str]:
        """Return the inputs of a node that are tensors. Each node is read once, as it can have many."""
        data = self._data.get(node.span)
        if data is None:
            data = self._data[node.span] = [tensor for tensor in node.inputs() if not tensor.startswith("^")]
        return data

    def _follow_inputs(self, node: Node, indices: Iterable[int], root: str | None, is_suffix: bool) -> list[_Place]:
        data = self._get_data_inputs(node)
        return [_Place(node.scope, data[index], root, is_suffix) for index in indices if index < len(data)]
