"""Who may see and publish what: tokens in a file, `tokens.toml`.

    private = ["acme", "team-*"]       # publishers that only tokens with the scope "read" can see

    [[token]]
    name = "ci"
    sha256 = "..."                     # of the token; the token itself is stored nowhere
    scope = ["read", "publish"]
    publishers = ["acme"]
    expires = 2027-01-01T00:00:00Z     # may be left out

`rehub serve token create` writes such an entry and prints the token once. A token is 256 random bits, so a plain sha256
of it tells nothing; comparisons take the same time for any two values (`hmac.compare_digest`).
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import logging
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Iterable, Sequence

from rehub.cache.locks import hold_lock
from rehub.errors import InvalidSetting
from rehub.escaping import quote
from rehub.staging import write_atomically
from rehub.strict_parsing import parse_toml

_log = logging.getLogger(__name__)

SCOPES = ("read", "publish")
_PREFIX = "rehub_"


@dataclass(frozen=True)
class Token:
    """What a token allows.

    Attributes:
        name: for logs.
        sha256: of the token, in hex.
        scope: "read", "publish" or both.
        publishers: patterns of the publishers that it is for, such as "acme" or "team-*".
        expires: from when on it is refused; None for never.
    """

    name: str
    sha256: str
    scope: frozenset[str]
    publishers: tuple[str, ...]
    expires: datetime | None = None

    def allows(self, action: str, publisher: str) -> bool:
        """Whether it allows to "read" or "publish" models of a publisher."""
        if self.expires is not None and datetime.now(timezone.utc) >= self.expires:
            return False
        return action in self.scope and _matches_any(publisher, self.publishers)


@dataclass(frozen=True)
class Visitor:
    """Who asks: anyone, or the holder of a token, or a user that the proxy in front has logged in.

    Attributes:
        access: the rules.
        token: that the request brought; None without a valid one.
        user: the name that a trusted proxy gave; "" without one.
    """

    access: AccessRules
    token: Token | None = None
    user: str = ""

    def can_read(self, publisher: str) -> bool:
        """Whether models of this publisher are shown."""
        # On a file system that ignores case, another spelling leads to the same models.
        private = [pattern.lower() for pattern in self.access.private]
        if not _matches_any(publisher.lower(), private) or self.user:
            return True
        return self.token is not None and self.token.allows("read", publisher)

    def can_publish(self, publisher: str) -> bool:
        """Whether models may be published and withdrawn under this publisher."""
        return self.token is not None and self.token.allows("publish", publisher)

    @property
    def label(self) -> str:
        """What the log calls the visitor."""
        return self.token.name if self.token is not None else self.user or "-"


@dataclass(frozen=True)
class AccessRules:
    """What `tokens.toml` says."""

    tokens: tuple[Token, ...] = ()
    private: tuple[str, ...] = ()

    def identify(self, authorization: str | None, user: str = "") -> Visitor:
        """Return who sends an Authorization header: a Bearer token, or Basic with the token as the password."""
        given = _token_in(authorization)
        found = None
        if given is not None:
            digest = hashlib.sha256(given.encode()).hexdigest()
            for token in self.tokens:  # All of them, whichever fits.
                if hmac.compare_digest(token.sha256, digest):
                    found = token
        return Visitor(self, found, user)


class AccessFile:
    """The rules of a `tokens.toml`, read again when the file changes, so that a deleted token is refused at once."""

    def __init__(self, path: Path) -> None:
        """Read the file; raise InvalidSetting if it is not one of tokens."""
        self._path = path
        self._stamp = self._stat_file()
        self._rules = read_access_rules(path)

    def rules(self) -> AccessRules:
        """Return the rules that hold now. If the file is damaged, no token is valid."""
        stamp = self._stat_file()
        if stamp != self._stamp:
            self._stamp = stamp
            self._rules = AccessRules((), self._rules.private)
            try:
                self._rules = read_access_rules(self._path)
            except InvalidSetting as error:
                _log.error("%s Until it is mended no token is valid.", error)
        return self._rules

    def _stat_file(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns


def read_access_rules(path: Path) -> AccessRules:
    """Read `tokens.toml`; without the file everything can be read, and nothing published.

    Raises:
        InvalidSetting: the file is not such a file; says where.
    """
    try:
        content = path.read_bytes()
        _warn_of_others(path)
    except FileNotFoundError:
        return AccessRules()
    except OSError as error:
        raise InvalidSetting(f"{quote(path)} cannot be read: {error.strerror}.") from error
    try:
        document = parse_toml(content.decode("utf-8"))
        tokens = tuple(_read_token(each) for each in document.get("token", []))
        return AccessRules(tokens, _read_texts(document.get("private", [])))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidSetting(f"{quote(path)} is not a file of tokens: {error}.") from error


def add_token(path: Path, name: str, scope: Sequence[str], publishers: Sequence[str], expires: datetime | None) -> str:
    """Return a new token, and write what it allows to a `tokens.toml`, which is made if it does not exist.

    Raises:
        InvalidSetting: the file is not one of tokens, or an argument is not possible.
    """
    token, lines = create_token(name, scope, publishers, expires)
    # Of two processes that write at once, the second would overwrite the token of the first.
    with hold_lock(path.with_name(f"{path.name}.lock"), quote(path)):
        read_access_rules(path)  # Report a damaged file now, instead of adding to it.
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        with write_atomically(path) as staging:
            staging.write_text(before + ("\n" if before else "") + lines, encoding="utf-8")
            staging.chmod(0o600)
    return token


def create_token(
    name: str, scope: Sequence[str], publishers: Sequence[str], expires: datetime | None
) -> tuple[str, str]:
    """Return a new token, and the lines of `tokens.toml` that allow it."""
    unknown = sorted({*scope} - {*SCOPES})
    if unknown or not scope or not publishers:
        raise InvalidSetting(f"A token needs a scope of {', '.join(SCOPES)}, and publishers. Received: {unknown}")
    token = _PREFIX + secrets.token_urlsafe(32)
    lines = [
        "[[token]]",
        f"name = {_toml_text(name)}",
        f'sha256 = "{hashlib.sha256(token.encode()).hexdigest()}"',
        f"scope = [{', '.join(map(_toml_text, scope))}]",
        f"publishers = [{', '.join(map(_toml_text, publishers))}]",
    ]
    if expires is not None:
        lines.append(
            f"expires = {expires.astimezone(timezone.utc).isoformat(timespec='seconds').replace('+00:00', 'Z')}"
        )
    return token, "\n".join(lines) + "\n"


def _warn_of_others(path: Path) -> None:
    """Warn, as ssh does of its keys, if others can read or write the rules, or replace the file."""
    if os.name == "nt":  # It has no such modes.
        return
    if path.stat().st_mode & 0o077:
        _log.warning("Others can read or write %s, which says who may publish: chmod 600", quote(path))
    if path.parent.stat().st_mode & 0o022:
        _log.warning("Others can write to the directory of %s, and so replace it: chmod go-w", quote(path))


def _token_in(authorization: str | None) -> str | None:
    scheme, _, value = (authorization or "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() == "basic":
        try:
            _, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return password or None
    return None


def _read_token(entry: Any) -> Token:
    name, sha256 = str(entry["name"]), str(entry["sha256"]).lower()
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise ValueError(f"the sha256 of {name!r} is not 64 hexadecimal digits")
    scope = _read_texts(entry["scope"])
    unknown = sorted({*scope} - {*SCOPES})
    if unknown:
        raise ValueError(f"{name!r} has the unknown scope {unknown[0]!r}; known: {', '.join(SCOPES)}")
    expires = entry.get("expires")
    if expires is not None and not isinstance(expires, datetime):
        raise ValueError(f"expires of {name!r} is not a date with a time")
    if expires is not None and expires.tzinfo is None:
        expires = expires.replace(tzinfo=timezone.utc)
    return Token(name, sha256, frozenset(scope), _read_texts(entry["publishers"]), expires)


def _read_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"expected a list of strings, received {value!r}")
    return tuple(value)


def _matches_any(publisher: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(publisher, pattern) for pattern in patterns)


def _toml_text(text: str) -> str:
    if not text.isprintable():
        raise InvalidSetting(f"{quote(text)} has characters that cannot be printed.")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
