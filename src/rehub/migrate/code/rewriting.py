"""`rewrite`: the text of a program of TensorFlow 1 into that of TensorFlow 2."""

from __future__ import annotations

from typing import Any, Container, Iterator

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from rehub.migrate.code import names, sessions
from rehub.migrate.code.cached_loads import cache_loads
from rehub.migrate.code.deferred import Deferral
from rehub.migrate.code.edits import Renderer, check_comment, is_gap
from rehub.migrate.code.estimators import rewrite_estimators
from rehub.migrate.code.fetches import Fetches
from rehub.migrate.code.findings import Finding, Rewriting
from rehub.migrate.code.interpreter import Interpreter
from rehub.migrate.code.keras_imports import move_imports
from rehub.migrate.code.keras_layers import LayerWithModule, find_layers, rewrite_layers
from rehub.migrate.code.keras_models import rewrite_keras_calls
from rehub.migrate.code.layers import (
    rewrite_global_step,
    rewrite_schedules,
    rewrite_stateless_layers,
    rewrite_variables,
)
from rehub.migrate.code.modules import count_variables, describe_inputs, load_modules
from rehub.migrate.code.plan import Change, Plan, is_leaf, is_parametric, vanishes
from rehub.migrate.code.prints import rewrite_prints
from rehub.migrate.code.rules import is_ignored
from rehub.migrate.code.savers import rewrite_savers
from rehub.migrate.code.store import Blocker
from rehub.migrate.code.training import Training
from rehub.migrate.code.trees import children_of, code_of
from rehub.migrate.code.undefined_names import find_undefined_names
from rehub.migrate.code.unused_tensors import block_unused_tensors
from rehub.migrate.code.values import Api, Entries, Items, Plain, Session, Tensor

_MENTIONS = ("tensorflow_hub", "rehub")
# A program that calls one of these as `tf.Session` does not run on TensorFlow 2.
_ONLY_IN_TF1 = tuple(
    """
    ConfigProto GPUOptions InteractiveSession Session get_default_graph get_variable global_variables_initializer
    placeholder reset_default_graph tables_initializer variable_scope
    """.split()
)


class _EveryRule:
    """The container of all rules: what `select` is if it is not given."""

    def __contains__(self, rule: object) -> bool:
        return True


ALL_RULES = _EveryRule()


def rewrite(
    source: str, *, notes: bool = False, select: Container[str] = ALL_RULES, ignore: Container[str] = ()
) -> Rewriting:
    """Return a program rewritten for TensorFlow 2, and what was found in it.

    Args:
        source: the whole text of a program, or the cells of a notebook joined.
        notes: also apply the rewrites of kind "b", each with a comment `# rehub: check ...`.
        select: the rules to apply and report.
        ignore: the rules to leave out.
    """
    try:
        module = cst.parse_module(source)
    except cst.ParserSyntaxError as error:
        return Rewriting(source, parse_error=f"line {error.raw_line}: {error.message}")
    if not any(mention in source for mention in _MENTIONS):
        return Rewriting(source)
    children_of.cache_clear()
    return _Rewriter(module, source, notes, select, ignore).rewrite()


