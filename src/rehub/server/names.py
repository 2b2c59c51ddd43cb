"""Names of models in URLs and on disk: `/<publisher>/<name>[/<version>]`.

The grammar is that of tfhub.dev (tensorflow/tfhub.dev, tools/validator.py), with capital letters allowed in
publishers, as directories of models have them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from rehub.errors import InvalidHandle
from rehub.escaping import quote

_PUBLISHER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_SEGMENT = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
_VERSION = re.compile(r"0|[1-9][0-9]{0,17}")
TOMBSTONE = ".tombstone"
_MOST_SEGMENTS = 16
_LONGEST_SEGMENT = 200


def is_version(text: str) -> bool:
    """Return whether a segment of a path is a version: a number without leading zeros.

    >>> is_version("12"), is_version("012"), is_version("v1")
    (True, False, False)
    """
    return _VERSION.fullmatch(text) is not None


@dataclass(frozen=True)
class ModelName:
    """A model, or one version of it.

    Attributes:
        publisher: the first segment.
        name: the rest, without the version; may hold slashes; "" for a model without a publisher.
        version: None for the latest.
    """

    publisher: str
    name: str
    version: int | None = None

    @property
    def path(self) -> str:
        """`publisher/name`, without the version."""
        return f"{self.publisher}/{self.name}" if self.name else self.publisher

    def with_version(self, version: int | None) -> ModelName:
        """Return the same model in this version."""
        return ModelName(self.publisher, self.name, version)

    def __str__(self) -> str:
        return self.path if self.version is None else f"{self.path}/{self.version}"


def parse_name(path: str) -> ModelName | None:
    """Return the model that the path of a URL names; None if no model can have that name.

    >>> parse_name("/google/imagenet/mobilenet/2")
    ModelName(publisher='google', name='imagenet/mobilenet', version=2)
    >>> parse_name("/google/../secret") is None
    True
    """
    segments = path.strip("/").split("/")
    version = None
    if len(segments) > 1 and is_version(segments[-1]):
        version = int(segments.pop())
    publisher, *rest = segments
    if len(segments) > _MOST_SEGMENTS or any(len(each) > _LONGEST_SEGMENT for each in segments):
        return None
    if not all(_SEGMENT.fullmatch(each) for each in segments):
        return None
    # A plain directory may hold models without a publisher, under any name.
    if rest and not _PUBLISHER.fullmatch(publisher):
        return None
    return ModelName(publisher, "/".join(rest), version)


def parse_name_to_publish(text: str) -> ModelName:
    """Return the model that someone wants to publish.

    Args:
        text: `publisher/name` or `publisher/name/version`.

    Raises:
        InvalidHandle: it is not such a name; says what is allowed.
    """
    name = parse_name(text)
    segments = PurePosixPath(text.strip("/")).parts
    if name is None or not name.name or not _PUBLISHER.fullmatch(name.publisher) or name.name.startswith("collection/"):
        raise InvalidHandle(
            f"{quote(text)} is not a name to publish under. Expected PUBLISHER/NAME or PUBLISHER/NAME/VERSION: a "
            "publisher of letters, digits and '-'; a name of letters, digits, '_', '.', '-' and '/'; a version that is "
            "a number."
        )
    if any(segment.endswith(TOMBSTONE) for segment in segments):
        raise InvalidHandle(f"{quote(text)} is not a name to publish under: {TOMBSTONE} marks withdrawn versions.")
    if any(map(is_version, segments[1 : None if name.version is None else -1])):
        raise InvalidHandle(
            f"{quote(text)} is not a name to publish under: a part that is only digits is a version, and a version "
            "comes last."
        )
    return name
