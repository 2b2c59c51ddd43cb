"""RH102: graphs, sessions, scopes and initializers go; what a session ran is computed where it is written."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.edits import Renderer, Replacement, gap, statements_of
from rehub.migrate.code.plan import Plan, vanishes
from rehub.migrate.code.scopes import local_names
from rehub.migrate.code.store import Fetch
from rehub.migrate.code.values import Config, Initializer, Items, Mixed, Plain, Session, Value, iter_parts

_SETTING = "removed: a setting of a session; tf.config has those of GPUs, to be set before the first model is loaded"


def remove_graphs(plan: Plan) -> None:
    """Plan the removal of everything that has no place in eager mode."""
    for node in list(plan.position):
        if isinstance(node, cst.Expr):
            remove_expression(plan, node)
        elif isinstance(node, (cst.Assign, cst.AnnAssign)):
            remove_assignment(plan, node)
        elif isinstance(node, cst.With):
            unwrap_with(plan, node)
        elif isinstance(node, cst.Param):
            remove_parameter(plan, node)
        elif isinstance(node, cst.Global):
            remove_global(plan, node)
        elif isinstance(node, (cst.Return, cst.Element, cst.DictElement)):
            replace_by_none(plan, node)


def remove_expression(plan: Plan, node: cst.Expr) -> None:
    """Plan the removal of a statement like `sess.run(init)` or `sess.close()`."""
    value = plan.fact(node.value)
    if vanishes(value):
        plan.edits.remove(node)
        plan.change(node, "RH102", "a", "removed: eager mode needs no graph, session or initializer")


def remove_assignment(plan: Plan, node: cst.Assign | cst.AnnAssign) -> None:
    """Plan the removal of an assignment of a session, a placeholder, an initializer or the like."""
    if node.value is None:
        return
    value = plan.fact(node.value)
    if vanishes(value) and is_tested_session(plan, node, value):
        plan.edits.replace_by_code(node.value, "True")
        plan.remade_sessions.append(node)
        plan.change(node, "RH102", "a", "the session becomes a mark that the model is loaded")
        return
    if vanishes(value):
        plan.edits.remove(node)
        plan.change(node, "RH102", "a", "removed: eager mode needs no graph, session or initializer")
        return
    targets = [target.target for target in node.targets] if isinstance(node, cst.Assign) else [node.target]
    if any(isinstance(target, cst.Attribute) and isinstance(plan.fact(target.value), Config) for target in targets):
        plan.edits.remove(node)
        plan.change(node, "RH102", "a", _SETTING)
    elif value == Plain(None) and len(targets) == 1 and is_always_vanishing(plan, targets[0]):
        plan.edits.remove(node)


def is_tested_session(plan: Plan, node: cst.Assign | cst.AnnAssign, value: Value | None) -> bool:
    """Tell whether a variable gets a session, and a condition asks whether it has one yet."""
    targets = [target.target for target in node.targets] if isinstance(node, cst.Assign) else [node.target]
    names = [
        t.attr.value if isinstance(t, cst.Attribute) else t.value if isinstance(t, cst.Name) else "" for t in targets
    ]
    return isinstance(value, Session) and any(name in plan.record.tested_sessions for name in names)


def is_always_vanishing(plan: Plan, target: cst.BaseExpression) -> bool:
    """Tell whether a variable that starts as None holds what vanishes, and nothing else, later."""
    if not isinstance(target, cst.Name) or plan.scope_of(target) is not None:
        return False
    return holds_nothing_else(plan, target.value)


def remove_global(plan: Plan, node: cst.Global) -> None:
    """Plan the removal of names from `global` that hold only what vanishes."""
    kept = [item for item in node.names if not holds_nothing_else(plan, item.name.value)]
    if len(kept) < len(node.names):
        last = [item.with_changes(comma=cst.MaybeSentinel.DEFAULT) if item is kept[-1] else item for item in kept]
        plan.edits.replace(node, lambda _: node.with_changes(names=last) if last else cst.RemoveFromParent())


def holds_nothing_else(plan: Plan, name: str) -> bool:
    """Tell whether all variables of a name hold what vanishes, or None before."""
    if name in plan.record.tested_sessions:
        return False
    uses = [value for other, value in plan.record.facts.items() if isinstance(other, cst.Name) and other.value == name]
    others = [value for value in uses if value != Plain(None)]
    return bool(others) and all(map(vanishes, others))


def unwrap_with(plan: Plan, node: cst.With) -> None:
    """Plan the removal of items of `with` that vanish; without items the body moves out."""
    gone = [item for item in node.items if vanishes(plan.fact(item.item))]
    if not gone:
        return
    plan.change(node, "RH102", "a", "the block needs no session, graph or scope")
    if len(gone) < len(node.items):
        items = [item for item in node.items if item not in gone]

        def build_items(renderer: Renderer) -> Replacement:
            kept = [renderer.render(item) for item in items]
            kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
            body = renderer.render(node.body)
            return node.with_changes(
                items=kept, body=body, lpar=cst.MaybeSentinel.DEFAULT, rpar=cst.MaybeSentinel.DEFAULT
            )

        plan.edits.replace(node, build_items)
        return

    def build(renderer: Renderer) -> Replacement:
        return cst.FlattenSentinel([gap(node.leading_lines), *statements_of(node.body, renderer)])

    plan.edits.replace(node, build)


def remove_parameter(plan: Plan, node: cst.Param) -> None:
    """Plan the removal of a parameter that gets what vanishes, and of its arguments."""
    value = plan.fact(node.name)
    function = next((a for a in plan.ancestors(node) if isinstance(a, (cst.FunctionDef, cst.Lambda))), None)
    if function is None or not vanishes(value) or node in plan.kept_parameters:
        return
    if function in plan.record.escaped:
        plan.block(
            node,
            "RH102",
            f"`{node.name.value}` is a session or a part of a graph, and the function has unknown callers",
        )
        return
    plan.edits.remove(node)
    for argument in arguments_for(plan, function, node):
        plan.edits.remove(argument)


def arguments_for(plan: Plan, function: cst.FunctionDef | cst.Lambda, parameter: cst.Param) -> list[cst.Arg]:
    """Return the arguments that direct calls of a function give for a parameter."""
    names = [other.name.value for other in [*function.params.posonly_params, *function.params.params]]
    offset = 1 if is_method(plan, function) else 0
    found = []
    for call in plan.record.calls.get(function, ()):
        for index, argument in enumerate(call.args):
            word = argument.keyword.value if argument.keyword else names[min(index + offset, len(names) - 1)]
            if word == parameter.name.value:
                found.append(argument)
    return found


def is_method(plan: Plan, function: cst.CSTNode) -> bool:
    """Tell whether calls of a function leave its first parameter, `self`, out."""
    block = plan.parents.get(function)
    return isinstance(plan.parents.get(block) if block is not None else None, cst.ClassDef)


def replace_by_none(plan: Plan, node: cst.Return | cst.Element | cst.DictElement) -> None:
    """Plan `None` where a session, a placeholder or the like is returned or is an item."""
    expression = node.value
    if expression is None or not vanishes(plan.fact(expression)):
        return
    if isinstance(node, cst.Element):
        display = plan.parents.get(node)
        parent = plan.parents.get(display) if display is not None else None
        if isinstance(parent, (cst.AssignTarget, cst.For)) or vanishes(plan.fact(display)):
            return
    plan.edits.replace_by_code(expression, "None")


def session_findings(plan: Plan) -> None:
    """Note sessions that a function finds in a global or a closure: the rewriting changes who owns them."""
    for fetch in plan.record.fetches.values():
        if not is_run_of_tensors(fetch):
            continue
        function = fetch.node.func
        owner = function.value if isinstance(function, cst.Attribute) else None
        if not isinstance(owner, cst.Name) or not isinstance(plan.fact(owner), Session):
            continue
        scope = plan.scope_of(fetch.node)
        if isinstance(scope, cst.FunctionDef) and not binds(scope, owner.value):
            plan.change(
                fetch.node,
                "RH104",
                "b",
                f"the session `{owner.value}` of an outer scope: other code may have changed its graph",
            )


def is_run_of_tensors(fetch: Fetch) -> bool:
    """Tell whether a run gives more than the initialization of variables and tables."""
    return not all(isinstance(part, (Initializer, Items, Mixed)) for part in iter_parts(fetch.value))


def binds(scope: cst.FunctionDef, name: str) -> bool:
    """Tell whether a function has a local variable."""
    return name in local_names(scope)
