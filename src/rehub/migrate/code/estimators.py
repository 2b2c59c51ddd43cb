"""RH304: a canned Estimator over text columns becomes a Keras model that takes the same steps.

A canned Estimator sums the loss over a batch, where Keras means it. Its module is that for inference, without
regularization losses (tensorflow_estimator/python/estimator/canned, tensorflow_hub/feature_column.py).
"""

from __future__ import annotations

import json

import libcst as cst

from rehub.migrate.code.deferred import is_at_top
from rehub.migrate.code.edits import Renderer, Replacement, blank_lines, gap, parse_statements
from rehub.migrate.code.estimator_values import Column, Estimator, InputFunction
from rehub.migrate.code.layers import write_optimizer
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import arguments_by_name, code_of
from rehub.migrate.code.values import Items, Method, Optimizer, tensorflow_path

_CHECK = "the model's metrics: it takes the steps of the Estimator, but keeps no checkpoints"
_COLUMN = ("key", "module_spec", "trainable")
_LINEAR = ("feature_columns", "model_dir")
_DNN = ("hidden_units", "feature_columns", "model_dir")
_NUMPY = ("x", "y", "batch_size", "num_epochs", "shuffle", "queue_capacity", "num_threads")
_METHODS = {"train": ("input_fn", "hooks", "steps"), "evaluate": ("input_fn", "steps"), "predict": ("input_fn",)}
_TAKEN = frozenset(["feature_columns", "hidden_units", "n_classes", "optimizer", "activation_fn", "dropout"])
_DEFAULT_RATES = {
    "Adagrad": "Adagrad({rate}, epsilon=0.0)",
    "Ftrl": "Ftrl({rate})",
    "SGD": "SGD({rate})",
    "Adam": "Adam({rate}, epsilon=1e-8)",
}


def rewrite_estimators(plan: Plan, tf: str) -> None:
    """Plan the replacement of all canned Estimators, their columns and their input functions."""
    keys = {column_key(plan, node) for node, value in plan.record.facts.items() if value == Column(node)}  # type: ignore[arg-type]
    for node, value in list(plan.record.facts.items()):
        if not isinstance(node, cst.Call):
            continue
        if value == Column(node):
            rewrite_column(plan, node)
        elif value == InputFunction(node):
            rewrite_input_function(plan, node, tf, sorted(keys))
        elif value == Estimator(node):
            EstimatorRewriting(plan, node, tf).rewrite()


def block(plan: Plan, node: cst.CSTNode, message: str) -> None:
    """Remember why an Estimator cannot be rewritten."""
    plan.block(node, "RH304", message)


def arguments_of(plan: Plan, node: cst.Call, names: tuple[str, ...]) -> dict[str, cst.BaseExpression]:
    """Return the arguments of a call by name."""
    arguments = arguments_by_name(node, names)
    if "" in arguments or any(argument.star for argument in node.args):
        block(plan, node, "arguments of an Estimator that are not known here")
    return arguments


def column_key(plan: Plan, node: cst.CSTNode) -> str:
    """Return the name of the feature that a column embeds."""
    assert isinstance(node, cst.Call)
    key = plan.constant(arguments_of(plan, node, _COLUMN).get("key"))
    if not isinstance(key, str):
        block(plan, node, "a column whose key is not a constant")
    return str(key)


def rewrite_column(plan: Plan, node: cst.Call) -> None:
    """Plan the layer in the place of a column."""
    arguments = arguments_of(plan, node, _COLUMN)
    trainable = plan.constant(arguments.get("trainable"), default=False)
    handle = arguments.get("module_spec")
    if not isinstance(trainable, bool) or handle is None or not isinstance(node.func, cst.Attribute):
        block(plan, node, "a column of which it is not known here whether it is trained")
        return
    hub = code_of(node.func.value)

    def build(renderer: Renderer) -> Replacement:
        code = renderer.code(handle)
        trained = f"{hub}.KerasLayer({hub}.load({code}, tags=[]), trainable=True, regularization_losses=False)"
        return cst.parse_expression(trained if trainable else f"{hub}.KerasLayer({code})")

    plan.edits.replace(node, build)
    plan.change(node, "RH304", "a", "the column becomes a layer")


