"""tensorflow_hub.registry: the registry of resolvers, and a register class for other uses."""

from __future__ import annotations

from typing import Any

from rehub import resolvers
from rehub.compat.submodules.native_module import Loader


class MultiImplRegister:
    """Implementations of one function. A call runs the latest one that supports the arguments."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._implementations: list[Any] = []

    def add_implementation(self, impl: Any) -> None:
        """Add an object whose methods `is_supported` and `__call__` take the same arguments."""
        self._implementations.append(impl)

    def clear_implementations(self) -> None:
        """Remove all implementations."""
        self._implementations.clear()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the latest implementation that supports the arguments.

        Raises:
            RuntimeError: none supports them; names all implementations.
        """
        latest_first = self._implementations[::-1]
        for implementation in latest_first:
            if implementation.is_supported(*args, **kwargs):
                return implementation(*args, **kwargs)
        names = ", ".join(type(implementation).__name__ for implementation in latest_first) or "none was added"
        raise RuntimeError(
            f"Missing implementation that supports: {self._name}(*{args!r}, **{kwargs!r}). Implementations: {names}."
        )


class _Resolvers:
    """rehub's resolvers, with the methods of a register."""

    def add_implementation(self, impl: resolvers.Resolver) -> None:
        """Register a resolver, as `hub.register_resolver` does."""
        resolvers.register_resolver(impl)

    def __call__(self, handle: Any) -> str:
        """Resolve a handle, as `hub.resolve` does."""
        return resolvers.resolve(handle)


resolver = _Resolvers()
loader = Loader()
