"""RH301: calls of tf.layers as layers of Keras, and optimizers of TensorFlow 1 as those of Keras."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.edits import Builder, Renderer
from rehub.migrate.code.plan import Plan, tensorflow_path

_PARAMETERS = {
    "dense": ("inputs", "units", "activation", "use_bias", "kernel_initializer", "bias_initializer"),
    "flatten": ("inputs",),
}
_KERAS_NAMES = {"dense": "Dense", "flatten": "Flatten"}
_DROPPED = ("inputs", "name")
# With these arguments alone: the defaults of the others differ.
_INITIALIZERS = {
    "zeros": ("Zeros", ()),
    "ones": ("Ones", ()),
    "constant": ("Constant", ("value",)),
    "glorot_uniform": ("GlorotUniform", ("seed",)),
    "glorot_normal": ("GlorotNormal", ("seed",)),
}
_OPTIMIZERS = {
    "GradientDescent": ("SGD", ("learning_rate",), ""),
    "Momentum": ("SGD", ("learning_rate", "momentum"), ""),
    "Adam": ("Adam", ("learning_rate", "beta1", "beta2", "epsilon"), "epsilon=1e-8"),
    "Adagrad": ("Adagrad", ("learning_rate", "initial_accumulator_value"), "epsilon=0.0"),
}
_KERAS_WORDS = {"beta1": "beta_1", "beta2": "beta_2", "use_nesterov": "nesterov"}


def layer_word(node: cst.Call) -> str:
    """Return the word after `tf.layers.` in a call."""
    return node.func.attr.value if isinstance(node.func, cst.Attribute) else "layer"


def layer_arguments(node: cst.Call) -> dict[str, cst.BaseExpression]:
    """Return the arguments of a call of tf.layers by name."""
    names = _PARAMETERS.get(layer_word(node), ())
    found = {}
    for index, argument in enumerate(node.args):
        word = (
            argument.keyword.value if argument.keyword else names[index] if index < len(names) else f"argument {index}"
        )
        found[word] = argument.value
    return found


def write_layer(plan: Plan, node: cst.CSTNode, tf: str, renderer: Renderer) -> str:
    """Return the code that makes a layer of Keras for a call of tf.layers."""
    assert isinstance(node, cst.Call)
    kind = layer_word(node)
    arguments = []
    for word, value in layer_arguments(node).items():
        if word in _DROPPED:
            continue
        if word not in _PARAMETERS.get(kind, ()):
            plan.block(node, "RH301", f"`{word}=` of tf.layers.{kind}")
        code = write_initializer(plan, value, tf, renderer) if word.endswith("_initializer") else renderer.code(value)
        arguments.append(code if word == "units" else f"{word}={code}")
    return f"{tf}.keras.layers.{_KERAS_NAMES.get(kind, kind)}({', '.join(arguments)})"


def check_layers(plan: Plan, tf: str) -> None:
    """Block the calls of tf.layers that Keras has no equal for."""
    for node in plan.record.layers:
        write_layer(plan, node, tf, Renderer(plan.edits))
        if "inputs" not in layer_arguments(node):
            plan.block(node, "RH301", "a layer without inputs")


def rewrite_variables(plan: Plan, tf: str) -> None:
    """Plan `tf.Variable` in the place of each `tf.get_variable` that makes one."""
    for node in plan.record.got_variables:
        function = plan.scope_of(node)
        calls = plan.record.calls.get(function, set()) if function is not None else set()
        blocks = list(plan.ancestors(node))
        shares = any("reuse" in part.keyword.value for a in blocks for part in scope_arguments(a) if part.keyword)
        if shares or len(calls) > 1 or any(isinstance(a, (cst.For, cst.While)) for a in blocks) or not tf:
            plan.block(node, "RH301", "`tf.get_variable` where a variable may be shared by its name")
            continue
        names = ("name", "shape", "dtype", "initializer")
        arguments = {a.keyword.value if a.keyword else names[min(i, 3)]: a.value for i, a in enumerate(node.args)}
        initializer, shape = arguments.get("initializer"), arguments.get("shape")
        path = tensorflow_path(plan.fact(initializer.func)) if isinstance(initializer, cst.Call) else ""
        is_made = path.endswith("_initializer") or path.startswith("initializers.")
        is_value = isinstance(initializer, (cst.List, cst.Float, cst.Integer))
        if "dtype" in arguments or not (
            (shape is None and is_value) or (shape is not None and (is_made or not initializer))
        ):
            plan.block(node, "RH301", "`tf.get_variable` with an initial value that is not known here")
            continue
        plan.edits.replace(node, variable_builder(tf, arguments))


def scope_arguments(node: cst.CSTNode) -> list[cst.Arg]:
    """Return the arguments of the scopes that a `with` opens."""
    items = node.items if isinstance(node, cst.With) else ()
    return [argument for item in items if isinstance(item.item, cst.Call) for argument in item.item.args]


def variable_builder(tf: str, arguments: dict[str, cst.BaseExpression]) -> Builder:
    """Return a builder of `tf.Variable` with the initial value of a `tf.get_variable`."""

    def build(renderer: Renderer) -> cst.BaseExpression:
        initializer, shape = arguments.get("initializer"), arguments.get("shape")
        value = renderer.code(initializer) if initializer is not None else ""
        if shape is not None:
            value = f"{value or f'{tf}.compat.v1.glorot_uniform_initializer()'}({renderer.code(shape)})"
        words = "".join(
            f", {word}={renderer.code(arguments[word])}" for word in ("trainable", "name") if word in arguments
        )
        return cst.parse_expression(f"{tf}.Variable({value}{words})")

    return build


def write_initializer(plan: Plan, node: cst.BaseExpression, tf: str, renderer: Renderer) -> str:
    """Return the code of an initializer of Keras."""
    path = tensorflow_path(plan.fact(node.func)) if isinstance(node, cst.Call) else ""
    if (
        path.startswith("keras.")
        or isinstance(node, cst.SimpleString)
        or (isinstance(node, cst.Name) and node.value == "None")
    ):
        return renderer.code(node)
    word = path.replace("initializers.", "").replace("_initializer", "")
    if word not in _INITIALIZERS or not isinstance(node, cst.Call):
        plan.block(node, "RH301", "an initializer of which Keras has no equal by the same arguments")
        return "None"
    name, allowed = _INITIALIZERS[word]
    given = [argument.keyword.value if argument.keyword else "" for argument in node.args]
    if any(argument and argument not in allowed for argument in given) or len(given) > len(allowed):
        plan.block(node, "RH301", f"arguments of tf.{path} that Keras has no equal for")
    arguments = ", ".join(renderer.code(argument).rstrip(", ") for argument in node.args)
    return f"{tf}.keras.initializers.{name}({arguments})"


def write_optimizer(plan: Plan, node: cst.Call, tf: str, renderer: Renderer) -> str:
    """Return the code of an optimizer of Keras that takes the same steps."""
    path = tensorflow_path(plan.fact(node.func))
    kind = path[len("train.") : -len("Optimizer")]
    if kind not in _OPTIMIZERS:
        plan.block(node, "RH301", f"Keras has no optimizer that takes the same steps as tf.{path}")
        return "None"
    name, parameters, default = _OPTIMIZERS[kind]
    arguments = []
    for index, argument in enumerate(node.args):
        word = argument.keyword.value if argument.keyword else parameters[index] if index < len(parameters) else ""
        if word in {"name", "use_locking"}:
            continue
        if word not in {*parameters, "use_nesterov"}:
            plan.block(argument, "RH301", f"an argument of tf.{path} that Keras has no equal for")
        if word == default.partition("=")[0]:
            default = ""
        code = renderer.code(argument.value)
        arguments.append(
            code if word == "learning_rate" and not argument.keyword else f"{_KERAS_WORDS.get(word, word)}={code}"
        )
    if kind == "Adam" and not arguments:
        arguments.append("learning_rate=0.001")
    if default:
        arguments.append(default)
    return f"{tf}.keras.optimizers.{name}({', '.join(arguments)})"
