"""Functions whose inputs have names that Python cannot call a function by."""

from __future__ import annotations

import functools
from typing import Any, Iterable

from rehub.input_names import can_be_called_by, parameter_names
from rehub.tf_internals.tensorflow import import_tensorflow


def in_same_order(specs: dict[str, Any]) -> dict[str, Any]:
    """The specs by names that TensorFlow can call a function by, in the same order; by their own where it can."""
    if can_be_called_by(specs):
        return specs
    return {f"input_{number:04d}": spec for number, spec in enumerate(specs.values())}


def accept_all_names(concrete: Any) -> None:
    """Lets a signature of a graph of TF1 be called by the names of its inputs where TensorFlow cannot do that.

    Args:
        concrete: a concrete function that has the names of its inputs, one for each, in their order.
    """
    names = tuple(concrete._arg_keywords)  # Seen in 1.15, 2.15, 2.21.
    if can_be_called_by(names) or hasattr(concrete, "_rehub_names"):
        return
    concrete._rehub_names = names
    concrete.__class__ = _class_with_any_names(concrete.__class__)
    # `tf.saved_model.save` names the inputs of a signature by these.
    parameters = parameter_names(names)
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
            for keyword, value in kwargs.items():
                name = keyword if keyword in names else dict(zip(parameters, names)).get(keyword)
                if name is None or name in given:
                    unknown.append(keyword)
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


class PrunedByOtherNames:
    """A wrapped function, of whose pruned functions the parameters have names that TensorFlow takes."""

    def __init__(self, wrapped: Any) -> None:
        self.graph = wrapped.graph
        self._wrapped = wrapped

    def prune(self, feeds: Any, fetches: Any, input_signature: Any = None, **options: Any) -> Any:
        """Prune the wrapped function, by names that it can be called by."""
        if input_signature is None:  # In 1.15 and 2.15, where parameters have no names.
            return self._wrapped.prune(feeds, fetches, **options)
        args, kwargs = input_signature
        in_order = (args, in_same_order(kwargs))
        pruned = self._wrapped.prune(feeds, fetches, input_signature=in_order, **options)
        pruned.graph.structured_input_signature = input_signature
        return pruned
