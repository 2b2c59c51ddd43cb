"""`hub.Predictor`: a model as a function of columns, which can be pickled and sent to workers."""

from __future__ import annotations

import time
from typing import Any, Mapping, Sequence

from rehub import config
from rehub.batch_inference import batching
from rehub.batch_inference.batch_call import BatchCall, LoadedModel
from rehub.batch_inference.columns import InputColumn, convert_column, holds_bytes
from rehub.batch_inference.images import ImageDecoder
from rehub.batch_inference.model import PinnedModel, pin_model
from rehub.batch_inference.numbers import numpy_dtype
from rehub.batch_inference.outputs import OutputColumn, fill_column
from rehub.batch_inference.read_ahead import iter_ahead
from rehub.batch_inference.row_errors import ERROR_COLUMN, RowErrors
from rehub.batch_inference.settings import PredictorSettings
from rehub.batch_inference.signature import ModelFunction, find_signature
from rehub.errors import BatchFailed, InputMismatch, InvalidSetting
from rehub.formatting import did_you_mean, list_names
from rehub.savedmodel.signatures import SignatureInfo, TensorInfo

_IMAGES_AT_ONCE = 64  # Pixels take far more memory than files.


class Predictor:
    """A signature of a model as a function of columns.

    It can be pickled. Each process loads the model at its first call, and checks that the files are those that were
    found when the predictor was made. Use it in Ray's `map_batches` and in functions of Daft and Spark;
    docs/batch_cluster.md shows how.

    >>> import tensorflow as tf
    >>> model = tf.Module()
    >>> model.double = tf.function(lambda x: {"y": 2 * x}, [tf.TensorSpec([None], tf.float32, "x")])
    >>> tf.saved_model.save(model, "double", model.double)
    >>> predictor = Predictor("double", outputs={"y": "twice"}, keep=["id"])
    >>> predictor({"id": [7, 8], "x": [1.0, 2.5]})
    {'id': [7, 8], 'twice': array([2., 5.], dtype=float32)}

    Args:
        handle: a URL, a path, or any other form that `hub.resolve` takes.
        signature: the name of a signature. Unset, it is the default or only one.
        inputs: the name of the column for each input. Unset, columns have the names of the inputs, and a single input
            can take the only column that is not in `keep`.
        outputs: the name of the column for each output, or the names of outputs. Unset, it is all outputs.
        keep: columns to return unchanged.
        batch_size: the number of rows in a call of the model; "auto" measures a few sizes.
        resize: the height and width of images. Unset, they are those of the input.
        pixel_range: the values of black and white. Unset, 0 and 1 for an input of floats, 0 and 255 for integers.
        ragged: maps an output with the values of all rows in one list to the output with the count of each row.
        padded: maps an output that is padded to the longest row of a batch to the output with the length of each row.
        pad: a value with which lists of numbers are padded to powers of two, for models that ignore this value. Unset,
            only rows of one length share a batch.
        on_error: "fail" raises an error if a row has no result; "quarantine" adds a column `error`, and gives a row
            without a result NaN, 0, False or None.
        tags: the tags of the graph variant.
        prepare, trusted: as for `hub.load`.

    Raises:
        HubError: the model or the signature is not found.
        InvalidSetting: an argument names an input or output that the signature does not have.
    """

    def __init__(
        self,
        handle: Any,
        *,
        signature: str | None = None,
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | Sequence[str] | None = None,
        keep: Sequence[str] | None = (),
        batch_size: int | str = "auto",
        resize: tuple[int, int] | None = None,
        pixel_range: tuple[float, float] | None = None,
        ragged: Mapping[str, str] | None = None,
        padded: Mapping[str, str] | None = None,
        pad: float | None = None,
        on_error: str = "fail",
        tags: Sequence[str] | None = None,
        prepare: str | None = "use",
        trusted: bool | None = None,
    ) -> None:
        settings = PredictorSettings.from_arguments(
            signature=signature,
            tags=tags,
            inputs=inputs,
            outputs=outputs,
            keep=keep,
            resize=resize,
            pixel_range=pixel_range,
            ragged=ragged,
            padded=padded,
            pad=pad,
        )
        if batch_size != "auto" and (not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1):
            raise InvalidSetting(f'batch_size= takes a positive number or "auto". Received: {batch_size!r}')
        if on_error not in ("fail", "quarantine"):
            raise InvalidSetting(f'on_error= takes "fail" or "quarantine". Received: {on_error!r}')
        self.model = handle if isinstance(handle, PinnedModel) else pin_model(handle)
        self.settings = settings
        self.batch_size = batch_size
        self.on_error = on_error
        if config.trust_policy(trusted) == "refuse":
            trusted = False  # The process of a worker, on another machine, has other settings.
        self.load_options: dict[str, Any] = {"prepare": prepare, "trusted": trusted}
        label = self.model.handle
        self.signature, self._format = find_signature(self.model.find(), label, settings.signature, settings.tags)
        self._outputs = _choose_outputs(self.signature, settings, label)
        self._loaded: LoadedModel | None = None
        self.load_seconds = 0.0

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_loaded": None}

    @property
    def output_columns(self) -> dict[str, str]:
        """The column of each output."""
        return dict(self._outputs)

    def varies_by_row(self, output: str) -> bool:
        """Return whether the first size of an output can depend on that of an input, such as the number of tokens."""
        shape = next(tensor.shape for tensor in self.signature.outputs if tensor.name == output)
        is_open = shape is None or (len(shape) > 1 and shape[1] is None)
        return is_open and any(
            tensor.shape is None or (None in tensor.shape[1:] and len(tensor.shape) != 4)
            for tensor in self.signature.inputs
        )

    def choose_inputs(self, columns: Sequence[str]) -> dict[str, str]:
        """Return the column for each input of the signature.

        Args:
            columns: the names of all columns.

        Raises:
            InputMismatch: an input has no column; the message lists them.
        """
        chosen = dict(self.settings.inputs)
        names = [tensor.name for tensor in self.signature.inputs]
        free = [name for name in columns if name not in (self.settings.keep or ())]
        for name in chosen:
            if name not in names:
                raise InvalidSetting(
                    f"Signature {self.signature.name!r} has no input {name!r}. It takes: {list_names(names)}."
                    f"{did_you_mean(name, names)}"
                )
        if len(names) == 1 and not chosen and names[0] not in columns and len(free) == 1:
            return {names[0]: free[0]}
        for name in names:
            column = chosen.setdefault(name, name)
            if column not in columns:
                raise InputMismatch(
                    f"Input {name!r} of {self.model.handle!r} has no column {column!r}. The columns are: "
                    f"{list_names(columns) or 'none'}. Name one by --input {name}=COLUMN (in Python "
                    "input_columns= of hub.batch, inputs= of hub.Predictor)."
                )
        return chosen

    def with_model(self, handle: Any) -> Predictor:
        """Return a predictor with another model and the same options."""
        return Predictor(
            handle,
            **self.settings.to_arguments(),
            batch_size=self.batch_size,
            on_error=self.on_error,
            **self.load_options,
        )

    def load(self) -> None:
        """Load the model, if it is not loaded."""
        if self._loaded is not None:
            return
        start = time.perf_counter()
        counts = {name for _, name in (*self.settings.ragged, *self.settings.padded)}
        options = {**self.load_options, "tags": self.settings.tags}
        function = ModelFunction(
            self.model.find(), self.signature, self._format, sorted(counts | set(self._outputs)), options
        )
        self._loaded = LoadedModel(function)
        self.load_seconds = time.perf_counter() - start

    def __call__(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs, and the columns to keep.

        Args:
            columns: for each name a NumPy array, an Arrow array, or a list; a value for each row.

        Returns:
            For each output a NumPy array with a row for each row of the columns; of lists of different lengths, and of
            strings, an array of objects.

        Raises:
            InputMismatch: the columns do not fit the signature.
            BatchFailed: a row has no result, unless `on_error` is "quarantine".
        """
        lengths = {len(values) for values in columns.values()}
        if not lengths:
            raise InputMismatch("There are no columns.")
        if len(lengths) != 1:
            raise InputMismatch(f"The columns have different lengths: {list_names(sorted(lengths))}.")
        rows = lengths.pop()
        errors = RowErrors()
        outputs = self.predict(columns, rows, errors)
        keep = [name for name in self.settings.keep or () if name in columns]
        found = {name: columns[name] for name in keep}
        if len(errors) and self.on_error == "fail":
            raise BatchFailed(f"{len(errors)} of {rows} rows have no result. The first: {errors.first_message()}")
        lists = {name for name, _ in (*self.settings.ragged, *self.settings.padded)}
        tensors = {tensor.name: tensor for tensor in self.signature.outputs if tensor.name not in lists}
        for name, column in outputs.items():
            found[self._outputs[name]] = fill_column(column, rows, errors, tensors.get(name))
        if self.on_error == "quarantine":
            import numpy as np

            found[ERROR_COLUMN] = np.array([*errors.to_column(rows), None], object)[:-1]
        return found

    def predict(self, columns: Mapping[str, Any], rows: int, errors: RowErrors) -> dict[str, OutputColumn]:
        """Return the outputs for the rows that have no error, and note the errors of others.

        Args:
            columns: as for a call.
            rows: the number of rows.
            errors: the rows with an error are not computed; gets those that fail.

        Raises:
            InputMismatch: the columns do not fit the signature.
            OutputsNotAligned: an output has not one value for each row.
        """
        self.load()
        assert self._loaded is not None
        chosen = self.choose_inputs(list(columns))
        outputs = {name: OutputColumn(rows) for name in self._outputs}
        step = _IMAGES_AT_ONCE if self._takes_images(columns, chosen) else rows or 1
        known = errors.slice(0, rows)  # A copy: a thread reads it while this one adds to the errors.

        def convert_rows(start: int) -> tuple[int, dict[str, InputColumn], RowErrors]:
            found = known.slice(start, start + step)
            return start, self._convert_rows(columns, chosen, slice(start, start + step), found), found

        converted = map(convert_rows, range(0, rows, step))
        for start, inputs, found in iter_ahead(converted) if step < rows else converted:
            good = [row for row in range(min(step, rows - start)) if row not in found]
            if good:
                sizer = self._loaded.choose_sizer(self.signature, self.batch_size, inputs)
                call = BatchCall(self._loaded, inputs, outputs, start, self.settings)
                for batch in batching.iter_batches(good, call.lengths, sizer):
                    batching.run_batch(batch, call, sizer, found)
            errors.merge(found, start)
        return outputs

    def _convert_rows(
        self, columns: Mapping[str, Any], chosen: Mapping[str, str], rows: slice, errors: RowErrors
    ) -> dict[str, InputColumn]:
        """Return the values of some rows for each input; the errors are those of these rows alone."""
        inputs = {}
        for tensor in self.signature.inputs:
            values = columns[chosen[tensor.name]][rows]
            inputs[tensor.name] = convert_column(values, tensor, errors, self._make_decoder(tensor, values))
        return inputs

    def _takes_images(self, columns: Mapping[str, Any], chosen: Mapping[str, str]) -> bool:
        return any(
            self._make_decoder(tensor, columns[chosen[tensor.name]]) is not None for tensor in self.signature.inputs
        )

    def _make_decoder(self, tensor: TensorInfo, values: Any) -> ImageDecoder | None:
        is_image = tensor.dtype != "string" and (tensor.shape is None or len(tensor.shape) == 4)
        if not is_image or not holds_bytes(values):
            return None
        settings = self.settings
        name = numpy_dtype(tensor.dtype, tensor.name).name
        return ImageDecoder.for_input(tensor, settings.resize, settings.pixel_range, name)


def _choose_outputs(signature: SignatureInfo, settings: PredictorSettings, label: str) -> dict[str, str]:
    names = [tensor.name for tensor in signature.outputs]
    chosen = dict(settings.outputs) or {name: name for name in names}
    counts = (*settings.ragged, *settings.padded)
    for name in (*chosen, *(each for pair in counts for each in pair)):
        if name not in names:
            raise InvalidSetting(
                f"Signature {signature.name!r} of {label!r} has no output {name!r}. It has: {list_names(names)}."
                f"{did_you_mean(name, names)}"
            )
    columns = list(chosen.values())
    twice = {column for column in columns if columns.count(column) > 1}
    if twice:
        raise InvalidSetting(f"Two outputs have the column {list_names(sorted(twice))}. Rename one by outputs.")
    taken = {ERROR_COLUMN, *(settings.keep or ())}.intersection(columns)
    if taken:
        raise InvalidSetting(
            f"An output and another column are both named {list_names(sorted(taken))}. Rename the output, such as "
            f"--outputs NAME=OTHER, or outputs= in Python. The outputs are: {list_names(names)}."
        )
    return chosen
