"""What a prediction computes: the signature, and how columns and tensors correspond."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from rehub.errors import InvalidSetting


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
    def from_arguments(
        *,
        signature: str | None,
        tags: Sequence[str] | None,
        inputs: Mapping[str, str] | None,
        outputs: Mapping[str, str] | Sequence[str] | None,
        keep: Sequence[str] | None,
        resize: Sequence[int] | None,
        pixel_range: Sequence[float] | None,
        ragged: Mapping[str, str] | None,
        padded: Mapping[str, str] | None,
        pad: float | None,
    ) -> PredictorSettings:
        """Return the settings for the arguments of a `Predictor`.

        Raises:
            InvalidSetting: one has a wrong form.
        """
        for name, names in (("outputs", outputs), ("keep", keep), ("tags", tags)):
            if isinstance(names, str):
                raise InvalidSetting(f"{name}= takes a list of names, such as [{names!r}]. Received: {names!r}")
        if not isinstance(outputs, Mapping):
            outputs = {name: name for name in outputs or ()}
        for name, mapping in (("inputs", inputs), ("ragged", ragged), ("padded", padded)):
            if mapping is not None and not isinstance(mapping, Mapping):
                raise InvalidSetting(f"{name}= takes a dict of names. Received: {mapping!r}")
        if resize is not None and not (_are_two_numbers(resize, int) and min(resize) > 0):
            raise InvalidSetting(f"resize= takes a height and a width, such as (224, 224). Received: {resize!r}")
        if pixel_range is not None and not _are_two_numbers(pixel_range, (int, float)):
            raise InvalidSetting(f"pixel_range= takes two numbers, such as (-1, 1). Received: {pixel_range!r}")
        return PredictorSettings(
            signature=signature or "",
            tags=None if tags is None else tuple(sorted(tags)),
            inputs=PredictorSettings.make_pairs(inputs),
            outputs=PredictorSettings.make_pairs(outputs),
            keep=None if keep is None else tuple(dict.fromkeys(keep)),
            resize=None if resize is None else (resize[0], resize[1]),
            pixel_range=None if pixel_range is None else (pixel_range[0], pixel_range[1]),
            ragged=PredictorSettings.make_pairs(ragged),
            padded=PredictorSettings.make_pairs(padded),
            pad=pad,
        )

    @staticmethod
    def make_pairs(mapping: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
        """Return a mapping as sorted pairs, which can be hashed."""
        return tuple(sorted((mapping or {}).items()))


def _are_two_numbers(pair: Any, kinds: Any) -> bool:
    return isinstance(pair, (list, tuple)) and len(pair) == 2 and all(isinstance(each, kinds) for each in pair)
