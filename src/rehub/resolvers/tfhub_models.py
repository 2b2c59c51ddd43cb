"""The models of tfhub.dev, with their versions, by a table that make_tfhub_models.py writes."""

from __future__ import annotations

import functools
from pathlib import Path

from rehub.formatting import did_you_mean

LEGACY = "legacy module"  # The words of hub.inspect.
TF1 = "TF1 SavedModel"
TF2 = "TF2 SavedModel"
_FORMATS = {"h": LEGACY, "s": TF1, "t": TF2}


@functools.lru_cache(maxsize=None)
def read_models() -> dict[str, dict[int, str]]:
    """Return the format of each version of each model: `{"google/nnlm-en-dim50": {1: "legacy module", ...}, ...}`."""
    models = {}
    for line in Path(__file__).with_name("tfhub_models.txt").read_text(encoding="utf-8").splitlines():
        name, *versions = line.split()
        models[name] = {int(version[1:]): _FORMATS[version[0]] for version in versions}
    return models


def suggest_model(path: str) -> str:
    """Return a hint for the path of a URL that tfhub.dev does not have: a similar model, or the versions there are.

    >>> suggest_model("google/nnlm-en-dim5O/2")
    ' Did you mean https://tfhub.dev/google/nnlm-en-dim50/2?'
    >>> suggest_model("google/nnlm-en-dim50/3")
    ' google/nnlm-en-dim50 had the versions 1 and 2.'

    Args:
        path: `publisher/name`, with or without a version.
    """
    name, _, version = path.rpartition("/") if path.rpartition("/")[2].isdigit() else (path, "", "")
    models = read_models()
    if name in models:
        versions = [str(each) for each in sorted(models[name])]
        if not version or version in versions:
            return ""
        listed = f"versions {', '.join(versions[:-1])} and {versions[-1]}" if versions[1:] else f"version {versions[0]}"
        return f" {name} had the {listed}."
    return did_you_mean(name, models, f"https://tfhub.dev/{{}}{f'/{version}' if version else ''}")