class _Rewriter:
    """One rewriting of one program."""

    def __init__(
        self, module: cst.Module, source: str, notes: bool, select: Container[str], ignore: Container[str]
    ) -> None:
        self.module = module
        self.source = source
        self.lines = source.splitlines()
        self.notes = notes
        self.select = select
        self.ignore = ignore

    def rewrite(self) -> Rewriting:
        """Return the new text and the findings."""
        layers = find_layers(self.module) if "Layer" in self.source else []
        skipped = [statement for layer in layers for statement in layer.bookkeeping]
        record = Interpreter(self.module, skipped).run()
        imports = Plan(self.module, record)
        names.rename_imports(imports)
        if record.is_compat or not record.uses_graph:
            if record.is_eager and not record.is_compat:
                sessions.remove_graphs(imports)
            if record.is_compat and record.uses_graph:
                imports = self.plan_compat(imports)
            imports.blockers = [blocker for blocker in imports.blockers if blocker.rule == "RH001"]
            return self.finish(imports, list(find_eager_compat(imports, self.source)), [])
        plan = Plan(self.module, record)
        self.plan_edits(plan, layers)
        blockers = list(record.blockers.values()) or plan.blockers
        left = [change for change in plan.changes if not self.may_apply(change)]
        if blockers or left:
            kept = [change for change in plan.changes if change.kind == "b"] if not blockers else []
            return self.finish(imports, blockers, kept)
        return self.finish(plan, [], [])

    def plan_compat(self, imports: Plan) -> Plan:
        """Return the plan of a program that stays in graph mode: names that only TensorFlow 1 has get `compat.v1`."""
        paths = {value.path for value in imports.record.facts.values() if isinstance(value, Api)}
        if not any(path == f"tensorflow.{name}" for path in paths for name in _ONLY_IN_TF1):
            return imports  # It may run on TensorFlow 2 today, with the meanings that names have there.
        plan = Plan(self.module, imports.record)
        names.rename_imports(plan)
        plan.record.dimension_values.clear()  # `.value` of a dimension goes on.
        names.respell_names(plan)
        return plan if all(map(self.may_apply, plan.changes)) else imports

    def plan_edits(self, plan: Plan, layers: list[LayerWithModule]) -> None:
        """Plan the whole program of TensorFlow 2, and find what is in its way."""
        names.rename_imports(plan)
        names.rename_module_class(plan)
        rewrite_layers(plan, layers)
        load_modules(plan)
        deferral = Deferral(plan)
        deferral.check_branches()
        training = Training(plan, deferral)
        fetches = Fetches(plan, deferral, training)
        fetches.function_values.find_run_parameters()
        sessions.remove_graphs(plan)
        sessions.session_findings(plan)
        block_unused_tensors(plan)
        count_variables(plan)
        describe_inputs(plan)
        rewrite_prints(plan)
        rewrite_keras_calls(plan)
        move_imports(plan)
        rewrite_variables(plan, deferral.tf)
        rewrite_global_step(plan, deferral.tf)
        rewrite_schedules(plan, deferral.tf)
        rewrite_stateless_layers(plan, deferral.tf)
        rewrite_estimators(plan, deferral.tf)
        training.find_steps()
        training.check_initialization()
        fetches.rewrite()
        fetches.resolve_step_feeds()
        deferral.write_functions()
        training.write_steps()
        rewrite_savers(plan, training)
        cache_loads(plan)
        if not plan.record.blockers:
            names.check_imports(plan)
            names.respell_names(plan)
        if not plan.blockers:
            try:
                self.find_leftovers(plan, deferral)
            except (cst.CSTValidationError, cst.ParserSyntaxError) as error:
                plan.block(self.module, "RH102", f"the new program cannot be written: {type(error).__name__}")

    def may_apply(self, change: Change) -> bool:
        """Tell whether a change is asked for."""
        is_selected = change.rule in self.select and change.rule not in self.ignore
        return is_selected and (self.notes or change.kind == "a") and not self.is_ignored(change.node, change.rule)

    def is_ignored(self, node: cst.CSTNode, rule: str) -> bool:
        """Tell whether a comment on the line of a node says to leave it."""
        line = self.positions[node].start.line
        return line <= len(self.lines) and is_ignored(self.lines[line - 1], rule)

    def find_leftovers(self, plan: Plan, deferral: Deferral) -> None:
        """Block where a value without a place in eager mode would stay in the new program."""
        renderer = Renderer(plan.edits)
        self.module.visit(renderer)
        tracked = {
            node.value
            for node, value in plan.record.facts.items()
            if isinstance(node, cst.Name) and (vanishes(value) or (is_leaf(value) and not is_parametric(value)))
        }
        # What a removed part is called in TensorFlow 2 is of no interest.
        plan.changes = [each for each in plan.changes if each.rule != "RH109" or each.node in renderer.built]
        for node in renderer.kept:
            value = plan.fact(node)
            if isinstance(node, cst.Name) and node.value in tracked and value is None and is_read(plan, node):
                plan.block(node, "RH102", f"`{node.value}` is used here, where the rewriting did not come")
            if (
                isinstance(node, cst.Attribute)
                and node.attr.value in plan.record.attributes
                and (type(value) is Plain and not isinstance(plan.fact(node.value), Api) and not is_target(plan, node))
            ):
                plan.block(node, "RH102", f"`.{node.attr.value}` of an object that may have a part of a graph there")
            if value is None or isinstance(value, (Items, Entries)) or node in plan.functions or is_target(plan, node):
                continue
            if isinstance(value, Tensor) and value.definition in plan.kept_parameters:
                continue
            if is_condition(plan, node) and isinstance(value, Session):
                continue
            if vanishes(value) and not isinstance(plan.parents.get(node), (cst.Param, cst.Global)):
                plan.block(node, "RH102", f"`{code_of(node)[:40]}` stays here, and is nothing in eager mode")
            elif is_leaf(value) and not is_parametric(value) and isinstance(value, Tensor):
                definition = plan.record.definitions.get(value.definition)  # type: ignore[arg-type]
                if definition is not None and not deferral.is_parametric_definition(definition):
                    plan.block(node, "RH103", f"`{code_of(node)[:40]}` is used here, where it is a function now")

    # The result.

    @property
    def positions(self) -> dict[cst.CSTNode, Any]:
        """Where each node is."""
        if not hasattr(self, "_positions"):
            wrapper = MetadataWrapper(self.module, unsafe_skip_copy=True)
            self._positions = wrapper.resolve(PositionProvider)
        return self._positions  # type: ignore[return-value]

    def finish(self, plan: Plan, blockers: list[Blocker], left: list[Change]) -> Rewriting:
        """Return the text with a plan's edits, and the findings."""
        applied = [change for change in plan.changes if self.may_apply(change)]
        for change in applied:
            if change.kind == "b":
                self.add_comment(plan, change)
        new = self.module
        if len(applied) == len(plan.changes):
            rendered = self.module.visit(Renderer(plan.edits))
            assert isinstance(rendered, cst.Module)
            new = rendered
        text = restore_lines(new.code, self.source, self.module.code)
        try:
            cst.parse_module(text)
        except cst.ParserSyntaxError as error:
            return Rewriting(
                self.source,
                self.findings([Blocker(self.module, "RH102", f"the result does not parse: {error}")], [], []),
            )
        lost = sorted(find_undefined_names(text) - find_undefined_names(self.source))
        if lost:
            reason = f"the result would read {', '.join(lost)}, which nothing in it defines"
            return Rewriting(self.source, self.findings([Blocker(self.module, "RH102", reason)], [], []))
        return Rewriting(text, self.findings(blockers or plan.blockers, applied, left))

    def add_comment(self, plan: Plan, change: Change) -> None:
        """Plan the comment above a change that a person should check."""
        statement = plan.statement_of(change.node)
        builder = plan.edits.builders.get(statement)

        def build(renderer: Renderer) -> object:
            result = builder(renderer) if builder is not None else renderer.render_inside(statement)
            return with_comment(result, check_comment(change.message))

        plan.edits.builders[statement] = build  # type: ignore[assignment]

    def findings(self, blockers: list[Blocker], applied: list[Change], left: list[Change]) -> tuple[Finding, ...]:
        """Return the findings, sorted, one for a line and rule."""
        found: dict[tuple[int, str, str], Finding] = {}
        has_contrib = any(blocker.rule == "RH305" for blocker in blockers)
        items = [(b.node, b.rule, "c", with_remedy(b, has_contrib=has_contrib), b.advice, False) for b in blockers]
        items += [(c.node, c.rule, c.kind, c.message, "", True) for c in applied]
        items += [(c.node, c.rule, c.kind, c.message, "", False) for c in left]
        for node, rule, kind, message, advice, is_applied in items:
            if rule not in self.select or rule in self.ignore or self.is_ignored(node, rule):
                continue
            span = self.positions[node]
            start, end = span.start, span.end  # type: ignore[attr-defined]
            finding = Finding(
                rule, kind, start.line, start.column + 1, message, advice, end.line, end.column + 1, is_applied
            )
            found.setdefault((start.line, rule, kind), finding)
        return tuple(sorted(found.values(), key=lambda finding: (finding.line, finding.column, finding.rule)))


