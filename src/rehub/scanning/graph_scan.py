"""Find what a model can do to the machine that runs it: ops that touch files, the network or the process.

A model is a program. The scan reads all of it, without TensorFlow and without running anything: every graph variant,
every function of it, called or not, and the graphs that attributes and constants hold serialized.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Iterator

from rehub.escaping import escape
from rehub.savedmodel.graph_collections import Collections
from rehub.savedmodel.nodes import Node
from rehub.savedmodel.ops.op_classes import AMBIGUOUS, READS_FILES, RUNS_PYTHON, UNKNOWN, OpClass, classify_op
from rehub.savedmodel.protos import AnyProto, AttrValue, TensorProto
from rehub.savedmodel.used_ops import GRAPH_FROM_TENSOR, HOLDS_GRAPH
from rehub.savedmodel.wire import Buffer, Message, WireError, read_strictly
from rehub.scanning.ambiguities import AmbiguityCheck
from rehub.scanning.file_ops import (
    NAMING_INPUTS,
    escapes_model_dir,
    is_model_asset,
    read_naming_attributes,
    refine_class,
)
from rehub.scanning.graph_program import GraphProgram, iter_programs
from rehub.scanning.sources import Source, SourceFinder

_MAX_NESTED_GRAPHS = 4
_MAX_TEXTS_TRIED = 10_000  # Of the texts that could be a graph where an op makes a dataset from one.
_MOST_FINDINGS = 10_000  # Each takes time, and more than anyone reads.
_SHOWN_NAMES = 4
_SHOWN_LETTERS = 200
_LONGEST_SUMMARY = 1000
_MARKS = re.compile(r"[\s\0:^$]")  # By which TensorFlow tells the parts of a reference to a tensor or function.
_OP_NAME = re.compile(r"[A-Za-z0-9_.>-]+\Z")
_PYTHON_GRADIENT = b"EagerPyFunc"


@dataclass(frozen=True)
class Finding:
    """Something in a model that its users should know.

    Attributes:
        op: the op; "" if the finding is not about an op.
        kind: what the op does, in two or three words: "writes files".
        severity: "danger" if `hub.load(trusted=False)` refuses it, else "note".
        reason: why it matters, in a sentence.
        what: the file, URL or function that the op uses, if the model names it; else "".
        tags: the tags of the graph variant.
        function: the function that contains the node; "" for the graph itself.
        node: the name of the node, or of the file if there is no node.
        within: the nodes that contain the graph in serialized form, outermost first.
    """

    op: str
    kind: str
    severity: str
    reason: str
    what: str = ""
    tags: tuple[str, ...] = ()
    function: str = ""
    node: str = ""
    within: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return what it is and where, in a line that is safe on a terminal."""
        line = f"{self.op} {self.kind}" + (f" ({self.what})" if self.what else "") + f": {self.place()}"
        if not self.op:
            line = f"{self.what}, in {self.node}" if self.what else self.node
        return escape(line, _LONGEST_SUMMARY)

    def place(self) -> str:
        """Return where it is, in words."""
        if not self.op:
            return self.node
        place = f"node {self.node!r} of " + (f"function {self.function!r}" if self.function else "the graph")
        for holder in reversed(self.within):
            place += f", which {holder!r} holds"
        return f"{place}, tags {list(self.tags)}"


@dataclass(frozen=True)
class Scan:
    """What a scan of a `saved_model.pb` found, and how much it read.

    Attributes:
        findings: in the order of the file.
        nodes, functions: how many there are, over all graph variants.
    """

    findings: tuple[Finding, ...]
    nodes: int
    functions: int


def scan_saved_model(path: str, content: Buffer) -> Scan:
    """Scan the bytes of a `saved_model.pb`; messages name its path.

    Raises:
        CorruptModel: the bytes are not a SavedModel, or are cut off.
    """
    return read_strictly(path, lambda: _scan_programs(content))


