"""Projective transforms of images, such as random rotations, zooms and shifts."""

from __future__ import annotations

from typing import Any, Callable

from rehub.downgrade.arithmetic import Arithmetic
from rehub.downgrade.bodies import FLOAT, INT32, Body, make_type
from rehub.downgrade.library import Library
from rehub.downgrade.rules import Inexpressible, rule

_BOOL = make_type("bool")


# The formulas are those of the kernel: tensorflow/core/kernels/image/image_ops.h.
@rule("GatherNd at transformed coordinates", "ImageProjectiveTransformV2", "ImageProjectiveTransformV3")
def transform_images(body: Body, node: Any, _library: Library) -> None:
    """Take each pixel of the output from where the transform says, or interpolate between four."""
    images, transforms, output_size, *fill = (each for each in node.input if not each.startswith("^"))
    mode = _read_text(node, "fill_mode", "CONSTANT")
    if mode not in _FOLDS:
        raise Inexpressible(f"fill mode {mode!r}")
    of, dtype = Arithmetic(body, FLOAT), node.attr["dtype"]
    size = body.add("Shape", [images], T=dtype, out_type=INT32)
    batch, height, width, _ = body.add_node("Unpack", [size], ["output"] * 4, num=4, T=INT32, axis=0)
    lengths = [body.convert(each, INT32, FLOAT) for each in (height, width)]
    divisor, y, x = _project_pixels(of, transforms, output_size)
    y, x = (_FOLDS[mode](of, each, length) for each, length in zip((y, x), lengths))
    pixels = _Pixels(of, images, dtype, batch, lengths, fill[0] if fill else body.constant(FLOAT, 0.0))
    if _read_text(node, "interpolation", "NEAREST") == "NEAREST":
        found = pixels.read(_round_half_away(of, y), _round_half_away(of, x))
    else:
        found = pixels.interpolate(y, x)
    is_undefined = _add_channels(body, of.apply("Equal", divisor, 0.0), _BOOL)
    result = of.select(is_undefined, pixels.fill, found)
    body.replace_outputs([("transformed_images", [body.convert(result, FLOAT, dtype)])])


def _read_text(node: Any, name: str, default: str) -> str:
    return node.attr[name].s.decode() if name in node.attr else default


def _add_channels(body: Body, tensor: str, dtype: Any) -> str:
    """Add a dimension for channels."""
    return body.add("ExpandDims", [tensor, body.constant(INT32, -1)], T=dtype, Tdim=INT32)


def _project_pixels(of: Arithmetic, transforms: str, output_size: str) -> tuple[str, str, str]:
    """Return the divisor of the projection, and the coordinates in the input, y and x, for each pixel."""
    body = of.body
    output_y, output_x = body.add_node("Unpack", [output_size], ["output"] * 2, num=2, T=INT32, axis=0)
    zero, one = body.constant(INT32, 0), body.constant(INT32, 1)
    rows, columns = (
        of.reshape(body.convert(body.add("Range", [zero, limit, one], Tidx=INT32), INT32, FLOAT), shape)
        for limit, shape in ((output_y, [1, -1, 1]), (output_x, [1, 1, -1]))
    )
    matrices = of.reshape(transforms, [-1, 1, 1, 8])
    numbers = body.add_node("Unpack", [matrices], ["output"] * 8, num=8, T=FLOAT, axis=3)

    def combine(first: str, second: str, third: str | float) -> str:
        return of.add(of.add(of.multiply(first, columns), of.multiply(second, rows)), third)

    divisor = combine(numbers[6], numbers[7], 1.0)
    x, y = (of.divide(combine(*numbers[start : start + 3]), divisor) for start in (0, 3))
    return divisor, y, x


def _round_half_away(of: Arithmetic, number: str) -> str:
    """Round halves away from zero, as C++ does."""
    return of.multiply(of.apply("Sign", number), of.apply("Floor", of.add(of.apply("Abs", number), 0.5)))


def _keep_outside(_of: Arithmetic, position: str, _length: str) -> str:
    return position


def _clip_to_edge(of: Arithmetic, position: str, length: str) -> str:
    return of.clip(position, 0.0, of.subtract(length, 1.0))


