"""Read, compare and set the values of a restored object: of its variables, and of tables that can change."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping

from rehub import tf_internals
from rehub.errors import NotCopyable
from rehub.restore.request import get_load_request

# By the path of each object that has state, from the root of the model: its values by their names.
Values = Dict[str, Dict[str, Any]]


def get_values(obj: Any) -> Values:
    """Return the values of the variables, and of the tables that can change, reachable from a restored object.

    Raises:
        NotCopyable: the values are in a session of TF1.
    """
    with tf_internals.import_tensorflow().init_scope():  # Eager, also where a function is being traced.
        return {path: _read_values(part, path) for path, part in _find_stateful_objects(obj)}


def set_values(obj: Any, values: Values, label: str) -> None:
    """Set the values of a restored object that has just been loaded, where they differ.

    Raises:
        NotCopyable: the model at the handle is not the one that the values are of.
    """
    with tf_internals.import_tensorflow().init_scope():
        _set_values(obj, values, label)


def _set_values(obj: Any, values: Values, label: str) -> None:
    tf = tf_internals.import_tensorflow()
    parts = dict(_find_stateful_objects(obj))
    for path in sorted(values.keys() | parts.keys()):
        if path not in values or path not in parts or not _is_compatible(_read_values(parts[path], path), values[path]):
            raise NotCopyable(
                f"{label!r} is no longer the model of the copied values: {path} is missing, new, or of "
                "another dtype or shape. Save the original by tf.saved_model.save, and load that."
            )
    for path, part in parts.items():
        if not values[path] or are_equal(_read_values(part, path), values[path]):
            continue
        if isinstance(part, tf.Variable):
            part.assign(values[path][""])
        else:
            tf_internals.objects.set_nonvariable_state(
                part, {name: tf.convert_to_tensor(value) for name, value in values[path].items()}
            )


def _find_stateful_objects(root: Any) -> list[tuple[str, Any]]:
    """Return the variables and other objects with state reachable from an object, each with its shortest path."""
    tf = tf_internals.import_tensorflow()
    request = get_load_request(root)
    if request is not None and request.policy.optimize is not None:
        return []  # Its values are constants. Whether variables remain depends on which forms are fastest.
    found: list[tuple[str, Any]] = []
    others: list[tuple[str, Any]] = []
    seen = {id(root)}
    to_visit = [("", root)]
    for path, obj in to_visit:  # It grows in the loop: breadth first.
        if isinstance(obj, tf.Variable):
            found.append((path, obj))
            continue
        if tf_internals.functions.concrete_functions(obj):
            continue
        others.append((path, obj))
        if tf_internals.objects.nonvariable_state(obj):
            found.append((path, obj))
        for name, part in sorted(tf_internals.objects.named_trackable_children(obj), key=lambda item: str(item[0])):
            if id(part) not in seen:
                seen.add(id(part))
                to_visit.append((f"{path}/{name}" if path else str(name), part))
    return found + [slot for path, obj in others for slot in _find_slot_variables(path, obj, found)]


def _find_slot_variables(path: str, obj: Any, found: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the slot variables of an optimizer, which are not among its parts, each with a path."""
    for name in tf_internals.optimizers.slot_names(obj):
        for variable_path, variable in found:
            slot = tf_internals.optimizers.get_slot(obj, variable, name)
            if slot is not None:
                yield f"{path}/{name}/{variable_path}", slot


def _read_values(part: Any, path: str) -> dict[str, Any]:
    """Return the values of one object, as arrays by their names."""
    tf = tf_internals.import_tensorflow()
    try:
        if isinstance(part, tf.Variable):
            return {"": part.numpy()}
        state = tf_internals.objects.nonvariable_state(part)
        return {name: state[name].numpy() for name in sorted(state)}
    except (AttributeError, NotImplementedError) as error:
        raise NotCopyable(f"The value of {path} cannot be read here, to be copied: {error}") from error
    except tf.errors.FailedPreconditionError:  # It was never initialized.
        return {}


def _is_compatible(values: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether both have values of the same names and dtypes, and of as many dimensions."""
    return (
        not values
        or not others
        or {name: (value.dtype, value.ndim) for name, value in _to_arrays(values).items()}
        == {name: (value.dtype, value.ndim) for name, value in _to_arrays(others).items()}
    )


def are_equal(values: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether both are equal to the bit, so that NaN equals NaN."""
    values, others = _to_arrays(values), _to_arrays(others)
    return values.keys() == others.keys() and all(
        _is_equal_array(value, others[name]) for name, value in values.items()
    )


def _is_equal_array(value: Any, other: Any) -> bool:
    if value.dtype != other.dtype or value.shape != other.shape:
        return False
    if value.dtype == object:
        return value.tolist() == other.tolist()  # type: ignore[no-any-return]
    return value.tobytes() == other.tobytes()  # type: ignore[no-any-return]


def _to_arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    # A scalar of strings is plain `bytes`; an array of bytes as NumPy would make it cuts off zeros at the end.
    return {
        name: np.asarray(each, object) if isinstance(each, bytes) else np.asarray(each) for name, each in values.items()
    }
