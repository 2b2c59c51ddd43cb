"""Signatures whose inputs have names that TensorFlow cannot make Python parameters of.

A SavedModel of TF1 can have any names of inputs: "class", "from", "a-b" beside "a_b".
"""

from __future__ import annotations

import itertools
import keyword
from typing import Any, Iterable

from rehub.tf_internals.classes import add_methods
from rehub.tf_internals.tensorflow import import_tensorflow


def are_callable_names(names: Iterable[str]) -> bool:
    """Whether TensorFlow can call a function with inputs of these names correctly.

    It replaces characters that Python forbids in parameters. The results must be valid, differ, and have the order of
    the names: TensorFlow sorts inputs sometimes by names and sometimes by parameters, and would confuse them.
    """
    in_order = sorted(names)
    parameters = [sanitize_name(name) for name in in_order]
    are_valid = all(in_order) and all(map(_is_parameter, parameters))  # TensorFlow fails on an empty name.
    return are_valid and parameters == sorted(set(parameters))


def make_parameter_names(names: Iterable[str]) -> dict[str, str]:
    """Return a different valid parameter for each name, made of characters that names of ops can have.

    Valid names are unchanged.

    >>> make_parameter_names(["class", "a-b", "a_b"])
    {'a_b': 'a_b', 'a-b': 'a_b_', 'class': 'class_'}
    """
    given = sorted(names)  # So that the result does not depend on their order.
    found = {name: name for name in given if name.isascii() and name[:1].isalpha() and _is_parameter(name)}
    taken = set(found.values())
    for name in given:
        if name not in found:
            stem = sanitize_name("".join(c if c.isascii() else "_" for c in name))
            candidates = itertools.chain((stem, f"{stem}_"), (f"{stem}_{number}" for number in itertools.count(1)))
            found[name] = next(each for each in candidates if _is_parameter(each) and each not in taken)
            taken.add(found[name])
    return found


def sanitize_name(name: str) -> str:
    """Return the parameter that TensorFlow makes of a name (core/function/polymorphism/function_type.py,
    sanitize_arg_name).
    """
    replaced = "".join(character if character.isalnum() else "_" for character in name)
    return replaced if replaced[:1].isalpha() else f"arg_{replaced}"


def _is_parameter(name: str) -> bool:
    # TensorFlow's methods call their first argument "self".
    return name.isidentifier() and not keyword.iskeyword(name) and name != "self"


def rename_in_order(specs: dict[str, Any]) -> dict[str, Any]:
    """Return specs by names that TensorFlow can call a function by, in the same order; unchanged if it can."""
    if are_callable_names(specs):
        return specs
    return {f"input_{number:04d}": spec for number, spec in enumerate(specs.values())}


def accept_all_names(concrete: Any) -> None:
    """Let a signature of a TF1 graph be called by the names of its inputs, if TensorFlow cannot do that.

    Args:
        concrete: a concrete function that knows the name of each of its inputs, in order.
    """
    names = tuple(concrete._arg_keywords)  # Seen in 1.15, 2.15, 2.21.
    if are_callable_names(names) or hasattr(concrete, "_rehub_names"):
        return
    concrete._rehub_names = names
    add_methods(concrete, _CallByAnyName)
    # `tf.saved_model.save` names the inputs of a signature by these.
    parameters = make_parameter_names(names)
    concrete._arg_keywords = [parameters[name] for name in names]


def accept_sanitized_names(concrete: Any) -> None:
    """Let a signature that TensorFlow 1.15 restored be called by the parameters of newer versions too.

    An input "token-ids" has the parameter `token_ids` there, and 1.15 knows only the name of the input.
    """
    if any(sanitize_name(name) != name for name in concrete._arg_keywords):
        add_methods(concrete, _CallBySanitizedName)


class _CallBySanitizedName:
    """Methods of a concrete function of TensorFlow 1.15 that is called by names of inputs or parameters."""

    # `self` may be the name of an input.
    def __call__(*args: Any, **kwargs: Any) -> Any:
        names = args[0]._arg_keywords  # Seen in 1.15.
        written = {sanitize_name(name): name for name in names}
        given = {key if key in names else written.get(key, key): value for key, value in kwargs.items()}
        return args[0]._call_impl(args[1:], given)


class _CallByAnyName:
    """Methods of a concrete function that is called by the names of its inputs."""

    # `self` may be the name of an input.
    def __call__(*args: Any, **kwargs: Any) -> Any:
        return args[0]._call_impl(args[1:], kwargs)

    def _call_impl(self: Any, args: Any, kwargs: Any, *_: Any) -> Any:
        values = self._rehub_bind_inputs(args, kwargs)
        tensors = [_convert_input(*each) for each in zip(self._rehub_names, values, self.inputs)]
        return self._call_flat(tensors, self.captured_inputs)

    def _rehub_bind_inputs(self: Any, args: Any, kwargs: Any) -> list[Any]:
        """Return the arguments in the order of the inputs. The names in a saved function are accepted too."""
        names, parameters = self._rehub_names, self._arg_keywords
        if len(args) > self._num_positional_args:
            raise TypeError(f"The signature takes {_quote_names(names)} by keyword; {len(args)} came by position.")
        given = dict(zip(names, args))
        unknown = []
        for key, value in kwargs.items():
            name = key if key in names else dict(zip(parameters, names)).get(key)
            if name is None or name in given:
                unknown.append(key)
            else:
                given[name] = value
        missing = [name for name in names if name not in given]
        if unknown or missing:
            raise TypeError(
                f"The signature takes {_quote_names(names)} by keyword. Missing: {_quote_names(missing) or 'none'}. "
                f"Unknown, or given twice: {_quote_names(unknown) or 'none'}."
            )
        return [given[name] for name in names]


def _quote_names(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))


def _convert_input(name: str, value: Any, placeholder: Any) -> Any:
    """Convert a value to the tensor that an input of a function takes.

    Raises:
        TypeError: it cannot be converted; names the input.
    """
    tf = import_tensorflow()
    expected = f"Input {name!r} takes a {placeholder.dtype.name} tensor of shape {placeholder.shape}"
    try:
        tensor = tf.convert_to_tensor(value, placeholder.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{expected}: {error}") from error
    if not placeholder.shape.is_compatible_with(tensor.shape):
        raise TypeError(f"{expected}. Received: {tensor.dtype.name} of shape {tensor.shape}.")
    return tensor


class RenamingPruner:
    """A wrapped function whose pruned functions have parameters that TensorFlow accepts."""

    def __init__(self, wrapped: Any) -> None:
        self.graph = wrapped.graph
        self._wrapped = wrapped

    def prune(self, feeds: Any, fetches: Any, input_signature: Any = None, **options: Any) -> Any:
        """Prune the wrapped function, and rename its inputs."""
        if input_signature is None:  # In 1.15 and 2.15, parameters have no names.
            return self._wrapped.prune(feeds, fetches, **options)
        args, kwargs = input_signature
        renamed = (args, rename_in_order(kwargs))
        pruned = self._wrapped.prune(feeds, fetches, input_signature=renamed, **options)
        pruned.graph.structured_input_signature = input_signature
        return pruned
