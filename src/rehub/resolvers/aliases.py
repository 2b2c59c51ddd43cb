"""The user's table of handles to resolve instead of others, for models that have moved."""

from __future__ import annotations

import functools
from pathlib import Path

from rehub import config
from rehub.errors import HubError, InvalidSetting
from rehub.escaping import escape
from rehub.handles import parse_handle
from rehub.strict_parsing import parse_toml


def replace_alias(text: str) -> str:
    """Return the handle that the user's table has for any spelling of a handle; the text itself if it has none.

    Raises:
        InvalidSetting: the table cannot be read or parsed.
    """
    file = config.aliases_file()
    if file is None:
        return text
    try:
        status = file.stat()
    except OSError as error:
        raise InvalidSetting(f"{_name_setting(file)}, which cannot be read: {error}.") from error
    return _read_table(file, status.st_mtime_ns, status.st_size).get(parse_handle(text).canonical, text)


@functools.lru_cache(maxsize=4)
def _read_table(file: Path, *_version: int) -> dict[str, str]:
    """Return the replacement of each canonical handle."""
    try:
        table = parse_toml(file.read_text(encoding="utf-8"))
        for target in table.values():
            if not isinstance(target, str):
                raise InvalidSetting(f"{escape(repr(target))} is not a string")
            parse_handle(target)
        return {parse_handle(handle).canonical: target for handle, target in table.items()}
    except (OSError, ValueError, HubError) as error:
        raise InvalidSetting(
            f"{_name_setting(file)}, which is not a table of aliases: {error}.\nA line of it reads "
            '"https://tfhub.dev/google/nnlm-en-dim128/2" = "kaggle://google/nnlm/tensorFlow2/en-dim128/1".'
        ) from error


def _name_setting(file: Path) -> str:
    return f"{config.ALIASES.variable_in_use} is {str(file)!r}"
