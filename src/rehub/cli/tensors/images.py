"""Decode pictures by TensorFlow, in the size and value range that a signature takes."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.cli.tensors.reading import Image
from rehub.errors import InputMismatch
from rehub.inspection.model_info import TensorInfo

_CHANNELS = (1, 3, 4)


def decode_image(image: Image, expected: TensorInfo, size: tuple[int, int] | None = None) -> Any:
    """Return a picture's pixels: from 0 to 1 for an input of floats, from 0 to 255 for one of integers.

    Args:
        image: the file.
        expected: the input: [height, width, channels], or with a batch dimension for one picture or the frames of an
            animation.
        size: the height and width to which it is resized. If None, those of the input; if it has none, the picture is
            not resized.

    Raises:
        InputMismatch: TensorFlow cannot decode the picture, or the input does not take pictures.
    """
    import numpy as np

    tf = tf_internals.import_tensorflow()
    shape = expected.shape or (None, None, None, None)
    if len(shape) not in (3, 4):
        raise InputMismatch(f"It takes a tensor of rank {len(shape)}, not a picture.")
    height, width, channels = shape[-3:]
    try:
        pixels = tf.io.decode_image(image.content, channels=channels if channels in _CHANNELS else 3)
    except tf.errors.InvalidArgumentError as error:
        raise InputMismatch(f"{image.path!r} cannot be decoded: {error.message}") from error
    if size is None:
        own = pixels.shape[-3:-1]
        size = (height or int(own[0]), width or int(own[1]))
    resized = tf.cast(pixels, tf.float32)
    if tuple(resized.shape[-3:-1]) != size:
        resized = tf.compat.v2.image.resize(resized, size, antialias=True)
    array = resized.numpy()
    array = array / np.float32(255) if "float" in expected.dtype else np.rint(array).clip(0, 255).astype(np.uint8)
    if len(shape) == array.ndim:
        return array
    if array.ndim == 3:
        return array[np.newaxis]
    raise InputMismatch(f"It takes one picture, and {image.path!r} is an animation of {len(array)}.")
