"""What `hub.load` was asked for: one value, from the arguments to the copies of the restored object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping

from rehub.errors import NotCopyable
from rehub.redaction import redact_url

_REQUEST = "_rehub_load_request"


@dataclass(frozen=True)
class LoadPolicy:
    """How a model is loaded; the arguments of `hub.load` of the same names."""

    loader: str
    prepare: str
    trusted: bool | None
    optimize: str | None
    measure_with: Mapping[str, Any] | None


@dataclass(frozen=True)
class LoadRequest:
    """What `hub.load` was asked for, and the directory that the handle was resolved to.

    Attributes:
        handle: as the user typed it; of a local path, an absolute one.
        tags: the tag set that was asked for; None for the default.
        load: loads the model again, called with the handle and `arguments`. A function that can be pickled.
    """

    handle: Any
    path: str
    label: str
    tags: frozenset[str] | None
    options: Any | None
    policy: LoadPolicy
    load: Callable[..., Any]

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `hub.load` beside the handle."""
        tags = None if self.tags is None else sorted(self.tags)
        return {"tags": tags, "options": self.options, **vars(self.policy)}

    @property
    def public_handle(self) -> Any:
        """The handle to be pickled: as typed, or, if that has a secret in it, the directory that it was resolved to.

        Raises:
            NotCopyable: the directory's name has a secret in it too.
        """
        if not isinstance(self.handle, str) or redact_url(self.handle) == self.handle:
            return self.handle
        if "://" in self.path and redact_url(self.path) != self.path:
            raise NotCopyable(f"{self.label!r} cannot be pickled: its handle has a secret in it, which a pickle shows.")
        return self.path

    def load_again(self) -> Any:
        """Load the model once more."""
        return self.load(self.handle, **self.arguments)


def attach(obj: Any, name: str, value: Any) -> None:
    """Set an attribute that TensorFlow does not track, and for which a lazy object need not set its children."""
    object.__setattr__(obj, name, value)


def attach_request(obj: Any, request: LoadRequest) -> None:
    """Keep with a restored object what it was loaded by."""
    attach(obj, _REQUEST, request)


def get_load_request(obj: Any) -> LoadRequest | None:
    """Return what a restored object was loaded by; None for an object that `hub.load` did not return."""
    request = getattr(obj, _REQUEST, None)
    return request if isinstance(request, LoadRequest) else None
