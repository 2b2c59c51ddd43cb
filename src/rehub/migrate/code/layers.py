"""RH301: calls of tf.layers as layers of Keras, and optimizers of TensorFlow 1 as those of Keras."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.edits import Builder, Renderer, Replacement
from rehub.migrate.code.optimizer_calls import SCHEDULES
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import argument_words, arguments_by_name
from rehub.migrate.code.values import Plain, Tensor, tensorflow_path

_CONVOLUTION = ("inputs", "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation")
_POOLING = ("inputs", "pool_size", "strides", "padding", "data_format")
_ENDS = ("use_bias", "kernel_initializer", "bias_initializer")
# The arguments of tf.layers that Keras has with the same meaning, in the order of tf.layers.
_PARAMETERS = {
    "average_pooling1d": _POOLING,
    "average_pooling2d": _POOLING,
    "batch_normalization": ("inputs", "axis", "momentum", "epsilon", "center", "scale"),
    "conv1d": (*_CONVOLUTION, *_ENDS),
    "conv2d": (*_CONVOLUTION, *_ENDS),
    "dense": ("inputs", "units", "activation", *_ENDS),
    "dropout": ("inputs", "rate"),
    "flatten": ("inputs",),
    "max_pooling1d": _POOLING,
    "max_pooling2d": _POOLING,
}
_KERAS_NAMES = {
    "average_pooling1d": "AveragePooling1D",
    "average_pooling2d": "AveragePooling2D",
    "batch_normalization": "BatchNormalization",
    "conv1d": "Conv1D",
    "conv2d": "Conv2D",
    "dense": "Dense",
    "flatten": "Flatten",
    "max_pooling1d": "MaxPooling1D",
    "max_pooling2d": "MaxPooling2D",
}
_DROPPED = ("inputs", "name")
_UPDATES = (
    "tf.layers.batch_normalization with training=: its moving statistics changed only where UPDATE_OPS were run; "
    "a layer of Keras changes them in each call with training=True"
)
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
    "Ftrl": (
        "Ftrl",
        (
            "learning_rate",
            "learning_rate_power",
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
        ),
        "",
    ),
}
_OLD_WORDS = {"learning_rate": "initial_learning_rate"}
_KERAS_WORDS = {"beta1": "beta_1", "beta2": "beta_2", "use_nesterov": "nesterov"}


def layer_word(node: cst.Call) -> str:
    """Return the word after `tf.layers.` in a call."""
    return node.func.attr.value if isinstance(node.func, cst.Attribute) else "layer"


def layer_arguments(node: cst.Call) -> dict[str, cst.BaseExpression]:
    """Return the arguments of a call of tf.layers by name."""
    return arguments_by_name(node, _PARAMETERS.get(layer_word(node), ()))


def write_layer(plan: Plan, node: cst.CSTNode, tf: str, renderer: Renderer) -> str:
    """Return the code that makes a layer of Keras for a call of tf.layers."""
    assert isinstance(node, cst.Call)
    kind = layer_word(node)
    arguments = []
    for word, value in layer_arguments(node).items():
        if word in _DROPPED or (word == "training" and is_inference(plan, kind, value)):
            continue
        if word not in _PARAMETERS.get(kind, ()):
            plan.block(node, "RH301", f"`{word}=` of tf.layers.{kind}")
        code = write_initializer(plan, value, tf, renderer) if word.endswith("_initializer") else renderer.code(value)
        arguments.append(code if word == "units" else f"{word}={code}")
    return f"{tf}.keras.layers.{_KERAS_NAMES.get(kind, kind)}({', '.join(arguments)})"


def is_inference(plan: Plan, kind: str, training: cst.BaseExpression) -> bool:
    """Tell whether `training=` of batch normalization is always False; block if it is not."""
    if kind == "batch_normalization" and plan.fact(training) != Plain(constant=False):
        plan.block(training, "RH302", _UPDATES)
    return kind == "batch_normalization"


def apply_layer(name: str, node: cst.Call) -> Builder:
    """Return a builder of the application of a layer of Keras that has a name."""
    training = ", training=False" if layer_word(node) == "batch_normalization" else ""
    return lambda renderer: cst.parse_expression(f"{name}({renderer.code(layer_arguments(node)['inputs'])}{training})")


def rewrite_stateless_layers(plan: Plan, tf: str) -> None:
    """Plan what takes the place of layers without variables: pooling, and dropout."""
    for node in plan.record.stateless_layers:
        arguments = layer_arguments(node)
        if "inputs" not in arguments:
            plan.block(node, "RH301", "a layer without inputs")
        elif layer_word(node) == "dropout":
            plan.edits.replace(node, dropout_builder(plan, node, tf, arguments))
        else:
            write_layer(plan, node, tf, Renderer(plan.edits))
            plan.edits.replace(node, pooling_builder(plan, node, tf))


def pooling_builder(plan: Plan, node: cst.Call, tf: str) -> Builder:
    """Return a builder of the application of a new layer of Keras."""
    return lambda renderer: apply_layer(write_layer(plan, node, tf, renderer), node)(renderer)


def dropout_builder(plan: Plan, node: cst.Call, tf: str, arguments: dict[str, cst.BaseExpression]) -> Builder:
    """Return a builder of what tf.layers.dropout does: nothing, unless `training=` is true."""
    unknown = set(arguments) - {"inputs", "rate", "training", "name"}
    if unknown:
        plan.block(node, "RH301", f"`{min(unknown)}=` of tf.layers.dropout")
    training = arguments.get("training")

    def build(renderer: Renderer) -> Replacement:
        inputs = renderer.code(arguments["inputs"])
        if training is None or plan.fact(training) == Plain(constant=False):
            return cst.parse_expression(inputs)
        rate = renderer.code(arguments["rate"]) if "rate" in arguments else "0.5"
        if plan.fact(training) != Plain(constant=True):
            rate = f"{tf}.where({renderer.code(training)}, {rate}, 0.0)"
        return cst.parse_expression(f"{tf}.nn.dropout({inputs}, rate={rate})")

    return build


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
        arguments = arguments_by_name(node, ("name", "shape", "dtype", "initializer"))
        initializer, shape, dtype = (arguments.get(word) for word in ("initializer", "shape", "dtype"))
        is_made = is_initializer(plan, initializer.func if isinstance(initializer, cst.Call) else initializer)
        is_float = dtype is None or tensorflow_path(plan.fact(dtype)) in {"float32", "float64"}
        if not (
            (shape is None and initializer is not None and not is_made) or (shape is not None and is_made)
        ) and not (shape is not None and initializer is None and is_float):
            plan.block(node, "RH301", "`tf.get_variable` with an initial value that is not known here")
            continue
        plan.edits.replace(node, variable_builder(tf, arguments))


def rewrite_global_step(plan: Plan, tf: str) -> None:
    """Plan `tf.Variable` in the place of the step counter of a graph."""
    for node in plan.record.global_steps:
        parent = plan.parents.get(node)
        is_inline = isinstance(parent, cst.Arg)  # Of `minimize`, and nothing else reads it.
        if len(plan.record.global_steps) > 1 or not (is_inline or isinstance(parent, cst.Assign)):
            plan.block(node, "RH301", "the step counter of a graph, which several parts of the program share")
        elif any(isinstance(a, (cst.For, cst.While, cst.FunctionDef)) for a in plan.ancestors(node)) and not is_inline:
            plan.block(node, "RH301", "the step counter of a graph, made in a function or loop")
        code = f'{tf}.Variable(0, trainable=False, dtype={tf}.int64, name="global_step")'
        plan.edits.replace_by_code(node, code)


def is_initializer(plan: Plan, node: cst.BaseExpression | None) -> bool:
    """Tell whether a public name of TensorFlow is that of a class of initializers."""
    path = tensorflow_path(plan.fact(node))
    return path.endswith("_initializer") or path.startswith("initializers.")


def rewrite_schedules(plan: Plan, tf: str) -> None:
    """Plan the schedules of Keras in the place of learning rates that depend on a step counter."""
    for node in plan.record.schedules:
        name, parameters = SCHEDULES[layer_word(node)]
        arguments = arguments_by_name(node, [each or "global_step" for each in parameters])
        step = arguments.pop("global_step", arguments.pop("x", None))
        arguments.pop("name", None)
        if step is None or step in plan.record.global_steps or not {*arguments} <= {*parameters, *_OLD_WORDS}:
            plan.block(node, "RH301", "a schedule of learning rates whose step counter has no name, or other arguments")
        else:
            plan.edits.replace(node, schedule_builder(f"{tf}.keras.optimizers.schedules.{name}", arguments, step))


def schedule_builder(name: str, arguments: dict[str, cst.BaseExpression], step: cst.BaseExpression) -> Builder:
    """Return a builder of a schedule that is applied to a step counter."""

    def build(renderer: Renderer) -> Replacement:
        given = [f"{_OLD_WORDS.get(word, word)}={renderer.code(value)}" for word, value in arguments.items()]
        return cst.parse_expression(f"{name}({', '.join(given)})({renderer.code(step)})")

    return build


def scope_arguments(node: cst.CSTNode) -> list[cst.Arg]:
    """Return the arguments of the scopes that a `with` opens."""
    items = node.items if isinstance(node, cst.With) else ()
    return [argument for item in items if isinstance(item.item, cst.Call) for argument in item.item.args]


def variable_builder(tf: str, arguments: dict[str, cst.BaseExpression]) -> Builder:
    """Return a builder of `tf.Variable` with the initial value of a `tf.get_variable`."""

    def build(renderer: Renderer) -> cst.BaseExpression:
        initializer, shape = arguments.get("initializer"), arguments.get("shape")
        value = renderer.code(initializer) if initializer is not None else ""
        words = [f"{word}={renderer.code(arguments[word])}" for word in ("trainable", "name") if word in arguments]
        types = [f"dtype={renderer.code(arguments['dtype'])}"] if "dtype" in arguments else []
        if shape is not None:
            if initializer is None:
                value = f"{tf}.compat.v1.glorot_uniform_initializer()"
            elif not isinstance(initializer, cst.Call):
                value = f"{value}()"  # A class of initializers.
            value = f"{value}({', '.join([renderer.code(shape), *types])})"
        given = [value, *words, *(types if shape is None else [])]
        return cst.parse_expression(f"{tf}.Variable({', '.join(given)})")

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
    given = argument_words(node)
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
    for word, argument in zip(argument_words(node, parameters), node.args):
        if word in {"name", "use_locking"}:
            continue
        if word not in {*parameters, "use_nesterov"}:
            plan.block(argument, "RH301", f"an argument of tf.{path} that Keras has no equal for")
        if word == default.partition("=")[0]:
            default = ""
        value = plan.fact(argument.value)
        is_changing = word == "learning_rate" and isinstance(value, Tensor) and value.is_deferred
        if is_changing and kind not in {"GradientDescent", "Adam", "Adagrad"}:
            # Keras scales what goes into the velocity, TensorFlow 1 what comes out of it.
            plan.block(argument, "RH301", f"a learning rate of tf.{path} that changes")
        code = "0.0" if is_changing else renderer.code(argument.value)  # Each step sets a rate that changes.
        arguments.append(
            code if word == "learning_rate" and not argument.keyword else f"{_KERAS_WORDS.get(word, word)}={code}"
        )
    if kind == "Adam" and not arguments:
        arguments.append("learning_rate=0.001")
    if default:
        arguments.append(default)
    return f"{tf}.keras.optimizers.{name}({', '.join(arguments)})"
