"""Which resolver takes a handle."""

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
else:  # Python 3.7 has none; at run time a resolver is whatever has the two methods.
    Protocol = object


class Resolver(Protocol):
    """Resolves a kind of handle of your own. Any object with these two methods is one, tensorflow_hub's among them."""

    def is_supported(self, handle: str) -> bool:
        """Whether this resolver takes the handle."""

    def __call__(self, handle: str) -> str:
        """The directory of the model: a path, or what TensorFlow reads in a path's place."""


_registered: list[Resolver] = []

# Imported when a handle asks for it: most handles are paths.
_REMOTE = {
    Scheme.URL: "rehub.resolvers.hosting",
    Scheme.TFHUB: "rehub.resolvers.tfhub",
    Scheme.KAGGLE: "rehub.resolvers.kaggle",
    Scheme.HUGGING_FACE: "rehub.resolvers.huggingface",
    Scheme.OBJECT_STORE: "rehub.resolvers.object_store",
}


def register_resolver(resolver: Resolver) -> None:
    """Adds a resolver. It is asked before those added earlier, and before the built-in ones.

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
        InvalidResolver: it is a class, or lacks one of them.
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
    """The directory of a model, which is fetched into the cache when it is not there yet (P42).

    A directory is its own answer, whatever it holds. An archive, and a model on a server that speaks TensorFlow Hub's
    hosting protocol, on Kaggle, on Hugging Face or in an object store, are downloaded once.

    Args:
        handle: a string, bytes or `os.PathLike`: a directory, an archive, a URL, `kaggle://...`, `hf://...`, `gs://...`,
            `s3://...`, or what a registered resolver takes.
        refresh: fetches the model again, although it may be in the cache: the latest version of a handle that names
            none. When that fails, what is in the cache stays, except that an upload to a cache in an object store has
            taken it away when it breaks off. None leaves it to `REHUB_REFRESH`. A registered resolver is not told, and
            a path needs none: an archive that has changed is unpacked again in any case.

    Returns:
        The directory's path. For a handle that a registered resolver took, what that returned.

    Raises:
        InvalidHandle: it is of another type, or of a form that nothing resolves.
        UnsupportedFormat: it names a model of another kind: TF.js, TF Lite, a `.keras` or `.h5` file.
        ModelNotFound: there is nothing at this path, or no SavedModel in this repository or bucket.
        DownloadError: the server did not give it.
        NotInCache: it would have to be downloaded, and `REHUB_OFFLINE` forbids that.
        PackageMissing: this kind of handle needs a package that is not installed.
        CorruptArchive: what came is no archive, or not a whole one.
        UnsafeArchive: the archive holds what a model's archive must not hold.
        CacheError: the cache cannot be read or written.
        InvalidSetting: an environment variable has an impossible value.
    """
    text = decode_handle(handle)
    resolver = _registered_for(text)
    if resolver is None:
        text = aliases.replace_alias(text)
        resolver = _registered_for(text)
    if resolver is not None:
        return _path_from(resolver, text)
    parsed = parse_handle(text)
    if parsed.scheme is Scheme.PATH:
        return local.resolve(parsed)
    path: str = importlib.import_module(_REMOTE[parsed.scheme]).resolve(parsed, refresh=config.REFRESH.get(refresh))
    return path


def _registered_for(text: str) -> Resolver | None:
    for resolver in reversed(_registered):
        if resolver.is_supported(text):
            return resolver
    return None


def _path_from(resolver: Resolver, text: str) -> str:
    answer: object = resolver(text)
    if not isinstance(answer, (str, os.PathLike)):
        raise InvalidResolver(
            f"the resolver {resolver!r} said that it takes {quote_url(text)}, and returned {escape(repr(answer))} "
            "instead of a path."
        )
    return os.fspath(answer)
