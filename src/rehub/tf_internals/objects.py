"""Objects with attributes that TensorFlow tracks, and what a SavedModel restores them as."""

from __future__ import annotations

import functools
import importlib
from typing import Any, Iterable, Iterator

from rehub.tf_internals.loader import loader_class
from rehub.tf_internals.tensorflow import import_tensorflow


def trackable_resource_class() -> Any:
    """The class of tables and other resources that are made, initialized and saved with the object that has them."""
    tf = import_tensorflow()
    if hasattr(tf.saved_model, "experimental") and hasattr(tf.saved_model.experimental, "TrackableResource"):
        return tf.saved_model.experimental.TrackableResource
    from tensorflow.python.training.tracking import tracking  # Seen in 1.15.

    return tracking.TrackableResource


def auto_trackable_class() -> Any:
    """The class of objects whose attributes checkpoints and SavedModels keep; that of restored objects."""
    tf = import_tensorflow()
    if hasattr(tf, "__internal__"):  # Seen in 2.15, 2.21.
        return tf.__internal__.tracking.AutoTrackable
    from tensorflow.python.training.tracking import tracking  # Seen in 1.15.

    return tracking.AutoTrackable


def trackable_children(obj: Any) -> Iterator[Any]:
    """Yields the objects that TensorFlow tracks as parts of `obj` in checkpoints; none for what is no trackable."""
    for _, part in named_trackable_children(obj):
        yield part


def named_trackable_children(obj: Any) -> Iterator[tuple[str, Any]]:
    """Yields the parts of `obj` in checkpoints as `trackable_children` does, each with its name there."""
    if hasattr(obj, "_trackable_children"):  # Trackable's since 2.9. Seen in 2.15, 2.21.
        yield from obj._trackable_children().items()
    elif hasattr(obj, "_checkpoint_dependencies"):  # Its name up to 2.8. Seen in 1.15.
        for reference in obj._checkpoint_dependencies:
            yield reference.name, reference.ref


def nonvariable_state(obj: Any) -> dict[str, Any]:
    """Returns what a checkpoint holds of a restored object that is not a variable, such as a table that can change.

    Tensors by names; empty for an object without such state.
    """
    attributes = attributes_of(obj)
    # load.py, _load_checkpoint_save_and_restore_functions. Seen in 2.15, 2.21; 1.15 has neither.
    if "_serialize_to_tensors" in attributes:
        return dict(obj._serialize_to_tensors())
    return {
        f"{name}/{number}": spec.tensor() if callable(spec.tensor) else spec.tensor
        for name, saveable in _iter_saveables(attributes)
        for number, spec in enumerate(saveable.specs)
    }


def set_nonvariable_state(obj: Any, state: dict[str, Any]) -> None:
    """Sets what `nonvariable_state` returned of an object of the same model."""
    attributes = attributes_of(obj)
    if "_serialize_to_tensors" in attributes:
        obj._restore_from_tensors(state)
    for name, saveable in _iter_saveables(attributes):
        saveable.restore([state[f"{name}/{number}"] for number in range(len(saveable.specs))], None)


def attributes_of(obj: Any) -> Any:
    """Return the attributes of an object, without computing any."""
    try:
        return getattr(obj, "__dict__", {})
    except TypeError:  # The dict that 1.15 makes of a dict to be tracked, data_structures.py: "_DictWrapper".
        return {}


def _iter_saveables(attributes: Any) -> Iterator[tuple[str, Any]]:
    for name, factory in (attributes.get("_self_saveable_object_factories") or {}).items():
        yield name, factory(name="") if callable(factory) else factory


def make_user_object_class() -> Any:
    """Makes a class for one object of a restored model, as the loader does. Seen in 2.15, 2.21."""
    return type(loader_class()._recreate_base_user_object(None)[0])


def call_attribute(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Calls a restored object by its attribute `__call__`. Seen in 2.15, 2.21."""
    return importlib.import_module("tensorflow.python.saved_model.load")._call_attribute(obj, *args, **kwargs)


def is_plain_object(proto: Any) -> bool:
    """Whether the object of a SavedUserObject message is of no class of its own."""
    return proto.identifier != "optimizer" and proto.identifier not in _revived_types().registered_identifiers()


@functools.lru_cache(maxsize=1)
def _revived_types() -> Any:
    # It is asked for each of thousands of objects: an import statement for each would take longer than the answer.
    return importlib.import_module("tensorflow.python.saved_model.revived_types")  # Seen in 2.15, 2.21.


def revive_optimizer(proto: Any) -> Any:
    """Returns the optimizer of a SavedUserObject message, with what sets its parts, by the Keras that is imported.

    None for other objects, and where no Keras is imported that has one. TensorFlow's loader imports `tf_keras` in any
    case, which breaks `custom_objects=` of another Keras 2 that is in use. Seen in 2.15, 2.21.
    """
    return _revived_types().deserialize(proto) if proto.identifier == "optimizer" else None


def is_collection(proto: Any) -> bool:
    """Whether the object of a SavedUserObject message is a list or a dict. Seen in 2.15, 2.21."""
    return proto.identifier in ("trackable_list_wrapper", "trackable_dict_wrapper")


def make_collection(proto: Any) -> Any:
    """Makes an empty list or dict as a restored model has it, and what sets its members. Seen in 2.15, 2.21."""
    return _revived_types().deserialize(proto)


def fill_collection(members: Any, setter: Any, parts: Iterable[tuple[str, Any]]) -> None:
    """Gives an empty list or dict of a restored model its members, by their names. Seen in 2.15, 2.21."""
    from tensorflow.python.trackable import data_structures

    parts = list(parts)
    is_list = isinstance(members, data_structures.List)
    if is_list and all(name == str(index) for index, (name, _) in enumerate(parts)):
        # TensorFlow's own setter copies the list for each.
        for _, part in parts:
            data_structures.List.append(members, part)
        members._update_snapshot()
    else:
        for name, part in parts:
            setter(members, name, part)
