"""The classes of lazy objects. Importing this module imports TensorFlow."""

from __future__ import annotations

import inspect
from typing import Any

from rehub import tf_internals
from rehub.restore.copies import add_copy_methods
from rehub.restore.lazy.objects import (
    CHILDREN,
    IS_LAZY,
    LOCK,
    expose_child,
    materialize,
    own_attributes,
    set_children,
)

_restored_class = tf_internals.objects.make_user_object_class()
_base: Any = _restored_class.__base__


class LazyObject(_base):  # type: ignore[misc]
    """An object of a restored model that sets its attributes when one is used."""

    def __getattr__(self, name: str) -> Any:
        with LOCK:
            if name.startswith("_self_"):
                if CHILDREN in own_attributes(self):
                    _set_attributes(self)
            else:
                expose_child(self, name)
            if name not in own_attributes(self):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self, name)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        with LOCK:
            _set_attributes(self)
            return own_attributes(self)

    def __repr__(self) -> str:
        # Of an object that is still lazy, as after `hub.load`. One whose attributes are set has TensorFlow's repr.
        names = [name for name, _ in own_attributes(self).get(CHILDREN, ()) if not name.startswith("_")]
        callable_or_not = ", callable" if isinstance(self, CallableLazyObject) else ""
        return f"<restored object{callable_or_not}, with: {', '.join(names) or 'no parts'}>"

    def __delattr__(self, name: str) -> None:
        _set_attributes(self)
        delattr(self, name)

    def _maybe_initialize_trackable(self) -> None:
        # An object that tracks this one calls it. It is done when attributes are set.
        with LOCK:
            if CHILDREN not in own_attributes(self):
                super()._maybe_initialize_trackable()


class _CallAttribute:
    """`__call__` of a class whose objects have an attribute `__call__` of their own."""

    def __get__(self, obj: Any, owner: Any) -> Any:
        if obj is None:
            return self
        found = own_attributes(obj).get("__call__")
        if found is None:
            with LOCK:
                expose_child(obj, "__call__")
                found = own_attributes(obj).get("__call__")
        if found is None:
            raise AttributeError("__call__")
        return found

    def __call__(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        return self.__get__(obj, type(obj))(*args, **kwargs)

    # `tf.function(obj)` asks the class for it (inspect.signature).
    __signature__ = inspect.signature(lambda _obj, *_args, **_kwargs: None)


class CallableLazyObject(LazyObject):
    """A lazy object with a child `__call__`."""

    __call__ = _CallAttribute()


for _lazy_class in (LazyObject, CallableLazyObject):
    setattr(add_copy_methods(_lazy_class), IS_LAZY, True)
    for _attribute in ("__name__", "__qualname__", "__module__"):
        setattr(_lazy_class, _attribute, getattr(_restored_class, _attribute))


def make_lazy_object(names: list[str]) -> Any:
    """Make an object of a model, which will get children of these names."""
    obj = CallableLazyObject() if "__call__" in names else LazyObject()
    set_children(obj, ())
    return obj


def _set_attributes(obj: Any) -> None:
    """Make a lazy object what TensorFlow's loader would have made at once."""
    with LOCK:
        children = own_attributes(obj).pop(CHILDREN, None)
        if children is None:  # It has been done, or is being done by this thread.
            return
        for name, child in children:
            own_attributes(obj).pop(name, None)  # If it was exposed before, it is tracked from now on.
            setattr(obj, name, materialize(child))
        obj._self_saveable_object_factories = {}  # noqa: SLF001
        restored_class = add_copy_methods(tf_internals.objects.make_user_object_class())
        obj.__class__ = restored_class
        if any(name == "__call__" for name, _ in children) and not callable(obj):
            restored_class.__call__ = tf_internals.objects.call_attribute
