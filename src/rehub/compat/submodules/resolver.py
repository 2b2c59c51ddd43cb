"""tensorflow_hub.resolver: where the cache is, and what resolvers of one's own derive from."""

from __future__ import annotations

import os

from rehub import config, resolvers, tf_internals


class HttpResolverBase(resolvers.Resolver):
    """A resolver of URLs; what derives from it says which, and where their models are."""

    def is_http_protocol(self, handle: str) -> bool:
        """Whether the handle is a URL of http or https."""
        return handle.startswith(("http://", "https://"))


def tfhub_cache_dir(default_cache_dir: str | None = None, use_temp: bool = False) -> str | None:
    """Returns the directory that models are downloaded to.

    Args:
        default_cache_dir: the answer where neither REHUB_CACHE_DIR nor TFHUB_CACHE_DIR is set.
        use_temp: whether the answer is rehub's default place where there is no other, and not None. tensorflow_hub's
            was a temporary directory.

    Raises:
        InvalidSetting: an environment variable names no directory.
    """
    if config.CACHE_DIR.value():
        return str(config.cache_dir())
    return default_cache_dir or (str(config.cache_dir()) if use_temp else None)


def create_local_module_dir(cache_dir: str, module_name: str) -> str:
    """Makes a cache's directory, and returns the path of a model in it, which is not made."""
    tf_internals.import_tensorflow().io.gfile.makedirs(cache_dir)
    return os.path.join(cache_dir, module_name)
