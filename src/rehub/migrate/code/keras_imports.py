"""RH201: imports from modules of Keras that Keras 3 no longer has."""

from __future__ import annotations

import re

import libcst as cst

from rehub.migrate.code.edits import Renderer, Replacement, parse_statements
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import code_of
from rehub.migrate.code.values import Api

_KERAS = re.compile(r"(?P<keras>(tensorflow\.(python\.)?)?keras)\.(?P<module>.+)$")
_OLD_MODULES = {
    **dict.fromkeys(["engine", "engine.base_layer", "engine.topology", "engine.training"], ""),
    **dict.fromkeys(
        [
            f"layers.{name}"
            for name in """
            advanced_activations convolutional convolutional_recurrent core embeddings local merge noise normalization
            pooling recurrent wrappers
            """.split()
        ],
        "layers",
    ),
    "objectives": "losses",
    **dict.fromkeys(["utils.generic_utils", "utils.np_utils", "utils.vis_utils"], "utils"),
}
# Keras 3 has these in TensorFlow's copy of its public names alone.
_IN_TENSORFLOW = frozenset(["preprocessing.text"])
_BACKEND = frozenset(
    """
    backend clear_session epsilon floatx get_session get_uid image_data_format set_epsilon set_floatx
    set_image_data_format set_session tf
    """.split()
)
_NOT_IN_BACKEND = frozenset(["function", "learning_phase", "set_learning_phase"])
_HOMES = {"Input": "layers", "InputLayer": "layers", "InputSpec": "layers", "Layer": "layers", "Model": "models"}


def move_imports(plan: Plan) -> None:
    """Plan the modules of Keras 3 for `from keras.engine import Layer` and the like."""
    move_backend(plan)
    for node in list(plan.position):
        if not isinstance(node, cst.ImportFrom) or node.module is None or node.relative:
            continue
        match = _KERAS.match(code_of(node.module))
        if match is not None and not isinstance(node.names, cst.ImportStar):
            move_import(plan, node, match.group("keras"), match.group("module"))


def move_import(plan: Plan, node: cst.ImportFrom, keras: str, module: str) -> None:
    """Plan one import, in as many lines as there are modules that have its names now."""
    assert not isinstance(node.names, cst.ImportStar)
    homes: dict[str, list[str]] = {}
    for alias in node.names:
        name = code_of(alias.name)
        has_moved = name == "Input" if module == "models" else module in _OLD_MODULES
        home = (_OLD_MODULES.get(module) or _HOMES.get(name)) if has_moved else module
        if home is None:
            return
        homes.setdefault(home, []).append(code_of(alias).rstrip().rstrip(","))
    line = plan.parents[node]
    if module == "wrappers.scikit_learn":
        plan.change(node, "RH201", "b", "Keras 3 has no keras.wrappers: pip install scikeras")
    public = (
        "tensorflow.keras" if module in _IN_TENSORFLOW else keras.replace(".python.", ".")
    )  # TensorFlow's private copy of Keras 2 does not mix with Keras 3.
    if (
        (list(homes) == [module] and public == keras)
        or not isinstance(line, cst.SimpleStatementLine)
        or len(line.body) > 1
    ):
        return
    code = "".join(f"from {public}.{home} import {', '.join(names)}\n" for home, names in homes.items())

    def build(_: Renderer) -> Replacement:
        first, *others = parse_statements(code, plan.module.config_for_parsing)
        kept = {"leading_lines": line.leading_lines, "trailing_whitespace": line.trailing_whitespace}
        return cst.FlattenSentinel([first.with_changes(**kept), *others])

    plan.edits.replace(line, build)
    plan.change(node, "RH201", "a", f"all of these names are no more in {keras}.{module}")


def move_backend(plan: Plan) -> None:
    """Plan imports of `tensorflow.keras.backend`: that of Keras 3 itself has no functions of tensors."""
    used = set()
    for reading, value in plan.record.facts.items():
        before, backend, name = value.path.partition("keras.backend.") if isinstance(value, Api) else ("", "", "")
        if backend and name in _NOT_IN_BACKEND:
            plan.block(reading, "RH201", f"`keras.backend.{name}` is in no Keras 3")
        elif backend and not before:
            used.add(name.partition(".")[0])
    if used <= _BACKEND:
        return
    for node in plan.position:
        names = getattr(node, "names", None)
        aliases = [code_of(alias.name) for alias in names] if isinstance(names, (list, tuple)) else []
        if isinstance(node, cst.ImportFrom) and node.module is not None and not node.relative:
            module = code_of(node.module)
            if module == "keras.backend" or (module == "keras" and "backend" in aliases):
                move_to_tensorflow(plan, node.module, module)
        elif isinstance(node, cst.Import):
            for alias in node.names:
                if code_of(alias.name) == "keras.backend" and alias.asname is not None:
                    move_to_tensorflow(plan, alias.name, "keras.backend")


def move_to_tensorflow(plan: Plan, node: cst.BaseExpression, module: str) -> None:
    """Plan TensorFlow's name of a module of Keras."""
    plan.edits.replace_by_code(node, f"tensorflow.{module}")
    plan.change(node, "RH201", "a", "functions of tensors are in tensorflow.keras.backend alone")
