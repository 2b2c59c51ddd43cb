"""What an expression of a program can be, as far as the rewriting needs to know.

The interpreter computes one `Value` for each expression. Values are compared by content; nodes of the tree by identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Iterator

import libcst as cst


class _Unknown:
    """The constant of a `Plain` value that is not known."""

    def __repr__(self) -> str:
        return "?"


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Value:
    """What an expression is. `words` are what it is called in messages."""

    words: ClassVar[str] = "a part of a graph"


@dataclass(frozen=True)
class Plain(Value):
    """A value of Python, NumPy or a package that is not looked into; with its constant, if it is one."""

    constant: Any = UNKNOWN


@dataclass(frozen=True)
class Blocked(Plain):
    """What came of something that blocks the rewriting: what becomes of it is not reported again."""


@dataclass(frozen=True)
class StringArray(Plain):
    """An array of NumPy whose items are Python's strings."""


@dataclass(frozen=True)
class Dataset(Plain):
    """A `tf.data.Dataset`, or a method of one."""


@dataclass(frozen=True)
class Api(Value):
    """A public name of TensorFlow, Keras or TensorFlow Hub, by its path: `tensorflow.nn.relu`."""

    path: str


@dataclass(frozen=True)
class HubModule(Value):
    """A `hub.Module`, by the call that made it."""

    words = "a hub.Module"

    call: cst.Call
    is_trainable: bool = False


@dataclass(frozen=True)
class HubSpec(Value):
    """What `hub.load_module_spec` returned, with its call and its handle."""

    words = "a module's spec"

    call: cst.Call
    handle: cst.BaseExpression | None


@dataclass(frozen=True)
class Session(Value):
    """A session of any kind."""

    words = "a session"


@dataclass(frozen=True)
class Graph(Value):
    """A `tf.Graph`."""


@dataclass(frozen=True)
class Config(Value):
    """A `tf.ConfigProto` or a part of one."""

    words = "a session's config"


@dataclass(frozen=True)
class Initializer(Value):
    """An op without meaning in eager mode: initializers of variables and tables, and groups of them."""


@dataclass(frozen=True)
class IteratorInitializer(Initializer):
    """The op that starts an iterator over a dataset, by the call that made the iterator."""

    call: cst.Call


@dataclass(frozen=True)
class Source:
    """Why a tensor differs from run to run.

    Attributes:
        kind: "placeholder", "sparse" (a part of a sparse placeholder), "entries" (a dict of placeholders, one for each
            input of a module), "random", "iterator", "state" (variables) or "gradient" (it is there after a gradient
            tape alone).
        node: the call that made it.
        order: its place in the program.
        part: the attribute of a sparse placeholder, or the key in a dict of placeholders.
    """

    kind: str
    node: cst.CSTNode
    order: int
    part: str = ""


@dataclass(frozen=True)
class Tensor(Value):
    """A symbolic tensor, or a structure that a module's call with `as_dict=True` returned.

    Attributes:
        sources: why it differs from run to run; empty if eager mode can compute it where it is written.
        definition: the statement whose target holds it, the parameter that brought it, or None for an expression.
        form: "" for one tensor, "dict", "list" or "tuple" for a structure of tensors, "inputs" for a dict of
            placeholders, "known" for what a module's description says.
        is_static: not a tensor, but Python's value of something known when the graph is built, like a shape.
        is_input: it is a placeholder, and not computed from one.
        is_variable: it is a variable, and not computed from one.
        others: what may hold it instead of `definition`, after branches that joined.
    """

    sources: frozenset[Source] = frozenset()
    definition: cst.CSTNode | None = None
    form: str = ""
    is_static: bool = False
    is_input: bool = False
    is_variable: bool = False
    others: frozenset[cst.CSTNode] = frozenset()

    @property
    def is_deferred(self) -> bool:
        """Whether each run computes it again."""
        return bool(self.sources)

    @property
    def is_described(self) -> bool:
        """Whether this is a placeholder of a module's input, or a dict of them: what describes it takes its place."""
        return self.is_input and any(source.kind == "entries" for source in self.sources)

    @property
    def placeholder(self) -> Source | None:
        """The placeholder that this is, if it is one and it is known which."""
        return next(iter(self.sources)) if self.is_input and len(self.sources) == 1 else None


