"""Python code in a model: Keras keeps the functions of Lambda layers as marshalled bytecode, and runs it on loading.

Layers that call a function of TensorFlow by its name are found, too, if the function may do more than compute.
TensorFlow's loader and `hub.load` do not look at it; `keras.models.load_model` of Keras 2 does. It is in a
`keras_metadata.pb`, and in models of TensorFlow 2.0 to 2.4 in the object graph of the `saved_model.pb`.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Iterable, Iterator

from rehub.errors import CorruptModel
from rehub.savedmodel.nodes import iter_metagraphs
from rehub.savedmodel.protos import (
    KerasMetadata,
    KerasObject,
    MetaGraphDef,
    SavedObject,
    SavedObjectGraph,
    SavedUserObject,
)
from rehub.savedmodel.wire import Buffer, Message, WireError
from rehub.scanning.keras_operations import OPERATION_LAYERS, is_harmful_operation

_OF_KERAS = "_tf_keras_"  # How the identifiers of Keras' objects begin, to which its older loader pays attention.
_MARKS = ("Lambda", "\\u", *OPERATION_LAYERS)


def find_lambdas_in_metadata(path: str, content: Buffer) -> list[str]:
    """Return the names of the Lambda layers with code in a `keras_metadata.pb`, each once.

    Raises:
        CorruptModel: the file cannot be read.
    """
    # Keras revives a layer from its config alone: it ignores the identifier.
    return _find_lambdas(
        path, lambda: (node.text(KerasObject.metadata) for node in Message(content).messages(KerasMetadata.nodes))
    )


def find_lambdas_in_objects(path: str, content: Buffer) -> list[str]:
    """Return the names of the Lambda layers with code in the object graphs of a `saved_model.pb`, each once.

    Raises:
        CorruptModel: the file cannot be read.
    """
    return _find_lambdas(
        path,
        lambda: (
            user_object.text(SavedUserObject.metadata)
            for metagraph in iter_metagraphs(content)
            for each in metagraph.message(MetaGraphDef.object_graph_def).messages(SavedObjectGraph.nodes)
            for user_object in (each.message(SavedObject.user_object),)
            if user_object.text(SavedUserObject.identifier).startswith(_OF_KERAS)
        ),
    )


def _find_lambdas(path: str, read: Callable[[], Iterable[str]]) -> list[str]:
    found: dict[str, None] = {}
    try:
        for metadata in read():
            # JSON can write each letter as an escape; where there is none and no such class, there is nothing to parse.
            if any(mark in metadata for mark in _MARKS):
                found.update((name, None) for name in _iter_layers_with_code(json.loads(metadata)))
    except (WireError, ValueError, RecursionError) as error:
        raise CorruptModel(f"{path!r}: what Keras has written there cannot be read, {error}.") from error
    return list(found)


def _iter_layers_with_code(value: Any) -> Iterator[str]:
    """Yield the names of layers whose function is code or does harm, in the config of a layer or model of layers."""
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            pending.extend(each)
        elif isinstance(each, dict):
            pending.extend(each.values())
            config = each.get("config")
            class_name = str(each.get("class_name")).rpartition(">")[2]
            if class_name == "Lambda" and isinstance(config, dict) and _is_code(config):
                yield str(config.get("name", ""))
            elif is_harmful_operation(class_name, config):
                yield str(config.get("name", "")) if isinstance(config, dict) else ""


def _is_code(config: dict[str, Any]) -> bool:
    # A function of a module is kept by its name; code as a list or dict with what `marshal` makes of it.
    by_type = any(config.get(f"{key}_type") == "lambda" for key in ("function", "output_shape", "mask"))
    return by_type or not isinstance(config.get("function"), str)
