"""The user's table of handles that stand for other handles, for models that have moved."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

from rehub import config
from rehub.errors import HubError, InvalidSetting
from rehub.escaping import escape
from rehub.handles import parse_handle

if TYPE_CHECKING:
    from pathlib import Path


def target_of(text: str) -> str:
    """What the user's table has for a handle, in any spelling of it; the text itself when it has nothing.

    Raises:
        InvalidSetting: the table cannot be read, or is none.
    """
    file = config.aliases_file()
    if file is None:
        return text
    try:
        seen = file.stat()
    except OSError as error:
        raise InvalidSetting(f"{config.ALIASES.variable()} is {str(file)!r}, which cannot be read: {error}.") from error
    return _table(file, seen.st_mtime_ns, seen.st_size).get(parse_handle(text).canonical, text)


@functools.lru_cache(maxsize=4)
def _table(file: Path, *_version: int) -> dict[str, str]:
    """Canonical handle -> the handle to take in its place."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        for target in table.values():
            if not isinstance(target, str):
                raise InvalidSetting(f"{escape(repr(target))} is no string")
            parse_handle(target)
        return {parse_handle(handle).canonical: target for handle, target in table.items()}
    except (OSError, ValueError, HubError) as error:
        raise InvalidSetting(
            f"{config.ALIASES.variable()} is {str(file)!r}, which is no table of aliases: {error}.\nA line of it reads "
            '"https://tfhub.dev/google/nnlm-en-dim128/2" = "kaggle://google/nnlm/tensorFlow2/en-dim128/1".'
        ) from error
