"""What pages, search and answers in JSON say of a version: from its files, its card, `hub.inspect` and `hub.scan`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from rehub.errors import HubError
from rehub.formatting import format_shape, format_tensor
from rehub.inspection import ModelInfo, inspect
from rehub.inspection.model_info import SignatureInfo
from rehub.scanning import scan
from rehub.server.cards import Card, read_card
from rehub.server.tree import CARD_FILE, ModelTree, StoredModel, tflite_file

_MOST_SIGNATURES = 50
_MOST_VARIABLES = 200
_MOST_DANGERS = 20


@dataclass(frozen=True)
class SignatureFacts:
    """A signature, with its tensors as text."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class VariableFacts:
    """A variable: its name, dtype and shape as text, and its size in bytes."""

    name: str
    dtype: str
    shape: str
    size: int


@dataclass(frozen=True)
class KerasUse:
    """The shape and dtype of a `keras.Input` for a model, and the arguments of its layer, as Python writes them."""

    shape: str
    dtype: str
    arguments: str = ""


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a version.

    Attributes:
        name: its path, `publisher/name`.
        version: None for a model without versions.
        description, task, language, license, dataset, architecture, fine_tunable: from its card; "" if it says nothing.
        format: "TF2 SavedModel", "TF1 SavedModel", "legacy module", "TensorFlow.js" or "TFLite".
        tensorflow_version: of the TensorFlow that wrote it.
        size: bytes of all of its files.
        parameters: how many numbers its variables hold.
        variable_count: how many variables there are; `variables` has the largest.
        dangers: what the scan found, a line each.
        signatures: its entry points.
        usage: lines of Python that call it, once it is loaded as `model`; none where no short call is known.
        keras: how a layer of Keras takes it; None where that is not plain.
        problem: why it cannot be inspected; "" if it can.
    """

    name: str
    version: int | None
    description: str = ""
    task: str = ""
    language: str = ""
    license: str = ""
    dataset: str = ""
    architecture: str = ""
    fine_tunable: str = ""
    format: str = ""
    tensorflow_version: str = ""
    size: int = 0
    parameters: int = 0
    variable_count: int = 0
    dangers: tuple[str, ...] = ()
    signatures: tuple[SignatureFacts, ...] = ()
    variables: tuple[VariableFacts, ...] = ()
    usage: tuple[str, ...] = ()
    keras: KerasUse | None = None
    problem: str = ""

    @property
    def path(self) -> str:
        """`publisher/name[/version]`."""
        return self.name if self.version is None else f"{self.name}/{self.version}"

    @property
    def publisher(self) -> str:
        """The first part of its name."""
        return self.name.partition("/")[0]

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON has them."""
        return asdict(self)


# What changes when the facts get another field or another meaning of one.
_LAYOUTS = (SignatureFacts, VariableFacts, KerasUse, ModelFacts)
FACTS_LAYOUT = repr([(field.name, field.type) for each in _LAYOUTS for field in fields(each)])


def facts_from_json(text: str) -> ModelFacts:
    """Return the facts that `to_json` wrote."""
    found = json.loads(text)
    signatures = (
        SignatureFacts(each["name"], tuple(each["inputs"]), tuple(each["outputs"])) for each in found["signatures"]
    )
    found.update(
        dangers=tuple(found["dangers"]),
        signatures=tuple(signatures),
        variables=tuple(VariableFacts(**each) for each in found["variables"]),
        usage=tuple(found["usage"]),
        keras=None if found["keras"] is None else KerasUse(**found["keras"]),
    )
    return ModelFacts(**found)


