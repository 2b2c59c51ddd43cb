"""Open object stores with fsspec, for models and for caches, and turn its errors into those of rehub."""

from __future__ import annotations

import importlib
from typing import Any, Callable, TypeVar, cast

from rehub.errors import HubError, PackageMissing
from rehub.escaping import escape, quote_url
from rehub.redaction import redact_secrets_of

T = TypeVar("T")

# Drivers quote the answers of servers.
_MAX_QUOTED = 1000

# The extra of rehub that installs the driver for a scheme, and where the driver looks for a login.
_EXTRAS = {"gs": "gcs", "s3": "s3"}
_LOGINS = {
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`",
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws, or FSSPEC_S3='{\"anon\": true}' for a public bucket",
}


def url_scheme(url: str) -> str:
    """Return the text before the `://`."""
    return url.partition("://")[0]


def open_storage(url: str, handle: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path in it.

    Args:
        url: a file or directory in it.
        handle: what the user typed, for messages.

    Raises:
        PackageMissing: fsspec, or its driver for this storage, is not installed.
        ValueError: fsspec does not know this scheme.
    """
    extra = _EXTRAS.get(url_scheme(url))
    try:
        fsspec = importlib.import_module("fsspec")
        return cast("tuple[Any, str]", fsspec.core.url_to_fs(url))
    except ImportError as error:
        remedy = f'pip install "rehub[{extra}]"' if extra else "pip install fsspec and its driver for this storage"
        raise PackageMissing(f"{quote_url(handle)} is read by fsspec; {remedy} ({error})") from error


def call_storage(
    action: Callable[[], T],
    error_type: type[HubError],
    problem: str,
    url: str,
    *passed: type[Exception],
    remedy: str = "",
) -> T:
    """Call `action`, and turn an error of the storage's driver into one of rehub.

    The driver's error is quoted and not chained: it may hold the URL with its login, in its text or in its parts.

    Args:
        action: the call.
        error_type: the class of the error.
        problem: how its message begins.
        url: a location in the storage; the message says where its driver looks for a login.
        passed: errors that are raised unchanged, as those of rehub are.
        remedy: how the message ends.
    """
    try:
        return action()
    except Exception as error:
        if isinstance(error, (HubError, *passed)):
            raise
        quoted = escape(redact_secrets_of(url, str(error).strip()), _MAX_QUOTED)
        reason = f"{type(error).__name__}: {quoted}"
    login = _LOGINS.get(url_scheme(url))
    login_hint = f"\nA login is taken from {login}." if login else ""
    # Raised here and not above, where the driver's error would become its context.
    raise error_type(f"{problem}: {reason}{login_hint}{remedy}")
