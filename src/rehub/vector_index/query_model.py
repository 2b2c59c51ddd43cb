"""The model that computes the vectors of queries: the one that computed the vectors of an index, called as it was then.

`rehub batch` writes into `_rehub/plan.json` which model it ran, and with which settings.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

from rehub.batch_inference.model import PinnedModel, pin_model
from rehub.batch_inference.predictor import Predictor
from rehub.errors import InputMismatch, InvalidVectors, ModelMismatch
from rehub.escaping import quote, quote_url
from rehub.formatting import list_names
from rehub.savedmodel.signatures import TensorInfo
from rehub.strict_parsing import Malformed, get_field, parse_json

PLAN_FILE = os.path.join("_rehub", "plan.json")

_FEW_ROWS = 32

# Settings of a plan. The inputs are not among them: a query is given by the name of the input.
_OPTIONS = ("signature", "tags", "resize", "pixel_range", "pad")
_PAIRS = ("outputs", "ragged", "padded")


@dataclass(frozen=True)
class BatchPlan:
    """What computed the vectors of a directory.

    Attributes:
        handle: of the model.
        files: of the model: triples of path, size and sha256.
        options: the arguments of `hub.Predictor` that decide what is computed.
        format: of the input: "image" for files that are a row each.
    """

    handle: str
    files: tuple[tuple[str, int, str], ...]
    options: dict[str, Any]
    format: str


def read_plan(directory: Path) -> BatchPlan | None:
    """Read the plan that `rehub batch` wrote into a directory; return None if there is none.

    Raises:
        InvalidVectors: it cannot be read.
    """
    path = directory / PLAN_FILE
    if not path.exists():
        return None
    try:
        plan = get_field(parse_json(path.read_bytes()), "plan", dict)
        model = get_field(plan, "model", dict)
        settings = get_field(plan, "settings", dict)
        return BatchPlan(
            handle=get_field(model, "handle", str),
            files=tuple(tuple(file) for file in get_field(model, "files", list)),
            options={
                **{name: _to_tuples(settings[name]) for name in _OPTIONS if settings.get(name) not in (None, "")},
                **{name: dict(settings[name]) for name in _PAIRS if settings.get(name)},
            },
            format=get_field(plan, "format", str),
        )
    except (OSError, Malformed, TypeError, ValueError) as error:
        raise InvalidVectors(f"The plan {quote(path)} cannot be read: {error}.") from error


def _to_tuples(value: Any) -> Any:
    return tuple(map(_to_tuples, value)) if isinstance(value, list) else value


class QueryModel:
    """A model that computes vectors which can be compared with those of a column."""

    def __init__(self, predictor: Predictor, input_: TensorInfo, output: str, *, reads_files: bool) -> None:
        """Use `open_query_model`."""
        self._predictor = predictor
        self._output = output
        self.input = input_
        self.reads_files = reads_files

    def compute_vectors(self, values: Sequence[Any]) -> Any:
        """Return the vectors of some values of the input: float[n, dimensions].

        Args:
            values: texts, or the bytes of images if `reads_files`, or numbers in nested lists.

        Raises:
            InputMismatch: the input does not take a value.
            BatchFailed: the model failed for one.
        """
        import numpy as np

        vectors = np.asarray(self._predictor({self.input.name: list(values)})[self._output])
        if vectors.dtype.kind not in "fiu":
            raise InputMismatch(f"The output {self._output!r} is not vectors.")
        return vectors.reshape(len(values), -1)


def open_query_model(
    directory: str, column: str, handle: Any, *, signature: str | None = None, output: str | None = None
) -> QueryModel:
    """Return the model for the queries of an index, to be loaded when it is first called.

    Args:
        directory: the directory of the Parquet files.
        column: the column of the vectors.
        handle: the model.
        signature: the name of the signature to call. Unset, it is that of the plan, else the default or only one.
        output: the output that is the vector. Unset, it is that of the plan, else the one with the name of the column
            or the only one.

    Raises:
        ModelMismatch: the vectors were computed by another model.
        InputMismatch: the signature takes several inputs, or has several outputs and none has the column's name.
        HubError: the model cannot be found or read.
    """
    plan = read_plan(Path(directory))
    model = pin_model(handle)
    options: dict[str, Any] = {"batch_size": _FEW_ROWS}
    if plan is not None:
        _check_model(plan, model, directory)
        options.update(plan.options)
    if signature is not None:
        options["signature"] = signature
    if output is not None:
        options["outputs"] = {output: column}
    predictor = Predictor(model, **options)
    inputs = predictor.signature.inputs
    label = f"Signature {predictor.signature.name!r} of {quote_url(model.handle)}"
    if len(inputs) != 1:
        raise InputMismatch(f"{label} takes {len(inputs)} inputs, and a query is one input.")
    columns = list(predictor.output_columns.values())
    if column not in columns and len(columns) > 1:
        raise InputMismatch(f"{label} has the outputs {list_names(columns)}. Name one with --output.")
    is_image = inputs[0].dtype != "string" and inputs[0].shape is not None and len(inputs[0].shape) == 4
    reads_files = is_image or (plan is not None and plan.format == "image")
    return QueryModel(predictor, inputs[0], column if column in columns else columns[0], reads_files=reads_files)


def _check_model(plan: BatchPlan, model: PinnedModel, directory: str) -> None:
    if plan.files == model.files:
        return
    known, found = ({name: rest for name, *rest in files} for files in (plan.files, model.files))
    differing = sorted(name for name in {*known, *found} if known.get(name) != found.get(name))
    raise ModelMismatch(
        f"The vectors in {quote(directory)} were computed by {quote_url(plan.handle)}, and {quote_url(model.handle)} "
        f"differs from it in {list_names(differing, 3)}. Their vectors cannot be compared. Query with the model that "
        "computed them, or compute them again: `rehub batch` with --overwrite, then `rehub index build`."
    )