@dataclass(frozen=True)
class SparsePlaceholder(Value):
    """A `tf.sparse_placeholder`."""

    words = "a sparse placeholder"

    node: cst.Call
    order: int


@dataclass(frozen=True)
class Items(Value):
    """A list or tuple of known items."""

    items: tuple[Value, ...]
    is_tuple: bool = False


@dataclass(frozen=True)
class Entries(Value):
    """A dict with known entries, by the expression that made it."""

    entries: tuple[tuple[Value, Value], ...]
    node: cst.CSTNode


@dataclass(frozen=True)
class Function(Value):
    """A function of the program. `scope` is where it was defined."""

    node: cst.FunctionDef | cst.Lambda
    scope: int


@dataclass(frozen=True)
class Class(Value):
    """A class of the program."""

    words = "a class"

    node: cst.ClassDef
    scope: int


@dataclass(frozen=True)
class Instance(Value):
    """An object of a class of the program. All objects of a class are one."""

    node: cst.ClassDef
    scope: int


@dataclass(frozen=True)
class Method(Value):
    """A method of a value: of an object of the program, or of one that the rewriting knows."""

    owner: Value
    name: str


@dataclass(frozen=True)
class KerasObject(Value):
    """A layer, a model or a tensor of Keras."""


@dataclass(frozen=True)
class Made(Value):
    """What a call made, by that call."""

    call: cst.Call


@dataclass(frozen=True)
class Optimizer(Made):
    """A `tf.train.Optimizer`."""

    words = "an optimizer"


@dataclass(frozen=True)
class TrainOp(Value):
    """What `minimize` or `apply_gradients` returned.

    Attributes:
        call: the call that made it.
        optimizer: the call that made its optimizer.
        loss: what is minimized, or the gradients that are applied.
        counter: the variable that counts the steps.
        variables: what is trained, if the call says it.
    """

    call: cst.Call
    optimizer: cst.Call
    loss: Tensor
    counter: cst.BaseExpression | None = None
    variables: cst.BaseExpression | None = None


@dataclass(frozen=True)
class DataIterator(Value):
    """A one-shot iterator over a dataset."""

    words = "an iterator"

    call: cst.Call
    order: int


@dataclass(frozen=True)
class Saver(Made):
    """A `tf.train.Saver`."""

    words = "a tf.train.Saver"


@dataclass(frozen=True)
class Mixed(Value):
    """One of several values of different kinds."""

    options: frozenset[Value]


def iter_parts(value: Value) -> Iterator[Value]:
    """Yield a value and everything in it."""
    yield value
    if isinstance(value, Items):
        for item in value.items:
            yield from iter_parts(item)
    elif isinstance(value, Entries):
        for key, item in value.entries:
            yield from iter_parts(key)
            yield from iter_parts(item)
    elif isinstance(value, Mixed):
        for option in value.options:
            yield from iter_parts(option)
    elif isinstance(value, Method):
        yield from iter_parts(value.owner)


_ORDINARY = (Plain, Api, KerasObject, Function, Class, Instance, HubSpec)


def is_ordinary(value: Value) -> bool:
    """Tell whether other code may get this value: it is the same in both programs."""
    return all(
        isinstance(part, (*_ORDINARY, Items, Entries, Mixed, Method))
        or (isinstance(part, Tensor) and part.is_static and not part.is_deferred)
        for part in iter_parts(value)
    )


def sources_of(value: Value) -> frozenset[Source]:
    """Return why a value differs from run to run, over all its parts."""
    found: frozenset[Source] = frozenset()
    for part in iter_parts(value):
        if isinstance(part, Tensor):
            found |= part.sources
    return found


def tensorflow_path(value: Value | None) -> str:
    """Return the name in TensorFlow 1 that a value is, without `tensorflow.`; "" if it is none."""
    if not isinstance(value, Api) or not value.path.startswith("tensorflow."):
        return ""
    name = value.path[len("tensorflow.") :]
    return name[len("compat.v1.") :] if name.startswith("compat.v1.") else name


def is_of_gradients(value: Value | None) -> bool:
    """Tell whether a value is computed from gradients, or the list of what is trained."""
    return value is not None and any(source.kind == "gradient" for source in sources_of(value))
