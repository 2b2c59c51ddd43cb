"""RH306: a `tf.train.Saver` of a program that trains becomes a `tf.train.Checkpoint`."""

from __future__ import annotations

import keyword

import libcst as cst

from rehub.migrate.code.edits import Builder, Renderer, Replacement
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.training import Training
from rehub.migrate.code.trees import argument_words, arguments_by_name, code_of
from rehub.migrate.code.values import HubModule, Method, Optimizer, Saver, Tensor

_CHECK = "tf.train.Checkpoint keeps all that it writes, and cannot read what a tf.train.Saver wrote"
_OLD_FILES = "tf.train.Saver reads and writes the variables of a graph by name"


def rewrite_savers(plan: Plan, training: Training) -> None:
    """Plan the checkpoints in the place of all savers, and what takes the place of their methods."""
    methods = [(node, plan.fact(node.func)) for node in plan.position if isinstance(node, cst.Call)]
    calls = [(node, method) for node, method in methods if isinstance(method, Method)]
    for saver in [node for node in plan.position if isinstance(node, cst.Call) and plan.fact(node) == Saver(node)]:
        own = [(node, method) for node, method in calls if method.owner == Saver(saver)]
        if not training.steps or not any(method.name == "save" for _, method in own):
            plan.block(saver, "RH306", _OLD_FILES)  # The files that it reads are those of TensorFlow 1.
            continue
        objects = SavedObjects(plan, training, saver).find()
        code = ", ".join(f"{word}={name}" for word, name in objects.items())
        plan.edits.replace_by_code(saver, f"{training.deferral.tf}.train.Checkpoint({code})")
        plan.change(saver, "RH306", "b", _CHECK)
        for node, method in own:
            rewrite_method(plan, node, method.name)


class SavedObjects:
    """Finds what a saver writes: the modules that are trained, variables, layers and optimizers made before it."""

    def __init__(self, plan: Plan, training: Training, saver: cst.Call) -> None:
        self.plan = plan
        self.training = training
        self.saver = saver
        self.names: dict[str, str] = {}

    def find(self) -> dict[str, str]:
        """Return what is written, by the words that a checkpoint has for it."""
        for node, value in self.plan.record.facts.items():
            is_variable = isinstance(value, Tensor) and value.is_variable and value.definition is node
            is_trained = isinstance(value, HubModule) and value.call is node and value.is_trainable
            is_optimizer = isinstance(value, Optimizer) and value.call is node
            if isinstance(node, cst.Call) and (is_variable or is_trained or is_optimizer):
                self.add(node, self.training.deferral.hoisted.get(node) or self.training.name_of(node))
        for node in self.plan.record.layers:
            self.add(node, self.training.deferral.hoisted.get(node, ""))
        for step in self.training.steps.values():
            if self.plan.position[step.statement] > self.plan.position[self.saver]:
                self.plan.block(self.saver, "RH306", "a tf.train.Saver that is made before a training op")
            if step.optimizer:
                self.names.pop("", None)
                self.add(step.operation.optimizer, step.optimizer)
        if "" in self.names:
            self.plan.block(self.saver, "RH306", "a tf.train.Saver of something that has no name in the new program")
        return self.names

    def add(self, node: cst.Call, name: str) -> None:
        """Add what a call made."""
        word = name.rpartition(".")[2]
        is_near = self.plan.scope_of(node) is self.plan.scope_of(self.saver) or name.startswith("self.")
        is_before = self.plan.position[node] < self.plan.position[self.saver]
        if word and (not is_near or not is_before or self.names.get(word, name) != name or keyword.iskeyword(word)):
            self.plan.block(self.saver, "RH306", "a tf.train.Saver in another place than what it saves")
        self.names[word] = name


def rewrite_method(plan: Plan, node: cst.Call, name: str) -> None:
    """Plan what takes the place of `saver.save(...)` or `saver.restore(...)`."""
    parameters = ("sess", "save_path", "global_step")
    arguments = arguments_by_name(node, parameters)
    path, step = arguments.get("save_path"), arguments.get("global_step")
    if path is None or set(argument_words(node, parameters)) - set(parameters) - {"write_meta_graph"}:
        plan.block(node, "RH306", f"`.{name}` of a tf.train.Saver with other arguments")
        return
    plan.edits.replace(node, method_builder(plan, node, "write" if name == "save" else "read", path, step))


def method_builder(
    plan: Plan, node: cst.Call, method: str, path: cst.BaseExpression, step: cst.BaseExpression | None
) -> Builder:
    """Return a builder of a method of a checkpoint."""
    value = plan.fact(step)

    def build(renderer: Renderer) -> Replacement:
        assert isinstance(node.func, cst.Attribute)
        code = renderer.code(path)
        if step is not None and code_of(step) != "None":
            number = renderer.code(step) + (".numpy()" if isinstance(value, Tensor) else "")
            code = f'"{{}}-{{}}".format({code}, {number})'
        # A file of a Saver has none of the objects' names: without the check nothing would be read, and nothing said.
        checked = ".assert_existing_objects_matched()" if method == "read" else ""
        return cst.parse_expression(f"{code_of(node.func.value)}.{method}({code}){checked}")

    return build
