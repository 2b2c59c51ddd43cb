"""Copies of restored objects, by `pickle` and `copy`: the model is loaded again, and its values are carried over.

A graph and its variables cannot be pickled; the handle that they came from can. A pickle of a restored object holds the
handle and no values, so it is made only where the values still are those of the model: the model is loaded again to
compare them. `copy.deepcopy` and the pickle of a layer carry the values.
"""

from __future__ import annotations

import copy
import functools
import weakref
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping

from rehub import tf_internals
from rehub.errors import NotCopyable
from rehub.redaction import redact_url

# By the path of each object that has state, from the root of the model: its values by their names.
Values = Dict[str, Dict[str, Any]]

_REQUEST = "_rehub_load_request"
_CARRIER = "_rehub_values_carrier"
_IS_PREPARED = "_rehub_can_be_copied"


@dataclass(frozen=True)
class LoadRequest:
    """What `hub.load` was asked for.

    Attributes:
        load: called with a handle and the arguments, loads the model again. A function that can be pickled.
        handle: as the user typed it; of a local path, an absolute one.
        path: the directory that it was resolved to.
        shown: the handle in messages.
        arguments: the other arguments that were given.
    """

    load: Callable[..., Any]
    handle: Any
    path: str
    shown: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def public_handle(self) -> Any:
        """The handle to be pickled: as typed, or, if that has a secret in it, the directory that it was resolved to.

        Raises:
            NotCopyable: the directory's name has a secret in it too.
        """
        if not isinstance(self.handle, str) or redact_url(self.handle) == self.handle:
            return self.handle
        if "://" in self.path and redact_url(self.path) != self.path:
            raise NotCopyable(f"{self.shown!r} cannot be pickled: its handle has a secret in it, which a pickle shows.")
        return self.path

    def load_again(self) -> Any:
        """Load the model once more."""
        return self.load(self.handle, **self.arguments)


def make_copyable(obj: Any, request: LoadRequest) -> None:
    """Let `pickle` and `copy` make copies of a restored object, by what it was loaded with."""
    _attach(obj, _REQUEST, request)
    restored_class = type(obj)
    if not getattr(restored_class, _IS_PREPARED, False):
        names = {name: getattr(restored_class, name) for name in ("__qualname__", "__module__", "__doc__")}
        obj.__class__ = add_copy_methods(type(restored_class.__name__, (restored_class,), names))


def add_copy_methods(restored_class: Any) -> Any:
    """Give a class of restored objects the methods by which `pickle` and `copy` make copies."""
    restored_class.__reduce_ex__ = _reduce
    restored_class.__deepcopy__ = _copy_deeply
    restored_class.__copy__ = _copy_shallowly
    setattr(restored_class, _IS_PREPARED, True)
    return restored_class


def add_copy_methods_to_parts(root: Any) -> None:
    """Give the objects that TensorFlow's loader has made, each of a class of its own, the methods for copies."""
    seen = {id(root)}
    to_visit = [root]
    for obj in to_visit:  # It grows meanwhile.
        if type(obj).__name__ == "_UserObject":
            add_copy_methods(type(obj))
        for part in tf_internals.objects.trackable_children(obj):
            if id(part) not in seen:
                seen.add(id(part))
                to_visit.append(part)


def load_request(obj: Any) -> LoadRequest | None:
    """Return what a restored object was loaded with; None for what `hub.load` did not return."""
    request = getattr(obj, _REQUEST, None)
    return request if isinstance(request, LoadRequest) else None


def refuse_to_copy_function(*_: Any) -> Any:
    """Stand for `__reduce_ex__` of functions, which cannot be copied without the object that they are of."""
    raise NotCopyable(
        "A function or signature of a restored model cannot be pickled or copied by itself. Pickle or copy the object "
        "that hub.load returned, or hand over the handle and load it there, and take the function from the result."
    )


def refuse_copies_of(function: Any) -> None:
    """Have a concrete function of a restored model say what to copy in its place."""
    if type(function).__dict__.get("__copy__") is not copy_function:
        restored_class: Any = type(function)
        function.__class__ = _class_without_copies(restored_class)


@functools.lru_cache(maxsize=None)
def _class_without_copies(function_class: Any) -> type:
    attributes = {name: getattr(function_class, name) for name in ("__qualname__", "__module__", "__doc__")}
    attributes.update(__reduce_ex__=refuse_to_copy_function, __copy__=copy_function)
    return type(function_class.__name__, (function_class,), attributes)


