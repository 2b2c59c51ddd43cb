"""The state of a program while it is interpreted: scopes, what names and attributes hold, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Tuple, Union

import libcst as cst

from rehub.migrate.code.joins import join
from rehub.migrate.code.values import Source, Tensor, Value

# A variable of a scope, or an attribute of the objects of a class.
Cell = Tuple[Union[int, cst.ClassDef], str]


@dataclass
class Scope:
    """Where names are looked up: the module (0), a function's call, a class's body."""

    number: int
    parent: int | None
    node: cst.CSTNode | None
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)
    local_names: frozenset[str] = frozenset()
    self_value: Value | None = None
    has_functions: bool = False  # whose bodies may read its variables later


@dataclass(frozen=True)
class Blocker:
    """Why a program cannot be rewritten: a use of a tracked value that eager mode has no equal for."""

    node: cst.CSTNode
    rule: str
    message: str
    advice: str = ""


@dataclass(frozen=True)
class Fetch:
    """A `session.run(fetched, feed)` or `tensor.eval(feed)`."""

    node: cst.Call
    fetched: cst.BaseExpression
    value: Value
    feed: cst.BaseExpression | None
    feed_value: Value | None
    scope: cst.CSTNode | None


@dataclass
class Definition:
    """A statement whose targets hold deferred tensors: it becomes a part of functions."""

    statement: cst.CSTNode
    targets: list[cst.BaseExpression]
    value: cst.BaseExpression
    scope: cst.CSTNode | None
    sources: frozenset[Source]


@dataclass
class Record:
    """What the interpretation saw, by node."""

    facts: dict[cst.CSTNode, Value] = field(default_factory=dict)
    blockers: dict[tuple[cst.CSTNode, str], Blocker] = field(default_factory=dict)
    fetches: dict[cst.Call, Fetch] = field(default_factory=dict)
    definitions: dict[cst.CSTNode, Definition] = field(default_factory=dict)
    calls: dict[cst.CSTNode, set[cst.Call]] = field(default_factory=dict)  # function -> direct calls of it
    escaped: set[cst.CSTNode] = field(default_factory=set)  # functions that other code may call
    scope_of: dict[cst.CSTNode, cst.CSTNode | None] = field(default_factory=dict)
    dimension_values: set[cst.Attribute] = field(default_factory=set)
    described_inputs: dict[cst.CSTNode, cst.Call] = field(default_factory=dict)  # dicts of placeholders
    described_items: set[cst.Call] = field(default_factory=set)  # `.items()` of such dicts
    described_shapes: set[cst.Attribute] = field(default_factory=set)  # `.shape` of placeholders in them
    printed_shapes: set[cst.CSTNode] = field(default_factory=set)
    got_variables: set[cst.Call] = field(default_factory=set)  # calls of tf.get_variable
    derived: set[cst.ClassDef] = field(default_factory=set)  # classes with a base in the program
    attributes: dict[str, Value] = field(default_factory=dict)  # of any object, where a part of a graph was assigned
    tested_sessions: set[str] = field(default_factory=set)  # variables and attributes that are tested, and may have one
    graph_prints: set[cst.Call] = field(default_factory=set)  # calls of print that get a tensor of a run
    printed_tensors: set[cst.CSTNode] = field(default_factory=set)
    iterators: dict[cst.Call, cst.Call] = field(default_factory=dict)  # `get_next` -> what made its iterator
    gradients: set[cst.Call] = field(default_factory=set)  # calls that give gradients, or the variables to train
    schedules: set[cst.Call] = field(default_factory=set)  # calls of tf.train.exponential_decay and the like
    global_steps: set[cst.Call] = field(default_factory=set)  # calls of tf.train.get_or_create_global_step and the like
    layers: set[cst.Call] = field(default_factory=set)  # calls of tf.layers
    stateless_layers: set[cst.Call] = field(default_factory=set)
    is_training: bool = False  # has an optimizer
    layer_functions: set[cst.CSTNode] = field(default_factory=set)  # of a Lambda of Keras, or that a dataset maps
    layer_randoms: set[cst.CSTNode] = field(default_factory=set)  # calls of random ops in such functions
    op_functions: set[cst.CSTNode] = field(default_factory=set)  # that an op calls, such as tf.map_fn
    uses_graph: bool = False  # makes modules, sessions or placeholders
    is_eager: bool = False  # switches eager mode on
    is_compat: bool = False  # switches TensorFlow 2's behavior off, or imports tensorflow.compat.v1
    is_graph_mode: bool = False  # switches TensorFlow 2's behavior off
    needs_graph_mode: bool = False  # makes a session, or modules and placeholders outside of functions
    compat_import: cst.ImportAlias | None = None  # of tensorflow.compat.v1

    def note(self, node: cst.CSTNode, value: Value) -> None:
        """Remember what an expression was; joined with what it was before."""
        self.facts[node] = join(self.facts[node], value) if node in self.facts else value


class Store:
    """What each name and attribute holds now, with branches that join."""

    def __init__(self) -> None:
        self.cells: dict[Cell, Value] = {}

    def branch(self) -> dict[Cell, Value]:
        """Return a copy to go back to."""
        return dict(self.cells)

    def join_with(self, other: dict[Cell, Value]) -> None:
        """Make each cell what it is after one of two branches."""
        joined = dict(other)
        for cell, value in self.cells.items():
            there = other.get(cell)
            if there is not value:  # Most cells are the same in both: a branch starts as a copy.
                joined[cell] = value if there is None else join(value, there)
        self.cells = joined


def bind_parameter(value: Value, parameter: cst.CSTNode) -> Value:
    """Return a value as a function's parameter: a deferred tensor is known by the parameter from here on."""
    if isinstance(value, Tensor) and value.is_deferred:
        return replace(value, definition=parameter)
    return value