def find_eager_compat(plan: Plan, source: str) -> Iterator[Blocker]:
    """Yield why a program of tensorflow.compat.v1 does not run on TensorFlow 2: nothing turns eager mode off."""
    record = plan.record
    if record.needs_graph_mode and record.compat_import and not (record.is_graph_mode or "Graph(" in source):
        name = record.compat_import.asname
        tf = code_of(name.name) if name is not None else "tf"
        message = f"TensorFlow 2 runs tensorflow.compat.v1 eagerly: call `{tf}.disable_v2_behavior()` at the start"
        yield Blocker(record.compat_import, "RH102", message)


def restore_lines(text: str, source: str, parsed: str) -> str:
    """Return a text with the lines that libcst changes by reading them: 1.9 loses the space of `except X :`."""
    if parsed == source:
        return text
    before, after = source.splitlines(keepends=True), parsed.splitlines(keepends=True)
    if len(before) != len(after):
        return text
    lost = {new: old for old, new in zip(before, after) if old != new}
    return "".join(lost.get(line, line) for line in text.splitlines(keepends=True))


def with_remedy(blocker: Blocker, *, has_contrib: bool) -> str:
    """Return the message of a blocker, and whether the program can go on with tf.compat.v1."""
    is_general = blocker.rule.startswith(("RH1", "RH2")) and not has_contrib
    return f"{blocker.message}. `--to compat` would do." if is_general else blocker.message


