"""Which variables a layer shows as its weights, and which of them it trains.

A weight is the restored variable itself: training the layer changes `layer.resolved_object`.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Callable, Iterable, List, Pattern, Sequence, Union

from rehub.errors import NotSerializable, NotTrainable
from rehub.keras.traces import traces_of
from rehub.restore import name_in_model, under_name_in_model

Selection = Union[bool, str, Pattern[str], Callable[[Any], bool], Sequence[Any]]


@dataclasses.dataclass(frozen=True)
class Weights:
    """The variables of a layer, each once.

    Attributes:
        in_order: all of them: the trainable variables of the restored object, in its order, then its others. The order
            in which a layer shows and saves them, which no choice of what to train changes.
        trainable: those that are trained while the layer is trainable.
        are_captured: whether they are what a function captures, of an object that tells no variables.
    """

    in_order: tuple[Any, ...]
    trainable: tuple[Any, ...]
    are_captured: bool = False
    _trained_ids: frozenset[int] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_trained_ids", frozenset(map(id, self.trainable)))

    @property
    def frozen(self) -> tuple[Any, ...]:
        """Those that are not trained."""
        return tuple(variable for variable in self.in_order if not self.is_trained(variable))

    def is_trained(self, variable: Any) -> bool:
        """Whether a variable is trained while the layer is trainable."""
        return id(variable) in self._trained_ids


class PartOfWeights(List[Any]):
    """A layer's trainable or non-trainable weights; both added up are its weights in their order.

    Keras saves `.h5` files in the order of `layer.trainable_weights + layer.non_trainable_weights`
    (keras/src/legacy/saving/legacy_h5_format.py, _legacy_weights), by which a file that was written under one choice
    of what to train would be read into other variables under another.
    """

    def __init__(self, part: Iterable[Any], in_order: Sequence[Any]) -> None:
        super().__init__(part)
        self._in_order = tuple(in_order)

    def __add__(self, other: Any) -> Any:
        total = [*self, *other]
        if isinstance(other, PartOfWeights) and {*map(id, total)} == {*map(id, self._in_order)}:
            return list(self._in_order)
        return total


def weights_of(restored: Any, function: Any, selection: Selection, described_as: str, captured: bool = True) -> Weights:
    """Finds the variables that `function` depends on and sorts them into trained and frozen ones.

    They are `restored.variables` and `restored.trainable_variables` (P20, P49); for an object that has neither,
    they are the variables that the traces of `function` capture, trained where `tf.Variable.trainable` says so.

    Args:
        restored: the object with the Reusable SavedModel interface, or any callable.
        function: what the layer calls.
        selection: the layer's `trainable=`: True, False, or which of the trainable variables to train: a name or
            regular expression, a predicate over variables, or a list of names, expressions and variables.
        described_as: the handle, for messages.
        captured: whether what `function` captures counts, where the object tells no variables.

    Raises:
        NotTrainable: a selection matches none of the trainable variables.
    """
    tells_variables = hasattr(restored, "variables") or hasattr(restored, "trainable_variables")
    if tells_variables:
        trainable = _each_once(getattr(restored, "trainable_variables", None) or ())
        everything = _each_once([*trainable, *(getattr(restored, "variables", None) or ())])
    else:
        everything = captured_variables(function) if captured else []
        trainable = [variable for variable in everything if variable.trainable]
    if not isinstance(selection, bool):
        trainable = _select(trainable, selection, described_as)
    return Weights(tuple(everything), tuple(trainable), bool(everything) and not tells_variables)


def captured_variables(function: Any) -> list[Any]:
    """The variables that the traces of a restored function read or write, in the order of their first use."""
    return _each_once(variable for trace in traces_of(function) for variable in trace.variables)


def _each_once(variables: Iterable[Any]) -> list[Any]:
    """Drops repetitions, and None: some exporters leave it among `variables` for a weight that was never made."""
    return list({id(variable): variable for variable in variables if variable is not None}.values())


def _select(variables: list[Any], selection: Any, described_as: str) -> list[Any]:
    parts = selection if isinstance(selection, (list, tuple, set, frozenset)) else [selection]
    chosen = {id(variable) for part in parts for variable in _matches(variables, part, described_as)}
    return [variable for variable in variables if id(variable) in chosen]


def _matches(variables: list[Any], part: Any, described_as: str) -> list[Any]:
    """The variables that one part of a selection names."""
    if isinstance(part, str):
        found = [v for v in variables if part in (name_in_model(v), f"{name_in_model(v)}:0")]
        found = found or [variable for variable in variables if re.search(part, name_in_model(variable))]
    elif isinstance(part, re.Pattern):
        found = [variable for variable in variables if part.search(name_in_model(variable))]
    elif hasattr(part, "assign"):  # a tf.Variable, or Keras 3's wrapper around one
        wanted = {id(part), id(getattr(part, "value", part))}
        found = [variable for variable in variables if id(variable) in wanted]
    elif callable(part):
        found = [variable for variable in variables if _holds(part, variable)]
    else:
        raise NotTrainable(
            f"trainable= of {described_as} takes a bool, a name or regular expression, a predicate over variables, or "
            f"a list of these and of variables. Received: {part!r} (of type {type(part).__name__})"
        )
    if not found:
        raise NotTrainable(
            f"trainable={part!r} selects none of the trainable variables of {described_as}. They are: "
            f"{', '.join(map(name_in_model, variables)) or 'none'}"
        )
    return found


def _holds(predicate: Callable[[Any], Any], variable: Any) -> bool:
    with under_name_in_model(variable) as named:
        return bool(predicate(named))


def selection_config(selection: Selection, weights: Weights, described_as: str) -> Any:
    """A layer's `trainable=` in a form that JSON holds: expressions as they are, everything else by variables' names.

    Raises:
        NotSerializable: the names do not tell trained variables from others.
    """
    if isinstance(selection, (bool, str)):
        return selection
    if isinstance(selection, re.Pattern):
        return selection.pattern
    names = [name_in_model(variable) for variable in weights.trainable]
    ambiguous = sorted(set(names) & {name_in_model(variable) for variable in weights.frozen if variable.trainable})
    if ambiguous:
        raise NotSerializable(
            f"trainable= of {described_as} chose some of the variables that share the name {ambiguous[0]!r}; a config "
            "can only name them all. Use a name or regular expression instead."
        )
    return names
