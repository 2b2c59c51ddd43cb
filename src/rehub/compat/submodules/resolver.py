"""tensorflow_hub.resolver: the directory of the cache, and the base class of users' resolvers."""

from __future__ import annotations

import os

from rehub import config, resolvers, tf_internals


class HttpResolverBase(resolvers.Resolver):
    """A resolver of URLs. A subclass says which URLs, and where their models are."""

    def is_http_protocol(self, handle: str) -> bool:
        """Return whether the handle is an http or https URL."""
        return handle.startswith(("http://", "https://"))


def tfhub_cache_dir(default_cache_dir: str | None = None, use_temp: bool = False) -> str | None:
    """Return the directory that models are downloaded to.

    Args:
        default_cache_dir: the result if neither REHUB_CACHE_DIR nor TFHUB_CACHE_DIR is set.
        use_temp: whether to return rehub's default directory instead of None, if none is set. tensorflow_hub
            returned a temporary directory.

    Raises:
        InvalidSetting: an environment variable does not name a directory.
    """
    if config.CACHE_DIR.read_environment():
        return str(config.cache_dir())
    return default_cache_dir or (str(config.cache_dir()) if use_temp else None)


def create_local_module_dir(cache_dir: str, module_name: str) -> str:
    """Create a cache's directory, and return the path of a model in it, without creating that."""
    tf_internals.import_tensorflow().io.gfile.makedirs(cache_dir)
    return os.path.join(cache_dir, module_name)
