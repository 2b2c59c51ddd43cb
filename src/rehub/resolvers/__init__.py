"""Handle -> directory: `resolve` asks the resolvers that were registered, then the one for the handle's kind.

Most files here resolve one kind of handle: `local` paths; `hosting`, the protocol of tfhub.dev over http(s), and
`tfhub` itself; `kaggle`, `huggingface` and `object_store`, each through a client library that the user installs.
"""

from __future__ import annotations

from rehub.resolvers.registry import Resolver, register_resolver, resolve

__all__ = ["Resolver", "register_resolver", "resolve"]