def _scan_programs(content: Buffer) -> Scan:
    counts = [0, 0]
    findings = list(itertools.islice(_find_all(content, counts), _MOST_FINDINGS + 1))
    if len(findings) > _MOST_FINDINGS:
        findings[-1] = Finding("", "more", "danger", f"There are more than {_MOST_FINDINGS:,} findings.", "the others")
    return Scan(tuple(findings), counts[0], counts[1])


def _find_all(content: Buffer, counts: list[int]) -> Iterator[Finding]:
    check = AmbiguityCheck()
    yield from _report_ambiguity(check.find(content), "the model's file")
    yield from _find_python_gradients(content)
    for program in iter_programs(content):
        yield from _find_ambiguous_parts(check, program)
        yield from _find_ambiguous_functions(program)
        yield from _find_assets_outside(program)
        yield from _scan_program(program, counts)


def _find_python_gradients(content: Buffer) -> Iterator[Finding]:
    """Yield that a model names the gradient of a Python function, of which any node can say that it is its own.

    TensorFlow looks up the gradient of an op by what its attribute `_gradient_op_type` says; this one calls a function
    of the process: see `_EagerPyFuncGrad` in TensorFlow's python/ops/script_ops.py.
    """
    if content.find(_PYTHON_GRADIENT) >= 0:
        what = f"the name {_PYTHON_GRADIENT.decode()!r}"
        yield Finding("", RUNS_PYTHON.name, RUNS_PYTHON.severity, RUNS_PYTHON.reason, what, node="the model's file")


def _report_ambiguity(why: str | None, what: str, tags: tuple[str, ...] = ()) -> Iterator[Finding]:
    if why is not None:
        yield Finding("", AMBIGUOUS.name, AMBIGUOUS.severity, AMBIGUOUS.reason, f"ambiguous: {why}", tags, node=what)


def _find_ambiguous_parts(check: AmbiguityCheck, program: GraphProgram) -> Iterator[Finding]:
    """Yield what is ambiguous in the serialized messages of the collections that a loader reads."""
    collections, tags = Collections(program.metagraph), tuple(sorted(program.tags))
    for saver in collections.messages("savers"):
        yield from _report_ambiguity(check.find(saver.content(), "SaverDef"), "the collection 'savers'", tags)
    for packed in collections.any_list("saved_model_assets"):
        if not packed.text(AnyProto.type_url).endswith("/tensorflow.AssetFileDef"):
            yield from _report_ambiguity("a message of another type", "the collection 'saved_model_assets'", tags)
        content = b"".join(packed.values(AnyProto.value))
        yield from _report_ambiguity(check.find(content, "AssetFileDef"), "the collection 'saved_model_assets'", tags)


def _find_ambiguous_functions(program: GraphProgram) -> Iterator[Finding]:
    """Yield functions whose names are also those of ops or of other functions: loaders differ in which they call."""
    tags = tuple(sorted(program.tags))
    seen: set[str] = set()
    for scope in program.scopes[1:]:
        name = scope.function
        if classify_op(name) is not UNKNOWN:
            yield from _report_ambiguity("a function has the name of an op", f"function {name!r}", tags)
        elif name in seen or _MARKS.search(name):
            yield from _report_ambiguity("two functions can have this name", f"function {name!r}", tags)
        seen.add(name)


def _scan_program(program: GraphProgram, counts: list[int]) -> Iterator[Finding]:
    counts[1] += len(program.scopes) - 1
    functions = program.functions
    classes: dict[str, OpClass | None] = {}  # None for what is harmless everywhere
    suspects: list[tuple[Node, OpClass]] = []
    for node in program.nodes():
        counts[0] += 1
        op = node.op
        if op not in classes:
            found = classify_op(op)
            # An unknown op is a call where a function has its name. A function may not have the name of another op.
            is_call = found is UNKNOWN and op in functions
            classes[op] = None if is_call or not found.severity else found
        op_class = classes[op]
        if op_class is not None:
            suspects.append((node, op_class))
    finder = SourceFinder(program)  # It follows calls, all of which are known by now.
    for node, op_class in suspects:
        finding = _judge_node(program, finder, node, op_class)
        if finding is not None:
            yield finding
        if node.op in HOLDS_GRAPH:
            yield from _scan_nested(_iter_graphs_in_attribute(program, node), counts)
    if classes.get(GRAPH_FROM_TENSOR) is not None:
        yield from _scan_nested(_iter_graphs_in_constants(program), counts)


