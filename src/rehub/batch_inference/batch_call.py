"""Call a loaded model with a batch, and keep the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from rehub.batch_inference.batching import BatchSizer, choose_sizes
from rehub.batch_inference.columns import InputColumn, padded_shape
from rehub.batch_inference.outputs import OutputColumn, split_outputs
from rehub.batch_inference.settings import PredictorSettings
from rehub.batch_inference.signature import ModelFunction
from rehub.errors import InputMismatch
from rehub.formatting import list_names
from rehub.savedmodel.signatures import SignatureInfo


@dataclass
class LoadedModel:
    """What a process keeps of a predictor: the function, and how large its batches are.

    Attributes:
        function: the signature.
        fixed_rows: the number of rows that the signature takes, if it takes no other.
    """

    function: ModelFunction
    fixed_rows: int | None = None
    _sizer: BatchSizer | None = None

    def choose_sizer(
        self, signature: SignatureInfo, batch_size: int | str, inputs: Mapping[str, InputColumn]
    ) -> BatchSizer:
        """Return what says how large batches are, the same one each time.

        Raises:
            InputMismatch: the signature takes no batches.
        """
        if self._sizer is None:
            shapes = [tensor.shape for tensor in signature.inputs]
            fixed = {shape[0] for shape in shapes if shape and shape[0] is not None}
            scalars = list_names(tensor.name for tensor in signature.inputs if tensor.shape == ())
            if scalars or len(fixed) > 1:
                why = (
                    f"it has scalar inputs: {scalars}"
                    if scalars
                    else f"its inputs have the first sizes {sorted(fixed)}"
                )
                raise InputMismatch(f"Signature {signature.name!r} takes no batches of rows: {why}.")
            self.fixed_rows = fixed.pop() if fixed else None
            self._sizer = BatchSizer(_choose_sizes(signature, self.fixed_rows or batch_size, inputs))
        return self._sizer


def _choose_sizes(signature: SignatureInfo, batch_size: int | str, inputs: Mapping[str, InputColumn]) -> Sequence[int]:
    if isinstance(batch_size, int):
        return [batch_size]
    if all(tensor.dtype == "string" for tensor in signature.inputs):
        return choose_sizes("string", 0)
    if any(tensor.shape is not None and len(tensor.shape) == 4 for tensor in signature.inputs):
        return choose_sizes("image", 0)
    return choose_sizes("number", sum(column.row_bytes for column in inputs.values()))


class BatchCall:
    """Call the model with rows, and keep the results."""

    def __init__(
        self,
        loaded: LoadedModel,
        inputs: Mapping[str, InputColumn],
        outputs: Mapping[str, OutputColumn],
        start: int,
        settings: PredictorSettings,
    ) -> None:
        self._function = loaded.function
        self._fixed_rows = loaded.fixed_rows
        self._inputs = inputs
        self._outputs = outputs
        self._start = start
        self._ragged, self._padded = dict(settings.ragged), dict(settings.padded)
        self._pad = settings.pad
        self._varying = [column for column in inputs.values() if not column.is_uniform]
        self.lengths = self._find_lengths if self._varying else None

    def _find_lengths(self, row: int) -> Any:
        shapes = (column.shape(row) for column in self._varying)
        return tuple(shapes if self._pad is None else map(padded_shape, shapes))

    def __call__(self, rows: list[int]) -> None:
        """Compute some rows.

        Raises:
            RowFailed: the model fails for one of them.
            MemoryError: they do not fit into memory.
            OutputsNotAligned: an output has not one value for each row.
        """
        taken = rows
        if self._fixed_rows is not None:
            taken = rows + rows[-1:] * (self._fixed_rows - len(rows))
        found = self._function({name: column.take(taken, self._pad) for name, column in self._inputs.items()})
        for name, values in split_outputs(found, len(taken), self._ragged, self._padded).items():
            if name in self._outputs:
                self._outputs[name].put([self._start + row for row in rows], values[: len(rows)])
