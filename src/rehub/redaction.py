"""Keep passwords, tokens and signatures out of messages, logs, manifests and listings.

`redact_url` replaces the login of a URL, and every value of its query outside a short list, by `***`. `redact_text`
does the same for the URLs in a text of a server or a library.
"""

from __future__ import annotations

import os
import re
from typing import Any, Match
from urllib.parse import unquote

MASK = "***"

# Keys whose values name a model or a part of a server, and are not secret. The values of all other keys are masked, as
# the names that servers use for secrets cannot be listed.
_PUBLIC_KEYS = frozenset(
    "tf-hub-format tfjs-format lite-format tfhub-redirect version revision ref format size mtime_ns "
    "x-goog-expires x-goog-date x-goog-algorithm x-amz-expires x-amz-date x-amz-algorithm".split()
)
_PUBLIC_VALUE = re.compile(r"[\w.:/-]{0,64}", re.ASCII)
_KEY = re.compile(r"[\w.%~-]{1,32}", re.ASCII)
_PUBLIC_FRAGMENT = re.compile(r"sha256=[0-9a-fA-F]{64}")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# fsspec's chains: `zip://member::https://host/archive.zip`, `filecache::s3://bucket/key`.
_LINK_OF_CHAIN = re.compile(r"(?<=::)(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def redact_url(url: str) -> str:
    r"""Return a URL or a path with `***` for its login and for each value of its query that may be a secret.

    The whole text is one URL, so that a password may hold any character.

    >>> redact_url("https://me:it's secret@example.com/m?version=2&X-Amz-Signature=0a1b")
    'https://***@example.com/m?version=2&X-Amz-Signature=***'
    """
    links = _LINK_OF_CHAIN.split(url)
    return "".join(_redact_link(link) for link in links)


def label_model(handle: Any, path: str | os.PathLike[str]) -> str:
    """Return what messages call a model: the handle without its secrets if it is a text, or else the path.

    Args:
        handle: what the user gave.
        path: where the model was found.
    """
    return redact_url(handle) if isinstance(handle, str) else os.fspath(path)


def redact_location(place: str) -> str:
    """Return a directory unchanged, or the URL of one without its secrets."""
    return redact_url(place) if "://" in place else place


def _redact_link(url: str) -> str:
    separator = "::" if url.endswith("::") else ""
    url = url[: len(url) - len(separator)]
    scheme = _SCHEME.match(url)
    if scheme is None:
        return _redact_path(url) + separator
    rest = url[scheme.end() :]
    end = _end_of_authority(rest)
    authority, rest = rest[:end], rest[end:]
    _, at, host = authority.rpartition("@")
    if not at and _has_impossible_port(authority):  # `https://user:password` without a host
        host = MASK
    rest, hash_sign, fragment = rest.partition("#")
    path, question_mark, query = rest.partition("?")
    redacted = scheme.group() + (MASK + at if at else "") + host + _redact_parameters(path)
    if question_mark:
        redacted += "?" + "&".join(_redact_item(item, bare=True) for item in query.split("&"))
    if hash_sign:
        redacted += "#" + (fragment if not fragment or _PUBLIC_FRAGMENT.fullmatch(fragment) else MASK)
    return redacted + separator


def _end_of_authority(rest: str) -> int:
    """Return where the login and host end. A password may hold an unquoted `/`, `?` or `#`."""
    found = re.search("[/?#]", rest)
    end = found.start() if found else len(rest)
    if _is_split_login(rest[:end], rest[end:]):
        after = rest.rpartition("@")[2]
        found = re.search("[/?#]", after)
        end = len(rest) - len(after) + (found.start() if found else len(after))
    return end


def has_ambiguous_login(url: str) -> bool:
    r"""Return whether some parser would take a part of a URL's login for its host.

    >>> has_ambiguous_login("https://me:a#b@host/m"), has_ambiguous_login("https://me:a%23b@host/m")
    (True, False)
    """
    rest = url.partition("://")[2]
    found = re.search("[/?#]", rest)
    end = found.start() if found else len(rest)
    # A host ends at a backslash in urllib3, and not in the standard library.
    return "\\" in rest[:end] or _is_split_login(rest[:end], rest[end:])


def _is_split_login(authority: str, rest: str) -> bool:
    """Return whether the apparent host is the first part of a login, whose second part ends at an `@`."""
    before, at, _ = rest.partition("@")
    # `host/owner/repository@revision` and `host?mail=me@host` have no login.
    return bool(at) and (
        _has_impossible_port(authority) or before[0] == "#" or (before[0] == "?" and "=" not in before)
    )


def _has_impossible_port(authority: str) -> bool:
    host, colon, port = authority.rpartition("@")[2].rpartition(":")
    return bool(colon) and not host.startswith("[") and bool(port) and not re.fullmatch("[0-9]{1,5}", port)


def _redact_parameters(path: str) -> str:
    """Mask the parameters of a path, such as `;jsessionid=`."""
    before, semicolon, _ = path.partition(";")
    return f"{before};{MASK}" if semicolon else path


def _redact_item(item: str, *, bare: bool) -> str:
    """Mask the value of one `key=value` of a query; mask an item without a value if `bare`."""
    key, equals, value = item.partition("=")
    if not equals or (bare and not value.strip("=")):  # Base64 ends with equal signs.
        return MASK if bare and item and unquote(key).lower() not in _PUBLIC_KEYS else item
    if unquote(key).lower() in _PUBLIC_KEYS and _PUBLIC_VALUE.fullmatch(unquote(value)):
        return item
    return f"{key if _KEY.fullmatch(key) else MASK}={MASK}"


def _redact_path(path: str) -> str:
    """Redact a text without a scheme: a path, or a URL whose scheme is missing."""
    if not _WINDOWS_DRIVE.match(path):
        path = re.sub("^[^/:@]+:.*@", f"{MASK}@", path, flags=re.DOTALL)
        path = re.sub("(^|/)[^/:@]*:[^/]*@", rf"\1{MASK}@", path)
    path, question_mark, query = path.partition("?")
    query, hash_sign, fragment = query.partition("#")
    items = "&".join(_redact_item(item, bare=False) for item in query.split("&"))
    return path + question_mark + items + hash_sign + fragment


# These two are compiled on first use, as a program without errors does not need them.
# The length of a scheme is limited, because the time would grow with the square of a long word.
_URL_IN_TEXT = r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s'\"<>`]+"
# Without a scheme the start of a URL is unknown, so only the usual names of secrets are masked.
_USUAL_ITEM = (
    r"(?i)(?<=[?&;])((?:x-goog|x-amz)-(?:signature|credential|security-token)|sig|signature|[a-z_-]{0,40}token|[a-z_-]{0,40}key"
    r"|[a-z_-]{0,40}secret|passw(?:or)?d|pass|pwd|auth|authorization|jwt|sas|code|session|sessionid|hdnts|awsaccesskeyid"
    r"|key-pair-id|policy)=(?!\*\*\*)[^\s&#'\"]*"
)


def redact_text(text: str) -> str:
    """Return a text with `***` for each password, signature and token of the URLs in it.

    >>> redact_text("asked https://me:secret@example.com/m?sig=0a1b, and it said no.")
    'asked https://***@example.com/m?sig=***, and it said no.'
    """
    return re.sub(_USUAL_ITEM, rf"\1={MASK}", re.sub(_URL_IN_TEXT, _redact_match, text))


def is_signed(url: str) -> bool:
    """Return whether a URL has a login, or a signature by one of the usual names, which expires."""
    return re.search(_USUAL_ITEM, url) is not None or redact_url(url).partition("?")[0] != url.partition("?")[0]


def _redact_match(match: Match[str]) -> str:
    url = match.group()
    # The punctuation of a sentence is not part of the URL.
    bare = url.rstrip(".,;:!?)]}")
    return redact_url(bare) + url[len(bare) :]


def find_secrets(url: str) -> tuple[str, ...]:
    """Return the texts that `redact_url` masks in a URL, quoted and unquoted; the longest first.

    A text that quotes a part of the URL, such as its query alone, can be searched for them.
    """
    found = set()
    for link in _LINK_OF_CHAIN.split(url):
        scheme = _SCHEME.match(link)
        rest = link[scheme.end() :] if scheme else link.lstrip("/")
        end = _end_of_authority(rest)
        login, at, host = rest[:end].rpartition("@")
        if not at and _has_impossible_port(host):
            login = host
        found.update([login, login.partition(":")[2], login.partition(":")[0]])
        before, _, fragment = rest[end:].partition("#")
        path, _, query = before.partition("?")
        for item in [*query.split("&"), *path.split(";")[1:]]:
            key, equals, value = item.partition("=")
            found.add(value if equals else key)
        found.add("" if _PUBLIC_FRAGMENT.fullmatch(fragment) else fragment)
    found.update([unquote(each) for each in found])
    # A parser that fails at a character of a password may quote the part before it.
    found.update([part for each in found for part in re.split(r"[/?#\\@:\s]", each)])
    redacted = redact_url(url)
    # Shorter ones would mask half of any text.
    return tuple(sorted((each for each in found if len(each) > 3 and each not in redacted), key=len, reverse=True))


def redact_secrets_of(url: str, text: str) -> str:
    """Return a text about a URL without the secrets of that URL and of others.

    >>> redact_secrets_of("https://h/m?token=0a1b", "GET /m?token=0a1b failed")
    'GET /m?token=*** failed'
    """
    for secret in find_secrets(url):
        text = text.replace(secret, MASK)
    return redact_text(text)
