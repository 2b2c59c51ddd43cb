"""Errors of rehub that are also the TensorFlow error that they replace."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, Sequence

from rehub.errors import HubError
from rehub.escaping import sanitize_arguments


def make_joint_error(error: type[HubError], others: Sequence[type[Exception]], message: str) -> HubError:
    """Return an error of rehub that is also other errors, for code that catches one of these.

    Args:
        others: classes of Python or in `tf.errors`. Those that cannot be combined are left out.
    """
    bases: tuple[type[Exception], ...] = (error,)
    for other in others:
        if not issubclass(error, other) and not any(issubclass(base, other) for base in bases):
            bases = tuple(base for base in (*bases, other) if base is other or not issubclass(other, base))
            try:
                _join_classes(bases)
            except TypeError:
                bases = tuple(base for base in bases if base is not other)
    return _join_classes(bases)(message)  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=None)
def _join_classes(bases: Any) -> Any:
    error, *others = bases

    class Joined(*bases):  # type: ignore[misc]
        def __init__(self, message: str) -> None:
            # Not HubError's, which would call those of `others`.
            Exception.__init__(self, *sanitize_arguments((message,)))
            # The attributes of tf.errors.OpError, in every version since 1.15.
            self._node_def = self._op = None
            self._message = self.args[0]
            self._error_code = next((code for code in map(_get_error_code, others) if code is not None), None)

    Joined.__name__, Joined.__qualname__, Joined.__doc__ = error.__name__, error.__qualname__, error.__doc__
    return Joined


def _get_error_code(tensorflow_error: Any) -> int | None:
    """Return the code of a class in `tf.errors`; None for another class."""
    code = None
    with contextlib.suppress(Exception):
        code = tensorflow_error(None, None, "").error_code
    return code