def rewrite_input_function(plan: Plan, node: cst.Call, tf: str, keys: list[str]) -> None:
    """Plan the dataset in the place of an input function."""
    arguments = arguments_of(plan, node, _NUMPY)
    is_frame = "pandas" in tensorflow_path(plan.fact(node.func))
    shuffle = plan.constant(arguments.get("shuffle"))
    epochs = plan.constant(arguments.get("num_epochs"), default=1)
    if not isinstance(shuffle, bool) or "x" not in arguments or not set(arguments) <= set(_NUMPY):
        block(plan, node, "an input function with other arguments than x, y, batch_size, num_epochs and shuffle=")
        return

    def build(renderer: Renderer) -> Replacement:
        written = {word: renderer.code(value) for word, value in arguments.items()}
        x = written["x"]
        if is_frame:
            x = "{" + ", ".join(f"{json.dumps(key)}: {x}[{json.dumps(key)}]" for key in keys) + "}"
        has_labels = plan.constant(arguments.get("y"), default=None) is not None
        labels = f" {tf}.reshape({written['y']}, [-1, 1])" if has_labels else ""
        code = f"{tf}.data.Dataset.from_tensor_slices(({x},{labels}))"
        if epochs != 1:
            code += f".repeat({'' if epochs is None else written['num_epochs']})"
        if shuffle:
            code += f".shuffle({written.get('queue_capacity', '1000')})"
        return cst.parse_expression(f"{code}.batch({written.get('batch_size', '128')})")

    plan.edits.replace(node, build)
    plan.change(node, "RH304", "a", "the input function becomes a dataset")


