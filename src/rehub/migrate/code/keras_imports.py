"""RH201: imports from modules of Keras that Keras 3 no longer has."""

from __future__ import annotations

import re

import libcst as cst

from rehub.migrate.code.edits import Renderer, Replacement, parse_statements
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import code_of

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
    "utils.np_utils": "utils",
}
_HOMES = {"Input": "layers", "InputLayer": "layers", "InputSpec": "layers", "Layer": "layers", "Model": "models"}


def move_imports(plan: Plan) -> None:
    """Plan the modules of Keras 3 for `from keras.engine import Layer` and the like."""
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
    public = keras.replace(".python.", ".")  # TensorFlow's private copy of Keras 2 does not mix with Keras 3.
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
