"""Functions whose inputs have names that Python cannot call a function by."""

from __future__ import annotations

import functools
import itertools
import keyword
from typing import Any, Iterable

from rehub.tf_internals.tensorflow import import_tensorflow


def are_callable_names(names: Iterable[str]) -> bool:
    """Whether TensorFlow calls a function with inputs of these names rightly.

    Its parameters are the names without what Python does not allow in one. They have to be valid, to differ, and to be
    in the order of the names: TensorFlow sorts inputs by either, and confuses them else.
    """
    in_order = sorted(names)
    parameters = [_without_forbidden_characters(name) for name in in_order]
    are_valid = all(in_order) and all(map(_is_parameter, parameters))  # TensorFlow fails on an empty name.
    return are_valid and parameters == sorted(set(parameters))


def make_parameter_names(names: Iterable[str]) -> dict[str, str]:
    """Returns a valid parameter for each name, all different, of letters that ops may have in their names.

    A name that is valid stays as it is.

    >>> make_parameter_names(["class", "a-b", "a_b"])
    {'a_b': 'a_b', 'a-b': 'a_b_', 'class': 'class_'}
    """
    given = sorted(names)  # So that it does not depend on their order.
    found = {name: name for name in given if name.isascii() and name[:1].isalpha() and _is_parameter(name)}
    taken = set(found.values())
    for name in given:
        if name not in found:
            stem = _without_forbidden_characters("".join(c if c.isascii() else "_" for c in name))
            candidates = itertools.chain((stem, f"{stem}_"), (f"{stem}_{number}" for number in itertools.count(1)))
            found[name] = next(each for each in candidates if _is_parameter(each) and each not in taken)
            taken.add(found[name])
    return found


def _without_forbidden_characters(name: str) -> str:
    """The parameter that TensorFlow makes of a name (core/function/polymorphism/function_type.py,
    sanitize_arg_name).
    """
    replaced = "".join(character if character.isalnum() else "_" for character in name)
    return replaced if replaced[:1].isalpha() else f"arg_{replaced}"


def _is_parameter(name: str) -> bool:
    # TensorFlow's methods call their first argument "self".
    return name.isidentifier() and not keyword.iskeyword(name) and name != "self"


def rename_in_order(specs: dict[str, Any]) -> dict[str, Any]:
    """The specs by names that TensorFlow can call a function by, in the same order; by their own where it can."""
    if are_callable_names(specs):
        return specs
    return {f"input_{number:04d}": spec for number, spec in enumerate(specs.values())}


def accept_all_names(concrete: Any) -> None:
    """Lets a signature of a graph of TF1 be called by the names of its inputs where TensorFlow cannot do that.

    Args:
        concrete: a concrete function that has the names of its inputs, one for each, in their order.
    """
    names = tuple(concrete._arg_keywords)  # Seen in 1.15, 2.15, 2.21.
    if are_callable_names(names) or hasattr(concrete, "_rehub_names"):
        return
    concrete._rehub_names = names
    concrete.__class__ = _class_with_any_names(concrete.__class__)
    # `tf.saved_model.save` names the inputs of a signature by these.
    parameters = make_parameter_names(names)
    concrete._arg_keywords = [parameters[name] for name in names]


@functools.lru_cache(maxsize=None)
def _class_with_any_names(concrete_class: Any) -> Any:
    class NamedSignature(concrete_class):  # type: ignore[misc]
        # `self` may be the name of an input.
        def __call__(*args: Any, **kwargs: Any) -> Any:
            return args[0]._call_impl(args[1:], kwargs)

        def _call_impl(self, args: Any, kwargs: Any, *_: Any) -> Any:
            values = self._rehub_bind(args, kwargs)
            tensors = [_as_input(*each) for each in zip(self._rehub_names, values, self.inputs)]
            return self._call_flat(tensors, self.captured_inputs)

        def _rehub_bind(self, args: Any, kwargs: Any) -> list[Any]:
            """The arguments in the order of the inputs; by the names that a saved function has, too."""
            names, parameters = self._rehub_names, self._arg_keywords
            if len(args) > self._num_positional_args:
                raise TypeError(f"The signature takes {_quoted(names)} by keyword; {len(args)} came by position.")
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
                    f"The signature takes {_quoted(names)} by keyword. Missing: {_quoted(missing) or 'none'}. "
                    f"Unknown, or given twice: {_quoted(unknown) or 'none'}."
                )
            return [given[name] for name in names]

    NamedSignature.__name__, NamedSignature.__qualname__ = concrete_class.__name__, concrete_class.__qualname__
    return NamedSignature


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))


def _as_input(name: str, value: Any, placeholder: Any) -> Any:
    """A value as the tensor that an input of a function takes.

    Raises:
        TypeError: it cannot be one; names the input.
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
    """A wrapped function, of whose pruned functions the parameters have names that TensorFlow takes."""

    def __init__(self, wrapped: Any) -> None:
        self.graph = wrapped.graph
        self._wrapped = wrapped

    def prune(self, feeds: Any, fetches: Any, input_signature: Any = None, **options: Any) -> Any:
        """Prune the wrapped function, by names that it can be called by."""
        if input_signature is None:  # In 1.15 and 2.15, where parameters have no names.
            return self._wrapped.prune(feeds, fetches, **options)
        args, kwargs = input_signature
        in_order = (args, rename_in_order(kwargs))
        pruned = self._wrapped.prune(feeds, fetches, input_signature=in_order, **options)
        pruned.graph.structured_input_signature = input_signature
        return pruned
