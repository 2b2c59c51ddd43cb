"""The classes of optimized models. Importing this module imports TensorFlow."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.errors import NotTrainable
from rehub.formatting import list_names


class OptimizedModel(tf_internals.objects.auto_trackable_class()):  # type: ignore[misc]
    """The signatures and functions of a model for inference; without its variables, which are constants in them.

    Attributes:
        signatures: the signatures by name.
    """

    _rehub_is_optimized = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        names = list_names(sorted(each for each in vars(self) if not each.startswith("_") or each == "__call__"))
        raise AttributeError(
            f'{vars(self).get("_rehub_label")!r} was loaded with optimize="inference" and has no {name!r}: only '
            f"{names}. Its variables are constants. To train it, or for its parts, load it without."
        )


class CallableOptimizedModel(OptimizedModel):
    """An optimized model with a function `__call__`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model for inference."""
        if kwargs.get("training") is True:
            raise NotTrainable(
                f'training=True: {vars(self)["_rehub_label"]!r} was loaded with optimize="inference". Load it '
                "without, to train it."
            )
        return vars(self)["__call__"](*args, **kwargs)
