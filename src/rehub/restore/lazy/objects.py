"""What objects of a restored model know of their children before these become attributes.

Making thousands of objects is quick; setting and tracking their attributes is what takes TensorFlow's loader its time,
and most objects of a model are never used. A lazy object that is asked for one attribute, or is called, exposes that
child. When it is asked for its `__dict__` or for what it tracks, or is changed, TensorFlow's own `__setattr__` sets all
its attributes, and its class becomes the one that TensorFlow's loader would have made for it.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from rehub import tf_internals

CHILDREN = "_rehub_unset_children"
IS_LAZY = "_rehub_is_lazy"  # An attribute of the class of objects that may still have children to set.
# One lock for all objects: setting attributes takes microseconds, and runs none of the user's code.
LOCK = threading.RLock()


def set_children(obj: Any, children: tuple[tuple[str, Any], ...]) -> None:
    """Set the children of a lazy object, by their names; a name occurs at most once."""
    own_attributes(obj)[CHILDREN] = children


def set_untracked(obj: Any, name: str, value: Any) -> None:
    """Set an attribute that is not part of the model on any restored object; a lazy object stays lazy."""
    with LOCK:
        if getattr(type(obj), IS_LAZY, False):
            own_attributes(obj)[name] = value
            return
    setattr(obj, name, value)


class PendingCollection:
    """A list or dict of a restored model, which is made when an object exposes it.

    Attributes:
        children: its members by their names; the names of a list's members are their indices.
    """

    __slots__ = ("_collection", "_proto", "children")

    def __init__(self, proto: Any) -> None:
        self.children: tuple[tuple[str, Any], ...] = ()
        self._proto = proto
        self._collection: Any = None

    def materialize(self) -> Any:
        """Return the list or dict, the same each time."""
        with LOCK:
            if self._collection is None:
                self._collection, setter = tf_internals.objects.make_collection(self._proto)
                members = ((name, materialize(child)) for name, child in self.children)
                tf_internals.objects.fill_collection(self._collection, setter, members)
                self._collection._self_saveable_object_factories = {}  # noqa: SLF001
            return self._collection


def materialize(child: Any) -> Any:
    """Return the list or dict that a pending collection becomes; any other child itself."""
    return child.materialize() if type(child) is PendingCollection else child


def expose_child(obj: Any, name: str) -> None:
    """Make one child of a lazy object its attribute, untracked, if it has such a child."""
    attributes = own_attributes(obj)
    for child_name, child in attributes.get(CHILDREN, ()):
        if child_name == name:
            attributes[name] = materialize(child)


def own_attributes(obj: Any) -> dict[str, Any]:
    """Return the dictionary of an object's own attributes as it is, without setting children."""
    attributes: dict[str, Any] = _dict_descriptor().__get__(obj)
    return attributes


@functools.lru_cache(maxsize=None)
def _dict_descriptor() -> Any:
    for each in tf_internals.objects.make_user_object_class().__mro__:
        if "__dict__" in vars(each):
            return vars(each)["__dict__"]
    raise AssertionError("an object of Python has a __dict__")
