"""The format of a model by its handle, without a network.

The table of tfhub.dev's models is made by make_handle_formats.py.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path(__file__).with_name("handle_formats.txt")
_TFHUB = re.compile(r"https?://(?:www\.)?tfhub\.dev/([\w.-]+(?:/[\w.-]+)+?)(?:/(\d+))?/?(?:[?#].*)?$")
_KAGGLE = re.compile(
    r"(?:https?://(?:www\.)?kaggle\.com/models/|kaggle://)[\w.-]+/[\w.-]+/(?:frameworks/)?(tensorflow[12])/",
    re.IGNORECASE,
)
LEGACY = "legacy module"  # The words of hub.inspect.
TF1 = "TF1 SavedModel"
TF2 = "TF2 SavedModel"
_FORMATS = {"h": LEGACY, "s": TF1, "t": TF2}


@dataclass(frozen=True)
class HandleFormat:
    """What a handle alone says of its model.

    Attributes:
        format: "legacy module", "TF1 SavedModel" or "TF2 SavedModel"; "" where that is not known.
        newer: the handle of the newest later version that is a TF2 SavedModel; "" without one.
    """

    format: str
    newer: str = ""


def look_up_format(handle: str) -> HandleFormat:
    """Return the format of the model that a handle names.

    >>> look_up_format("https://tfhub.dev/google/nnlm-en-dim50/1")
    HandleFormat(format='legacy module', newer='https://tfhub.dev/google/nnlm-en-dim50/2')
    """
    on_kaggle = _KAGGLE.match(handle)
    if on_kaggle:
        return HandleFormat(TF2 if on_kaggle.group(1)[-1] == "2" else "")
    on_tfhub = _TFHUB.match(handle)
    if not on_tfhub:
        return HandleFormat("")
    name, version = on_tfhub.groups()
    versions = _read_table().get(name, {})
    if version is None:  # The newest is meant.
        return HandleFormat(versions[max(versions)] if versions else "")
    later = [each for each, kind in versions.items() if kind == TF2 and each > int(version)]
    known = versions.get(int(version), "")
    newer = f"https://tfhub.dev/{name}/{max(later)}" if later and known != TF2 else ""
    return HandleFormat(known, newer)


@functools.lru_cache(maxsize=None)
def _read_table() -> dict[str, dict[int, str]]:
    """The formats of each model's versions."""
    table = {}
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        name, *versions = line.split()
        table[name] = {int(version[1:]): _FORMATS[version[0]] for version in versions}
    return table