def _judge_node(program: GraphProgram, finder: SourceFinder, node: Node, op_class: OpClass) -> Finding | None:
    """Return what is to be said about a node whose op can do harm; None if this node does none."""
    texts = read_naming_attributes(node)
    judged = refine_class(node, texts, op_class)
    if judged is None:
        return None
    texts = [_quote_text(text) for text in texts]
    if node.op in NAMING_INPUTS:
        sources = frozenset(source for index in NAMING_INPUTS[node.op] for source in finder.find_sources(node, index))
        if is_model_asset(program, node, sources):
            return None
        texts = [_describe_source(source) for source in sorted(sources)]
    shown = ", ".join(texts[:_SHOWN_NAMES]) + (f" and {len(texts) - _SHOWN_NAMES} more" if texts[_SHOWN_NAMES:] else "")
    return Finding(
        node.op,
        judged.name,
        judged.severity,
        judged.reason,
        shown,
        tuple(sorted(program.tags)),
        node.scope.function,
        node.name,
        program.within,
    )


def _describe_source(source: Source) -> str:
    if source.kind == "unknown":
        return source.text
    lead = {"asset": "the asset ", "placeholder": "what is fed to ", "caller": "the caller's "}.get(source.kind, "")
    return lead + _quote_text(source.text)


def _quote_text(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN_LETTERS else repr(text[:_SHOWN_LETTERS]) + "..."


def _find_assets_outside(program: GraphProgram) -> Iterator[Finding]:
    for node, asset in program.asset_files:
        if escapes_model_dir(asset):
            reason = "It names a file outside of the model's directory as the model's own."
            yield Finding(
                "Const", READS_FILES.name, "danger", reason, repr(asset), tuple(sorted(program.tags)), "", node
            )


def _scan_nested(nested: Iterator[GraphProgram], counts: list[int]) -> Iterator[Finding]:
    for program in nested:
        yield from _scan_program(program, counts)


def _iter_graphs_in_attribute(program: GraphProgram, node: Node) -> Iterator[GraphProgram]:
    attribute, field = HOLDS_GRAPH[node.op]
    for content in node.attribute(attribute).values(AttrValue.s):
        yield from _parse_graph(program, node, content, field)


def _iter_graphs_in_constants(program: GraphProgram) -> Iterator[GraphProgram]:
    """Yield what may be a graph among the texts of the program's constants, as a dataset can be made from one."""
    texts = (
        (node, content)
        for scope in program.scopes
        for node in scope.nodes()
        if node.op == "Const"
        for content in node.attribute("value").message(AttrValue.tensor).values(TensorProto.string_val)
    )
    for node, content in itertools.islice(texts, _MAX_TEXTS_TRIED):
        yield from _parse_graph(program, node, content, 0)


def _parse_graph(program: GraphProgram, node: Node, content: bytes, field: int) -> Iterator[GraphProgram]:
    if len(program.within) >= _MAX_NESTED_GRAPHS:
        return  # The op that runs the outermost is a finding already.
    try:
        graph = Message(content)
        if field:
            graph = graph.message(field)
        nested = GraphProgram(content, graph, program.tags, (*program.within, node.name))
        is_graph = all(_OP_NAME.match(node.op) and node.name for node in nested.nodes())
    except WireError:
        return  # Some other text.
    if is_graph:
        nested.calls.clear()
        yield nested
