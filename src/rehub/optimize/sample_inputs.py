"""Inputs to measure a function with: those that the user gave, else made up of what its signature says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehub import tf_internals
from rehub.errors import InvalidSetting
from rehub.formatting import list_names

# What stands for a size that the model leaves open, beside the first, the batch's, which is 1.
_IMAGE_SIZE = 224  # of height and width, where there are four dimensions
_LENGTH = 128  # of anything else: words, samples
_TEXT = "A quick test of how long the reading of one sentence takes on this machine."


class NoSample(Exception):
    """No inputs can be made up for a function; says why."""


class SampleInputs:
    """Makes inputs for functions.

    Args:
        given: by the name of an input, what to use for it in each function that has it: a tensor, or what becomes one;
            or a `tf.TensorShape`, in which numbers are made up.
    """

    def __init__(self, given: Mapping[str, Any] | None) -> None:
        if given is not None and not isinstance(given, Mapping):
            raise InvalidSetting(
                "measure_with= takes a dict: the name of an input, and a tensor, an array or a tf.TensorShape for it. "
                f"Received: {type(given).__name__}"
            )
        self._tf = tf_internals.import_tensorflow()
        self._given = dict(given or {})
        self._used: set[str] = set()
        self._names: set[str] = set()

    def make(self, structure: Any, argument_names: list[str], seed: int) -> Any:
        """Returns the positional and keyword arguments of a call.

        Args:
            structure: the function's structured input signature: specs, and Python values, which stay.
            argument_names: of its positional arguments.
            seed: for what is random in them.

        Raises:
            NoSample: nothing can be made up for an input; names it.
        """
        import numpy as np  # It is there, as TensorFlow is.

        args, kwargs = structure
        names = [*argument_names, *("" for _ in args[len(argument_names) :])]
        random = np.random.RandomState(seed)
        return (
            tuple(self._argument(arg, name, random) for arg, name in zip(args, names)),
            {name: self._argument(kwargs[name], name, random) for name in sorted(kwargs)},
        )

    def check_all_used(self, handle: str) -> None:
        """Refuses names that no function has.

        Raises:
            InvalidSetting: lists the names there are.
        """
        unknown = sorted(set(self._given) - self._used)
        if unknown:
            raise InvalidSetting(
                f"measure_with= names {', '.join(map(repr, unknown))}, which is no input of a signature or function of "
                f"{handle!r}. They are: {list_names(sorted(self._names)) or 'none'}."
            )

    def _argument(self, value: Any, name: str, random: Any) -> Any:
        nest = self._tf.nest
        leaves = nest.flatten(value)
        names = [name] * len(leaves)
        if isinstance(value, Mapping) and len(value) == len(leaves):
            names = [str(key) for key in sorted(value)]
        elif len(leaves) > 1:
            names = [""] * len(leaves)
        return nest.pack_sequence_as(value, [self._leaf(*each, random) for each in zip(leaves, names)])

    def _leaf(self, spec: Any, name: str, random: Any) -> Any:
        if tf_internals.specs.type_spec_of(spec) is None:
            return spec
        own_name = getattr(spec, "name", None)
        names = [each for each in (name, own_name) if each]
        self._names.update(names[:1])
        shown = repr(names[0]) if names else "without a name"
        for each in names:
            if each in self._given:
                self._used.add(each)
                return self._fitting(spec, self._given[each], shown, random)
        return self._made_up(spec, None, shown, random)

    def _fitting(self, spec: Any, given: Any, name: str, random: Any) -> Any:
        tf = self._tf
        if isinstance(given, tf.TensorShape):
            return self._made_up(spec, given, name, random)
        if isinstance(spec, tf.TensorSpec):
            try:
                given = tf.convert_to_tensor(given, dtype=spec.dtype)
            except (TypeError, ValueError) as error:
                raise NoSample(f"the sample for input {name} is no {spec.dtype.name} tensor: {error}") from error
        if not spec.is_compatible_with(given):
            found = tf_internals.specs.type_spec_of(given) or tf.TensorSpec(given.shape, given.dtype)
            raise NoSample(f"the sample for input {name} is {describe(found)}, and it takes {describe(spec)}")
        return given

    def _made_up(self, spec: Any, wanted: Any, name: str, random: Any) -> Any:
        tf = self._tf
        if not isinstance(spec, (tf.TensorSpec, tf.RaggedTensorSpec, tf.SparseTensorSpec)):
            raise NoSample(f"its input {name} is a {spec.value_type.__name__}; give one by measure_with=")
        shape = spec.shape if wanted is None else wanted
        if not spec.shape.is_compatible_with(shape):
            raise NoSample(f"the sample shape {shape} for input {name} does not fit {describe(spec)}")
        if shape.rank is None:
            raise NoSample(f"its input {name} is of any shape; give one by measure_with=")
        dense = self._dense(spec.dtype, _sizes(shape), name, random)
        if isinstance(spec, tf.RaggedTensorSpec):
            return tf.RaggedTensor.from_tensor(
                dense, ragged_rank=spec.ragged_rank, row_splits_dtype=spec.row_splits_dtype
            )
        return tf.sparse.from_dense(dense) if isinstance(spec, tf.SparseTensorSpec) else dense

    def _dense(self, dtype: Any, sizes: list[int], name: str, random: Any) -> Any:
        tf = self._tf
        if dtype == tf.string:
            return tf.fill(sizes, _TEXT)
        if dtype == tf.bool:
            return tf.zeros(sizes, dtype)
        if dtype == tf.uint8:  # images
            return tf.constant(random.randint(0, 256, sizes), dtype)
        if dtype.is_integer:
            # 0 and 1 are in the range of everything that is counted: words, kinds of words, masks.
            return tf.cast(tf.constant(random.randint(0, 2, sizes)), dtype)
        if dtype.is_floating or dtype.is_complex:
            return tf.cast(tf.constant(random.random_sample(sizes)), dtype)
        raise NoSample(f"its input {name} is of type {dtype.name}; nothing can be made up for it")


def _sizes(shape: Any) -> list[int]:
    unknown = [1, *[_IMAGE_SIZE if shape.rank == 4 else _LENGTH] * (shape.rank - 1)] if shape.rank else []
    return [instead if size is None else size for size, instead in zip(shape.as_list(), unknown)]


def describe(value: Any) -> str:
    """A tensor, a spec or a nest of them for a person: `images=float32[?, 224, 224, 3]`."""
    tf = tf_internals.import_tensorflow()
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={describe(value[key])}" for key in sorted(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(filter(None, map(describe, value)))
    spec = tf_internals.specs.type_spec_of(value)
    if spec is None and not tf.is_tensor(value):
        return repr(value)
    shape, dtype = (value.shape, value.dtype) if spec is None else (spec.shape, spec.dtype)
    kind = (
        ""
        if spec is None or isinstance(spec, tf.TensorSpec)
        else type(spec).__name__.replace("TensorSpec", " ").lower()
    )
    sizes = "..." if shape.rank is None else ", ".join("?" if size is None else str(size) for size in shape.as_list())
    return f"{kind}{dtype.name}[{sizes}]"
