"""RH001: imports of tensorflow_hub; RH109: names of TensorFlow 1 that TensorFlow 2 spells in another way."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code import tf_names
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import code_of
from rehub.migrate.code.values import Api, tensorflow_path

_SAME_IN_BOTH = ("python.", "device", "keras.", "data.", "__", "version.")
_NO_RESPELLING = frozenset(["enable_eager_execution", "enable_v2_behavior", "estimator", "contrib"])
_PRIVATE_OF_HUB = "a private module of tensorflow_hub; rehub's public names are in `rehub`"


def rename_imports(plan: Plan) -> None:
    """Plan `import rehub` in the place of each import of tensorflow_hub."""
    for node in plan.position:
        if isinstance(node, cst.ImportAlias):
            parent = plan.parents[node]
            if isinstance(parent, cst.Import):
                rename_import(plan, node)
        elif isinstance(node, cst.ImportFrom) and node.module is not None and not node.relative:
            rename_from_import(plan, node)


def rename_import(plan: Plan, node: cst.ImportAlias) -> None:
    """Plan the change of `import tensorflow_hub [as name]`."""
    path = code_of(node.name)
    if path == "tensorflow_hub":
        plan.edits.replace(node.name, lambda _: cst.Name("rehub"))
        plan.change(node, "RH001", "a", "tensorflow_hub becomes rehub")
        if node.asname is None:
            rename_package(plan)
    elif path.startswith("tensorflow_hub."):
        plan.block(node, "RH001", f"`{path}` is {_PRIVATE_OF_HUB}")


def rename_package(plan: Plan) -> None:
    """Plan the change of `tensorflow_hub` where a program uses it as a name."""
    for node, value in plan.record.facts.items():
        if isinstance(node, cst.Name) and node.value == "tensorflow_hub" and value == Api("tensorflow_hub"):
            plan.edits.replace(node, lambda _: cst.Name("rehub"))


def rename_from_import(plan: Plan, node: cst.ImportFrom) -> None:
    """Plan the change of `from tensorflow_hub import ...`."""
    assert node.module is not None
    path = code_of(node.module)
    if path.startswith("tensorflow_hub."):
        plan.block(node, "RH001", f"`{path}` is {_PRIVATE_OF_HUB}")
    elif path == "tensorflow_hub":
        plan.edits.replace(node.module, lambda _: cst.Name("rehub"))
        plan.change(node, "RH001", "a", "tensorflow_hub becomes rehub")


def rename_module_class(plan: Plan) -> None:
    """Plan `from rehub import load` in the place of `Module`: nothing makes a `Module` any more."""
    for node in plan.position:
        if not isinstance(node, cst.ImportFrom) or node.module is None or isinstance(node.names, cst.ImportStar):
            continue
        if code_of(node.module) not in {"tensorflow_hub", "rehub"}:
            continue
        imported = [code_of(alias.name) for alias in node.names]
        for alias in node.names:
            if code_of(alias.name) != "Module":
                continue
            if alias.asname is not None:
                plan.edits.replace(alias.name, lambda _: cst.Name("load"))
            elif "load" in imported:
                plan.edits.remove(alias)
            else:
                plan.edits.replace(alias.name, lambda _: cst.Name("load"))
                if "load" in plan.names:
                    plan.block(node, "RH001", "`load` is a name of the program already")


def respell_names(plan: Plan) -> None:
    """Plan the names of TensorFlow 2 for those of TensorFlow 1."""
    for node, value in list(plan.record.facts.items()):
        if not isinstance(node, (cst.Attribute, cst.Name)) or not tensorflow_path(value):
            continue
        parent = plan.parents.get(node)
        if isinstance(parent, cst.Attribute) and tensorflow_path(plan.fact(parent)):
            continue
        respell_name(plan, node, tensorflow_path(value))
    for node in plan.record.dimension_values:
        plan.edits.replace(node, lambda renderer, node=node: renderer.render(node.value))  # type: ignore[misc]


def respell_name(plan: Plan, node: cst.Attribute | cst.Name, name: str) -> None:
    """Plan the name of TensorFlow 2 for one of TensorFlow 1."""
    if name.startswith(_SAME_IN_BOTH) or name in {"keras", "data", "compat.v1"} or ".__" in name:
        return
    parent = plan.parents.get(node)
    call = parent if isinstance(parent, cst.Call) and parent.func is node else None
    is_replaced = call is not None and (call in plan.record.layers or call in plan.edits.builders)
    if is_replaced or is_written_as_compat(plan, node):
        return
    positional, named = argument_shape(call)
    if respell_flags(plan, node, name) or (is_alias(plan, node) and tf_names.is_compat_module(name.partition(".")[0])):
        return  # `flags = tf.app.flags` is respelled itself.
    if not tf_names.is_known(name):
        base = name.rpartition(".")[0]
        if base and tf_names.is_known(base) and not tf_names.spell(base).startswith("compat"):
            return  # A method of a class that stays.
        if name in tf_names.modules():
            respell_module(plan, node, name)
            return
        plan.block(node, "RH109", f"`tf.{name}` is not known in TensorFlow 2")
        return
    changes = tf_names.respell_arguments(name, positional, named)
    if call is not None and changes:
        for argument in call.args:
            if argument.keyword is not None and argument.keyword.value in changes:
                new = changes[argument.keyword.value]
                plan.edits.replace(argument.keyword, lambda _, new=new: cst.Name(new))  # type: ignore[misc]
        return
    spelled = tf_names.spell(name, positional, named)
    if spelled == name:
        return
    root = root_of(plan, node)
    if root is None:
        plan.block(
            node, "RH109", f"`{code_of(node)}` is `tf.{spelled}` in TensorFlow 2; import `tensorflow as tf` for it"
        )
        return
    plan.edits.replace_by_code(node, f"{root}.{spelled}")
    kind = "b" if tf_names.gives_other_numbers(name) else "a"
    why = ": TensorFlow 2's own gives other pixels" if kind == "b" else ""
    plan.change(node, "RH109", kind, f"`tf.{name}` becomes `tf.{spelled}`{why}")


def is_alias(plan: Plan, node: cst.BaseExpression) -> bool:
    """Tell whether a name starts with a variable that the program assigns."""
    if root_of(plan, node) is not None:
        return False
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name) and node.value in plan.bindings


def respell_flags(plan: Plan, node: cst.Attribute | cst.Name, name: str) -> bool:
    """Plan the name of `tf.app.flags`, whose own names are no TensorFlow's."""
    root = root_of(plan, node)
    is_flags = f"{name}.".startswith("app.flags.") and root is not None
    if is_flags:
        plan.edits.replace_by_code(node, f"{root}.compat.v1.{name}")
    return is_flags


