"""Which directories, and which URLs of object stores, hold the cache."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

from rehub.errors import InvalidSetting
from rehub.escaping import quote_url


def cache_dirs(argument: str | os.PathLike[str] | None = None) -> tuple[Path | str, ...]:
    """Return the absolute directories of the cache in the order in which they are searched. They need not exist.

    A string is the URL of a directory in an object store, without a last slash.

    Args:
        argument: one directory, instead of the setting.

    Raises:
        InvalidSetting: the setting names no directory, or a URL names no bucket or path.
    """
    if argument is not None:
        return (_parse_location(os.fspath(argument), "cache_dir"),)
    several = os.environ.get("REHUB_CACHE_DIR")
    chosen = several or os.environ.get("TFHUB_CACHE_DIR")
    if not chosen:
        return _default_cache_dirs(os.environ.get("XDG_CACHE_HOME"), os.environ.get("HOME"))
    plain = os.path.isabs(chosen) and os.pathsep not in chosen
    return _parse_cache_dirs(
        chosen, bool(several), *((None, None) if plain else (_get_working_directory(), os.environ.get("HOME")))
    )


def cache_dir(argument: str | os.PathLike[str] | None = None) -> Path | str:
    """Return the first directory of the cache; raise as `cache_dirs` does."""
    return cache_dirs(argument)[0]


# Cached by everything that they depend on: to make one `Path` takes longer than the rest of a cache hit.
@functools.lru_cache(maxsize=16)
def _parse_cache_dirs(chosen: str, separated: bool, *_dependencies: str | None) -> tuple[Path | str, ...]:
    variable = "REHUB_CACHE_DIR" if separated else "TFHUB_CACHE_DIR"
    texts = split_locations(chosen) if separated else [chosen]
    directories = tuple(_parse_location(text, variable) for text in texts if text)
    if not directories:
        raise InvalidSetting(f"{variable} is {quote_url(chosen)}: it names no directory.")
    return directories


@functools.lru_cache(maxsize=16)
def _default_cache_dirs(*_dependencies: str | None) -> tuple[Path, ...]:
    import platformdirs

    return (Path(platformdirs.user_cache_dir("rehub", appauthor=False)),)


_SCHEME = "[A-Za-z][A-Za-z0-9+.-]+://"
# A URL has colons after its scheme, after a user's name, in [::1], before a port and in fsspec's chains of URLs. In the
# path of a URL a colon separates two locations, as in any other path.
_URL_TO_ITS_PATH = rf"(?:\w+::)*{_SCHEME}(?:[^/:@]*(?::[^/@]*)?@)?(?:\[[^]/]*\]|[^/:]*)(?::[0-9]+(?=[/:]|$))?"
_BETWEEN_COLONS = re.compile(rf"(?:{_URL_TO_ITS_PATH})?[^:]*")


def split_locations(text: str, separator: str = os.pathsep) -> list[str]:
    """Split a list of directories and URLs that are separated as in PATH.

    >>> split_locations("/opt/models:gs://bucket/models:hdfs://namenode:8020/models", ":")
    ['/opt/models', 'gs://bucket/models', 'hdfs://namenode:8020/models']
    """
    locations = _BETWEEN_COLONS.findall(text) if separator == ":" else text.split(separator)
    return [location for location in locations if location]


def _parse_location(text: str, origin: str) -> Path | str:
    if re.match("(file|local)://", text, re.IGNORECASE):
        return _parse_file_url(text, origin)
    if re.match(_SCHEME, text):
        if not text.partition("://")[2].strip("/"):
            raise InvalidSetting(f"{origin} is {quote_url(text)}: it names no bucket or directory there.")
        return text.rstrip("/")
    if "://" in text:
        raise InvalidSetting(
            f"{origin} is {quote_url(text)}: it must be one directory, or one URL such as gs://bucket/models."
        )
    try:
        return Path(os.path.abspath(os.path.expanduser(text)))
    except OSError as error:
        raise InvalidSetting(
            f"{origin} is {quote_url(text)}, relative to the working directory, which is unknown "
            f"({error.strerror}): it may have been deleted. Give an absolute path."
        ) from error


def _get_working_directory() -> str | None:
    """Return the working directory; None if it has been deleted."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _parse_file_url(text: str, origin: str) -> Path:
    from urllib.request import url2pathname

    host, _, path = text.partition("://")[2].partition("/")
    if host not in ("", "localhost") or not path:
        raise InvalidSetting(
            f"{origin} is {quote_url(text)}: a directory of this machine must be file:///absolute/path."
        )
    return Path(os.path.abspath(url2pathname("/" + path)))
