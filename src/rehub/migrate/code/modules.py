"""RH101: `hub.Module(handle, ...)` becomes `hub.load(handle)`."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.edits import Renderer
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import arguments_by_name, code_of
from rehub.migrate.code.values import HubModule, HubSpec, Plain, Tensor, tensorflow_path


def load_modules(plan: Plan) -> None:
    """Plan the replacement of each call of `hub.Module`."""
    for node, value in list(plan.record.facts.items()):
        if (
            isinstance(node, cst.Call)
            and isinstance(value, HubModule)
            and value.call is node
            and node not in plan.edits.builders
        ):
            load_module(plan, node)


def module_arguments(plan: Plan, node: cst.Call) -> dict[str, cst.BaseExpression] | None:
    """Return the arguments of a call of `hub.Module` by name, with the handle in the place of a spec."""
    if any(argument.star for argument in node.args):
        plan.block(node, "RH101", "`hub.Module` with `*` or `**` arguments")
        return None
    arguments = arguments_by_name(node, ("spec", "trainable", "name", "tags"))
    handle = arguments.get("spec")
    if handle is None:
        plan.block(node, "RH101", "`hub.Module` without a handle")
        return None
    spec = plan.fact(handle)
    if isinstance(spec, HubSpec):
        if not can_repeat(plan, spec.handle, node):
            return None
        assert spec.handle is not None
        arguments["spec"] = spec.handle
    return arguments


def load_module(plan: Plan, node: cst.Call) -> None:
    """Plan the replacement of one call of `hub.Module`."""
    arguments = module_arguments(plan, node)
    if arguments is None:
        load_spec(plan, node)
        return
    tags = arguments.get("tags")
    if tags is not None and plan.fact(tags) == Plain(None):
        tags = None
    name = loader_name(node.func)
    kept = arguments["spec"], tags

    def build(renderer: Renderer) -> cst.BaseExpression:
        code = f"{name}({renderer.code(kept[0])}"
        code += f", tags={renderer.code(kept[1])})" if kept[1] is not None else ")"
        return cst.parse_expression(code)

    plan.edits.replace(node, build)
    dropped = [word for word in ("trainable", "name") if word in arguments]
    note = f"; `{'`, `'.join(dropped)}` dropped" if dropped else ""
    plan.change(node, "RH101", "a", f"hub.Module becomes hub.load{note}")


def load_spec(plan: Plan, node: cst.Call) -> None:
    """Plan `hub.load` where a module's spec is made: the loaded object answers what the spec did, and is the module."""
    spec = plan.fact(node.args[0].value) if node.args else None
    module = plan.fact(node)
    if not isinstance(spec, HubSpec) or spec.handle is None:
        plan.block(node, "RH101", "the handle of this module is not known")
        return
    words = {argument.keyword.value for argument in node.args if argument.keyword is not None}
    is_trainable = isinstance(module, HubModule) and module.is_trainable
    if is_trainable or not words <= {"name", "trainable"}:
        plan.block(node, "RH101", "the handle of this module's spec cannot be written again here")
        return
    name, handle = loader_name(spec.call.func), spec.handle
    plan.edits.replace(spec.call, lambda renderer: cst.parse_expression(f"{name}({renderer.code(handle)})"))
    plan.edits.replace(node, lambda renderer: renderer.render(node.args[0].value))
    plan.change(node, "RH101", "a", "hub.load takes the place of hub.load_module_spec and hub.Module")


def describe_inputs(plan: Plan) -> None:
    """Plan a module's description of its inputs where a program makes a placeholder for each of them."""
    for node, call in plan.record.described_inputs.items():
        plan.edits.replace(node, lambda renderer, call=call: renderer.render(call))  # type: ignore[misc]
        plan.change(node, "RH108", "b", "the placeholders are now the module's description of its inputs")
    for attribute in plan.record.described_shapes:
        plan.edits.replace(
            attribute,
            lambda renderer, owner=attribute.value: cst.parse_expression(f"{renderer.code(owner)}.get_shape()"),  # type: ignore[misc]
        )


def count_variables(plan: Plan) -> None:
    """Plan `module.variables` for all variables of a graph, where one module is all that has some."""
    for node, value in list(plan.record.facts.items()):
        if not isinstance(node, cst.Call) or value != Tensor(form="list"):
            continue
        path = tensorflow_path(plan.fact(node.func))
        if path not in {"global_variables", "trainable_variables"}:
            continue
        makers = [
            call
            for call, made in plan.record.facts.items()
            if isinstance(call, cst.Call)
            and (isinstance(made, HubModule) or (isinstance(made, Tensor) and made.is_variable))
        ]
        module = plan.fact(makers[0]) if len(makers) == 1 else None
        name = assigned_name(plan, makers[0]) if makers else ""
        if not isinstance(module, HubModule) or not name or plan.record.layers or in_loop(plan, makers[0]):
            plan.block(node, "RH102", f"`tf.{path}()` are all variables of a graph")
        elif path == "global_variables":
            plan.edits.replace_by_code(node, f"{name}.variables")
        else:
            plan.edits.replace_by_code(node, f"{name}.trainable_variables" if module.is_trainable else "[]")


def assigned_name(plan: Plan, call: cst.CSTNode) -> str:
    """Return the global variable that holds what a call made; "" if there is none."""
    parent = plan.parents.get(call)
    is_global = isinstance(parent, cst.Assign) and plan.scope_of(call) is None
    return code_of(parent.targets[0].target) if is_global and isinstance(parent, cst.Assign) else ""


def in_loop(plan: Plan, node: cst.CSTNode) -> bool:
    """Tell whether a node may be reached several times."""
    return any(isinstance(a, (cst.For, cst.While, cst.FunctionDef, cst.Lambda)) for a in plan.ancestors(node))


def can_repeat(plan: Plan, handle: cst.BaseExpression | None, node: cst.CSTNode) -> bool:
    """Tell whether an expression written elsewhere means the same here."""
    if isinstance(handle, cst.SimpleString):
        return True
    if not isinstance(handle, cst.Name):
        return False
    bindings = [
        other
        for other in plan.record.facts
        if isinstance(other, cst.Name) and other.value == handle.value and is_bound_by(plan, other)
    ]
    return len(bindings) == 1 and plan.scope_of(bindings[0]) in {None, plan.scope_of(node)}


def is_bound_by(plan: Plan, name: cst.Name) -> bool:
    """Tell whether a name is the target of an assignment or a parameter."""
    parent = plan.parents.get(name)
    return isinstance(parent, (cst.AssignTarget, cst.Param, cst.AsName)) or (
        isinstance(parent, (cst.For, cst.AugAssign, cst.AnnAssign)) and parent.target is name
    )


def loader_name(function: cst.BaseExpression) -> str:
    """Return what `hub.load` is called where `hub.Module` is called like this."""
    if isinstance(function, cst.Attribute):
        return code_of(function.value) + ".load"
    return "load"
