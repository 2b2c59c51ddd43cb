"""Apache Beam's RunInference with a model that a handle names.

    from apache_beam.ml.inference.base import RunInference
    from rehub.beam import ModelHandler

    results = texts | RunInference(ModelHandler("https://tfhub.dev/google/nnlm-en-dim128/2"))

The extra is `rehub[beam]`. For files of data instead of a pipeline, `hub.batch(engine="beam")` is simpler.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Iterable, Mapping, Sequence

from rehub.batch_inference import Predictor
from rehub.errors import InvalidSetting, PackageMissing

try:
    from apache_beam.ml.inference import base
except ImportError as _error:
    raise PackageMissing(f'rehub.beam needs Apache Beam: pip install "rehub[beam]" ({_error})') from _error


class ModelHandler(base.ModelHandler[Any, base.PredictionResult, Any]):  # type: ignore[misc]  # Any without Beam's types
    """A ModelHandler for a signature of a model.

    An element is a value, if the signature has one input, or a dict of a value for each input: text, bytes, a number,
    an array, a tensor, or the bytes of an image. The result is a `PredictionResult`, whose `inference` is the output's
    value for this element, or a dict of outputs if there are several.

    The model is loaded once in each process, and its threads share it; with `large_model=True` all processes of a
    machine share one model.

    Args:
        handle: a URL, a path, or any other form that `hub.resolve` takes; or a `hub.Predictor`, for its other options.
        signature: the name of a signature; unset, the default or only one.
        preprocessor: the handle or `hub.Predictor` of a model whose outputs are inputs of the model by their names,
            such as a tokenizer.
        **options: as for `apache_beam.ml.inference.base.ModelHandler`, such as `max_batch_size` and `large_model`.

    Raises:
        HubError: the model or the signature is not found.
        InvalidSetting: both a Predictor and a signature are given.
    """

    def __init__(self, handle: Any, *, signature: str | None = None, preprocessor: Any = None, **options: Any) -> None:
        super().__init__(**options)
        if isinstance(handle, Predictor) and signature is not None:
            raise InvalidSetting(
                "ModelHandler takes signature= with a handle. With a Predictor, give it the signature."
            )
        self._predictor = _as_predictor(handle, signature)
        self._preprocessor = None if preprocessor is None else _as_predictor(preprocessor, None)

    def load_model(self) -> _LoadedModel:
        """Load the model in this process."""
        return _LoadedModel(self._predictor, self._preprocessor)

    def update_model_path(self, model_path: str | None = None) -> None:
        """Use another model from now on, with the same options: for Beam's automatic refresh of models."""
        if model_path:
            self._predictor = self._predictor.with_model(model_path)

    def run_inference(
        self, batch: Sequence[Any], model: Any, inference_args: Mapping[str, Any] | None = None
    ) -> Iterable[base.PredictionResult]:
        """Return a result for each element of a batch."""
        if inference_args:
            raise InvalidSetting(
                f"The arguments of a signature are its inputs. Received: inference_args={inference_args}"
            )
        outputs = model(_make_columns(batch))
        label = self._predictor.model.handle
        if len(outputs) == 1:
            (rows,) = outputs.values()
        else:
            rows = [dict(zip(outputs, values)) for values in zip(*outputs.values())]
        return [base.PredictionResult(element, row, label) for element, row in zip(batch, rows)]

    def get_num_bytes(self, batch: Sequence[Any]) -> int:
        """Return the size of a batch."""
        return sum(_count_bytes(element) for element in batch)

    def get_metrics_namespace(self) -> str:
        """Return the namespace of Beam's metrics."""
        return "rehub"


class _LoadedModel:
    """A model, and the one before it. Beam keeps it, or calls it in the process that all others share."""

    def __init__(self, predictor: Predictor, preprocessor: Predictor | None) -> None:
        for each in (preprocessor, predictor):
            if each is not None:
                each.load()
        self._predictor = predictor
        self._preprocessor = preprocessor
        self._lock = threading.Lock()

    def __call__(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:  # A predictor measures batch sizes, and TensorFlow uses all cores for one call.
            if self._preprocessor is not None:
                columns = self._preprocessor(columns)
            return self._predictor(columns)


def _as_predictor(handle: Any, signature: str | None) -> Predictor:
    return handle if isinstance(handle, Predictor) else Predictor(handle, signature=signature)


def _make_columns(batch: Sequence[Any]) -> dict[str, Any]:
    """Return elements as columns: dicts by their keys, others as the only one."""
    first = batch[0]
    if not isinstance(first, Mapping):
        return {"element": _make_column(batch)}
    return {name: _make_column([element[name] for element in batch]) for name in first}


def _make_column(values: Sequence[Any]) -> Any:
    import numpy as np

    if hasattr(values[0], "numpy"):  # A tensor.
        values = [value.numpy() for value in values]
    first = values[0]
    if isinstance(first, np.ndarray) and all(value.shape == first.shape for value in values):
        return np.stack(values)
    return list(values)


def _count_bytes(element: Any) -> int:
    if isinstance(element, Mapping):
        return sum(map(_count_bytes, element.values()))
    size = getattr(element, "nbytes", None)
    return sys.getsizeof(element) if size is None else int(size)
