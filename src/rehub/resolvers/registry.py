"""Choose the resolver of a handle: registered by the user, or built in."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from rehub import config
from rehub.errors import InvalidResolver
from rehub.escaping import escape, quote_url
from rehub.handles import Scheme, decode_handle, parse_handle
from rehub.resolvers import aliases, local

if TYPE_CHECKING:
    from typing import Protocol
else:  # Python 3.7 has none. At run time, a resolver is any object with the two methods.
    Protocol = object


class Resolver(Protocol):
    """A resolver for handles of your own: any object with these two methods, such as one of tensorflow_hub."""

    def is_supported(self, handle: str) -> bool:
        """Return whether this resolver supports the handle."""

    def __call__(self, handle: str) -> str:
        """Return the directory of the model: a path, or a URL that TensorFlow can read."""


_registered: list[Resolver] = []

# Imported when needed: most handles are paths.
_REMOTE = {
    Scheme.URL: "rehub.resolvers.hosting",
    Scheme.TFHUB: "rehub.resolvers.tfhub",
    Scheme.KAGGLE: "rehub.resolvers.kaggle",
    Scheme.HUGGING_FACE: "rehub.resolvers.huggingface",
    Scheme.OBJECT_STORE: "rehub.resolvers.object_store",
}


def register_resolver(resolver: Resolver) -> None:
    """Add a resolver. rehub asks it before resolvers that were added earlier, and before the built-in resolvers.

    >>> import os
    >>> class Shelf:
    ...     '''Resolves shelf://name to a directory on a shared disk.'''
    ...     def is_supported(self, handle):
    ...         return handle.startswith("shelf://")
    ...     def __call__(self, handle):
    ...         return os.path.join("/mnt/models", handle[len("shelf://"):])
    >>> register_resolver(Shelf())
    >>> resolve("shelf://nnlm/2")
    '/mnt/models/nnlm/2'

    Args:
        resolver: an object with the methods of `Resolver`.

    Raises:
        InvalidResolver: the resolver is a class, or lacks one of these methods.
    """
    if isinstance(resolver, type):
        raise InvalidResolver(f"register_resolver takes an object: give it {resolver.__name__}(), not the class.")
    missing = [name for name in ("is_supported", "__call__") if not callable(getattr(resolver, name, None))]
    if missing:
        raise InvalidResolver(
            f"{resolver!r} cannot resolve handles: it has no method {' and no '.join(missing)}. A resolver has "
            "is_supported(handle) -> bool and __call__(handle) -> directory."
        )
    _registered.append(resolver)


def resolve(handle: object, *, refresh: bool | None = None) -> str:
    """Return the directory of a model, after fetching the model into the cache if necessary.

    The path of a directory is returned unchanged. An archive is unpacked or downloaded once. So is a model on Kaggle,
    on Hugging Face, in an object store, or on a server that speaks the hosting protocol of TensorFlow Hub.

    Args:
        handle: a string, bytes or `os.PathLike`: a directory, an archive, a URL, `kaggle://...`, `hf://...`, `gs://...`,
            `s3://...`, or a handle of a registered resolver.
        refresh: whether to fetch the model again even if it is cached: for example, the latest version for a handle
            without a version. On failure the cached model stays, unless an upload to a cache in an object store was
            interrupted. Unset, it is `REHUB_REFRESH`. It does not apply to registered resolvers and paths: a changed
            archive is always unpacked again.

    Returns:
        The path of the directory, or the result of the registered resolver.

    Raises:
        InvalidHandle: the handle has another type, or a form that no resolver supports.
        UnsupportedFormat: the handle names a model of another format: TF.js, TF Lite, a `.keras` or `.h5` file.
        ModelNotFound: the path does not exist, or the repository or bucket has no SavedModel.
        DownloadError: the download failed.
        NotInCache: the model must be downloaded, and `REHUB_OFFLINE` forbids that.
        PackageMissing: the handle needs a package that is not installed.
        CorruptArchive: the download is not an archive, or is incomplete.
        UnsafeArchive: the archive contains something that a model's archive must not contain.
        CacheError: the cache cannot be read or written.
        InvalidSetting: an environment variable has an impossible value.
    """
    text = decode_handle(handle)
    resolver = _find_registered(text)
    if resolver is None:
        text = aliases.replace_alias(text)
        resolver = _find_registered(text)
    if resolver is not None:
        return _call_resolver(resolver, text)
    parsed = parse_handle(text)
    if parsed.scheme is Scheme.PATH:
        return local.resolve(parsed)
    path: str = importlib.import_module(_REMOTE[parsed.scheme]).resolve(parsed, refresh=config.REFRESH.get(refresh))
    return path


def _find_registered(text: str) -> Resolver | None:
    for resolver in reversed(_registered):
        if resolver.is_supported(text):
            return resolver
    return None


def _call_resolver(resolver: Resolver, text: str) -> str:
    path: object = resolver(text)
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidResolver(
            f"the resolver {resolver!r} supports {quote_url(text)}, and returned {escape(repr(path))} "
            "instead of a path."
        )
    return os.fspath(path)
