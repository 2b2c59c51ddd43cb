"""Handle -> directory: `resolve` asks the resolvers that were registered, then the one for the handle's kind.

A file here resolves one kind of handle: `local` paths and `hosting`, the protocol of tfhub.dev over http(s).
"""

from __future__ import annotations

from rehub.resolvers.registry import Resolver, register_resolver, resolve

__all__ = ["Resolver", "register_resolver", "resolve"]
