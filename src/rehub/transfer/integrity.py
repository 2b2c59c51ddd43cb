"""Compares what came with the hashes that the user and the server gave for it."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from typing import Any, Mapping

from rehub.errors import HashMismatch


@dataclass(frozen=True)
class Promise:
    """A hash that the bytes must have.

    Attributes:
        algorithm: its name in hashlib, or "crc32c".
        digest: the hash.
        origin: who said so, in words.
    """

    algorithm: str
    digest: bytes
    origin: str


class Check:
    """Hashes what goes by, and compares in the end."""

    def __init__(self, promises: list[Promise], subject: str) -> None:
        """Prepares for promises about `subject`, which is what messages call it."""
        self._subject = subject
        self._hashes = [(promise, _new_hash(promise.algorithm)) for promise in promises]

    def update(self, chunk: bytes) -> None:
        """Takes the next bytes."""
        for _, digest in self._hashes:
            digest.update(chunk)

    def finish(self) -> None:
        """Raises `HashMismatch` when the bytes were others than promised."""
        for promise, digest in self._hashes:
            if digest.digest() != promise.digest:
                raise HashMismatch(
                    f"{self._subject} is not what was promised, and nothing of it was kept.\n"
                    f"  {promise.algorithm} by {promise.origin}: {promise.digest.hex()}\n"
                    f"  {promise.algorithm} of what came: {digest.digest().hex()}"
                )


def of_user(sha256: str | None) -> list[Promise]:
    """The hash that stands in a handle."""
    return [Promise("sha256", bytes.fromhex(sha256), "the handle's #sha256=")] if sha256 else []


def of_server(headers: Mapping[str, str]) -> list[Promise]:
    """The strongest hash of the whole body, as it is sent, that an answer's headers give; none or one.

    Read are Repr-Digest and Content-Digest (RFC 9530), Digest (RFC 3230), Content-MD5, Google's x-goog-hash, and of S3
    its sha256 and the ETag where that is an md5. Another server's ETag names a version and need not be a hash at all.
    crc32c, the only hash of some of Google's objects, is read where google_crc32c is installed: plain Python would
    take far longer than the download.
    """
    found: dict[str, Promise] = {}
    for header, algorithm, text in _named(headers):
        try:
            digest = base64.b64decode(text, validate=True)
        except ValueError:  # binascii.Error is one, and so is what is not ASCII.
            continue
        if len(digest) == len(_new_hash(algorithm).digest()):
            found.setdefault(algorithm, Promise(algorithm, digest, f"the server's {header}"))
    return next(([found[algorithm]] for algorithm in ("sha256", "sha512", "md5", "crc32c") if algorithm in found), [])


_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512", "md5": "md5"}
if importlib.util.find_spec("google_crc32c") is not None:
    _ALGORITHMS["crc32c"] = "crc32c"


def _new_hash(algorithm: str) -> Any:
    """A hash of hashlib, or one of crc32c with the same methods."""
    if algorithm == "crc32c":
        google_crc32c: Any = importlib.import_module("google_crc32c")
        return google_crc32c.Checksum()
    return hashlib.new(algorithm)


def _named(headers: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Header, algorithm, and the base64 that it gives."""
    named = []
    for header in ("Repr-Digest", "Content-Digest", "Digest", "x-goog-hash"):
        if header == "x-goog-hash" and not _is_sent_as_stored(headers):
            continue
        for item in headers.get(header, "").split(","):
            name, _, text = item.strip().partition("=")
            if name.lower() in _ALGORITHMS:
                # RFC 9530 has the base64 between colons, and parameters may follow.
                named.append((header, _ALGORITHMS[name.lower()], text.split(";")[0].strip(":")))
    named.append(("Content-MD5", "md5", headers.get("Content-MD5", "")))
    named.append(("x-amz-checksum-sha256", "sha256", headers.get("x-amz-checksum-sha256", "")))
    etag = re.fullmatch(r'"([0-9a-f]{32})"', headers.get("ETag", ""))
    if etag and _is_md5_of_s3(headers):
        named.append(("ETag", "md5", base64.b64encode(bytes.fromhex(etag.group(1))).decode()))
    return named


def _is_sent_as_stored(headers: Mapping[str, str]) -> bool:
    """Google's hash is of the stored object, which it inflates on the way when it was stored compressed."""
    stored = headers.get("x-goog-stored-content-encoding", "identity")
    return stored == headers.get("Content-Encoding", "identity")


def _is_md5_of_s3(headers: Mapping[str, str]) -> bool:
    """docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html: not with keys of KMS, nor with the customer's."""
    if "x-amz-request-id" not in headers:
        return False
    encryption = headers.get("x-amz-server-side-encryption", "AES256")
    return encryption == "AES256" and "x-amz-server-side-encryption-customer-algorithm" not in headers
