"""The inputs to measure functions with: given by the user, else made up from the signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehub import tf_internals
from rehub.errors import InvalidSetting
from rehub.formatting import list_names
from rehub.restore import describe_nest, spec_of
from rehub.sample_inputs import NoSampleInput, make_sample

_LENGTH = 128  # of unknown dimensions, such as words or samples


class NoSample(Exception):
    """No inputs can be made up for a function; says why."""


class SampleInputs:
    """Makes inputs for functions.

    Args:
        given: values by the name of an input, for each function that has it: a tensor, what converts to one, or a
            `tf.TensorShape` for random numbers.
    """

    def __init__(self, given: Mapping[str, Any] | None) -> None:
        if given is not None and not isinstance(given, Mapping):
            raise InvalidSetting(
                "measure_with= takes a dict: the name of an input, and a tensor, an array or a tf.TensorShape for it. "
                f"Received: {type(given).__name__}"
            )
        self._given = dict(given or {})
        self._used: set[str] = set()
        self._names: set[str] = set()

    def make_arguments(self, structure: Any, argument_names: list[str], seed: int) -> Any:
        """Return the positional and keyword arguments of a call.

        Args:
            structure: the function's structured input signature: specs, and Python values, which stay.

        Raises:
            NoSample: no value can be made up for an input; names it.
        """
        import numpy as np  # TensorFlow needs it, too.

        args, kwargs = structure
        names = [*argument_names, *("" for _ in args[len(argument_names) :])]
        random = np.random.RandomState(seed)
        return (
            tuple(self._make_argument(arg, name, random) for arg, name in zip(args, names)),
            {name: self._make_argument(kwargs[name], name, random) for name in sorted(kwargs)},
        )

    def check_all_used(self, handle: str) -> None:
        """Raise an error for given names that no function has.

        Raises:
            InvalidSetting: lists the names of all inputs.
        """
        unknown = sorted(set(self._given) - self._used)
        if unknown:
            raise InvalidSetting(
                f"measure_with= names {', '.join(map(repr, unknown))}, but no signature or function of {handle!r} has "
                f"such an input. The inputs are: {list_names(sorted(self._names)) or 'none'}."
            )

    def _make_argument(self, value: Any, name: str, random: Any) -> Any:
        nest = tf_internals.import_tensorflow().nest
        leaves = nest.flatten(value)
        names = [name] * len(leaves)
        if isinstance(value, Mapping) and len(value) == len(leaves):
            names = [str(key) for key in sorted(value)]
        elif len(leaves) > 1:
            names = [""] * len(leaves)
        return nest.pack_sequence_as(value, [self._make_leaf(*each, random) for each in zip(leaves, names)])

    def _make_leaf(self, spec: Any, name: str, random: Any) -> Any:
        if tf_internals.specs.type_spec_of(spec) is None:
            return spec
        own_name = getattr(spec, "name", None)
        names = [each for each in (name, own_name) if each]
        self._names.update(names[:1])
        label = repr(names[0]) if names else "without a name"
        for each in names:
            if each in self._given:
                self._used.add(each)
                return _fit_given(spec, self._given[each], label, random)
        return _make_up(spec, None, label, random)


def _fit_given(spec: Any, given: Any, label: str, random: Any) -> Any:
    tf = tf_internals.import_tensorflow()
    if isinstance(given, tf.TensorShape):
        return _make_up(spec, given, label, random)
    if isinstance(spec, tf.TensorSpec):
        try:
            given = tf.convert_to_tensor(given, dtype=spec.dtype)
        except (TypeError, ValueError) as error:
            raise NoSample(f"the sample for input {label} is not a {spec.dtype.name} tensor: {error}") from error
    if not spec.is_compatible_with(given):
        found = tf_internals.specs.type_spec_of(given) or tf.TensorSpec(given.shape, given.dtype)
        raise NoSample(f"the sample for input {label} is {describe(found)}, and it takes {describe(spec)}")
    return given


def _make_up(spec: Any, shape: Any, label: str, random: Any) -> Any:
    if shape is not None and not tf_internals.specs.shape_of(spec).is_compatible_with(shape):
        raise NoSample(f"the sample shape {shape} for input {label} does not fit {describe(spec)}")
    try:
        return make_sample(spec, random, shape=shape, length=_LENGTH)
    except NoSampleInput as error:
        raise NoSample(f"its input {label} {error}; give one by measure_with=") from error


def describe(value: Any) -> str:
    """Return a tensor, a spec or a nest of them for a person: `images=float32[?, 224, 224, 3]`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={describe(value[key])}" for key in sorted(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(filter(None, map(describe, value)))
    return repr(value) if spec_of(value) is None else describe_nest(value)