def copy_function(function: Any) -> Any:
    """Stand for `__copy__` of functions: another object for the same function."""
    made = object.__new__(type(function))
    vars(made).update(vars(function))
    return made


def values_of(obj: Any) -> Values:
    """Return the values of the variables, and of the tables that can change, within reach of a restored object.

    Raises:
        NotCopyable: the values are in a session of TF1.
    """
    with tf_internals.import_tensorflow().init_scope():  # Eager, also where a function is being traced.
        return {path: _read(part, path) for path, part in _stateful_parts(obj)}


def set_values(obj: Any, values: Values, shown: str) -> None:
    """Set the values of a restored object that has just been loaded; those that it has already are left.

    Raises:
        NotCopyable: the model at the handle is not the one that the values are of.
    """
    with tf_internals.import_tensorflow().init_scope():
        _set_values(obj, values, shown)


def _set_values(obj: Any, values: Values, shown: str) -> None:
    tf = tf_internals.import_tensorflow()
    parts = dict(_stateful_parts(obj))
    for path in sorted(values.keys() | parts.keys()):
        if path not in values or path not in parts or not _fits(_read(parts[path], path), values[path]):
            raise NotCopyable(
                f"{shown!r} is not the model any more that the copied values are of: {path} is missing, new, or of "
                "another dtype or shape. Save the original by tf.saved_model.save, and load that."
            )
    for path, part in parts.items():
        if not values[path] or _are_equal(_read(part, path), values[path]):
            continue
        if isinstance(part, tf.Variable):
            part.assign(values[path][""])
        else:
            tf_internals.objects.set_nonvariable_state(
                part, {name: tf.convert_to_tensor(value) for name, value in values[path].items()}
            )


class ValuesCarrier:
    """Stands for a restored object in the pickle of a layer: it comes out as the object, loaded, with its values.

    There is one for each object, so that layers that share an object share it in the copy too.
    """

    def __init__(self, obj: Any) -> None:
        self._obj = weakref.ref(obj)  # The object keeps this, and ends when nothing else keeps it.

    def __reduce_ex__(self, protocol: Any) -> Any:
        obj = self._obj()
        request = _request_for(obj)
        arguments = dict(request.arguments)
        return _load_with_values, (request.load, request.public_handle, arguments, request.shown, values_of(obj))


def carrier_of(obj: Any) -> ValuesCarrier:
    """Return what stands for a restored object in the pickle of a layer."""
    carrier = getattr(obj, _CARRIER, None)
    if not isinstance(carrier, ValuesCarrier):
        carrier = ValuesCarrier(obj)
        _attach(obj, _CARRIER, carrier)
    return carrier


def _attach(obj: Any, name: str, value: Any) -> None:
    """Set an attribute that TensorFlow does not track, and for which a lazy object need not set its parts."""
    object.__setattr__(obj, name, value)


def _load_with_values(
    load: Callable[..., Any], handle: Any, arguments: dict[str, Any], shown: str, values: Values
) -> Any:
    obj = load(handle, **arguments)
    set_values(obj, values, shown)
    return obj


def _load_with_extras(load: Callable[..., Any], handle: Any, arguments: dict[str, Any], extras: dict[str, Any]) -> Any:
    obj = load(handle, **arguments)
    for name, value in extras.items():
        setattr(obj, name, value)
    return obj


def _reduce(obj: Any, _: Any) -> Any:
    """`__reduce_ex__` of restored objects."""
    request = _request_for(obj)
    fresh = request.load_again()
    extras = _extras(obj, fresh)
    changed = _changed(_without(values_of(obj), extras), values_of(fresh))
    if changed:
        raise NotCopyable(
            f"{request.shown!r} cannot be pickled: a pickle holds the handle alone, and the values have changed since "
            f"the model was loaded, or the model at the handle has: {', '.join(changed[:3])}"
            f"{', ...' if len(changed) > 3 else ''}. Save the object by tf.saved_model.save and hand over that path; "
            "or hand over the handle, for the model as it was. A hub.KerasLayer of it is pickled with its values."
        )
    return _load_with_extras, (request.load, request.public_handle, dict(request.arguments), extras)


