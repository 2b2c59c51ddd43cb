"""What a prediction computes: the signature, and how columns and tensors correspond."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Mapping


@dataclass(frozen=True)
class PredictorSettings:
    """The options that decide about the results.

    Attributes:
        signature: its name; "" for the default or only one.
        tags: of the graph variant; None for the only one.
        inputs: pairs of an input of the signature and a column.
        outputs: pairs of an output and the name of its column; empty for all outputs, with their own names.
        keep: the columns that are copied; None for all that are not inputs.
        resize: the height and width of images.
        pixel_range: the values of a black and of a white pixel.
        ragged: pairs of an output whose values of all rows are one list, and the output with each row's count.
        padded: pairs of an output that is padded to the longest row of a batch, and the output with the lengths.
        pad: the value that fills lists of different lengths up to powers of two; None to batch equal lengths only.
    """

    signature: str = ""
    tags: tuple[str, ...] | None = None
    inputs: tuple[tuple[str, str], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    keep: tuple[str, ...] | None = None
    resize: tuple[int, int] | None = None
    pixel_range: tuple[float, float] | None = None
    ragged: tuple[tuple[str, str], ...] = ()
    padded: tuple[tuple[str, str], ...] = ()
    pad: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a JSON value."""
        return dataclasses.asdict(self)

    def to_arguments(self) -> dict[str, Any]:
        """Return the settings as arguments of a `Predictor`."""
        pairs = {name: dict(getattr(self, name)) for name in ("inputs", "outputs", "ragged", "padded")}
        return {**{field.name: getattr(self, field.name) for field in dataclasses.fields(self)}, **pairs}

    @staticmethod
    def make_pairs(mapping: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
        """Return a mapping as sorted pairs, which can be hashed."""
        return tuple(sorted((mapping or {}).items()))
