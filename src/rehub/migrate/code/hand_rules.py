"""RH302 to RH310: what is reported with code to write by hand, because only a person knows what was meant."""

from __future__ import annotations

import ast
import dataclasses
from typing import Iterator

from rehub.migrate.code.advice import find_contrib_replacement, write_advice
from rehub.migrate.code.findings import Finding
from rehub.migrate.code.imported_names import FunctionNode, ImportedNames
from rehub.migrate.code.module_uses import collect_facts, get_keyword, get_string, is_module

_GRAPH_MODE = frozenset(["tensorflow.disable_v2_behavior", "tensorflow.disable_eager_execution"])
_COMPAT = "`--to compat` would do."
_COMPAT_215 = "`--to compat` would do, on TensorFlow 2.15."
_SAVE = f"Write a tf.Module by tf.saved_model.save. {_COMPAT}"

# A rule, its message, and the names that it is about: in tensorflow, unless they start with "hub.".
_USES = (
    ("RH302", f"A call with training=True runs the update ops. {_COMPAT}", "GraphKeys.UPDATE_OPS"),
    (
        "RH303",
        f"An Estimator becomes a Keras model. {_COMPAT_215}",
        """
        estimator.BestExporter estimator.Estimator estimator.EvalSpec estimator.Exporter estimator.FinalExporter
        estimator.LatestExporter estimator.TrainSpec estimator.WarmStartSettings estimator.export
        estimator.train_and_evaluate
        """,
    ),
    ("RH303", f"The model_fn becomes a Keras model. {_COMPAT_215}", "estimator.EstimatorSpec"),
    (
        "RH303",
        "An Estimator on TPUs becomes a Keras model in tf.distribute.TPUStrategy.",
        "contrib.tpu.TPUConfig contrib.tpu.TPUEstimator contrib.tpu.TPUEstimatorSpec estimator.tpu",
    ),
    ("", "", "contrib.tpu.RunConfig estimator.ModeKeys estimator.RunConfig"),  # They come with what is reported.
    ("RH304", f"Estimators ended with TensorFlow 2.15. {_COMPAT_215}", "estimator"),
    (
        "RH304",
        f"Feature columns become inputs of a Keras model. {_COMPAT}",
        "feature_column.input_layer feature_column.linear_model",
    ),
    (
        "RH304",
        f"The column becomes a hub.KerasLayer on an Input. {_COMPAT}",
        "hub.image_embedding_column hub.text_embedding_column",
    ),
    (
        "RH304",
        f"The column becomes a hub.KerasLayer on an Input, and a mean over the texts of each row. {_COMPAT}",
        "hub.sparse_text_embedding_column",
    ),
    ("RH305", "", "contrib"),
    (
        "RH306",
        f"hub.restore_checkpoint reads the module's variables from a checkpoint. {_COMPAT}",
        """
        train.CheckpointSaverHook train.Saver train.Supervisor train.import_meta_graph train.init_from_checkpoint
        train.warm_start
        """,
    ),
    (
        "RH307",
        _SAVE,
        """
        graph_util.convert_variables_to_constants graph_util.extract_sub_graph saved_model.Builder saved_model.builder
        saved_model.simple_save saved_model.utils train.write_graph
        """,
    ),
    ("RH307", f"Load a SavedModel in its place. {_COMPAT}", "import_graph_def saved_model.loader"),
    (
        "RH307",
        "TensorFlow Lite converts a SavedModel: tf.lite.TFLiteConverter.from_saved_model.",
        "lite.TFLiteConverter.from_frozen_graph lite.TFLiteConverter.from_session lite.TocoConverter",
    ),
    (
        "RH308",
        f"Publish a tf.Module as a SavedModel. {_COMPAT}",
        "hub.attach_image_module_info hub.attach_message hub.create_module_spec",
    ),
    ("RH308", f"A method of a tf.Module is a signature. {_COMPAT}", "hub.add_signature"),
    (
        "RH308",
        f"Save the module after training. {_COMPAT_215}",
        "hub.LatestModuleExporter hub.register_module_for_export",
    ),
)


def _qualify_name(name: str) -> str:
    return f"tensorflow_{name}" if name.startswith("hub.") else f"tensorflow.{name}"


_NAMES = {_qualify_name(name): (rule, message) for rule, message, names in _USES for name in names.split()}
_SPARSE = frozenset(
    f"tensorflow.{name}"
    for name in """
        SparseTensor sparse.SparseTensor sparse.concat sparse.expand_dims sparse.from_dense sparse.placeholder
        sparse.reorder sparse.slice sparse.transpose sparse_concat sparse_placeholder sparse_reorder string_split
        strings.split
    """.split()
)


def find_hand_rules(names: ImportedNames) -> list[Finding]:
    """Return the findings of RH302 to RH310, in the order of the program."""
    is_graph_mode = any(name in _GRAPH_MODE for name, _ in names.uses)
    findings: dict[tuple[str, int], Finding] = {}
    with_advice: set[str] = set()
    for rule, node, message in sorted(_iter_all(names), key=lambda each: (each[1].lineno, each[1].col_offset)):
        if is_graph_mode and rule != "RH305":
            continue  # TF1 code that has moved to tf.compat.v1 goes on as it is.
        advice = "" if rule in with_advice else write_advice(rule, **collect_facts(names))
        with_advice.add(rule)
        finding = Finding(rule, "c", node.lineno, node.col_offset + 1, message, advice)
        findings.setdefault((rule, node.lineno), finding)
    return list(findings.values())


