"""The names that a model gave its variables.

A graph of TF1 makes names unique: the variable `kernel` of a model that is loaded twice is there `kernel`, then
`kernel_1`, and a name scope puts its own name before it. What a user says of a model's variables is about the model.
"""

from __future__ import annotations

import contextlib
from typing import Any, Iterator

from rehub import tf_internals

_NAME = "_rehub_name_in_model"
_UNNAMED = "Variable"  # So TensorFlow calls a variable that was given no name.


def set_name_in_model(variable: Any, name: str) -> None:
    """Keep with a restored variable the name that its model gave it."""
    setattr(variable, _NAME, name or _UNNAMED)


def name_in_model(variable: Any) -> str:
    """Return the name of a variable in its model, without `:0`; of a variable of no model, the name that it has."""
    name = getattr(variable, _NAME, None)
    return str(variable.name).split(":")[0] if name is None else name


@contextlib.contextmanager
def names_kept(tf: Any) -> Iterator[None]:
    """Keep the names in the model of all variables that TensorFlow's loader makes."""

    def make_and_keep_name(next_creator: Any, **arguments: Any) -> Any:
        variable = next_creator(**arguments)
        set_name_in_model(variable, arguments.get("name") or "")
        return variable

    with tf.variable_creator_scope(make_and_keep_name):
        yield


@contextlib.contextmanager
def under_name_in_model(variable: Any) -> Iterator[Any]:
    """Let a variable have the name that its model gave it, for as long as a user's function looks at it."""
    name = f"{name_in_model(variable)}:0"
    if variable.name == name:
        yield variable
    else:
        with tf_internals.variables.rename_temporarily(variable, name):
            yield variable
