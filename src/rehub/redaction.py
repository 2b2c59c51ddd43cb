"""Keeps passwords and signatures out of what people read: messages, logs and manifests."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"(?<=://)[^\s/?#'\"]*@")

# The signatures of Google Cloud Storage, S3 and Azure, and what other servers call theirs.
_SECRET_ITEM = re.compile(
    r"(?<=[?&])((?:x-goog|x-amz)-(?:signature|credential|security-token)"
    r"|sig|signature|token|[a-z_-]*[_-]token|api[_-]?key|password|secret|awsaccesskeyid|key-pair-id|policy)=[^\s&#'\"]*",
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """A URL, or a text with URLs in it, with `***` for each password, signature and token.

    >>> without_secrets("https://me:secret@example.com/m?version=2&X-Amz-Signature=0a1b")
    'https://***@example.com/m?version=2&X-Amz-Signature=***'
    """
    return _SECRET_ITEM.sub(r"\1=***", _PASSWORD.sub("***@", text))
