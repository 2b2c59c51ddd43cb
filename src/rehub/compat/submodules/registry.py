"""tensorflow_hub.registry: what resolves handles, and a register that anything else can use."""

from __future__ import annotations

from typing import Any

from rehub import resolvers
from rehub.compat.submodules.native_module import Loader


class MultiImplRegister:
    """Implementations of one function, each of which says what it supports; the latest that does is called."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._implementations: list[Any] = []

    def add_implementation(self, impl: Any) -> None:
        """Adds an object with the methods `is_supported` and `__call__`, which take the same arguments."""
        self._implementations.append(impl)

    def clear_implementations(self) -> None:
        """Takes all of them away."""
        self._implementations.clear()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the latest implementation that supports the arguments.

        Raises:
            RuntimeError: there is none; names those that were asked.
        """
        latest_first = self._implementations[::-1]
        for implementation in latest_first:
            if implementation.is_supported(*args, **kwargs):
                return implementation(*args, **kwargs)
        asked = ", ".join(type(implementation).__name__ for implementation in latest_first) or "none, as none was added"
        raise RuntimeError(
            f"Missing implementation that supports: {self._name}(*{args!r}, **{kwargs!r}). Asked: {asked}."
        )


class _Resolvers:
    """rehub's resolvers, as one of those registers."""

    def add_implementation(self, impl: resolvers.Resolver) -> None:
        """As `hub.register_resolver`."""
        resolvers.register_resolver(impl)

    def __call__(self, handle: Any) -> str:
        """As `hub.resolve`."""
        return resolvers.resolve(handle)


resolver = _Resolvers()
loader = Loader()
