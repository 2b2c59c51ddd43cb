"""The signature that a run calls: found without TensorFlow, and called with NumPy arrays."""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping, Sequence

from rehub import tf_internals
from rehub.batch_inference.row_errors import RowFailed
from rehub.errors import HubError, InputMismatch, SignatureNotFound, UnsupportedFormat
from rehub.formatting import did_you_mean, list_names
from rehub.inspection import inspect
from rehub.loading import load
from rehub.savedmodel import select_metagraph
from rehub.savedmodel.signatures import SignatureInfo, find_default_signature

_STACK = (
    *("Graph execution error", "Detected at", "<stack traces", "Stack trace", "Function call stack", 'File "'),
    *("Errors may have originated", "Input Source operations", "Original stack trace", "[[{{node"),
)
# Names that TensorFlow numbers in each process by itself.
_NODES = re.compile(r"\s*\[(?:\[\{\{(?:function_)?node [^\]]*\]\]|Op:[^\]]*\])")
_LONGEST_MESSAGE = 500


def find_signature(path: str, label: str, name: str, tags: Sequence[str] | None) -> tuple[SignatureInfo, str]:
    """Return the signature with a name, or the default one, and the format of the model.

    Raises:
        SignatureNotFound: there is none; lists those that there are.
        InputMismatch: it takes tensors that are not dense.
    """
    info = inspect(path)
    wanted = frozenset(tags) if tags is not None else frozenset() if info.format == "legacy module" else None
    by_name = {each.name: each for each in select_metagraph(info.graphs, wanted, label).signatures}
    default = find_default_signature(tuple(by_name.values()), is_legacy=False) or by_name.get("default")
    chosen = by_name.get(name) if name else default
    if chosen is None:
        asked = f"no signature {name!r}" if name else "no default signature"
        hint = did_you_mean(name, by_name) if name else " Name one by --signature (signature= in Python)."
        raise SignatureNotFound(f"{label!r} has {asked}. It has: {list_names(by_name) or 'none'}.{hint}")
    for tensor in chosen.inputs:
        if tensor.kind != "dense":
            raise InputMismatch(
                f"Input {tensor.name!r} of {label!r} is a {tensor.kind} tensor; batch takes dense ones."
            )
    return chosen, info.format


class ModelFunction:
    """A loaded signature, as a function of NumPy arrays."""

    def __init__(
        self, path: str, signature: SignatureInfo, model_format: str, outputs: Sequence[str], options: Mapping[str, Any]
    ) -> None:
        """Load the model.

        Args:
            path: its directory.
            signature: what is called.
            model_format: as `ModelInfo.format` names it.
            outputs: the names of the outputs that are returned.
            options: of `hub.load`.
        """
        tf = tf_internals.import_tensorflow()
        if not tf.executing_eagerly():
            raise UnsupportedFormat("Bulk inference needs TensorFlow's eager mode; it was disabled in this process.")
        self._tf = tf
        self._dtypes = {each.name: tf.as_dtype(each.dtype) for each in signature.inputs}
        self._outputs = tuple(outputs)
        self._model = load(path, **options)
        if model_format == "TF2 SavedModel":
            function = self._model.signatures[signature.name]
            self._call: Callable[[Any], Any] = lambda tensors: function(**tensors)
        else:
            self._call = lambda tensors: self._model(tensors, signature=signature.name, as_dict=True)

    def __call__(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs as NumPy arrays.

        Raises:
            RowFailed: the model fails for these rows.
            MemoryError: the batch is too large.
        """
        tf = self._tf
        try:
            tensors = {name: tf.constant(array, self._dtypes[name]) for name, array in arrays.items()}
            found = self._call(tensors)
            return {name: _to_numpy(tf, found[name], name) for name in self._outputs}
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(str(error)) from error
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError):
            raise  # Not because of these rows.
        except (tf.errors.OpError, InputMismatch, ValueError, TypeError) as error:
            if isinstance(error, HubError) and not isinstance(error, InputMismatch):
                raise
            raise RowFailed(_find_cause(error)) from error


def _to_numpy(tf: Any, tensor: Any, name: str) -> Any:
    if isinstance(tensor, tf.Tensor):
        if tensor.dtype == tf.bfloat16:
            tensor = tf.cast(tensor, tf.float32)  # NumPy and Arrow have no bfloat16; nothing is lost.
        return tensor.numpy()
    if isinstance(tensor, tf.RaggedTensor):
        return [row.numpy() for row in tensor]
    raise UnsupportedFormat(f"Output {name!r} is a {type(tensor).__name__}; choose others by `outputs`.")


def _find_cause(error: Any) -> str:
    """Return what an error says, without where TensorFlow and the author of the model have their code."""
    text = str(getattr(error, "message", None) or error)
    lines = [line.strip() for line in text.splitlines()]
    message = " ".join(line for line in lines if line and not line.startswith(_STACK)) or text
    return _NODES.sub("", message)[:_LONGEST_MESSAGE]
