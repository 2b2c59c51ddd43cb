"""Private state of Keras: whether it is calling, loading or saving."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Iterable, Iterator, Mapping

from rehub.tf_internals.tensorflow import import_tensorflow


def layers_keep_resources() -> bool:
    """Whether layers of feature columns track the objects that columns keep in them: since TensorFlow 2.1 or so."""
    # Missing in 1.15, seen in 2.15, 2.21.
    from tensorflow.python.feature_column import feature_column_v2

    return hasattr(feature_column_v2.StateManager, "has_resource")


def is_calling(package: str) -> bool:
    """Whether a layer or model of a Keras, `keras` (3) or `tf_keras`, is being called in this thread."""
    if package == "tf_keras":
        # tf_keras/src in tf_keras 2.16 to 2.21.
        contexts = sys.modules.get("tf_keras.src.engine.base_layer_utils")
        return contexts is not None and bool(contexts.call_context().in_call)
    # keras/src in Keras 3.0 to 3.15; Keras 2, of TensorFlow 2.15, is in the package `keras` too but has no such module.
    state = sys.modules.get("keras.src.backend.common.global_state")
    return state is not None and state.get_global_attribute("current_call_ctx") is not None


def is_loading_in_safe_mode(keras: Any) -> bool:
    """Whether Keras is making objects from configs in its safe mode; never in versions without it."""
    library = _serialization_lib(keras)
    return library is not None and library.in_safe_mode() is True


def is_loading_keras_2_file(keras: Any) -> bool:
    """Whether Keras 2 is reading a `.keras` file; only within files does it share objects."""
    library = _serialization_lib(keras)
    return library is not None and getattr(library.SHARED_OBJECTS, "enabled", False)


def _serialization_lib(keras: Any) -> Any:
    package = keras.layers.Layer.__module__.split(".")[0]
    # keras/src in Keras 3.0 to 3.15 and in Keras 2.13 to 2.15; tf_keras/src in tf_keras 2.15 to 2.21.
    return sys.modules.get(f"{package}.src.saving.serialization_lib")


def initialize_variables(keras: Any, variables: Iterable[Any]) -> None:
    """Let Keras 2 initialize variables of the current graph in its session, as it initializes weights."""
    tf = import_tensorflow()
    # Seen in the tf.keras of 1.15, in Keras 2.13 to 2.15, and in tf_keras 2.15 to 2.21.
    backend = importlib.import_module(keras.layers.Layer.__module__.replace("engine.base_layer", "backend"))
    for variable in variables:
        if getattr(variable, "graph", None) is tf.compat.v1.get_default_graph():
            backend.track_variable(variable)


def iter_custom_objects(name: str) -> Iterator[Any]:
    """Yield the custom objects of a name that callers of Keras gave for the object that it is making.

    They were given as `custom_objects=`, or by a scope. Keras since 2.12 prefers objects that are registered in the
    process, and drops those of the caller; only the frames of the calls still have them.
    """
    # The locals of load_model, model_from_json and deserialize_keras_object. keras/src in Keras 2.13 to 3.15;
    # tf_keras/src in 2.15 to 2.21. In 1.15 those of the caller come first.
    frame = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in ("keras", "tf_keras"):
            scope = frame.f_locals.get("custom_obj_scope")
            for given in (frame.f_locals.get("custom_objects"), getattr(scope, "backup", None)):
                if isinstance(given, Mapping) and name in given:
                    yield given[name]
        frame = frame.f_back  # type: ignore[assignment]


def current_load_options() -> Any:
    """Return the LoadOptions of `load_model` of Keras 2 while it loads a SavedModel; else None.

    A layer in that SavedModel reads its own model through the same device.
    """
    # keras/src in Keras 2.13 to 2.15; tf_keras/src in 2.15 to 2.21. 1.15 has no LoadOptions.
    for name in (
        "keras.src.saving.legacy.saved_model.load_context",
        "tf_keras.src.saving.legacy.saved_model.load_context",
    ):
        context = sys.modules.get(name)
        if context is not None and context.get_load_options() is not None:
            return context.get_load_options()
    return None
