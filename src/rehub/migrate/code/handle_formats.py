"""The format of a model by its handle, without a network."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rehub.resolvers.tfhub_models import LEGACY, TF1, TF2, read_models

__all__ = ["LEGACY", "TF1", "TF2", "HandleFormat", "look_up_format"]

_TFHUB = re.compile(r"https?://(?:www\.)?tfhub\.dev/([\w.-]+(?:/[\w.-]+)+?)(?:/(\d+))?/?(?:[?#].*)?$")
_KAGGLE = re.compile(
    r"(?:https?://(?:www\.)?kaggle\.com/models/|kaggle://)[\w.-]+/[\w.-]+/(?:frameworks/)?(tensorflow[12])/",
    re.IGNORECASE,
)


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
    versions = read_models().get(name, {})
    if version is None:  # The newest is meant.
        return HandleFormat(versions[max(versions)] if versions else "")
    later = [each for each, kind in versions.items() if kind == TF2 and each > int(version)]
    known = versions.get(int(version), "")
    newer = f"https://tfhub.dev/{name}/{max(later)}" if later and known != TF2 else ""
    return HandleFormat(known, newer)
