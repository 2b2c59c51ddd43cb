"""RH309: tensors that a program makes and never runs. Code that imports it may run them, so they stay."""

from __future__ import annotations

from typing import Iterator

import libcst as cst

from rehub.migrate.code.plan import Plan
from rehub.migrate.code.sessions import is_run_of_tensors
from rehub.migrate.code.trees import code_of, iter_nodes
from rehub.migrate.code.values import Api, Instance, Tensor, TrainOp, iter_parts

_MESSAGE = "`{}` is run by no code here: code that imports this may run it"


def block_unused_tensors(plan: Plan) -> None:
    """Block a program that builds a graph, or a class that does, and leaves the runs to other code."""
    fetched = [fetch.fetched for fetch in plan.record.fetches.values() if is_run_of_tensors(fetch)]
    run_classes = {each.node for node in fetched for each in _iter_owners(plan, node)}
    keras_classes = {node for node in plan.position if isinstance(node, cst.ClassDef) and _is_keras_class(plan, node)}
    read = {node.attr.value for node in plan.position if isinstance(node, cst.Attribute) and not _is_target(plan, node)}
    for node in plan.position:
        if not isinstance(node, cst.Attribute) or not _is_target(plan, node) or not _holds_tensor(plan, node):
            continue
        owner, name = plan.fact(node.value), node.attr.value
        is_unread = name not in read and not name.startswith("_")
        if is_unread and isinstance(owner, Instance) and owner.node not in [*run_classes, *keras_classes]:
            plan.block(node, "RH309", _MESSAGE.format(code_of(node)))
    unrun = [each for each in plan.record.definitions.values() if each.scope is None and each.sources]
    if unrun and not fetched:
        plan.block(unrun[-1].statement, "RH309", _MESSAGE.format(code_of(unrun[-1].targets[0])))


def _iter_owners(plan: Plan, node: cst.CSTNode) -> Iterator[Instance]:
    for part in iter_nodes(node):
        owner = plan.fact(part.value) if isinstance(part, cst.Attribute) else None
        if isinstance(owner, Instance):
            yield owner


def _is_target(plan: Plan, node: cst.Attribute) -> bool:
    parent = plan.parents.get(node)
    while isinstance(parent, (cst.Element, cst.Tuple, cst.List)):
        parent = plan.parents.get(parent)
    return isinstance(parent, (cst.AssignTarget, cst.AnnAssign))


def _holds_tensor(plan: Plan, node: cst.Attribute) -> bool:
    value = plan.fact(node)
    return value is not None and any(
        isinstance(part, TrainOp) or (isinstance(part, Tensor) and not part.is_static and not part.is_variable)
        for part in iter_parts(value)
    )


def _is_keras_class(plan: Plan, node: cst.ClassDef) -> bool:
    bases = [plan.fact(base.value) for base in node.bases]
    return any(isinstance(base, Api) and "keras" in base.path for base in bases)
