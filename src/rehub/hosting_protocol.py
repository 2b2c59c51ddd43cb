"""The hosting protocol of TensorFlow Hub, shared by the resolver of URLs and by servers.

A model's URL answers `?tf-hub-format=compressed` with 200 and a `.tar.gz` whose root is the model's directory
(`./saved_model.pb`, `./variables/`), and `?tf-hub-format=uncompressed` with 303 See Other, whose body is the directory
in an object store, such as `gs://bucket/model`. See https://www.tensorflow.org/hub/hosting.
"""

from __future__ import annotations

COMPRESSED = "tf-hub-format=compressed"
UNCOMPRESSED = "tf-hub-format=uncompressed"

# Queries and path segments of tfhub.dev that name models of other formats.
TFJS_QUERY, LITE_QUERY = "tfjs-format", "lite-format"
TFJS_SEGMENT, LITE_SEGMENTS = "tfjs-model", ("lite-model", "coral-model")

LOCATION_STATUS = 303
MAX_LOCATION_BYTES = 4096  # No path in an object store is longer.

# The object stores of Google, Amazon, Oracle, Alibaba and Microsoft.
_AZURE = ("abfs", "abfss", "az", "adl")
_OBJECT_STORES = ("gs", "gcs", "s3", "s3a", "s3n", "oci", "oss", *_AZURE)


def add_query_item(url: str, item: str) -> str:
    """Add an item to a URL's query as text: quoting what a server has signed a second time breaks the signature.

    >>> add_query_item("https://example.com/m?sig=a%2Fb", COMPRESSED)
    'https://example.com/m?sig=a%2Fb&tf-hub-format=compressed'
    """
    if item in url.partition("?")[2].split("&"):
        return url
    if "?" not in url:
        return f"{url}?{item}"
    return f"{url}{item}" if url.endswith(("?", "&")) else f"{url}&{item}"


def request_uncompressed(url: str) -> str:
    """Return the URL that answers with a model's location, for the URL that answers with its archive."""
    return url.replace(COMPRESSED, UNCOMPRESSED) if COMPRESSED in url else add_query_item(url, UNCOMPRESSED)


def decode_location(body: bytes) -> str | None:
    """Return the location in the body of a 303; None if the body is empty, too long or not plain text."""
    text = body.decode("utf-8", "replace").strip()
    return text if text and len(body) <= MAX_LOCATION_BYTES and text.isprintable() else None


def is_allowed_location(location: str) -> bool:
    """Return whether a server may answer with this location.

    It may not choose a path on this machine, nor what fsspec resolves to one (`zip://::/home/...`), nor a login.
    """
    scheme, _, rest = location.partition("://")
    if scheme.lower() not in _OBJECT_STORES or "::" in location or "?" in location:
        return False
    # abfs://container@account.dfs.core.windows.net/path
    container, at, _ = rest.partition("/")[0].rpartition("@")
    return not at or (scheme.lower() in _AZURE and ":" not in container)