def respell_module(plan: Plan, node: cst.Attribute | cst.Name, name: str) -> None:
    """Plan the name of a module that TensorFlow 2 has in `tf.compat.v1` alone."""
    root = root_of(plan, node)
    if tf_names.is_compat_module(name) and root is not None:
        plan.edits.replace_by_code(node, f"{root}.compat.v1.{name}")


def check_imports(plan: Plan) -> None:
    """Block imports from TensorFlow that TensorFlow 2 has no equal for under the same name."""
    for node in plan.position:
        if isinstance(node, cst.ImportFrom) and node.module is not None and not node.relative:
            path = code_of(node.module)
            names = [] if isinstance(node.names, cst.ImportStar) else [code_of(alias.name) for alias in node.names]
            if path == "tensorflow" and not all(is_importable(name) for name in names):
                plan.block(node, "RH109", "TensorFlow 2 has not all that is imported here under these names")
            paths = [path]
        elif isinstance(node, cst.Import):
            paths = [code_of(alias.name) for alias in node.names]
        else:
            continue
        for path in paths:
            first, _, rest = path.partition(".")
            if first == "tensorflow" and rest and not is_importable(rest.partition(".")[0]):
                rule = "RH305" if rest.startswith("contrib") else "RH109"
                plan.block(node, rule, f"`{path}` is in no TensorFlow 2")


def is_importable(name: str) -> bool:
    """Tell whether TensorFlow 2 has a module or an object of this name with the same meaning."""
    is_module = name in tf_names.modules() and not tf_names.is_compat_module(name)
    return is_module or name in tf_names.UNCHANGED or name in {"keras", "python", "compat", "data", "core", "io"}


def argument_shape(call: cst.Call | None) -> tuple[int, tuple[str, ...]]:
    """Return how many arguments a call gives by position, and the names of the others."""
    if call is None:
        return 0, ()
    if any(argument.star for argument in call.args):
        return 99, ()
    named = tuple(argument.keyword.value for argument in call.args if argument.keyword is not None)
    return len(call.args) - len(named), named


def is_written_as_compat(plan: Plan, node: cst.CSTNode) -> bool:
    """Tell whether a name is written with `compat.v1`: it stays as it is."""
    value = plan.fact(node)
    return isinstance(value, Api) and value.path.startswith("tensorflow.compat.v1.")


def root_of(plan: Plan, node: cst.BaseExpression) -> str | None:
    """Return the text of the part of a dotted name that is TensorFlow itself."""
    while isinstance(node, cst.Attribute):
        node = node.value
        if plan.fact(node) == Api("tensorflow"):
            return code_of(node)
    return None
