"""Objects whose attributes TensorFlow tracks, and how a SavedModel restores them."""

from __future__ import annotations

import functools
import importlib
from typing import Any, Iterable, Iterator

from rehub.tf_internals.loader import loader_class
from rehub.tf_internals.tensorflow import import_tensorflow


def trackable_resource_class() -> Any:
    """Return the class of tables and other resources that are initialized and saved with the object that has them."""
    tf = import_tensorflow()
    if hasattr(tf.saved_model, "experimental") and hasattr(tf.saved_model.experimental, "TrackableResource"):
        return tf.saved_model.experimental.TrackableResource
    from tensorflow.python.training.tracking import tracking  # Seen in 1.15.

    return tracking.TrackableResource


def auto_trackable_class() -> Any:
    """Return the class of restored objects, whose attributes checkpoints and SavedModels keep."""
    tf = import_tensorflow()
    if hasattr(tf, "__internal__"):  # Seen in 2.15, 2.21.
        return tf.__internal__.tracking.AutoTrackable
    from tensorflow.python.training.tracking import tracking  # Seen in 1.15.

    return tracking.AutoTrackable


def trackable_children(obj: Any) -> Iterator[Any]:
    """Yield the objects that TensorFlow tracks as children of `obj` in checkpoints; none if it does not track it."""
    for _, child in named_trackable_children(obj):
        yield child


def named_trackable_children(obj: Any) -> Iterator[tuple[str, Any]]:
    """Yield the children of `obj` as `trackable_children` does, each with its name in checkpoints."""
    if hasattr(obj, "_trackable_children"):  # Trackable's since 2.9. Seen in 2.15, 2.21.
        yield from obj._trackable_children().items()
    elif hasattr(obj, "_checkpoint_dependencies"):  # Its name up to 2.8. Seen in 1.15.
        for reference in obj._checkpoint_dependencies:
            yield reference.name, reference.ref


def iter_reachable(root: Any) -> Iterator[Any]:
    """Yield an object and all that TensorFlow tracks within it, each once, the nearest first."""
    seen = {id(root)}
    to_visit = [root]
    for obj in to_visit:  # It grows in the loop.
        yield obj
        for child in trackable_children(obj):
            if id(child) not in seen:
                seen.add(id(child))
                to_visit.append(child)


def nonvariable_state(obj: Any) -> dict[str, Any]:
    """Return the state of a restored object in a checkpoint, if it is not a variable, such as a mutable table.

    Tensors by name; empty for an object without such state.
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
    """Set the state that `nonvariable_state` returned of an object of the same model."""
    attributes = attributes_of(obj)
    if "_serialize_to_tensors" in attributes:
        obj._restore_from_tensors(state)
    for name, saveable in _iter_saveables(attributes):
        saveable.restore([state[f"{name}/{number}"] for number in range(len(saveable.specs))], None)


def attributes_of(obj: Any) -> Any:
    """Return the attributes of an object, without computing any."""
    try:
        return getattr(obj, "__dict__", {})
    except TypeError:  # 1.15 wraps a tracked dict in a _DictWrapper (data_structures.py).
        return {}


def _iter_saveables(attributes: Any) -> Iterator[tuple[str, Any]]:
    for name, factory in (attributes.get("_self_saveable_object_factories") or {}).items():
        yield name, factory(name="") if callable(factory) else factory


def make_user_object_class() -> Any:
    """Make a new class for one object of a restored model, as the loader does. Seen in 2.15, 2.21."""
    return type(loader_class()._recreate_base_user_object(None)[0])


def call_attribute(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a restored object by its attribute `__call__`. Seen in 2.15, 2.21."""
    return importlib.import_module("tensorflow.python.saved_model.load")._call_attribute(obj, *args, **kwargs)


def is_plain_object(proto: Any) -> bool:
    """Whether the object of a SavedUserObject message has no registered class."""
    return proto.identifier != "optimizer" and proto.identifier not in revived_types().registered_identifiers()


@functools.lru_cache(maxsize=1)
def revived_types() -> Any:
    """Return the module with the registry of classes of restored objects."""
    # Called for each of thousands of objects: an import statement would take longer than the rest.
    return importlib.import_module("tensorflow.python.saved_model.revived_types")  # Seen in 1.15, 2.15, 2.21.


def revive_optimizer(proto: Any) -> Any:
    """Return the optimizer of a SavedUserObject message and its setter, as the imported Keras makes it.

    None for other objects, and if no imported Keras has it. TensorFlow's loader always imports `tf_keras`, which breaks
    `custom_objects=` of another Keras 2. Seen in 2.15, 2.21.
    """
    return revived_types().deserialize(proto) if proto.identifier == "optimizer" else None


def is_collection(proto: Any) -> bool:
    """Whether the object of a SavedUserObject message is a list or a dict. Seen in 2.15, 2.21."""
    return proto.identifier in ("trackable_list_wrapper", "trackable_dict_wrapper")


def make_collection(proto: Any) -> Any:
    """Make an empty list or dict of a restored model, and its setter. Seen in 2.15, 2.21."""
    return revived_types().deserialize(proto)


def fill_collection(collection: Any, setter: Any, members: Iterable[tuple[str, Any]]) -> None:
    """Fill an empty list or dict of a restored model with named members. Seen in 2.15, 2.21."""
    from tensorflow.python.trackable import data_structures

    members = list(members)
    is_list = isinstance(collection, data_structures.List)
    if is_list and all(name == str(index) for index, (name, _) in enumerate(members)):
        # TensorFlow's own setter copies the list for each member.
        for _, member in members:
            data_structures.List.append(collection, member)
        collection._update_snapshot()
    else:
        for name, member in members:
            setter(collection, name, member)
