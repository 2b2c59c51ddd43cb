"""Decode pictures by Pillow into the pixels that an input takes.

They are turned upright by their EXIF orientation. Transparency is dropped, as by `tf.io.decode_image`; 16 bits become
8; of an animation the first frame is used.
"""

from __future__ import annotations

import functools
import importlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Sequence

from rehub.errors import InputMismatch, PackageMissing
from rehub.formatting import format_shape
from rehub.savedmodel.signatures import TensorInfo

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# Pillow reads many more. For EPS it starts Ghostscript, to which the picture is a program; decoders of rare formats are
# tested less.
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True)
class ImageDecoder:
    """What an input of images takes.

    Attributes:
        height, width, channels: of the pixels.
        low, high: the values of black and white.
        dtype: the dtype of the pixels.
    """

    height: int
    width: int
    channels: int
    low: float
    high: float
    dtype: str

    @staticmethod
    def for_input(
        tensor: TensorInfo, resize: tuple[int, int] | None, pixel_range: tuple[float, float] | None, numpy_name: str
    ) -> ImageDecoder:
        """Return the decoder for an input.

        Raises:
            InputMismatch: the input does not take images, or its size is not known.
        """
        shape = tensor.shape or (None, None, None, 3)
        if len(shape) != 4:
            raise InputMismatch(f"Input {tensor.name!r} takes a tensor of rank {len(shape)}, not images.")
        height, width, channels = shape[1:]
        channels = channels or 3
        if channels not in _MODES and height in _MODES:
            raise InputMismatch(
                f"Input {tensor.name!r} takes images of {format_shape(shape[1:])}, with their channels first. Give it "
                "numbers instead of images."
            )
        if channels not in _MODES:
            raise InputMismatch(f"Input {tensor.name!r} takes {channels} channels, which images do not have.")
        wanted = resize or (height, width)
        if None in wanted or any(own not in (None, size) for own, size in zip((height, width), wanted)):
            own = "x".join("?" if size is None else str(size) for size in (height, width))
            if resize and None not in (height, width):
                problem = f"and --resize asks for {resize[0]}x{resize[1]}: leave it out."
            else:
                problem = "with a size that you choose: give it, such as --resize 224x224 (resize= in Python)."
            raise InputMismatch(f"Input {tensor.name!r} takes images of {own}, {problem}")
        low, high = pixel_range or ((0.0, 1.0) if numpy_name.startswith("float") else (0.0, 255.0))
        return ImageDecoder(int(wanted[0] or 0), int(wanted[1] or 0), channels, low, high, numpy_name)

    def decode(self, content: bytes) -> Any:
        """Return the pixels as [height, width, channels].

        Raises:
            ValueError: it is not a whole image.
        """
        import numpy as np

        try:
            image = self._open_image(content)
        except PackageMissing:
            raise
        except Exception as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        pixels = np.asarray(image).reshape(self.height, self.width, self.channels)
        if (self.low, self.high) == (0.0, 255.0):
            return pixels.astype(self.dtype)
        scaled = pixels.astype(np.float32)
        scaled *= np.float32((self.high - self.low) / 255.0)  # In place: new arrays took longer than the numbers.
        scaled += np.float32(self.low)
        return scaled.astype(self.dtype, copy=False)

    def decode_all(self, contents: Sequence[bytes | None]) -> list[Any]:
        """Return for each file its pixels, or the ValueError of `decode`; None for None. Several threads decode."""
        _import_pillow()
        with ThreadPoolExecutor(_count_threads()) as threads:
            return list(threads.map(self._try_decode, contents))

    def _try_decode(self, content: bytes | None) -> Any:
        try:
            return None if content is None else self.decode(content)
        except ValueError as error:
            return error

    def _open_image(self, content: bytes) -> Any:
        image_module, image_ops = _import_pillow()
        image = image_module.open(io.BytesIO(content), formats=_list_known_formats())
        image.load()
        if image.mode in _SIXTEEN_BITS or (image.mode == "I" and image.format == "PNG"):
            image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
        elif image.mode in ("I", "F"):
            raise ValueError(f"pixels of 32 bits (mode {image.mode}) have no known white")
        elif "transparency" in image.info and image.mode in ("P", "L", "RGB"):
            image = image.convert("RGBA")  # Else Pillow warns, and a palette's own colors may be lost.
        image_ops.exif_transpose(image, in_place=True)
        if image.mode != _MODES[self.channels]:  # Else it copies the image.
            image = image.convert(_MODES[self.channels])
        if image.size != (self.width, self.height):
            image = image.resize((self.width, self.height), image_module.Resampling.BILINEAR)
        return image


def _count_threads() -> int:
    """Return how many threads decode: as many as TensorFlow may use, which engines set for their workers."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(limit)) if limit.isdigit() else os.cpu_count() or 1


@functools.lru_cache(maxsize=None)
def _list_known_formats() -> tuple[str, ...]:
    """Return the formats that this Pillow has; before 11.3 there is no AVIF."""
    image_module, _ = _import_pillow()
    image_module.init()
    return tuple(name for name in _FORMATS if name in image_module.OPEN)


def _import_pillow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("PIL.Image"), importlib.import_module("PIL.ImageOps")
    except ImportError as error:
        raise PackageMissing(f'Images are decoded by Pillow; pip install "rehub[batch]" ({error})') from error
