"""Classes derived from those of TensorFlow's objects, to change methods of single objects.

Python lets an object's class be replaced by a subclass only if the subclass has no other bases. So there are no mixins:
methods are copied, or the subclass is made in a function that takes the base.
"""

from __future__ import annotations

import functools
from typing import Any


def rename_like(cls: Any, original: Any) -> Any:
    """Give a class the name of another class; return it."""
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(cls, attribute, getattr(original, attribute))
    return cls


def derive_class(cls: Any, methods: type | None = None) -> Any:
    """Return a subclass of a class that has its name.

    Args:
        methods: a class whose methods the subclass gets; they must not call `super()`.
    """
    copied = {} if methods is None else {name: value for name, value in vars(methods).items() if callable(value)}
    return rename_like(type(cls.__name__, (cls,), copied), cls)


_derive_class_once: Any = functools.lru_cache(maxsize=None)(derive_class)


def add_methods(obj: Any, methods: type) -> None:
    """Give an object the methods of a class, which must not call `super()`."""
    obj.__class__ = _derive_class_once(type(obj), methods)