def _reflect_position(of: Arithmetic, position: str, length: str) -> str:
    period = of.multiply(length, 2.0)
    before = of.add(position, of.multiply(period, _count_periods(of, of.apply("Neg", position), period)))
    before = of.select(
        of.apply("Less", before, of.apply("Neg", length)), of.add(before, period), of.subtract(-1.0, before)
    )
    after = of.subtract(position, of.multiply(period, _count_periods(of, position, period)))
    after = of.select(of.apply("Less", after, length), after, of.subtract(of.subtract(period, 1.0), after))
    return _clip_to_edge(of, of.select(of.apply("Less", position, 0.0), before, after), length)


def _wrap_position(of: Arithmetic, position: str, length: str) -> str:
    last = of.subtract(length, 1.0)
    period = of.apply("Maximum", last, 1.0)
    before = _count_periods(of, of.apply("Neg", position), period)
    before = of.add(position, of.multiply(length, of.add(before, 1.0)))
    after = of.subtract(position, of.multiply(length, _count_periods(of, position, period)))
    after = of.select(of.apply("Less", last, position), after, position)
    return _clip_to_edge(of, of.select(of.apply("Less", position, 0.0), before, after), length)


def _count_periods(of: Arithmetic, position: str, period: str) -> str:
    return of.apply("Floor", of.divide(position, period))


_FOLDS: dict[str, Callable[[Arithmetic, str, str], str]] = {
    "CONSTANT": _keep_outside,
    "NEAREST": _clip_to_edge,
    "REFLECT": _reflect_position,
    "WRAP": _wrap_position,
}


class _Pixels:
    """The pixels of images, and the value outside of them.

    Args:
        of: computes with coordinates.
        images: the images.
        dtype: theirs.
        batch: their number.
        lengths: their height and width, as floats.
        fill: the value outside of them, a float.
    """

    def __init__(self, of: Arithmetic, images: str, dtype: Any, batch: str, lengths: list[str], fill: str) -> None:
        body = of.body
        self.of = of
        self.fill = fill
        self._images = body.convert(images, dtype, FLOAT)
        self._lengths = lengths
        numbers = body.add("Range", [body.constant(INT32, 0), batch, body.constant(INT32, 1)], Tidx=INT32)
        self._numbers = body.add("Reshape", [numbers, body.constant(INT32, [-1, 1, 1])], T=INT32, Tshape=INT32)

    def read(self, y: str, x: str) -> str:
        """Return the pixels at whole coordinates."""
        of, body, whole = self.of, self.of.body, Arithmetic(self.of.body, INT32)
        conditions, indices = [], [self._numbers]
        for position, length in zip((y, x), self._lengths):
            conditions.append(of.apply("LessEqual", 0.0, position))
            conditions.append(of.apply("Less", position, length))
            indices.append(body.convert(_clip_to_edge(of, position, length), FLOAT, INT32))
        nothing = whole.multiply(whole.add(whole.add(indices[0], indices[1]), indices[2]), 0)  # It broadcasts.
        places = body.add("Pack", [whole.add(each, nothing) for each in indices], N=3, T=INT32, axis=3)
        found = body.add("GatherNd", [self._images, places], Tparams=FLOAT, Tindices=INT32)
        return of.select(_add_channels(body, of.all_true(*conditions), _BOOL), found, self.fill)

    def interpolate(self, y: str, x: str) -> str:
        """Return what is between four pixels."""
        of = self.of
        rows, columns = self._split_position(y), self._split_position(x)
        sums = []
        for row, row_weight in rows:
            parts = [of.multiply(weight, self.read(row, column)) for column, weight in columns]
            sums.append(of.multiply(row_weight, of.add(*parts)))
        return of.add(*sums)

    def _split_position(self, position: str) -> list[tuple[str, str]]:
        """Return the two whole numbers around a coordinate, and their weights."""
        of = self.of
        low = of.apply("Floor", position)
        high = of.add(low, 1.0)
        weights = [of.subtract(high, position), of.subtract(position, low)]
        return [(each, _add_channels(of.body, weight, FLOAT)) for each, weight in zip((low, high), weights)]