def gather_facts(model: StoredModel, card: Card) -> ModelFacts:
    """Read a version. A model that cannot be read has its problem among its facts."""
    facts = ModelFacts(
        model.name.path,
        model.name.version,
        description=card.description,
        task=card.first("task", "module-type"),
        language=card.first("language"),
        license=card.first("license"),
        dataset=card.first("dataset"),
        architecture=card.first("network-architecture", "architecture"),
        fine_tunable=card.first("fine-tunable"),
        size=sum(path.stat().st_size for path in model.directory.rglob("*") if path.is_file()),
    )
    if tflite_file(model.directory) is not None:
        return replace(facts, format="TFLite")
    if (model.directory / "model.json").is_file():
        return replace(facts, format="TensorFlow.js")
    try:
        info = inspect(str(model.directory))
        dangers = scan(str(model.directory)).dangers
    except HubError as error:
        # The message names the directory, which is not for others to know.
        return replace(facts, problem=str(error).replace(str(model.directory), str(model.name)))
    lines = dict.fromkeys(f"{each.op or each.what}: {each.kind}. {each.reason}" for each in dangers)
    return replace(_with_inspection(facts, info), dangers=tuple(lines)[:_MOST_DANGERS])


def card_of(model: StoredModel, tree: ModelTree) -> Card:
    """Return the card of a version: its own, or the one that tfhub.dev's layout has beside the models."""
    own = model.directory / CARD_FILE
    if own.is_file():
        return read_card(own) if tree.holds(own) else Card()
    return read_card(card_beside_models(model, tree))


def card_beside_models(model: StoredModel, tree: ModelTree) -> Path:
    """Return where tfhub.dev's layout has the card: `assets/docs/<publisher>/models/<name>/<version>.md`."""
    name = model.name
    return tree.docs / name.publisher / "models" / name.name / f"{name.version}.md"


def _with_inspection(facts: ModelFacts, info: ModelInfo) -> ModelFacts:
    signatures = {
        signature.name: SignatureFacts(
            signature.name,
            tuple(format_tensor(each.dtype, each.shape, each.kind, each.name) for each in signature.inputs),
            tuple(format_tensor(each.dtype, each.shape, each.kind, each.name) for each in signature.outputs),
        )
        for graph in info.graphs
        for signature in graph.signatures
    }
    variables = sorted(info.variables, key=lambda each: -each.bytes)
    return replace(
        facts,
        format=info.format,
        tensorflow_version=info.tensorflow_version,
        parameters=info.parameters,
        variable_count=len(variables),
        signatures=tuple(signatures.values())[:_MOST_SIGNATURES],
        variables=tuple(
            VariableFacts(each.name or each.path or each.key, each.dtype, format_shape(each.shape), each.bytes)
            for each in variables[:_MOST_VARIABLES]
        ),
        usage=info.usage[1:],
        keras=_keras_use(info),
    )


def _keras_use(info: ModelInfo) -> KerasUse | None:
    """How a layer of Keras takes the model; None if it does not take one dense tensor of a known rank."""
    arguments = ""
    if info.format == "TF2 SavedModel":
        calls = [trace for each in info.callables if each.path == "__call__" for trace in each.traces]
        inputs = calls[0].inputs if calls else ()
    else:
        signatures = {each.name: each for graph in info.graphs for each in graph.signatures}
        chosen = signatures.get("default") or signatures.get("serving_default")
        inputs = chosen.inputs if chosen is not None else ()
        outputs = [each.name for each in chosen.outputs] if chosen is not None else []
        if chosen is not None and (chosen.name != "default" or "default" not in outputs):
            key = "default" if "default" in outputs else _first_numbers(chosen)
            arguments = f", signature={chosen.name!r}, output_key={key!r}"
    if len(inputs) != 1 or inputs[0].kind != "dense" or not inputs[0].shape:
        return None
    return KerasUse(repr(tuple(inputs[0].shape[1:])), inputs[0].dtype, arguments)


def _first_numbers(signature: SignatureInfo) -> str:
    """Return the name of the first output that is not text, if there is one."""
    numbers = [each.name for each in signature.outputs if each.dtype != "string"]
    return (numbers or [each.name for each in signature.outputs])[0]
