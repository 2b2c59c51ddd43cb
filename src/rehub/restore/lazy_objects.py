"""Objects of a restored model that know their parts, and make attributes of them when one is asked for.

To make thousands of objects is quick; to set and track their attributes is what takes TensorFlow's loader its time,
and most objects of a model are never looked at. An object that is asked for one attribute, or is called, hands out that
part. Once it is asked for its `__dict__` or for what it tracks, or is changed, all its attributes are set by
TensorFlow's own `__setattr__`, and it is of the class that TensorFlow's loader would have made for it.
"""

from __future__ import annotations

import functools
import inspect
import threading
from typing import Any

from rehub import tf_internals
from rehub.restore.copies import add_copy_methods

_PARTS = "_rehub_unset_parts"
_IS_LAZY = "_rehub_is_lazy"  # Of the class of objects that may still have parts to set.
# One for all objects: to set attributes takes microseconds, and runs nothing of the user's.
_LOCK = threading.RLock()


def lazy_object(names: list[str]) -> Any:
    """Makes an object of a model, to which parts of these names will be given."""
    obj = _lazy_class("__call__" in names)()
    give_parts(obj, ())
    return obj


def give_parts(obj: Any, parts: tuple[tuple[str, Any], ...]) -> None:
    """Gives a lazy object its parts, by their names; a name occurs at most once."""
    _state(obj)[_PARTS] = parts


def note(obj: Any, name: str, value: Any) -> None:
    """Sets an attribute that is no part of the model on any restored object; a lazy one stays as lazy as it is."""
    with _LOCK:
        if getattr(type(obj), _IS_LAZY, False):
            _state(obj)[name] = value
            return
    setattr(obj, name, value)


class UnmadeCollection:
    """A list or dict of a restored model, which is made when an object of which it is a part hands it out.

    Args:
        proto: its SavedUserObject message.

    Attributes:
        parts: its members by their names; of a list, these are their places.
    """

    __slots__ = ("_made", "_proto", "parts")

    def __init__(self, proto: Any) -> None:
        self.parts: tuple[tuple[str, Any], ...] = ()
        self._proto = proto
        self._made: Any = None

    def make(self) -> Any:
        """Returns the list or dict, the same each time."""
        with _LOCK:
            if self._made is None:
                self._made, setter = tf_internals.objects.make_collection(self._proto)
                tf_internals.objects.fill_collection(
                    self._made, setter, ((name, made(part)) for name, part in self.parts)
                )
                self._made._self_saveable_object_factories = {}  # noqa: SLF001
            return self._made


def made(part: Any) -> Any:
    """Returns what a part of an object stands for: the collection that it is, now made, or itself."""
    return part.make() if type(part) is UnmadeCollection else part


def _state(obj: Any) -> dict[str, Any]:
    """The dictionary of an object's own attributes, as it stands."""
    attributes: dict[str, Any] = _dict_descriptor().__get__(obj)
    return attributes


@functools.lru_cache(maxsize=None)
def _dict_descriptor() -> Any:
    for each in tf_internals.objects.make_user_object_class().__mro__:
        if "__dict__" in vars(each):
            return vars(each)["__dict__"]
    raise AssertionError("an object of Python has a __dict__")


def _set_attributes(obj: Any) -> None:
    """Makes a lazy object what TensorFlow's loader would have made at once; one that is so already stays."""
    with _LOCK:
        parts = _state(obj).pop(_PARTS, None)
        if parts is None:  # It has been done, or is being done by this thread.
            return
        for name, part in parts:
            _state(obj).pop(name, None)  # It was handed out before; now it is tracked as well.
            setattr(obj, name, made(part))
        obj._self_saveable_object_factories = {}  # noqa: SLF001
        restored = add_copy_methods(tf_internals.objects.make_user_object_class())
        obj.__class__ = restored
        if any(name == "__call__" for name, _ in parts) and not callable(obj):
            restored.__call__ = tf_internals.objects.call_attribute


def _hand_out(obj: Any, name: str) -> None:
    """Makes one part of a lazy object its attribute, untracked, if it has such a part."""
    state = _state(obj)
    for part_name, part in state.get(_PARTS, ()):
        if part_name == name:
            state[name] = made(part)


class _CallAttribute:
    """`__call__` of a class whose objects have an attribute `__call__` of their own."""

    def __get__(self, obj: Any, owner: Any) -> Any:
        if obj is None:
            return self
        found = _state(obj).get("__call__")
        if found is None:
            with _LOCK:
                _hand_out(obj, "__call__")
                found = _state(obj).get("__call__")
        if found is None:
            raise AttributeError("__call__")
        return found

    def __call__(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        return self.__get__(obj, type(obj))(*args, **kwargs)

    # `tf.function(obj)` asks the class for it (inspect.signature).
    __signature__ = inspect.signature(lambda _obj, *_args, **_kwargs: None)


@functools.lru_cache(maxsize=None)
def _lazy_class(can_be_called: bool) -> Any:
    like = tf_internals.objects.make_user_object_class()
    base: Any = like.__base__

    class LazyObject(base):  # type: ignore[misc]
        def __getattr__(self, name: str) -> Any:
            with _LOCK:
                if name.startswith("_self_"):
                    if _PARTS in _state(self):
                        _set_attributes(self)
                else:
                    _hand_out(self, name)
                if name not in _state(self):
                    raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return getattr(self, name)

        @property
        def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
            with _LOCK:
                _set_attributes(self)
                return _state(self)

        def __repr__(self) -> str:
            # What a person looks at after `hub.load` has not been changed yet; once it is, it looks as TensorFlow's do.
            names = [name for name, _ in _state(self).get(_PARTS, ()) if not name.startswith("_")]
            return f"<restored object{', callable' if can_be_called else ''}, with: {', '.join(names) or 'no parts'}>"

        def __delattr__(self, name: str) -> None:
            _set_attributes(self)
            delattr(self, name)

        def _maybe_initialize_trackable(self) -> None:
            # What tracks this object calls it. It is done when attributes are set.
            with _LOCK:
                if _PARTS not in _state(self):
                    super()._maybe_initialize_trackable()

    setattr(add_copy_methods(LazyObject), _IS_LAZY, True)
    if can_be_called:
        LazyObject.__call__ = _CallAttribute()
    for attribute in ("__name__", "__qualname__", "__module__"):
        setattr(LazyObject, attribute, getattr(like, attribute))
    return LazyObject
