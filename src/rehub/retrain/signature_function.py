"""One signature of a module, or of its conversion, as a function of its inputs, for a layer."""

from __future__ import annotations

from typing import Any


class SignatureFunction:
    """A signature that can be applied in training and in inference mode.

    Attributes:
        module: the object it belongs to.
        name: of the signature.
    """

    def __init__(self, module: Any, name: str) -> None:
        self.module = module
        self.name = name

    def __call__(self, inputs: Any, training: Any = False, update_ops: bool = True) -> dict[str, Any]:
        """Returns all outputs by name; arguments as those of the module's call, the inputs in a dict."""
        raise NotImplementedError

    @property
    def input_specs(self) -> dict[str, Any]:
        """The `tf.TypeSpec`s of the inputs by name."""
        raise NotImplementedError

    def output_specs(self, training: bool) -> dict[str, Any]:
        """The `tf.TypeSpec`s of the outputs by name, in a mode; those for inference, where it is the only mode."""
        raise NotImplementedError

    def concrete(self, training: bool) -> Any:
        """The concrete function of a mode.

        Raises:
            NotTrainable: in training mode, if the signature cannot be trained.
        """
        raise NotImplementedError
