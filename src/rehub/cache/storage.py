"""Storage that fsspec speaks to, by its URL: models come from there, and a cache may lie there."""

from __future__ import annotations

import importlib
from typing import Any, Callable, TypeVar, cast

from rehub.errors import HubError, PackageMissing
from rehub.escaping import escape, quote_url
from rehub.redaction import redact_secrets_of

T = TypeVar("T")

# Drivers quote what a server has answered.
_SHOWN = 1000

# Which extra brings the driver for a scheme, and where the driver looks for a login.
_EXTRAS = {"gs": "gcs", "s3": "s3"}
_LOGINS = {
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`",
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws, or FSSPEC_S3='{\"anon\": true}' for a public bucket",
}


def scheme_of(url: str) -> str:
    """What stands before the `://`."""
    return url.partition("://")[0]


def open_storage(url: str, asked: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.

    Args:
        url: a place in it.
        asked: what the user named it by, for messages.

    Raises:
        PackageMissing: fsspec, or its driver for this storage, is not installed.
        ValueError: fsspec knows no storage of this scheme.
    """
    extra = _EXTRAS.get(scheme_of(url))
    try:
        fsspec = importlib.import_module("fsspec")
        return cast("tuple[Any, str]", fsspec.core.url_to_fs(url))
    except ImportError as error:
        remedy = f'pip install "rehub[{extra}]"' if extra else "pip install fsspec and its driver for this storage"
        raise PackageMissing(f"{quote_url(asked)} is read by fsspec; {remedy} ({error})") from error


def with_own_errors(
    action: Callable[[], T],
    kind: type[HubError],
    problem: str,
    url: str,
    *but: type[Exception],
    remedy: str = "",
) -> T:
    """Does something with a storage, and makes an error of rehub's of whatever its driver raises, but for some.

    The driver's error is quoted and not chained: it may hold the URL with its login, in its text or in its parts.

    Args:
        action: what to do.
        kind: the class of the error.
        problem: how its message begins.
        url: a place in the storage, of which the message tells where a login is taken from.
        but: what is raised as it is, beside rehub's own errors.
        remedy: how its message ends.
    """
    try:
        return action()
    except Exception as error:
        if isinstance(error, (HubError, *but)):
            raise
        said = escape(redact_secrets_of(url, str(error).strip()), _SHOWN)
        reason = f"{type(error).__name__}: {said}"
    login = _LOGINS.get(scheme_of(url))
    where_from = f"\nA login is taken from {login}." if login else ""
    # Raised here and not above, where the driver's error would become its context.
    raise kind(f"{problem}: {reason}{where_from}{remedy}")