def with_comment(result: object, comment: cst.EmptyLine) -> object:
    """Return a statement, or several, with a comment line above."""
    if isinstance(result, cst.FlattenSentinel):
        nodes = list(result)
        # Where all is removed, the comment goes above what comes next.
        index = next((index for index, node in enumerate(nodes) if not is_gap(node)), len(nodes) - 1)
        nodes[index] = with_comment(nodes[index], comment)  # type: ignore[call-overload]
        return cst.FlattenSentinel(nodes)
    lines = getattr(result, "leading_lines", ())
    if any(line.comment is not None and line.comment.value == comment.comment.value for line in lines):  # type: ignore[union-attr]
        return result
    return result.with_changes(leading_lines=[*lines, comment]) if isinstance(result, cst.CSTNode) else result


def is_read(plan: Plan, node: cst.Name) -> bool:
    """Tell whether a name is an expression, and not that of an argument, an attribute or a definition."""
    parent = plan.parents.get(node)
    if isinstance(parent, cst.Attribute):
        return parent.value is node
    if isinstance(parent, cst.Arg):
        return parent.value is node
    others = (cst.Param, cst.FunctionDef, cst.ClassDef, cst.ImportAlias, cst.AsName, cst.NameItem, cst.AssignTarget)
    return not isinstance(parent, others)


def is_condition(plan: Plan, node: cst.CSTNode) -> bool:
    """Tell whether a variable is only compared or tested here."""
    conditions = (cst.Comparison, cst.UnaryOperation, cst.BooleanOperation, cst.If, cst.While, cst.IfExp)
    name = node.attr.value if isinstance(node, cst.Attribute) else node.value if isinstance(node, cst.Name) else ""
    return name in plan.record.tested_sessions and isinstance(plan.parents.get(node), conditions)


def is_target(plan: Plan, node: cst.CSTNode) -> bool:
    """Tell whether a name is bound here and not read."""
    parent = plan.parents.get(node)
    while isinstance(parent, (cst.Element, cst.Tuple, cst.List, cst.StarredElement)):
        parent = plan.parents.get(parent)
    if isinstance(parent, (cst.For, cst.CompFor, cst.AnnAssign)):
        return parent.target is node or not isinstance(node, cst.Name)
    return isinstance(parent, (cst.AssignTarget, cst.AsName, cst.NameItem))
