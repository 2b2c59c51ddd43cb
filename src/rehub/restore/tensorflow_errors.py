"""Errors of rehub that are also the TensorFlow error in whose place they come."""

from __future__ import annotations

import functools
from typing import Any

from rehub.errors import HubError
from rehub.redaction import without_secrets


def as_tensorflow_error(error: type[HubError], tensorflow_error: Any, message: str) -> HubError:
    """Returns an error of rehub that code which catches a TensorFlow error catches too.

    Args:
        error: the class in `rehub.errors`.
        tensorflow_error: a class in `tf.errors`.
        message: what was asked, what was found, what to do.
    """
    classes: Any = (error, tensorflow_error)
    return _joined(*classes)(message)  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=None)
def _joined(error: Any, tensorflow_error: Any) -> Any:
    class Joined(error, tensorflow_error):  # type: ignore[misc]
        def __init__(self, message: str) -> None:
            tensorflow_error.__init__(self, None, None, without_secrets(message))

    Joined.__name__, Joined.__qualname__, Joined.__doc__ = error.__name__, error.__qualname__, error.__doc__
    return Joined
