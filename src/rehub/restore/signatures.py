"""Finds a signature of a restored object by its name."""

from __future__ import annotations

from typing import Any

from rehub.errors import SignatureNotFound
from rehub.foreign_text import list_names


def signature_names(obj: Any) -> tuple[str, ...]:
    """Returns the names of a restored object's signatures, without those of TensorFlow itself, sorted."""
    # "__saved_model_init_op" is among them at times: an initialisation op, not something to call.
    return tuple(sorted(name for name in getattr(obj, "signatures", ()) if not name.startswith("__")))


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
    if names:
        raise SignatureNotFound(f"{described_as} has no signature {name!r}; it has: {list_names(names)}.")
    raise SignatureNotFound(f"{described_as} has no signature {name!r}: it has none at all.")
