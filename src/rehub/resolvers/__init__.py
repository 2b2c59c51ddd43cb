"""Resolve handles to directories: `resolve` tries the registered resolvers, then the built-in one of the scheme.

Most files here resolve one scheme: `local` paths; `hosting` URLs of the hosting protocol, and `tfhub` those of
tfhub.dev; `kaggle`, `huggingface` and `object_store` use a client library that the user installs.
"""

from __future__ import annotations

from rehub.resolvers.registry import Resolver as Resolver
from rehub.resolvers.registry import register_resolver as register_resolver
from rehub.resolvers.registry import resolve as resolve
