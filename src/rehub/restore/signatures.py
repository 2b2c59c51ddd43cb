"""Find a signature of a restored object by its name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Sequence

from rehub import tf_internals
from rehub.errors import SignatureNotFound
from rehub.formatting import list_names
from rehub.restore.copies import copy_function, raise_not_copyable


def signature_names(obj: Any) -> tuple[str, ...]:
    """Return the names of a restored object's signatures, without those of TensorFlow itself, sorted."""
    # In some models "__saved_model_init_op" is among them: it initializes, and is not for calling.
    return tuple(sorted(name for name in getattr(obj, "signatures", ()) if not name.startswith("__")))


def list_signatures_in_errors(obj: Any, label: str) -> None:
    """Let a lookup in the `signatures` of a restored object list the names there are if it fails.

    Args:
        obj: what a loader returned. Its `signatures` stay the same object.
    """
    signatures = getattr(obj, "signatures", None)
    if isinstance(signatures, Mapping) and not isinstance(signatures, (dict, MappingProxyType)):
        signatures._rehub_label = label  # type: ignore[attr-defined]  # noqa: SLF001  ours
        signatures.__class__ = _make_listing_class(type(signatures))


class SignatureDict(dict):  # type: ignore[type-arg]
    """Signatures by name; its KeyError lists them."""

    def __init__(self, signatures: Mapping[str, Any], label: str) -> None:
        super().__init__(signatures)
        self._label = label

    def __missing__(self, name: str) -> Any:
        raise SignatureNotFound(describe_missing_signature(repr(self._label), name, tuple(self)))


@functools.lru_cache(maxsize=None)
def _make_listing_class(signature_map_class: Any) -> Any:
    class ListingSignatureMap(signature_map_class):  # type: ignore[misc]
        __reduce_ex__ = raise_not_copyable
        __copy__ = copy_function

        def __getitem__(self, name: str) -> Any:
            try:
                return super().__getitem__(name)
            except KeyError:
                label = repr(self._rehub_label)
                raise SignatureNotFound(describe_missing_signature(label, name, tuple(self))) from None

    return tf_internals.classes.rename_like(ListingSignatureMap, signature_map_class)


def describe_missing_signature(label: str, name: str, names: Sequence[str]) -> str:
    """Return a message that there is no signature of a name, with the names there are."""
    if names:
        return f"{label} has no signature {name!r}; it has: {list_names(names)}."
    return f"{label} has no signature {name!r}: it has none at all."


def get_signature(obj: Any, name: str, label: str) -> Any:
    """Return a signature of a restored object: a concrete function that takes and returns tensors by name.

    Args:
        label: what the error message calls the object, such as its quoted handle.

    Raises:
        SignatureNotFound: there is no such signature; lists those there are.
    """
    names = signature_names(obj)
    if name in names:
        return obj.signatures[name]
    raise SignatureNotFound(describe_missing_signature(label, name, names))
