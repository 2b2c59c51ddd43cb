"""Copies of restored objects, by `pickle` and `copy`: the model is loaded again, and its values are copied.

A graph and its variables cannot be pickled; the handle that they came from can. A pickle of a restored object holds the
handle and no values, so it is made only if the values still are those of the model: the model is loaded again to
compare them. `copy.deepcopy` and the pickle of a layer copy the values.
"""

from __future__ import annotations

import copy
import weakref
from typing import Any, Callable, Mapping

from rehub import tf_internals
from rehub.errors import NotCopyable
from rehub.restore.request import LoadRequest, attach, attach_request, get_load_request
from rehub.restore.values import Values, are_equal, get_values, set_values

_CARRIER = "_rehub_values_carrier"
_IS_COPYABLE = "_rehub_is_copyable"


def make_copyable(obj: Any, request: LoadRequest) -> None:
    """Let `pickle` and `copy` make copies of a restored object, which load the model again by this request."""
    attach_request(obj, request)
    restored_class = type(obj)
    if not getattr(restored_class, _IS_COPYABLE, False):
        obj.__class__ = add_copy_methods(tf_internals.classes.derive_class(restored_class))


def add_copy_methods(restored_class: Any) -> Any:
    """Give a class of restored objects the methods by which `pickle` and `copy` make copies."""
    restored_class.__reduce_ex__ = _reduce_to_handle
    restored_class.__deepcopy__ = _copy_deeply
    restored_class.__copy__ = _copy_shallowly
    setattr(restored_class, _IS_COPYABLE, True)
    return restored_class


def add_copy_methods_to_parts(root: Any) -> None:
    """Give the objects that TensorFlow's loader made the methods for copies; each has a class of its own."""
    for obj in tf_internals.objects.iter_reachable(root):
        if type(obj).__name__ == "_UserObject":
            add_copy_methods(type(obj))


def raise_not_copyable(*_: Any) -> Any:
    """Refuse to copy a function without its object: the `__reduce_ex__` of functions."""
    raise NotCopyable(
        "A function or signature of a restored model cannot be pickled or copied by itself. Pickle or copy the object "
        "that hub.load returned, or hand over the handle and load it there, and take the function from the result."
    )


def copy_function(function: Any) -> Any:
    """Return another object for the same function: the `__copy__` of functions."""
    copied = object.__new__(type(function))
    vars(copied).update(vars(function))
    return copied


class _NotCopyable:
    __reduce_ex__ = raise_not_copyable
    __copy__ = copy_function


def forbid_copies(function: Any) -> None:
    """Let copies of a concrete function of a restored model fail with an error that says what to copy instead."""
    if getattr(type(function), "__copy__", None) is not copy_function:
        tf_internals.classes.add_methods(function, _NotCopyable)


class ValuesCarrier:
    """A restored object in the pickle of a layer: unpickled, it is the object, loaded again, with its values.

    There is one for each object, so that copies of layers that share an object share it too.
    """

    def __init__(self, obj: Any) -> None:
        self._obj = weakref.ref(obj)  # The object refers to this carrier, and must not be kept alive by it.

    def __reduce_ex__(self, protocol: Any) -> Any:
        obj = self._obj()
        request = _require_request(obj)
        values = get_values(obj)
        return load_with_values, (request.load, request.public_handle, request.arguments, request.label, values)


def get_carrier(obj: Any) -> ValuesCarrier:
    """Return the carrier of a restored object, which a layer's pickle holds."""
    carrier = getattr(obj, _CARRIER, None)
    if not isinstance(carrier, ValuesCarrier):
        carrier = ValuesCarrier(obj)
        attach(obj, _CARRIER, carrier)
    return carrier


def load_with_values(
    load: Callable[..., Any], handle: Any, arguments: dict[str, Any], label: str, values: Values
) -> Any:
    """Load a model and set its values. Pickles of layers refer to this function."""
    obj = load(handle, **arguments)
    set_values(obj, values, label)
    return obj


def load_with_extras(load: Callable[..., Any], handle: Any, arguments: dict[str, Any], extras: dict[str, Any]) -> Any:
    """Load a model and set the attributes that a user had added. Pickles of restored objects refer to this function."""
    obj = load(handle, **arguments)
    for name, value in extras.items():
        setattr(obj, name, value)
    return obj


def _reduce_to_handle(obj: Any, _: Any) -> Any:
    """Reduce a restored object to its handle, if its values are unchanged: the `__reduce_ex__` of restored objects."""
    request = _require_request(obj)
    fresh = request.load_again()
    extras = _find_extras(obj, fresh)
    changed = _find_changed_paths(_remove_extras(get_values(obj), extras), get_values(fresh))
    if changed:
        raise NotCopyable(
            f"{request.label!r} cannot be pickled: a pickle holds the handle alone, and the values have changed since "
            f"the model was loaded, or the model at the handle has: {', '.join(changed[:3])}"
            f"{', ...' if len(changed) > 3 else ''}. Save the object by tf.saved_model.save and hand over that path; "
            "or hand over the handle, for the model as it was. A hub.KerasLayer of it is pickled with its values."
        )
    return load_with_extras, (request.load, request.public_handle, request.arguments, extras)


def _copy_deeply(obj: Any, memo: dict[int, Any]) -> Any:
    """Load the model again, with the same values: the `__deepcopy__` of restored objects."""
    request = _require_request(obj)
    copied = memo[id(obj)] = request.load_again()
    extras = _find_extras(obj, copied)
    set_values(copied, _remove_extras(get_values(obj), extras), request.label)
    for name, value in extras.items():
        setattr(copied, name, copy.deepcopy(value, memo))
    return copied


def _copy_shallowly(obj: Any) -> Any:
    """Make a new object with the same children: the `__copy__` of restored objects."""
    attributes = vars(obj)  # A lazy object sets its attributes now, and changes its class.
    copied = object.__new__(type(obj))
    for name, value in attributes.items():
        # Each object has its own lists of what TensorFlow tracks; other lists are children.
        is_own = name.startswith("_self_") and isinstance(value, (list, dict))
        vars(copied)[name] = copy.copy(value) if is_own else value
    vars(copied).pop(_CARRIER, None)
    return copied


def _require_request(obj: Any) -> LoadRequest:
    request = get_load_request(obj)
    if request is None:
        raise NotCopyable(
            "A part of a restored model cannot be pickled or copied by itself. Copy or pickle the object that hub.load "
            "returned, and take the part from the copy."
        )
    if tf_internals.v1_graphs.is_building_v1_graph():
        raise NotCopyable(
            f"{request.label!r} cannot be pickled or copied in a graph of TF1, where its values are in a session. Hand "
            "over the handle, and load it there."
        )
    return request


def _find_extras(obj: Any, fresh: Any) -> dict[str, Any]:
    """Return the attributes that the user has set on an object since it was loaded."""
    ours = ("_rehub_", "_self_")
    return {name: value for name, value in vars(obj).items() if name not in vars(fresh) and not name.startswith(ours)}


def _remove_extras(values: Values, extras: Mapping[str, Any]) -> Values:
    """Return the values without those of attributes that the user has set."""
    return {path: value for path, value in values.items() if path.split("/")[0] not in extras}


def _find_changed_paths(values: Values, others: Values) -> list[str]:
    """Return the paths at which two objects of a model differ."""
    paths = sorted(values.keys() | others.keys())
    return [path for path in paths if not are_equal(values.get(path, {}), others.get(path, {}))]
