"""Finds a signature of a restored object by its name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Sequence

from rehub.errors import SignatureNotFound
from rehub.formatting import list_names
from rehub.restore.copies import copy_function, refuse_to_copy_function


def signature_names(obj: Any) -> tuple[str, ...]:
    """Returns the names of a restored object's signatures, without those of TensorFlow itself, sorted."""
    # "__saved_model_init_op" is among them at times: an initialisation op, not something to call.
    return tuple(sorted(name for name in getattr(obj, "signatures", ()) if not name.startswith("__")))


def list_known_signatures(obj: Any, handle: str) -> None:
    """Has the `signatures` of a restored object name those there are, when one is asked for that is not among them.

    Args:
        obj: what a loader returned. Its `signatures` stay what they are, but for the error.
        handle: what the user typed, for the message.
    """
    signatures = getattr(obj, "signatures", None)
    if isinstance(signatures, Mapping) and not isinstance(signatures, (dict, MappingProxyType)):
        signatures._rehub_handle = handle  # type: ignore[attr-defined]  # noqa: SLF001  ours
        signatures.__class__ = _listing_class(type(signatures))


class KnownSignatures(dict):  # type: ignore[type-arg]
    """Signatures by name; its KeyError lists them.

    Args:
        signatures: by name.
        handle: what the user typed, for the message.
    """

    def __init__(self, signatures: Mapping[str, Any], handle: str) -> None:
        super().__init__(signatures)
        self._handle = handle

    def __missing__(self, name: str) -> Any:
        raise SignatureNotFound(no_such_signature(repr(self._handle), name, tuple(self)))


@functools.lru_cache(maxsize=None)
def _listing_class(signature_map_class: Any) -> type:
    class SignatureMap(signature_map_class):  # type: ignore[misc]
        """TensorFlow's map of signatures, whose KeyError lists them."""

        __reduce_ex__ = refuse_to_copy_function
        __copy__ = copy_function

        def __getitem__(self, name: str) -> Any:
            try:
                return super().__getitem__(name)
            except KeyError:
                raise SignatureNotFound(no_such_signature(repr(self._rehub_handle), name, tuple(self))) from None

    SignatureMap.__name__, SignatureMap.__qualname__ = signature_map_class.__name__, signature_map_class.__qualname__
    return SignatureMap


def no_such_signature(described_as: str, name: str, names: Sequence[str]) -> str:
    """Says that there is no signature of a name, and which there are."""
    if names:
        return f"{described_as} has no signature {name!r}; it has: {list_names(names)}."
    return f"{described_as} has no signature {name!r}: it has none at all."


def signature_of(obj: Any, name: str, described_as: str) -> Any:
    """Returns a signature of a restored object: a concrete function that takes and returns tensors by name.

    Args:
        obj: what `hub.load` returned.
        name: the signature's name.
        described_as: what the error message calls the object, such as its quoted handle.

    Raises:
        SignatureNotFound: there is no such signature; lists those there are.
    """
    names = signature_names(obj)
    if name in names:
        return obj.signatures[name]
    raise SignatureNotFound(no_such_signature(described_as, name, names))
