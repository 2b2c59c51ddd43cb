"""The names that a model gave its variables.

A graph of TF1 makes names unique: if a model is loaded twice, its variable `kernel` becomes `kernel` and `kernel_1`,
and a name scope adds a prefix. Users refer to variables by their names in the model.
"""

from __future__ import annotations

import contextlib
from typing import Any, Iterator

from rehub import tf_internals

_NAME = "_rehub_name_in_model"
_UNNAMED = "Variable"  # TensorFlow's name for a variable without one.


def set_name_in_model(variable: Any, name: str) -> None:
    """Keep with a restored variable the name that its model gave it."""
    setattr(variable, _NAME, name or _UNNAMED)


def name_in_model(variable: Any) -> str:
    """Return the name of a variable in its model, without `:0`; its own name if it is not of a model."""
    name = getattr(variable, _NAME, None)
    return str(variable.name).split(":")[0] if name is None else name


@contextlib.contextmanager
def keep_names() -> Iterator[None]:
    """Keep the names in the model of all variables that TensorFlow's loader makes."""

    def create_and_keep_name(next_creator: Any, **arguments: Any) -> Any:
        variable = next_creator(**arguments)
        set_name_in_model(variable, arguments.get("name") or "")
        return variable

    with tf_internals.import_tensorflow().variable_creator_scope(create_and_keep_name):
        yield


@contextlib.contextmanager
def use_name_in_model(variable: Any) -> Iterator[Any]:
    """Give a variable the name that its model gave it, while a user's function reads it."""
    name = f"{name_in_model(variable)}:0"
    if variable.name == name:
        yield variable
    else:
        with tf_internals.variables.rename_temporarily(variable, name):
            yield variable
