"""Describe inputs and traces for people: what they are, and how to change inputs so that they fit a trace."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.formatting import format_tensor


def spec_of(value: Any) -> Any:
    """Return the `tf.TypeSpec` of a tensor, array, variable, symbolic Keras tensor or spec; None for anything else."""
    composite = tf_internals.specs.type_spec_of(value)
    if composite is not None:
        return composite
    tf = tf_internals.import_tensorflow()
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is None or shape is None:
        return None
    try:
        dtype = tf.as_dtype(dtype)
    except TypeError:  # an array of dates, records, ...
        return None
    if getattr(value, "sparse", False) is True:
        return tf.SparseTensorSpec(shape, dtype)
    if getattr(value, "ragged", False) is True:
        return tf.RaggedTensorSpec(shape, dtype, ragged_rank=getattr(value, "ragged_rank", None) or 1)
    return tf.TensorSpec(shape, dtype)


def describe_nest(nest: Any) -> str:
    """Describe a nest of tensors or specs, with sorted keys: `{'ids': int32[?, 128]}`."""
    if isinstance(nest, dict):
        return "{" + ", ".join(f"{key!r}: {describe_nest(value)}" for key, value in sorted(nest.items())) + "}"
    if isinstance(nest, (list, tuple)):
        left, right = "[]" if isinstance(nest, list) else "()"
        return left + ", ".join(describe_nest(item) for item in nest) + right
    spec = spec_of(nest)
    if spec is None:
        return f"{type(nest).__name__} {nest!r}"[:80]
    dtype = tf_internals.specs.dtype_of(spec)
    if dtype is None:
        return type(spec).__name__
    kind = {"RaggedTensorSpec": "ragged", "SparseTensorSpec": "sparse"}.get(type(spec).__name__, "dense")
    return format_tensor(dtype.name, tf_internals.specs.shape_of(spec), kind)


def describe_arguments(arguments: dict[str, Any]) -> str:
    """Describe the arguments after the first: `, k=2, scale=float32[]`."""
    return "".join(f", {name}={_describe_argument(value)}" for name, value in arguments.items())


def _describe_argument(value: Any) -> str:
    leaves = tf_internals.import_tensorflow().nest.flatten(value)
    if any(type(leaf).__name__ == "UnknownArgument" for leaf in leaves):
        return "(a value that a SavedModel cannot keep)"
    return describe_nest(value) if any(spec_of(leaf) is not None for leaf in leaves) else repr(value)


def are_compatible_dtypes(received: Any, expected: Any, casts: bool) -> bool:
    """Whether a dtype is the expected one, or is cast to it without loss, if the caller casts."""
    return bool(received == expected) or (casts and _is_safe_cast(received, expected))


def _is_safe_cast(source: Any, target: Any) -> bool:
    """Whether a cast is safe: between floats, as in Keras, and from integers to wider integers.

    Others would be guesses: an image of bytes in [0, 255] is not what a model for floats in [0, 1] expects.
    """
    if source.is_floating and target.is_floating:
        return True
    if source.is_integer and target.is_integer and not source.is_quantized and not target.is_quantized:
        return bool(source.min >= target.min and source.max <= target.max)
    return False


def suggest_fixes(inputs: Any, expected: Any, casts: bool = True) -> list[str]:
    """Return what to change in inputs so that they fit a nest of specs.

    Args:
        casts: whether the caller makes casts that lose nothing.
    """
    if isinstance(expected, dict):
        return _suggest_dict_fixes(inputs, expected, casts)
    if isinstance(expected, (list, tuple)):
        if isinstance(inputs, (list, tuple)) and len(inputs) == len(expected):
            return [fix for item, spec in zip(inputs, expected) for fix in suggest_fixes(item, spec, casts)]
        return [f"pass a {type(expected).__name__} of {len(expected)} tensors: {describe_nest(expected)}"]
    if isinstance(inputs, (list, tuple, dict)):
        return ["pass one tensor, not a structure of several"]
    received = spec_of(inputs)
    if received is None or not hasattr(expected, "is_compatible_with"):
        return []
    return [
        *_suggest_kind(received, expected),
        *_suggest_dtype(received, expected, casts),
        *_suggest_shape(received, expected),
        *_suggest_ragged(received, expected, casts),
    ]


def _suggest_dict_fixes(inputs: Any, expected: Any, casts: bool) -> list[str]:
    if not isinstance(inputs, dict):
        return [f"pass a dict with the keys {', '.join(map(repr, sorted(expected)))}"]
    missing = sorted(key for key in expected if key not in inputs)
    unknown = sorted(key for key in inputs if key not in expected)
    found = [f"add {', '.join(map(repr, missing))}"] if missing else []
    found += [f"leave out {', '.join(map(repr, unknown))}"] if unknown else []
    shared = sorted(key for key in expected if key in inputs)
    return found + [f"{key}: {fix}" for key in shared for fix in suggest_fixes(inputs[key], expected[key], casts)]


def _suggest_kind(received: Any, expected: Any) -> list[str]:
    if type(received) is type(expected):
        return []
    kinds = {
        "TensorSpec": "a dense tensor",
        "RaggedTensorSpec": "a RaggedTensor",
        "SparseTensorSpec": "a SparseTensor",
    }
    wanted, given = (kinds.get(type(spec).__name__, type(spec).__name__) for spec in (expected, received))
    return [f"pass {wanted} instead of {given}"]


def _suggest_dtype(received: Any, expected: Any, casts: bool) -> list[str]:
    dtype, wanted = tf_internals.specs.dtype_of(received), tf_internals.specs.dtype_of(expected)
    if dtype is None or wanted is None or are_compatible_dtypes(dtype, wanted, casts):
        return []
    if dtype.is_integer and wanted.is_floating:
        name = f"tf.{wanted.name}"
        advice = f"for images tf.image.convert_image_dtype(x, {name}) scales to [0, 1], otherwise tf.cast(x, {name})"
        return [f"the dtypes of a SavedModel are fixed; {advice}"]
    if wanted.name == "string" or dtype.name == "string":
        return [f"this input is of dtype {wanted.name}, and {dtype.name} cannot be cast to it"]
    return [f"the dtypes of a SavedModel are fixed; tf.cast(x, tf.{wanted.name}) if its values fit"]


def _suggest_ragged(received: Any, expected: Any, casts: bool) -> list[str]:
    (rank, splits), (wanted_rank, wanted_splits) = (
        tf_internals.specs.raggedness_of(received),
        tf_internals.specs.raggedness_of(expected),
    )
    if not rank or not wanted_rank:
        return []
    if rank != wanted_rank:
        return [f"pass a RaggedTensor of ragged rank {wanted_rank} instead of {rank}"]
    if not are_compatible_dtypes(splits, wanted_splits, casts):
        return [f"pass x.with_row_splits_dtype(tf.{wanted_splits.name}) if its row splits fit"]
    return []


def _suggest_shape(received: Any, expected: Any) -> list[str]:
    shape, wanted = tf_internals.specs.shape_of(received), tf_internals.specs.shape_of(expected)
    if shape is None or wanted is None or shape.rank is None or wanted.is_compatible_with(shape):
        return []
    if shape.rank == wanted.rank - 1:
        return ["add the batch dimension: tf.expand_dims(x, axis=0)"]
    if shape.rank == wanted.rank + 1 and shape[-1] == 1:
        return ["drop the last dimension: tf.squeeze(x, axis=-1), or input_shape=[] in a Sequential model"]
    return [f"the shape has to be {wanted}"]
