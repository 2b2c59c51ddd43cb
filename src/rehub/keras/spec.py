"""`LayerSpec`: the arguments of a KerasLayer, as one value."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from rehub.keras.weights import Selection


@dataclasses.dataclass(frozen=True, eq=False)
class LayerSpec:
    """The arguments that `rehub.KerasLayer` explains, without those for the `Layer` class of Keras.

    `handle` becomes a str if it is a path; `trainable` becomes a bool or a selection.
    """

    handle: Any
    trainable: Selection = False
    arguments: dict[str, Any] | None = None
    _sentinel: Any = None
    tags: Any = None
    signature: str | None = None
    signature_outputs_as_dict: bool | None = None
    output_key: str | None = None
    output_shape: Any = None
    load_options: Any = None
    regularization_losses: bool = True

    def __post_init__(self) -> None:
        if self._sentinel is not None:
            raise TypeError(
                f"hub.KerasLayer takes three arguments by position: handle, trainable, arguments. Received as the "
                f"fourth: {self._sentinel!r}. Name it."
            )
        if isinstance(self.handle, (bytes, os.PathLike)):
            object.__setattr__(self, "handle", os.fsdecode(self.handle))
        object.__setattr__(self, "trainable", _normalize_trainable(self.trainable))

    @property
    def starts_trainable(self) -> bool:
        """The layer's `trainable` as a bool: a selection of weights means to train them."""
        return self.trainable is not False


def split_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[LayerSpec, dict[str, Any]]:
    """Return the spec of a layer that is made with these arguments, and the rest, which is for Keras' `Layer` class."""
    names = {field.name for field in dataclasses.fields(LayerSpec)} & kwargs.keys()
    spec = LayerSpec(*args, **{name: kwargs[name] for name in names})
    return spec, {name: value for name, value in kwargs.items() if name not in names}


def _normalize_trainable(trainable: Any) -> Selection:
    if isinstance(trainable, (list, tuple, set, frozenset)):
        return list(trainable) if trainable else False
    if isinstance(trainable, int):  # bools, and the 0 and 1 of old code
        return bool(trainable)
    return False if trainable is None else trainable