def add_training_advice(findings: list[Finding], names: ImportedNames) -> list[Finding]:
    """Return findings of the rewriting, of which the first training loop that it left has code to write by hand."""
    left = next((each for each in findings if each.rule == "RH301" and each.kind == "c" and not each.advice), None)
    if left is None:
        return findings
    advised = dataclasses.replace(left, advice=write_advice("RH301", **collect_facts(names)))
    return [advised if each is left else each for each in findings]


def _iter_all(names: ImportedNames) -> Iterator[tuple[str, ast.expr | ast.stmt, str]]:
    for name, node in names.uses:
        rule, message = _find_rule(name)
        if rule == "RH305":
            yield rule, node, _describe_contrib(name)
        elif rule:
            function = names.find_function(node) if name.endswith("EstimatorSpec") else None
            yield rule, function or node, f"{_format_name(name)}: {message}"
    for each in names.nodes:
        yield from _iter_in_node(names, each)


def _iter_in_node(names: ImportedNames, node: ast.AST) -> Iterator[tuple[str, ast.expr | ast.stmt, str]]:
    if isinstance(node, ast.Call):
        method = node.func if isinstance(node.func, ast.Attribute) else None
        if method is not None and method.attr == "export" and is_module(names, method.value):
            yield "RH308", node, _SAVE
        if (
            method is not None
            and method.attr == "run"
            and any(_is_sparse(names, fetch) for fetch in _iter_fetches(node))
        ):
            yield "RH310", node, f"A session gave a SparseTensorValue; eager code gives a SparseTensor. {_COMPAT}"
        if names.resolve_name(node.func) == "tensorflow_hub.Module" and _has_train_tag(names, node):
            yield "RH302", node, f"A call with training=True takes the variant for training. {_COMPAT}"
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for module in _list_contrib_imports(node):
            yield "RH305", node, _describe_contrib(module)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _returns_tensor(names, node):
        message = f"{node.name} returns a tensor of its caller's graph: who calls it decides. {_COMPAT}"
        yield "RH309", node, message


def _has_train_tag(names: ImportedNames, call: ast.Call) -> bool:
    tags = get_keyword(call, "tags")
    return tags is not None and any(get_string(node) == "train" for node in ast.walk(names.resolve_value(tags)))


def _list_contrib_imports(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the modules of tf.contrib that a statement imports."""
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    else:
        modules = [f"{node.module}.{alias.name}" for alias in node.names]
    return [module for module in modules if f"{module}.".startswith("tensorflow.contrib.")]


def _find_rule(name: str) -> tuple[str, str]:
    while name:
        if name in _NAMES:
            return _NAMES[name]
        name = name.rpartition(".")[0]
    return "", ""


def _format_name(name: str) -> str:
    return name.replace("tensorflow_hub.", "hub.").replace("tensorflow.", "tf.")


def _describe_contrib(name: str) -> str:
    inner = name[len("tensorflow.contrib.") :]
    replacement = find_contrib_replacement(inner)
    what = f"tf.contrib.{inner}" if inner else "tf.contrib"
    return f"No TensorFlow 2 has {what}. " + (f"In its place: {replacement}." if replacement else "")


def _iter_fetches(call: ast.Call) -> Iterator[ast.expr]:
    fetched = call.args[:1] + [keyword.value for keyword in call.keywords if keyword.arg == "fetches"]
    for node in fetched:
        if isinstance(node, (ast.List, ast.Tuple)):
            yield from node.elts
        elif isinstance(node, ast.Dict):
            yield from node.values
        else:
            yield node


def _is_sparse(names: ImportedNames, fetch: ast.expr) -> bool:
    value = names.resolve_value(fetch)
    return isinstance(value, ast.Call) and names.resolve_name(value.func) in _SPARSE


def _returns_tensor(names: ImportedNames, function: FunctionNode) -> bool:
    """Whether a function makes a module, and returns what the module gives, without a session of its own."""
    inside = [node for node in ast.walk(function) if names.find_function(node) is function]
    used = {names.resolve_name(node) for node in inside}
    is_method = bool(function.args.args) and function.args.args[0].arg in ("self", "cls")
    if "tensorflow_hub.Module" not in used or is_method:
        return False
    if any(name.endswith(("Session", "EstimatorSpec", "add_signature")) for name in used):
        return False
    tensors: set[str] = set()
    for node in inside:  # In the order of `ast.walk`, which is that of the program within a block.
        if isinstance(node, ast.Assign) and _gives_tensor(names, node.value, tensors):
            tensors |= {each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    returned = [node.value for node in inside if isinstance(node, ast.Return) and node.value is not None]
    return any(_gives_tensor(names, value, tensors) for value in returned)


def _gives_tensor(names: ImportedNames, value: ast.expr, tensors: set[str]) -> bool:
    nodes = list(ast.walk(value))
    calls_module = any(isinstance(node, ast.Call) and is_module(names, node.func) for node in nodes)
    return calls_module or any(isinstance(node, ast.Name) and node.id in tensors for node in nodes)
