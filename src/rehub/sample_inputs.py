"""Made-up inputs for a signature or function: to show a call, to compare two models, to measure time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

from rehub import tf_internals

if TYPE_CHECKING:
    import numpy as np

TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "A quick test of how long the reading of one sentence takes on this machine.",
    "Only a few words.",
)
_IMAGE_CHANNELS = (1, 3, 4)


class NoSampleInput(Exception):
    """No value can be made up for an input; says why."""


def fill_shape(
    shape: Iterable[int | None], *, batch: int = 1, length: int = 8, image_size: int = 224
) -> tuple[int, ...]:
    """Return a shape without unknown sizes.

    >>> fill_shape((None, None, None, 3)), fill_shape((None, None, 16)), fill_shape(())
    ((1, 224, 224, 3), (1, 8, 16), ())

    Args:
        shape: its unknown sizes are None.
        batch: the size of an unknown first dimension.
        length: the size of any other unknown dimension.
        image_size: instead of `length`, the height and width of an image: of rank 4, with 1, 3 or 4 channels. Many
            networks do not take small images.
    """
    sizes = tuple(shape)
    is_image = len(sizes) == 4 and sizes[3] in _IMAGE_CHANNELS
    unknown = image_size if is_image else length
    return tuple((batch if axis == 0 else unknown) if size is None else size for axis, size in enumerate(sizes))


def make_sample(
    spec: Any,
    random: np.random.RandomState,
    *,
    shape: Any = None,
    batch: int = 1,
    length: int = 8,
    image_size: int = 224,
) -> Any:
    """Return a tensor that fits a spec, with random values.

    Args:
        spec: a `tf.TensorSpec`, `tf.SparseTensorSpec` or `tf.RaggedTensorSpec`.
        random: the source of values. Floats are between 0 and 1; integers are 0 or 1, which are valid indices.
        shape: a `tf.TensorShape`, if not that of the spec.
        batch, length, image_size: as for `fill_shape`.

    Raises:
        NoSampleInput: the spec has another type, an unknown rank or an unusual dtype.
    """
    tf = tf_internals.import_tensorflow()
    if not tf_internals.specs.is_of_tensors(spec):
        raise NoSampleInput(f"is a {spec.value_type.__name__}")
    shape = tf_internals.specs.shape_of(spec) if shape is None else shape
    is_ragged = isinstance(spec, tf.RaggedTensorSpec)
    if shape.rank is None and not is_ragged:
        raise NoSampleInput("has an unknown rank")
    sizes = shape.as_list() if shape.rank is not None else [None] * (spec.ragged_rank + 1)
    filled = fill_shape(sizes, batch=batch, length=length, image_size=image_size)
    dense = _make_dense(tf_internals.specs.dtype_of(spec), filled, random)
    if is_ragged:
        # Rows of different lengths, where the spec lets them differ in the second dimension only.
        lengths = [max(1, filled[1] - row) for row in range(filled[0])] if spec.ragged_rank == 1 else None
        return tf.RaggedTensor.from_tensor(
            dense,
            lengths=None if lengths is None else tf.constant(lengths, spec.row_splits_dtype),
            ragged_rank=spec.ragged_rank,
            row_splits_dtype=spec.row_splits_dtype,
        )
    return tf.sparse.from_dense(dense) if isinstance(spec, tf.SparseTensorSpec) else dense


def _make_dense(dtype: Any, sizes: tuple[int, ...], random: np.random.RandomState) -> Any:
    tf = tf_internals.import_tensorflow()
    if dtype == tf.string:
        return tf.gather(tf.constant(TEXTS), random.randint(0, len(TEXTS), sizes))
    if dtype == tf.bool:
        return tf.constant(random.randint(0, 2, sizes) == 1)
    if dtype == tf.uint8:  # images
        return tf.constant(random.randint(0, 256, sizes), dtype)
    if dtype.is_integer:
        return tf.cast(tf.constant(random.randint(0, 2, sizes)), dtype)
    if dtype.is_floating or dtype.is_complex:
        return tf.cast(tf.constant(random.random_sample(sizes)), dtype)
    raise NoSampleInput(f"has the dtype {dtype.name}")
