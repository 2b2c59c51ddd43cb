"""RH202: a Keras layer of the program that holds a `hub.Module` gets a `hub.KerasLayer` inside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator

import libcst as cst

from rehub.migrate.code.edits import Renderer, Replacement, gap, parse_statements
from rehub.migrate.code.modules import module_arguments
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import arguments_by_name, code_of, iter_nodes
from rehub.migrate.code.values import UNKNOWN, HubModule

_WEIGHTS = ("self._trainable_weights", "self._non_trainable_weights", "self.trainable_weights")
_SEEN_BY_PERSON = (
    "this layer trains the module as TensorFlow 1 did: its variant for inference (tags=[]), without its regularization "
    "losses; drop both to train it as its author meant"
)


@dataclass
class LayerWithModule:
    """A Keras layer with a `hub.Module` in an attribute.

    Attributes:
        node: the class.
        attribute: the text of the attribute: `self.elmo`.
        assignment: the statement that makes the module.
        bookkeeping: the statements that add the module's variables to the layer's weights.
    """

    node: cst.ClassDef
    attribute: str
    assignment: cst.Assign
    bookkeeping: list[cst.CSTNode] = field(default_factory=list)


def find_layers(module: cst.Module) -> list[LayerWithModule]:
    """Return the layers with modules, by their text: `class X(...Layer)` with `self.x = ...Module(...)`."""
    found = []
    for node in iter_nodes(module):
        if isinstance(node, cst.ClassDef) and any(code_of(base.value).endswith("Layer") for base in node.bases):
            found += list(layers_of(node))
    return found


def layers_of(node: cst.ClassDef) -> Iterator[LayerWithModule]:
    """Yield the modules in a layer."""
    for statement in iter_nodes(node):
        if isinstance(statement, cst.Assign) and isinstance(statement.value, cst.Call):
            target = code_of(statement.targets[0].target)
            if target.startswith("self.") and code_of(statement.value.func).rpartition(".")[2] == "Module":
                layer = LayerWithModule(node, target, statement)
                layer.bookkeeping = find_bookkeeping(node, target)
                yield layer


def find_bookkeeping(node: cst.ClassDef, attribute: str) -> list[cst.CSTNode]:
    """Return the statements that put variables of a module among the weights of its layer, outermost."""
    found: list[cst.CSTNode] = []
    variables: set[str] = set()
    for statement in iter_statements(node.body):
        code = code_of(statement)
        if isinstance(statement, (cst.SimpleStatementLine, cst.For)):
            is_about_weights = any(word in code for word in _WEIGHTS)
            names = {part.value for part in iter_nodes(statement) if isinstance(part, cst.Name)}
            reads_variables = (
                f"{attribute}.variables" in code or "trainable_variables(" in code or bool(names & variables)
            )
            targets = assigned_names(statement)
            if is_about_weights or (reads_variables and targets):
                found.append(statement)
                variables |= targets
    return found


def iter_statements(block: cst.BaseSuite) -> Iterator[cst.CSTNode]:
    """Yield the statements of methods, outermost."""
    for statement in block.body:
        if isinstance(statement, (cst.FunctionDef, cst.If, cst.With)):
            yield from iter_statements(statement.body)
        else:
            yield statement


def assigned_names(statement: cst.CSTNode) -> set[str]:
    """Return the local variables that a line assigns."""
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return set()
    small = statement.body[0]
    if isinstance(small, cst.Assign) and all(isinstance(target.target, cst.Name) for target in small.targets):
        return {code_of(target.target) for target in small.targets}
    return set()


def rewrite_layers(plan: Plan, layers: list[LayerWithModule]) -> None:
    """Plan a `hub.KerasLayer` in each layer with a module."""
    for layer in layers:
        if isinstance(plan.fact(layer.assignment.value), HubModule):
            rewrite_layer(plan, layer)


def rewrite_layer(plan: Plan, layer: LayerWithModule) -> None:
    """Plan a `hub.KerasLayer` in one layer."""
    for statement in layer.bookkeeping:
        if any(isinstance(part, cst.Slice) for part in iter_nodes(statement)):
            plan.block(statement, "RH202", "only some of the module's variables are trained: choose them by hand")
        plan.edits.replace(statement, lambda _, lines=statement.leading_lines: gap(lines))  # type: ignore[misc, attr-defined]
    calls = [
        node
        for node in iter_nodes(layer.node)
        if isinstance(node, cst.Call)
        and code_of(node.func) == layer.attribute
        and isinstance(plan.fact(node.func), HubModule)
    ]
    uses = {use_of(plan, call) for call in calls}
    if len(uses) != 1 or None in uses:
        plan.block(
            layer.assignment, "RH202", f"`{layer.attribute}` is not called once, with constants for its signature"
        )
        return
    for statement in layer.node.body.body:
        # Keras of TensorFlow 1 did not call it in a graph; Keras 3 does, and finds the shape without it.
        if isinstance(statement, cst.FunctionDef) and statement.name.value == "compute_output_shape":
            plan.edits.remove(statement)
    signature, key = next(iter(uses))  # type: ignore[misc]
    for call in calls:
        rewrite_call(plan, call, key)
    write_keras_layer(plan, layer, signature, key)
    plan.change(layer.assignment, "RH202", "b", _SEEN_BY_PERSON)


def use_of(plan: Plan, call: cst.Call) -> tuple[str, str] | None:
    """Return the signature and the output of an application; "" for a dict of all outputs."""
    arguments = arguments_by_name(call)
    signature = plan.constant(arguments.get("signature"), default="default")
    as_dict = plan.constant(arguments.get("as_dict"), default=False)
    if signature is None:
        signature = "default"
    if not isinstance(signature, str) or not isinstance(as_dict, bool):
        return None
    if not as_dict:
        return signature, "default"
    subscript = plan.parents.get(call)
    if isinstance(subscript, cst.Subscript) and subscript.value is call and len(subscript.slice) == 1:
        index = subscript.slice[0].slice
        key = plan.constant(index.value) if isinstance(index, cst.Index) else UNKNOWN
        return (signature, key) if isinstance(key, str) else (signature, "")
    return signature, ""


def rewrite_call(plan: Plan, call: cst.Call, key: str) -> None:
    """Plan `self.layer(inputs)` in the place of an application of a module."""
    inputs = [a for a in call.args if a.keyword is None or a.keyword.value == "inputs"]
    if len(inputs) != 1:
        plan.block(call, "RH202", "the module's inputs are not one argument")
        return
    is_dict = key and plan.constant(arguments_by_name(call).get("as_dict")) is True
    node = plan.parents[call] if is_dict else call

    def build(renderer: Renderer) -> Replacement:
        return cst.parse_expression(f"{code_of(call.func)}({renderer.code(inputs[0].value)})")

    plan.edits.replace(node, build)


def write_keras_layer(plan: Plan, layer: LayerWithModule, signature: str, key: str) -> None:
    """Plan the statements that make the `hub.KerasLayer`."""
    call = layer.assignment.value
    assert isinstance(call, cst.Call)
    arguments = module_arguments(plan, call)
    if arguments is None:
        return
    line = plan.parents[layer.assignment]
    hub = code_of(call.func).rpartition(".")[0]
    if not isinstance(line, cst.SimpleStatementLine) or not hub or len(line.body) != 1:
        plan.block(layer.assignment, "RH202", "the module is not made by a statement of its own")
        return
    outputs = f'output_key="{key}"' if key else "signature_outputs_as_dict=True"
    name = plan.unused_name("module")

    def build(renderer: Renderer) -> Replacement:
        tags = renderer.code(arguments["tags"]) if "tags" in arguments else "[]"
        is_trained = "trainable" in arguments and bool(layer.bookkeeping)
        trainable = renderer.code(arguments["trainable"]) if is_trained else "False"
        code = (
            f"{name} = {hub}.load({renderer.code(arguments['spec'])}, tags={tags})\n"
            f"{name}.regularization_losses = []\n"
            f'{layer.attribute} = {hub}.KerasLayer({name}, trainable={trainable}, signature="{signature}", {outputs})\n'
        )
        statements = parse_statements(code, plan.module.config_for_parsing)
        first = statements[0].with_changes(leading_lines=line.leading_lines)  # type: ignore[union-attr]
        return cst.FlattenSentinel([first, *statements[1:]])

    plan.edits.replace(line, build)
    plan.edits.replace(call, lambda _: call)
