"""Which variables are a layer's weights, and which of them it trains.

A weight is the restored variable itself: training the layer changes `layer.resolved_object`.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Callable, Iterable, List, Pattern, Sequence, Union

from rehub.errors import NotSerializable, NotTrainable
from rehub.keras.traces import traces_of
from rehub.restore import name_in_model, use_name_in_model

Selection = Union[bool, str, Pattern[str], Callable[[Any], bool], Sequence[Any]]


@dataclasses.dataclass(frozen=True)
class LayerWeights:
    """The variables of a layer, each once.

    Attributes:
        in_order: all of them, in the order in which a layer shows and saves them: the trainable variables of the
            restored object, then its others. The order does not depend on which of them the layer trains.
        trainable: those that are trained while the layer is trainable.
        are_captured: whether they are the variables that a function captures, of an object that lists none.
    """

    in_order: tuple[Any, ...]
    trainable: tuple[Any, ...]
    are_captured: bool = False
    _trained_ids: frozenset[int] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_trained_ids", frozenset(map(id, self.trainable)))

    @property
    def frozen(self) -> tuple[Any, ...]:
        """The variables that are not trained."""
        return tuple(variable for variable in self.in_order if not self.is_trained(variable))

    def is_trained(self, variable: Any) -> bool:
        """Return whether a variable is trained while the layer is trainable."""
        return id(variable) in self._trained_ids


class PartOfWeights(List[Any]):
    """A layer's trainable or non-trainable weights. The sum of both is all its weights in their order.

    Keras saves `.h5` files in the order of `layer.trainable_weights + layer.non_trainable_weights`
    (keras/src/legacy/saving/legacy_h5_format.py, _legacy_weights). With plain lists, a layer that trains other weights
    than the layer that wrote the file would read the values into the wrong variables.
    """

    def __init__(self, part: Iterable[Any], in_order: Sequence[Any]) -> None:
        super().__init__(part)
        self._in_order = tuple(in_order)

    def __add__(self, other: Any) -> Any:
        total = [*self, *other]
        if isinstance(other, PartOfWeights) and {*map(id, total)} == {*map(id, self._in_order)}:
            return list(self._in_order)
        return total


def find_weights(restored: Any, function: Any, selection: Selection, label: str, captured: bool = True) -> LayerWeights:
    """Find the variables of an object, or else of a function, and which of them are trained.

    They are `restored.variables` and `restored.trainable_variables` (Reusable SavedModel interface). For an object
    that has neither, they are the variables that the traces of `function` capture; those with `tf.Variable.trainable`
    are trained.

    Args:
        restored: the object with the Reusable SavedModel interface, or any callable.
        selection: the layer's `trainable=`: True, False, or which of the trainable variables to train: a name or
            regular expression, a predicate over variables, or a list of names, expressions and variables.
        captured: whether to use the variables that `function` captures, if the object lists none.

    Raises:
        NotTrainable: a selection matches none of the trainable variables.
    """
    lists_variables = hasattr(restored, "variables") or hasattr(restored, "trainable_variables")
    if lists_variables:
        trainable = _unique_variables(getattr(restored, "trainable_variables", None) or ())
        everything = _unique_variables([*trainable, *(getattr(restored, "variables", None) or ())])
    else:
        traces = traces_of(function) if captured else []
        everything = _unique_variables(variable for trace in traces for variable in trace.variables)
        trainable = [variable for variable in everything if variable.trainable]
    if not isinstance(selection, bool):
        trainable = _select_variables(trainable, selection, label)
    return LayerWeights(tuple(everything), tuple(trainable), bool(everything) and not lists_variables)


def _unique_variables(variables: Iterable[Any]) -> list[Any]:
    """Drop duplicates, and None: some exporters leave None in `variables` for a weight that was never made."""
    return list({id(variable): variable for variable in variables if variable is not None}.values())


def _select_variables(variables: list[Any], selection: Any, label: str) -> list[Any]:
    parts = selection if isinstance(selection, (list, tuple, set, frozenset)) else [selection]
    chosen = {id(variable) for part in parts for variable in _match_variables(variables, part, label)}
    return [variable for variable in variables if id(variable) in chosen]


def _match_variables(variables: list[Any], part: Any, label: str) -> list[Any]:
    """Return the variables that one part of a selection names."""
    if isinstance(part, str):
        found = [v for v in variables if part in (name_in_model(v), f"{name_in_model(v)}:0")]
        found = found or [variable for variable in variables if re.search(part, name_in_model(variable))]
    elif isinstance(part, re.Pattern):
        found = [variable for variable in variables if part.search(name_in_model(variable))]
    elif hasattr(part, "assign"):  # a tf.Variable, or Keras 3's wrapper around one
        wanted = {id(part), id(getattr(part, "value", part))}
        found = [variable for variable in variables if id(variable) in wanted]
    elif callable(part):
        found = [variable for variable in variables if _predicate_holds(part, variable)]
    else:
        raise NotTrainable(
            f"trainable= of {label} takes a bool, a name or regular expression, a predicate over variables, or "
            f"a list of these and of variables. Received: {part!r} (of type {type(part).__name__})"
        )
    if not found:
        raise NotTrainable(
            f"trainable={part!r} selects none of the trainable variables of {label}. They are: "
            f"{', '.join(map(name_in_model, variables)) or 'none'}"
        )
    return found


def _predicate_holds(predicate: Callable[[Any], Any], variable: Any) -> bool:
    with use_name_in_model(variable) as named:
        return bool(predicate(named))


def selection_config(selection: Selection, weights: LayerWeights, label: str) -> Any:
    """Return a layer's `trainable=` for JSON: an expression as it is, everything else as the names of variables.

    Raises:
        NotSerializable: a trained variable has the name of one that is not.
    """
    if isinstance(selection, (bool, str)):
        return selection
    if isinstance(selection, re.Pattern):
        return selection.pattern
    names = [name_in_model(variable) for variable in weights.trainable]
    ambiguous = sorted(set(names) & {name_in_model(variable) for variable in weights.frozen if variable.trainable})
    if ambiguous:
        raise NotSerializable(
            f"trainable= of {label} selects some of the variables with the name {ambiguous[0]!r}, but a config "
            "can only name all of them. Use a name or regular expression instead."
        )
    return names