class EstimatorRewriting:
    """The replacement of one Estimator."""

    def __init__(self, plan: Plan, node: cst.Call, tf: str) -> None:
        self.plan = plan
        self.node = node
        self.tf = tf
        self.name = tensorflow_path(plan.fact(node.func)).rpartition(".")[2]
        self.arguments = arguments_of(plan, node, _DNN if self.name.startswith("DNN") else _LINEAR)
        self.classes = plan.constant(self.arguments.get("n_classes"), default=2)
        self.predictor = ""

    @property
    def is_classifier(self) -> bool:
        """Whether it predicts classes, and not numbers."""
        return self.name.endswith("Classifier")

    @property
    def is_binary(self) -> bool:
        """Whether there are two classes, for which there is one logit."""
        return self.is_classifier and self.classes == 2

    def rewrite(self) -> None:
        """Plan the model in the place of the Estimator, and of each call of its methods."""
        plan = self.plan
        statement = plan.parents[self.node]
        line = plan.parents[statement]
        target = statement.targets[0].target if isinstance(statement, cst.Assign) else None
        if not isinstance(target, cst.Name) or not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            block(plan, self.node, "an Estimator that has no variable of its own")
            return
        unknown = sorted(set(self.arguments) - _TAKEN)
        if unknown:
            block(plan, self.node, f"an Estimator with `{unknown[0]}=`")
        if not isinstance(self.classes, int):
            block(plan, self.node, "an Estimator whose number of classes is not known here")
        if len(plan.bindings.get(target.value, ())) > 1:
            block(plan, self.node, f"another value than this Estimator in `{target.value}`")
        calls = self.find_calls()
        if any(name == "predict" for name, _ in calls):
            self.predictor = plan.unused_name("predict")
        for name, call in calls:
            self.rewrite_call(name, call, [other for word, other in calls if word == "train"])
        name = target.value
        plan.edits.replace(line, lambda renderer: self.build(line, name, renderer))
        plan.edits.replace(self.node, lambda _: self.node)
        plan.change(self.node, "RH304", "b", _CHECK)

    def find_calls(self) -> list[tuple[str, cst.Call]]:
        """Return the calls of methods of this Estimator."""
        found = []
        for node, value in self.plan.record.facts.items():
            if isinstance(node, cst.Attribute) and value == Method(Estimator(self.node), node.attr.value):
                call = self.plan.parents[node]
                if isinstance(call, cst.Call) and call.func is node:
                    found.append((node.attr.value, call))
        return found

    def rewrite_call(self, name: str, call: cst.Call, trainings: list[cst.Call]) -> None:
        """Plan what takes the place of a call of `train`, `evaluate` or `predict`."""
        plan = self.plan
        arguments = arguments_of(plan, call, _METHODS.get(name, ()))
        steps = arguments.get("steps") or arguments.get("max_steps")
        if not set(arguments) <= {"input_fn", "steps", "max_steps"} or not isinstance(
            plan.fact(arguments.get("input_fn")), InputFunction
        ):
            block(plan, call, f"an Estimator's `.{name}` with other than a numpy_input_fn, steps= and max_steps=")
            return
        in_loop = any(isinstance(a, (cst.For, cst.While, cst.FunctionDef)) for a in plan.ancestors(call))
        if "max_steps" in arguments and (len(trainings) > 1 or in_loop):
            block(plan, call, "an Estimator that is trained several times with `max_steps=`")
        scope = plan.scope_of(self.node)
        if name == "predict" and scope is not None and scope not in plan.ancestors(call):
            block(plan, call, "an Estimator of another function predicts here")
        if name == "train" and not isinstance(plan.parents[call], cst.Expr):
            block(plan, call, "what `train` returns is used")
        owner = call.func
        assert isinstance(owner, cst.Attribute)

        def build(renderer: Renderer) -> Replacement:
            data = renderer.code(arguments["input_fn"])
            if name == "predict":
                return cst.parse_expression(f"{self.predictor}({data})")
            word = {"train": "fit", "evaluate": "evaluate"}[name]
            asked = {"train": "steps_per_epoch", "evaluate": "steps"}[name]
            count = f", {asked}={renderer.code(steps)}" if steps is not None else ""
            option = {"train": "shuffle=False", "evaluate": "return_dict=True"}[name]  # A dataset shuffles itself.
            code = f"{renderer.code(owner.value)}.{word}({data}{count}, {option}, verbose=0)"
            return cst.parse_expression(code)

        plan.edits.replace(call, build)
        plan.change(call, "RH304", "a", f"`{name}` of the Estimator becomes that of a Keras model")

    # Code.

    def build(self, line: cst.SimpleStatementLine, name: str, renderer: Renderer) -> Replacement:
        """Return the statements that make the model."""
        tf, indent = self.tf, self.plan.module.default_indent
        units = self.classes if self.is_classifier and not self.is_binary else 1
        initializer = "" if "hidden_units" in self.arguments else ', kernel_initializer="zeros"'
        layers = [
            self.columns_code(renderer),
            *self.hidden_code(renderer),
            f"{tf}.keras.layers.Dense({units}{initializer})",
        ]
        listed = "".join(f"{indent * 2}{layer},\n" for layer in layers)
        code = f"{name} = {tf}.keras.Sequential(\n{indent}[\n{listed}{indent}]\n)\n{self.compile_code(name, renderer)}"
        config = self.plan.module.config_for_parsing
        statements = [gap(line.leading_lines), *parse_statements(code, config)]
        if self.predictor:
            around = blank_lines(2 if is_at_top(self.plan, line) else 1)
            statements += [gap(around), *parse_statements(self.predictor_code(name), config), gap(around)]
        return cst.FlattenSentinel(statements)

    def compile_code(self, name: str, renderer: Renderer) -> str:
        """Return the call that gives the model its optimizer, loss and metrics."""
        tf, indent = self.tf, self.plan.module.default_indent
        kind = "Binary" if self.is_binary else "SparseCategorical"
        loss = f"{kind}Crossentropy" if self.is_classifier else "MeanSquaredError"
        logits = ", from_logits=True" if self.is_classifier else ""
        threshold = ", threshold=0.0" if self.is_binary else ""
        accuracy = f'{tf}.keras.metrics.{kind}Accuracy("accuracy"{threshold})'
        lines = [
            f"{self.optimizer_code(renderer)},",
            f'{tf}.keras.losses.{loss}(reduction="sum"{logits}),',
            "metrics=[",
            *([f"{indent}{accuracy},"] if self.is_classifier else []),
            f'{indent}{tf}.keras.metrics.{loss}("average_loss"{logits}),',
            "],",
        ]
        return f"{name}.compile(\n" + "".join(f"{indent}{line}\n" for line in lines) + ")\n"

    def columns_code(self, renderer: Renderer) -> str:
        """Return the code that embeds the columns."""
        columns = self.arguments.get("feature_columns")
        value = self.plan.fact(columns)
        if columns is None or not isinstance(value, Items) or not all(isinstance(i, Column) for i in value.items):
            block(self.plan, self.node, "columns of an Estimator that are not text columns alone")
            return "None"
        keys = [column_key(self.plan, item.call) for item in value.items if isinstance(item, Column)]
        hub = next(code_of(i.call.func).rpartition(".")[0] for i in value.items if isinstance(i, Column))
        if isinstance(columns, (cst.List, cst.Tuple)):
            layers = [renderer.code(element.value) for element in columns.elements]
            entries = ", ".join(f"{json.dumps(key)}: {layer}" for key, layer in zip(keys, layers))
            return f"{hub}.text_features({{{entries}}})"
        return f"{hub}.text_features(dict(zip({json.dumps(keys)}, {renderer.code(columns)})))"

    def hidden_code(self, renderer: Renderer) -> list[str]:
        """Return the code of the hidden layers, if there are some."""
        if "hidden_units" not in self.arguments:
            return []
        units, tf = renderer.code(self.arguments["hidden_units"]), self.tf
        activation, dropout = self.arguments.get("activation_fn"), self.arguments.get("dropout")
        written = renderer.code(activation) if activation is not None else '"relu"'
        dense = f"{tf}.keras.layers.Dense(units, {written})"
        if dropout is None or self.plan.constant(dropout) is None:
            return [f"*[{dense} for units in {units}]"]
        pair = f"({dense}, {tf}.keras.layers.Dropout({renderer.code(dropout)}))"
        return [f"*[layer for units in {units} for layer in {pair}]"]

    def optimizer_code(self, renderer: Renderer) -> str:
        """Return the code of the optimizer."""
        node, is_linear = self.arguments.get("optimizer"), self.name.startswith("Linear")
        value = self.plan.fact(node)
        if isinstance(value, Optimizer) and node is not None:
            inline = isinstance(node, cst.Call)
            return write_optimizer(self.plan, node, self.tf, renderer) if inline else renderer.code(node)  # type: ignore[arg-type]
        word = self.plan.constant(node, default="Ftrl" if is_linear else "Adagrad")
        if word not in _DEFAULT_RATES:
            block(self.plan, self.node, "an optimizer of an Estimator that Keras has no equal for")
            return "None"
        columns = self.plan.fact(self.arguments.get("feature_columns"))
        count = len(columns.items) if isinstance(columns, Items) else 1
        rate = min(0.2, count**-0.5) if is_linear else 0.05
        return f"{self.tf}.keras.optimizers.{_DEFAULT_RATES[str(word)].format(rate=rate)}"

    def predictor_code(self, name: str) -> str:
        """Return a function that gives what the Estimator's `predict` did: a dict of arrays for each example."""
        tf, indent = self.tf, self.plan.module.default_indent
        lines = [f"logits = {tf}.constant({name}.predict(dataset, verbose=0))"]
        outputs = ['"predictions": logits']
        if self.is_classifier:
            scores = "logits"
            outputs = ['"logits": logits']
            if self.is_binary:
                scores = f"{tf}.concat([{tf}.zeros_like(logits), logits], axis=1)"
                outputs.append(f'"logistic": {tf}.sigmoid(logits)')
            lines.append(f"probabilities = {tf}.nn.softmax({scores})")
            lines.append(f"class_ids = {tf}.argmax(probabilities, axis=1)[:, {tf}.newaxis]")
            outputs += ['"probabilities": probabilities', '"class_ids": class_ids']
            outputs.append(f'"classes": {tf}.strings.as_string(class_ids)')
        lines += ["outputs = {", *(f"{indent}{output}," for output in outputs), "}"]
        lines.append(f"return {tf}.data.Dataset.from_tensor_slices(outputs).as_numpy_iterator()")
        return f"def {self.predictor}(dataset):\n" + "".join(f"{indent}{line}\n" for line in lines)