def _copy_deeply(obj: Any, memo: dict[int, Any]) -> Any:
    """`__deepcopy__` of restored objects."""
    request = _request_for(obj)
    made = memo[id(obj)] = request.load_again()
    extras = _extras(obj, made)
    set_values(made, _without(values_of(obj), extras), request.shown)
    for name, value in extras.items():
        setattr(made, name, copy.deepcopy(value, memo))
    return made


def _copy_shallowly(obj: Any) -> Any:
    """`__copy__` of restored objects: a new object with the same parts."""
    attributes = vars(obj)  # A lazy object sets its attributes now, and changes its class.
    made = object.__new__(type(obj))
    for name, value in attributes.items():
        # What TensorFlow tracks is in lists of each object's own; other lists are parts.
        is_own = name.startswith("_self_") and isinstance(value, (list, dict))
        vars(made)[name] = copy.copy(value) if is_own else value
    vars(made).pop(_CARRIER, None)
    return made


def _request_for(obj: Any) -> LoadRequest:
    request = load_request(obj)
    if request is None:
        raise NotCopyable(
            "A part of a restored model cannot be pickled or copied by itself. Copy or pickle the object that hub.load "
            "returned, and take the part from the copy."
        )
    if tf_internals.v1_graphs.is_building_v1_graph():
        raise NotCopyable(
            f"{request.shown!r} cannot be pickled or copied in a graph of TF1, where its values are in a session. Hand "
            "over the handle, and load it there."
        )
    return request


def _extras(obj: Any, fresh: Any) -> dict[str, Any]:
    """The attributes that the user has set on an object since it was loaded."""
    ours = ("_rehub_", "_self_")
    return {name: value for name, value in vars(obj).items() if name not in vars(fresh) and not name.startswith(ours)}


def _without(values: Values, extras: Mapping[str, Any]) -> Values:
    """The values of the model alone."""
    return {path: value for path, value in values.items() if path.split("/")[0] not in extras}


def _changed(values: Values, others: Values) -> list[str]:
    """The paths at which two objects of a model differ."""
    paths = sorted(values.keys() | others.keys())
    return [path for path in paths if not _are_equal(values.get(path, {}), others.get(path, {}))]


def _stateful_parts(root: Any) -> list[tuple[str, Any]]:
    """The variables and other objects with state within reach of an object, each by its shortest path."""
    tf = tf_internals.import_tensorflow()
    request = load_request(root)
    if request is not None and request.arguments.get("optimize") is not None:
        return []  # Its values are constants; whether some are left is up to which forms are the fastest.
    found: list[tuple[str, Any]] = []
    seen = {id(root)}
    to_visit = [("", root)]
    for path, obj in to_visit:  # It grows meanwhile: the nearest come first.
        if isinstance(obj, tf.Variable):
            found.append((path, obj))
            continue
        if tf_internals.functions.concrete_functions(obj):
            continue
        if tf_internals.objects.nonvariable_state(obj):
            found.append((path, obj))
        for name, part in sorted(tf_internals.objects.named_trackable_children(obj), key=lambda item: str(item[0])):
            if id(part) not in seen:
                seen.add(id(part))
                to_visit.append((f"{path}/{name}" if path else str(name), part))
    return found


def _read(part: Any, path: str) -> dict[str, Any]:
    """The values of one object, as arrays by their names."""
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


def _fits(values: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether both have values of the same names and dtypes, and of as many dimensions."""
    return (
        not values
        or not others
        or {name: (value.dtype, value.ndim) for name, value in _arrays(values).items()}
        == {name: (value.dtype, value.ndim) for name, value in _arrays(others).items()}
    )


def _are_equal(values: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether both are the same to the bit; NaN is like NaN."""
    values, others = _arrays(values), _arrays(others)
    return values.keys() == others.keys() and all(_same(value, others[name]) for name, value in values.items())


def _same(value: Any, other: Any) -> bool:
    if value.dtype != other.dtype or value.shape != other.shape:
        return False
    if value.dtype == object:
        return value.tolist() == other.tolist()  # type: ignore[no-any-return]
    return value.tobytes() == other.tobytes()  # type: ignore[no-any-return]


def _arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    # A scalar of strings is plain `bytes`; an array of bytes as NumPy would make it cuts off zeros at the end.
    return {
        name: np.asarray(each, object) if isinstance(each, bytes) else np.asarray(each) for name, each in values.items()
    }
