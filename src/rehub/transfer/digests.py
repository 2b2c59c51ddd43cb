"""Verify downloads against the digests given by the user and the server."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from typing import Any, Mapping

from rehub.errors import HashMismatch


@dataclass(frozen=True)
class ExpectedDigest:
    """A digest that the bytes must have.

    Attributes:
        algorithm: its name in hashlib, or "crc32c".
        digest: the digest.
        origin: where it was given, in words.
    """

    algorithm: str
    digest: bytes
    origin: str


class DigestVerifier:
    """Hashes chunks of bytes, and compares the digests in the end."""

    def __init__(self, expected: list[ExpectedDigest], subject: str) -> None:
        """Take the digests, and what messages call the bytes."""
        self._subject = subject
        self._hashes = [(each, _create_hash(each.algorithm)) for each in expected]

    def update(self, chunk: bytes) -> None:
        """Hash the next bytes."""
        for _, digest in self._hashes:
            digest.update(chunk)

    def verify(self) -> None:
        """Raise `HashMismatch` if a digest differs from the expected one."""
        for expected, digest in self._hashes:
            if digest.digest() != expected.digest:
                raise HashMismatch(
                    f"{self._subject} does not have the expected digest; nothing of it was kept.\n"
                    f"  {expected.algorithm} by {expected.origin}: {expected.digest.hex()}\n"
                    f"  {expected.algorithm} of the download: {digest.digest().hex()}"
                )


def expect_from_handle(sha256: str | None) -> list[ExpectedDigest]:
    """Return the digest in a handle; none or one."""
    return [ExpectedDigest("sha256", bytes.fromhex(sha256), "the handle's #sha256=")] if sha256 else []


def expect_from_headers(headers: Mapping[str, str]) -> list[ExpectedDigest]:
    """Return the strongest digest of the whole body that a response's headers give; none or one.

    The headers are Repr-Digest and Content-Digest (RFC 9530), Digest (RFC 3230), Content-MD5, Google's x-goog-hash, and
    S3's sha256, or its ETag if that is an md5. The ETag of another server need not be a digest. crc32c, the only digest
    of some objects of Google, is verified if google_crc32c is installed: plain Python would take longer than the
    download.
    """
    expected: dict[str, ExpectedDigest] = {}
    for header, algorithm, text in _list_digests(headers):
        try:
            digest = base64.b64decode(text, validate=True)
        except ValueError:  # This includes binascii.Error, and text that is not ASCII.
            continue
        if len(digest) == len(_create_hash(algorithm).digest()):
            expected.setdefault(algorithm, ExpectedDigest(algorithm, digest, f"the server's {header}"))
    return next(([expected[name]] for name in ("sha256", "sha512", "md5", "crc32c") if name in expected), [])


_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512", "md5": "md5"}
if importlib.util.find_spec("google_crc32c") is not None:
    _ALGORITHMS["crc32c"] = "crc32c"


def _create_hash(algorithm: str) -> Any:
    """Return a hash of hashlib, or one of crc32c with the same methods."""
    if algorithm == "crc32c":
        google_crc32c: Any = importlib.import_module("google_crc32c")
        return google_crc32c.Checksum()
    return hashlib.new(algorithm)


def _list_digests(headers: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the header, algorithm and base64 text of each digest."""
    found = []
    for header in ("Repr-Digest", "Content-Digest", "Digest", "x-goog-hash"):
        if header == "x-goog-hash" and not _is_sent_as_stored(headers):
            continue
        for item in headers.get(header, "").split(","):
            name, _, text = item.strip().partition("=")
            if name.lower() in _ALGORITHMS:
                # RFC 9530 has the base64 between colons, and parameters may follow.
                found.append((header, _ALGORITHMS[name.lower()], text.split(";")[0].strip(":")))
    found.append(("Content-MD5", "md5", headers.get("Content-MD5", "")))
    found.append(("x-amz-checksum-sha256", "sha256", headers.get("x-amz-checksum-sha256", "")))
    etag = re.fullmatch(r'"([0-9a-f]{32})"', headers.get("ETag", ""))
    if etag and _is_md5_of_s3(headers):
        found.append(("ETag", "md5", base64.b64encode(bytes.fromhex(etag.group(1))).decode()))
    return found


def _is_sent_as_stored(headers: Mapping[str, str]) -> bool:
    """Return whether Google sends the object as stored: its hash is of that, and it may decompress the object."""
    stored = headers.get("x-goog-stored-content-encoding", "identity")
    return stored == headers.get("Content-Encoding", "identity")


def _is_md5_of_s3(headers: Mapping[str, str]) -> bool:
    """Return whether an ETag is an md5, see docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html."""
    if "x-amz-request-id" not in headers:
        return False
    encryption = headers.get("x-amz-server-side-encryption", "AES256")
    return encryption == "AES256" and "x-amz-server-side-encryption-customer-algorithm" not in headers
